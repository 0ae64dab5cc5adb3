//! The Ed25519 keys that sign the codes of tickets.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use rowlock_domain::ids::TicketId;
use sha2::{Digest, Sha256};

use crate::code::{Payload, encode};

/// The number of bytes by which a code names its key.
pub(crate) const KEY_ID_LENGTH: usize = 8;

/// The id of a key within a code: the first 8 bytes of the thumbprint of the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; KEY_ID_LENGTH]);

/// A public key, with which codes are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicTicketKey {
    key: VerifyingKey,
    thumbprint: [u8; 32],
}

impl PublicTicketKey {
    /// Creates a key from its 32 bytes. Returns `None` if they are not a public key of Ed25519.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes.try_into().ok()?).ok().map(Self::new)
    }

    fn new(key: VerifyingKey) -> Self {
        // The members that RFC 8037, appendix A.3, prescribes for the thumbprint of RFC 7638.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(key.as_bytes()));
        Self { key, thumbprint: Sha256::digest(members).into() }
    }

    /// Returns the 32 bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Returns the thumbprint of the key (RFC 7638), which is its `kid` in a JWK set.
    pub fn kid(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.thumbprint)
    }

    /// Returns the id by which codes name the key.
    pub fn id(&self) -> KeyId {
        KeyId(*self.thumbprint.first_chunk().unwrap_or(&[0; KEY_ID_LENGTH]))
    }

    /// Returns whether the signature is that of the bytes. Signatures that another one could be derived from are rejected.
    pub(crate) fn has_signed(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(bytes, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// A private key, which signs codes. It is never printed.
pub struct TicketSigner {
    key: SigningKey,
    public: PublicTicketKey,
}

impl TicketSigner {
    /// Creates the key that belongs to 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = PublicTicketKey::new(key.verifying_key());
        Self { key, public }
    }

    /// Returns the public key.
    pub const fn public(&self) -> &PublicTicketKey {
        &self.public
    }

    /// Returns the code of a ticket. It is the same each time.
    pub fn sign(&self, ticket: TicketId) -> String {
        let payload = Payload { key: self.public.id(), ticket }.to_bytes();
        encode(&payload, &self.key.sign(&payload).to_bytes())
    }
}

impl fmt::Debug for TicketSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketSigner").field("kid", &self.public.kid()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kid_is_the_thumbprint_of_the_rfc_and_the_id_its_beginning() {
        let bytes = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = PublicTicketKey::from_bytes(&bytes).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key.id().0.as_slice(), &URL_SAFE_NO_PAD.decode(key.kid()).unwrap()[..8]);
        assert_eq!(PublicTicketKey::from_bytes(&bytes[1..]), None);
    }

    #[test]
    fn a_private_key_is_not_printed() {
        let signer = TicketSigner::from_seed(&[7; 32]);
        assert_eq!(format!("{signer:?}"), format!("TicketSigner {{ kid: {:?}, .. }}", signer.public().kid()));
    }
}
