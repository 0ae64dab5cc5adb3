//! Encryption of the session cookie, and of a login that waits for its code, with XChaCha20-Poly1305. Its nonces are long enough to
//! be chosen at random.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use super::{PendingLogin, Session};

const NONCE_LENGTH: usize = 24;
const CONTEXT: &[u8] = b"rowlock/web/session/v1";
const LOGIN_CONTEXT: &[u8] = b"rowlock/web/pending-login/v1";

/// No key can be derived.
#[derive(Debug, thiserror::Error)]
#[error("the key cannot be derived")]
pub struct KeyError;

/// Encrypts and decrypts sessions.
#[derive(Clone)]
pub(crate) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub(crate) fn derive(secret: &SecretString) -> Result<Self, KeyError> {
        Ok(Self(XChaCha20Poly1305::new(&expand(secret, "rowlock/web/session-cookie/v1")?)))
    }

    /// Returns the value of the session cookie.
    pub(crate) fn seal(&self, session: &Session) -> Result<String, KeyError> {
        self.seal_value(session, CONTEXT)
    }

    /// Returns the hidden field that keeps a login until its code is entered.
    pub(crate) fn seal_login(&self, login: &PendingLogin) -> Result<String, KeyError> {
        self.seal_value(login, LOGIN_CONTEXT)
    }

    /// Returns the login of a hidden field, or `None` if the field was not made with this key.
    pub(crate) fn open_login(&self, field: &str) -> Option<PendingLogin> {
        self.open_value(field, LOGIN_CONTEXT)
    }

    fn seal_value<T: Serialize>(&self, value: &T, context: &[u8]) -> Result<String, KeyError> {
        let text = serde_json::to_vec(value).map_err(|_| KeyError)?;
        let nonce: [u8; NONCE_LENGTH] = rand::random();
        let ciphertext = self.0.encrypt(&XNonce::from(nonce), Payload { msg: &text, aad: context }).map_err(|_| KeyError)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
    }

    /// Returns the session of a cookie, or `None` if the cookie was not made with this key.
    pub(crate) fn open(&self, cookie: &str) -> Option<Session> {
        self.open_value(cookie, CONTEXT)
    }

    fn open_value<T: DeserializeOwned>(&self, sealed: &str, context: &[u8]) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let text = self.0.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: context }).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// Derives a key of the size of `K` for one purpose.
pub(crate) fn expand<K: Default + AsMut<[u8]>>(secret: &SecretString, purpose: &str) -> Result<K, KeyError> {
    let mut key = K::default();
    Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes()).expand(purpose.as_bytes(), key.as_mut()).map_err(|_| KeyError)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use rowlock_domain::ids::AccountId;
    use uuid::Uuid;

    use super::*;

    fn session() -> Session {
        Session {
            refresh_token: "refresh".into(),
            access_token: "access".into(),
            expires_at: chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            account_id: AccountId::from_uuid(Uuid::nil()),
            name: "Ada".into(),
            is_admin: false,
            admin_role: None,
        }
    }

    fn seal(key: &str) -> Seal {
        Seal::derive(&SecretString::from(key)).unwrap()
    }

    #[test]
    fn a_cookie_opens_only_with_its_key_and_unchanged() {
        let cookie = seal("one key").seal(&session()).unwrap();
        assert_eq!(seal("one key").open(&cookie).unwrap().refresh_token, "refresh");
        assert!(seal("another key").open(&cookie).is_none());
        let mut changed = cookie.clone().into_bytes();
        changed[40] = if changed[40] == b'A' { b'B' } else { b'A' };
        assert!(seal("one key").open(std::str::from_utf8(&changed).unwrap()).is_none());
        assert!(seal("one key").open("").is_none());
    }

    #[test]
    fn a_cookie_shows_neither_token_and_never_repeats() {
        let seal = seal("one key");
        let (first, second) = (seal.seal(&session()).unwrap(), seal.seal(&session()).unwrap());
        assert_ne!(first, second);
        let raw = URL_SAFE_NO_PAD.decode(first).unwrap();
        assert!(!raw.windows(7).any(|part| part == b"refresh"));
    }
}
