//! Keys derived from the encryption key: one encrypts private keys for the database, one authenticates refresh tokens.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::{Hkdf, InvalidLength};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const NONCE_LENGTH: usize = 12;

/// A ciphertext is damaged, or was encrypted with another encryption key or context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was not sealed with this secret")]
pub(crate) struct NotOurs;

/// The derived keys. They are never printed.
#[derive(Clone)]
pub(crate) struct Secrets {
    sealing: ChaCha20Poly1305,
    refresh_tokens: Hmac<Sha256>,
}

impl Secrets {
    pub(crate) fn derive(encryption_key: &SecretString) -> Result<Self, InvalidLength> {
        Ok(Self {
            sealing: ChaCha20Poly1305::new(&expand(encryption_key, "rowlock/auth/signing-keys/v1")?),
            refresh_tokens: KeyInit::new(&expand(encryption_key, "rowlock/auth/refresh-tokens/v1")?),
        })
    }

    /// Encrypts a text. `context` is authenticated but not stored, so decryption needs the same value. The nonce must be unique.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_LENGTH], text: &[u8], context: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let ciphertext = self.sealing.encrypt(Nonce::from_slice(&nonce), Payload { msg: text, aad: context }).map_err(|_| NotOurs)?;
        Ok([nonce.as_slice(), &ciphertext].concat())
    }

    /// Decrypts the result of [`Secrets::seal`].
    pub(crate) fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LENGTH).ok_or(NotOurs)?;
        self.sealing.decrypt(Nonce::from_slice(nonce), Payload { msg: ciphertext, aad: context }).map_err(|_| NotOurs)
    }

    /// Returns the signature (HMAC) of a refresh token.
    pub(crate) fn sign(&self, token: &[u8]) -> [u8; 32] {
        self.refresh_tokens.clone().chain_update(token).finalize().into_bytes().into()
    }

    /// Returns whether a signature is valid, in constant time.
    pub(crate) fn is_signed(&self, token: &[u8], signature: &[u8]) -> bool {
        self.refresh_tokens.clone().chain_update(token).verify_slice(signature).is_ok()
    }
}

/// Derives a key of the size of `K`. Fails only for more than 8 kB.
fn expand<K: Default + AsMut<[u8]>>(secret: &SecretString, purpose: &str) -> Result<K, InvalidLength> {
    let mut key = K::default();
    Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes()).expand(purpose.as_bytes(), key.as_mut())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(key: &str) -> Secrets {
        Secrets::derive(&key.into()).unwrap()
    }

    #[test]
    fn only_the_same_secret_and_context_open_what_was_sealed() {
        let ours = secrets("the encryption key of this service");
        let sealed = ours.seal([7; 12], b"private", b"kid").unwrap();
        assert_eq!(ours.open(&sealed, b"kid").unwrap(), b"private");
        assert_eq!(secrets("the encryption key of another one").open(&sealed, b"kid"), Err(NotOurs));
        assert_eq!(ours.open(&sealed, b"other"), Err(NotOurs));
        assert_eq!(ours.open(b"short", b"kid"), Err(NotOurs));
        assert!(!sealed.windows(7).any(|window| window == b"private"));
    }

    #[test]
    fn the_keys_for_two_purposes_differ() {
        let ours = secrets("the encryption key of this service");
        assert!(ours.is_signed(b"token", &ours.sign(b"token")));
        assert!(!ours.is_signed(b"token", &secrets("another key").sign(b"token")));
        assert!(!ours.is_signed(b"tokem", &ours.sign(b"token")));
    }
}
