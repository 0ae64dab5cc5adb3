//! Refresh tokens: signed, not stored. A token contains a session id and a generation; the signature proves that this service
//! issued it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rowlock_domain::ids::SessionId;
use uuid::Uuid;

use crate::secrets::Secrets;
use crate::store::RefreshTokenClaims;

/// First byte of every token, so that the format can change.
const VERSION: u8 = 1;
const LENGTH: usize = 1 + 16 + 4;

/// Encodes the refresh token for a generation of a session. The same input always gives the same token.
pub(crate) fn write(secrets: &Secrets, session: SessionId, generation: i32) -> String {
    let token = [[VERSION].as_slice(), session.as_uuid().as_bytes(), &generation.to_be_bytes()].concat();
    URL_SAFE_NO_PAD.encode([token.as_slice(), &secrets.sign(&token)].concat())
}

/// Decodes a refresh token and verifies its signature. Returns `None` if this service did not issue it.
pub(crate) fn read(secrets: &Secrets, text: &str) -> Option<RefreshTokenClaims> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (token, signature) = bytes.split_at_checked(LENGTH)?;
    if !secrets.is_signed(token, signature) {
        return None;
    }
    let (version, rest) = token.split_first()?;
    let (session, generation) = rest.split_at_checked(16)?;
    (*version == VERSION).then_some(RefreshTokenClaims {
        session: SessionId::from_uuid(Uuid::from_slice(session).ok()?),
        generation: i32::from_be_bytes(generation.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    #[test]
    fn only_an_unmodified_token_is_valid() {
        let secrets = Secrets::derive(&"an encryption key of many characters".into()).unwrap();
        let session = SessionId::from_uuid(Uuid::from_bytes([9; 16]));
        let token = write(&secrets, session, 3);
        assert_eq!(read(&secrets, &token), Some(RefreshTokenClaims { session, generation: 3 }));
        assert_eq!(token, write(&secrets, session, 3));
        for place in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&secrets, std::str::from_utf8(&forged).unwrap()), None, "changed at {place}");
        }
        for bad in ["", "x", "AAAA", &token[1..], &format!("{token}AAAA"), &format!("{token}="), "🎟️"] {
            assert_eq!(read(&secrets, bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_written_token_is_read_back(session: u128, generation: i32) {
            let secrets = Secrets::derive(&"an encryption key of many characters".into()).unwrap();
            let session = SessionId::from_uuid(Uuid::from_u128(session));
            prop_assert_eq!(read(&secrets, &write(&secrets, session, generation)), Some(RefreshTokenClaims { session, generation }));
        }

        #[test]
        fn any_other_text_is_rejected(text in any::<String>(), bytes: Vec<u8>, at: Index, byte: u8) {
            let secrets = Secrets::derive(&"an encryption key of many characters".into()).unwrap();
            let token = write(&secrets, SessionId::from_uuid(Uuid::from_u128(9)), 3);
            let mut changed = token.clone().into_bytes();
            let at = at.index(changed.len());
            changed[at] = byte;
            for text in [text, URL_SAFE_NO_PAD.encode(bytes), String::from_utf8_lossy(&changed).into_owned()] {
                prop_assert!(text == token || read(&secrets, &text).is_none());
            }
        }
    }
}
