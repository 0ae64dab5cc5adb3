//! Keys derived from the encryption key: two encrypt private keys and secrets of second factors for the database, one
//! authenticates refresh tokens, and one derives and hashes the codes of second factors.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::{Hkdf, InvalidLength};
use hmac::{Hmac, Mac};
use rowlock_domain::ids::AccountId;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const NONCE_LENGTH: usize = 12;

/// A ciphertext is damaged, or was encrypted with another encryption key or context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot decrypt the value: it was encrypted with a different keys.encryption_key")]
pub(crate) struct DecryptError;

/// The derived keys. They are never printed.
#[derive(Clone)]
pub(crate) struct Secrets {
    storage_cipher: ChaCha20Poly1305,
    totp_cipher: ChaCha20Poly1305,
    refresh_tokens: Hmac<Sha256>,
    codes: Hmac<Sha256>,
}

impl Secrets {
    pub(crate) fn derive(encryption_key: &SecretString) -> Result<Self, InvalidLength> {
        Ok(Self {
            storage_cipher: ChaCha20Poly1305::new(&expand(encryption_key, "rowlock/auth/signing-keys/v1")?),
            totp_cipher: ChaCha20Poly1305::new(&expand(encryption_key, "rowlock/auth/totp/v1")?),
            codes: KeyInit::new(&expand(encryption_key, "rowlock/auth/codes/v1")?),
            refresh_tokens: KeyInit::new(&expand(encryption_key, "rowlock/auth/refresh-tokens/v1")?),
        })
    }

    /// Encrypts a text. `context` is authenticated but not stored, so decryption needs the same value. The nonce must be unique.
    pub(crate) fn encrypt(&self, nonce: [u8; NONCE_LENGTH], text: &[u8], context: &[u8]) -> Result<Vec<u8>, DecryptError> {
        encrypt(&self.storage_cipher, nonce, text, context)
    }

    /// Decrypts the result of [`Secrets::encrypt`].
    pub(crate) fn decrypt(&self, encrypted: &[u8], context: &[u8]) -> Result<Vec<u8>, DecryptError> {
        decrypt(&self.storage_cipher, encrypted, context)
    }

    /// Encrypts the secret of an account's second factor. The nonce must be unique.
    pub(crate) fn encrypt_totp(&self, nonce: [u8; NONCE_LENGTH], secret: &[u8], account: AccountId) -> Result<Vec<u8>, DecryptError> {
        encrypt(&self.totp_cipher, nonce, secret, account.as_uuid().as_bytes())
    }

    /// Decrypts the result of [`Secrets::encrypt_totp`] for the same account.
    pub(crate) fn decrypt_totp(&self, encrypted: &[u8], account: AccountId) -> Result<Vec<u8>, DecryptError> {
        decrypt(&self.totp_cipher, encrypted, account.as_uuid().as_bytes())
    }

    /// Returns the HMAC of a code of an account, under which it is stored.
    pub(crate) fn hash_code(&self, account: AccountId, code: &str) -> [u8; 32] {
        self.code_mac("hash", account).chain_update(code).finalize().into_bytes().into()
    }

    /// Returns the bytes of a recovery code, which depend on the secret of the second factor.
    pub(crate) fn derive_recovery_code(&self, account: AccountId, secret: &[u8], number: u8) -> [u8; 32] {
        self.code_mac("make", account).chain_update([number]).chain_update(secret).finalize().into_bytes().into()
    }

    fn code_mac(&self, purpose: &str, account: AccountId) -> Hmac<Sha256> {
        self.codes.clone().chain_update(purpose).chain_update(account.as_uuid().as_bytes())
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

fn encrypt(cipher: &ChaCha20Poly1305, nonce: [u8; NONCE_LENGTH], text: &[u8], context: &[u8]) -> Result<Vec<u8>, DecryptError> {
    let ciphertext = cipher.encrypt(&Nonce::from(nonce), Payload { msg: text, aad: context }).map_err(|_| DecryptError)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn decrypt(cipher: &ChaCha20Poly1305, encrypted: &[u8], context: &[u8]) -> Result<Vec<u8>, DecryptError> {
    let (nonce, ciphertext) = encrypted.split_first_chunk::<NONCE_LENGTH>().ok_or(DecryptError)?;
    cipher.decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad: context }).map_err(|_| DecryptError)
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
    fn decryption_needs_the_same_secret_and_context() {
        let ours = secrets("the encryption key of this service");
        let encrypted = ours.encrypt([7; 12], b"private", b"kid").unwrap();
        assert_eq!(ours.decrypt(&encrypted, b"kid").unwrap(), b"private");
        assert_eq!(secrets("the encryption key of another one").decrypt(&encrypted, b"kid"), Err(DecryptError));
        assert_eq!(ours.decrypt(&encrypted, b"other"), Err(DecryptError));
        assert_eq!(ours.decrypt(b"short", b"kid"), Err(DecryptError));
        assert!(!encrypted.windows(7).any(|window| window == b"private"));
    }

    #[test]
    fn the_keys_for_two_purposes_differ() {
        let ours = secrets("the encryption key of this service");
        assert!(ours.is_signed(b"token", &ours.sign(b"token")));
        assert!(!ours.is_signed(b"token", &secrets("another key").sign(b"token")));
        assert!(!ours.is_signed(b"tokem", &ours.sign(b"token")));
    }
}
