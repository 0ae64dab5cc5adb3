//! Encryption with XChaCha20-Poly1305. Its nonces are long enough to be chosen at random.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rowlock_platform::settings::SettingsReader;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

const NONCE_LENGTH: usize = 24;
const MIN_KEY_LENGTH: usize = 32;
const KEY: &str = "sealing.key";
const OLD_KEYS: &str = "sealing.old_keys";

/// A key is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at least 32 characters")]
pub struct KeyError;

/// A value cannot be serialized as JSON.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be sealed: {0}")]
pub struct SealError(String);

/// Reasons why a sealed text does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The text was changed, or was sealed with another key or for another purpose.
    #[error("the value was changed, or was sealed with another sealing.key or for another purpose")]
    Unsealed,
    /// The text was sealed with one of the keys, but contains another type of value.
    #[error("the sealed value has another shape")]
    Shape,
}

/// The key that seals values, and older ones that still open them. The keys are never printed.
#[derive(Clone)]
pub struct SealingKeys {
    current: XChaCha20Poly1305,
    old: Vec<XChaCha20Poly1305>,
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeys").field("old", &self.old.len()).finish_non_exhaustive()
    }
}

impl SealingKeys {
    /// Creates the keys from secrets of at least 32 characters, such as 32 random bytes in hexadecimal.
    pub fn new(current: &SecretString, old: &[SecretString]) -> Result<Self, KeyError> {
        Ok(Self { current: cipher(current)?, old: old.iter().map(cipher).collect::<Result<_, _>>()? })
    }

    /// Reads the required setting `sealing.key` and the list `sealing.old_keys`. Errors never contain their values.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let keys = Self::read_optional(reader)?;
        if keys.is_none() {
            reader.add_error(KEY, "must be set");
        }
        keys
    }

    /// Reads the same settings as [`read`](Self::read). Without a key it returns `Some(None)`.
    pub fn read_optional(reader: &mut SettingsReader) -> Option<Option<Self>> {
        let current = reader.optional_secret(KEY);
        let old: Vec<SecretString> = match reader.optional_secret(OLD_KEYS) {
            Some(list) => list.expose_secret().split(',').map(|key| SecretString::from(key.trim())).collect(),
            None => Vec::new(),
        };
        let current = current.map(|key| cipher(&key)).transpose();
        if let Err(error) = &current {
            reader.add_error(KEY, error);
        }
        let old = old.iter().map(cipher).collect::<Result<_, _>>();
        if let Err(error) = &old {
            reader.add_error(OLD_KEYS, format!("each key {error}"));
        }
        let old = old.ok()?;
        Some(current.ok()?.map(|current| Self { current, old }))
    }

    /// Seals a value for one purpose. Returns base64url text without padding, which differs each time.
    pub fn seal(&self, purpose: &str, value: &impl Serialize) -> Result<String, SealError> {
        let text = serde_json::to_vec(value).map_err(|error| SealError(error.to_string()))?;
        let nonce: [u8; NONCE_LENGTH] = rand::random();
        let payload = Payload { msg: &text, aad: purpose.as_bytes() };
        let ciphertext = self.current.encrypt(&XNonce::from(nonce), payload).map_err(|error| SealError(error.to_string()))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
    }

    /// Opens a text that was sealed for the same purpose with the current key or an old one.
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Result<T, OpenError> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| OpenError::Unsealed)?;
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LENGTH>().ok_or(OpenError::Unsealed)?;
        let nonce = XNonce::from(*nonce);
        let open = |key: &XChaCha20Poly1305| key.decrypt(&nonce, Payload { msg: ciphertext, aad: purpose.as_bytes() }).ok();
        let text = open(&self.current).or_else(|| self.old.iter().find_map(open)).ok_or(OpenError::Unsealed)?;
        serde_json::from_slice(&text).map_err(|_| OpenError::Shape)
    }
}

fn cipher(secret: &SecretString) -> Result<XChaCha20Poly1305, KeyError> {
    let secret = secret.expose_secret();
    if secret.chars().count() < MIN_KEY_LENGTH {
        return Err(KeyError);
    }
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, secret.as_bytes()).expand(b"rowlock/sealing/v1", &mut key).map_err(|_| KeyError)?;
    Ok(XChaCha20Poly1305::new(&key.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rowlock_domain::ids::AccountId;
    use uuid::Uuid;

    use super::*;
    use crate::{ACCOUNT_NOTICE, GUEST_LINK, GuestToken, TRANSFER_NOTICE, UNSUBSCRIBE};

    const FIRST: &str = "4c1f0c3f5a7d9be2468013579bdf02468ace13579bdf02468ace13579bdf0246";
    const SECOND: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

    fn keys(current: &str, old: &[&str]) -> SealingKeys {
        SealingKeys::new(&current.into(), &old.iter().map(|key| SecretString::from(*key)).collect::<Vec<_>>()).unwrap()
    }

    fn read(variables: &[(&str, &str)]) -> Result<SealingKeys, String> {
        let defaults = "[sealing]\nkey = ''\nold_keys = ''\n";
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut reader = SettingsReader::load(defaults, None, environment).unwrap();
        let keys = SealingKeys::read(&mut reader);
        reader.finish(keys).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_opens_only_with_its_key_for_its_purpose_and_unchanged() {
        let sealed = keys(FIRST, &[]).seal("one", &"secret").unwrap();
        assert_eq!(keys(FIRST, &[]).open::<String>("one", &sealed).unwrap(), "secret");
        assert_eq!(keys(FIRST, &[]).open::<u8>("one", &sealed), Err(OpenError::Shape));
        let mut changed = sealed.clone().into_bytes();
        changed[40] = if changed[40] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        for (key, purpose, text) in [(SECOND, "one", sealed.as_str()), (FIRST, "two", &sealed), (FIRST, "one", &changed)] {
            assert_eq!(keys(key, &[]).open::<String>(purpose, text), Err(OpenError::Unsealed));
        }
        for text in ["", "short", "no base64!"] {
            assert_eq!(keys(FIRST, &[]).open::<String>("one", text), Err(OpenError::Unsealed));
        }
    }

    #[test]
    fn a_sealed_text_is_url_safe_shows_nothing_and_never_repeats() {
        let keys = keys(FIRST, &[]);
        let (first, second) = (keys.seal("one", &"secret").unwrap(), keys.seal("one", &"secret").unwrap());
        assert_ne!(first, second);
        assert!(first.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "{first}");
        assert!(!URL_SAFE_NO_PAD.decode(first).unwrap().windows(6).any(|part| part == b"secret"));
        assert_eq!(format!("{keys:?}"), "SealingKeys { old: 0, .. }");
    }

    proptest! {
        #[test]
        fn the_token_of_one_guest_never_opens_for_another(guest in any::<u128>(), link in 1..=u32::MAX, byte in any::<usize>(), bit in 0..8u8) {
            let keys = keys(FIRST, &[]);
            let token = GuestToken { guest: AccountId::from_uuid(Uuid::from_u128(guest)), link };
            let sealed = keys.seal(GUEST_LINK, &token).unwrap();
            prop_assert_eq!(keys.open::<GuestToken>(GUEST_LINK, &sealed), Ok(token));
            for other in [UNSUBSCRIBE, TRANSFER_NOTICE, ACCOUNT_NOTICE] {
                prop_assert_eq!(keys.open::<GuestToken>(other, &sealed), Err(OpenError::Unsealed));
            }
            // Whatever is changed, no other token results.
            let mut bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
            let byte = byte % bytes.len();
            bytes[byte] ^= 1 << bit;
            let changed = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert_eq!(keys.open::<GuestToken>(GUEST_LINK, &changed), Err(OpenError::Unsealed));
            let shorter = URL_SAFE_NO_PAD.encode(&bytes[..byte]);
            prop_assert_eq!(keys.open::<GuestToken>(GUEST_LINK, &shorter), Err(OpenError::Unsealed));
        }

        #[test]
        fn no_text_is_a_token_by_chance(text in ".{0,200}") {
            prop_assert_eq!(keys(FIRST, &[]).open::<GuestToken>(GUEST_LINK, &text), Err(OpenError::Unsealed));
        }
    }

    #[test]
    fn old_keys_open_but_do_not_seal() {
        let old = keys(FIRST, &[]);
        let rotated = keys(SECOND, &[FIRST]);
        assert_eq!(rotated.open::<u8>("one", &old.seal("one", &7).unwrap()), Ok(7));
        assert_eq!(old.open::<u8>("one", &rotated.seal("one", &7).unwrap()), Err(OpenError::Unsealed));
    }

    #[test]
    fn wrong_settings_are_named_without_their_values() {
        let sealed = keys(FIRST, &[]).seal("one", &7).unwrap();
        let both = [("ROWLOCK__SEALING__KEY", SECOND), ("ROWLOCK__SEALING__OLD_KEYS", &format!("{SECOND}, {FIRST}"))];
        assert_eq!(read(&both).unwrap().open::<u8>("one", &sealed), Ok(7));
        let error = read(&[("ROWLOCK__SEALING__KEY", "too-short"), ("ROWLOCK__SEALING__OLD_KEYS", "too-old")]).unwrap_err();
        assert!(error.contains("sealing.key (ROWLOCK__SEALING__KEY): must be at least 32 characters"), "{error}");
        assert!(error.contains("sealing.old_keys") && !error.contains("too-"), "{error}");
        assert!(read(&[]).unwrap_err().contains("sealing.key (ROWLOCK__SEALING__KEY): must be set"));
    }
}
