//! Secrets of webhooks, and the signatures of requests.
//!
//! The crate `standardwebhooks` 1.0 signs with one secret only and needs another version of the crate `base64`, so the signature, which
//! is one HMAC, is written here. A test verifies it with the official library for Python.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rowlock_sealing::{OpenError, SealError, SealingKeys};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Prefix of every secret.
const PREFIX: &str = "whsec_";

/// The purpose for which secrets are sealed.
const PURPOSE: &str = "webhook.secret";

/// A secret that signs requests, in the form `whsec_` and 32 random bytes in base64.
#[derive(Debug, Clone)]
pub(crate) struct Secret(SecretString);

impl Secret {
    /// Creates a random secret.
    pub(crate) fn generate() -> Self {
        Self(format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; 32]>())).into())
    }

    /// Returns the secret as the receiver needs it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Seals the secret for the database.
    pub(crate) fn seal(&self, keys: &SealingKeys) -> Result<String, SealError> {
        keys.seal(PURPOSE, &self.expose())
    }

    /// Opens a secret of the database.
    pub(crate) fn open(keys: &SealingKeys, sealed: &str) -> Result<Self, OpenError> {
        keys.open::<String>(PURPOSE, sealed).map(|secret| Self(secret.into()))
    }

    /// Seals a sealed secret again, with the current key.
    pub(super) fn reseal(keys: &SealingKeys, sealed: &str) -> Result<String, String> {
        let secret = Self::open(keys, sealed).map_err(|error| error.to_string())?;
        secret.seal(keys).map_err(|error| error.to_string())
    }

    /// Returns the signature of a request in version 1 of the specification.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> Option<String> {
        let key = STANDARD.decode(self.expose().strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// Returns the header `webhook-signature`, with one signature for each secret.
pub(super) fn signatures(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    secrets.iter().filter_map(|secret| secret.sign(id, timestamp, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret(text.into())
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the specification's own libraries.
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_example_in_the_documentation_is_signed_with_its_secret() {
        let page = include_str!("../../../../docs/webhooks.md");
        let after = |start: &str| page.split_once(start).unwrap().1.lines().next().unwrap();
        let (id, timestamp) = (after("\nwebhook-id: "), after("\nwebhook-timestamp: ").parse().unwrap());
        let body = page.lines().find(|line| line.starts_with("{\"type\":")).unwrap();
        let text = after("\"secret\":\"").split('"').next().unwrap();
        assert_eq!(page.matches(text).count(), page.matches("whsec_").count() - 1, "the page shows one secret, and names its prefix once");
        assert_eq!(secret(text).sign(id, timestamp, body).unwrap(), after("\nwebhook-signature: "));
        // The attempt was made at the time of the message.
        let sent = chrono::DateTime::from_timestamp(timestamp, 0).unwrap().format("%Y-%m-%dT%H:%M:%S");
        assert!(body.contains(&format!("\"timestamp\":\"{sent}.")), "{sent}");
    }

    #[test]
    fn each_secret_signs() {
        let secrets = [Secret::generate(), Secret::generate()];
        let header = signatures(&secrets, "id", 1, "{}");
        let expected: Vec<_> = secrets.iter().map(|secret| secret.sign("id", 1, "{}").unwrap()).collect();
        assert_eq!(header, expected.join(" "));
        assert_ne!(expected[0], expected[1]);
    }

    #[test]
    fn a_secret_is_stored_sealed_and_never_printed() {
        let keys = SealingKeys::new(&"0123456789abcdef0123456789abcdef".into(), &[]).unwrap();
        let secret = Secret::generate();
        assert!(secret.expose().starts_with("whsec_") && secret.expose().len() == 50, "{}", secret.expose());
        let sealed = secret.seal(&keys).unwrap();
        assert!(!sealed.contains(secret.expose()));
        assert_eq!(Secret::open(&keys, &sealed).unwrap().expose(), secret.expose());
        assert!(!format!("{secret:?}").contains(secret.expose()));
        let other = SealingKeys::new(&"another key of 32 characters or so".into(), &[]).unwrap();
        assert!(Secret::open(&other, &sealed).is_err());
    }
}
