//! The signed code of a ticket.
//!
//! A code is 107 bytes in base32 (RFC 4648, without padding): a version, the id of the key, the ids of the event and of the booking,
//! the number of the ticket (big-endian), and the Ed25519 signature of all that. Its 172 capitals and digits can be part of a URL, and
//! they need a smaller QR code than base64 would, because QR codes have a compact mode for them.

use data_encoding::BASE32_NOPAD;
use rowlock_domain::ids::{BookingId, EventId, TicketId};
use rowlock_domain::tickets::TicketNumber;
use uuid::Uuid;

use crate::keys::{KEY_ID_LENGTH, KeyId, PublicTicketKey};

const VERSION: u8 = 1;
const PAYLOAD_LENGTH: usize = 1 + KEY_ID_LENGTH + 16 + 16 + 2;
const SIGNATURE_LENGTH: usize = 64;
/// The number of characters of a code.
const CODE_LENGTH: usize = ((PAYLOAD_LENGTH + SIGNATURE_LENGTH) * 8).div_ceil(5);

/// The reason why a code is not that of a ticket of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The text is not a code of a ticket.
    #[error("the text is not the code of a ticket")]
    Unreadable,
    /// None of the keys has signed the code.
    #[error("the code was not signed with a ticket key of this installation")]
    UnknownKey,
    /// The code was changed, or was signed with another key.
    #[error("the signature of the code is wrong")]
    Forged,
    /// The code is that of a ticket for another event.
    #[error("the ticket is for another event")]
    OtherEvent,
}

/// The signed part of a code.
pub(crate) struct Payload {
    pub(crate) key: KeyId,
    pub(crate) ticket: TicketId,
}

impl Payload {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let TicketId { event, booking, number } = self.ticket;
        let (event, booking) = (event.as_uuid(), booking.as_uuid());
        [&[VERSION], self.key.0.as_slice(), event.as_bytes(), booking.as_bytes(), &number.get().to_be_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (key, rest) = rest.split_first_chunk()?;
        let (event, rest) = rest.split_first_chunk()?;
        let (booking, number) = rest.split_first_chunk()?;
        let number = u16::from_be_bytes(number.try_into().ok()?);
        let ticket = TicketId {
            event: EventId::from_uuid(Uuid::from_bytes(*event)),
            booking: BookingId::from_uuid(Uuid::from_bytes(*booking)),
            number: TicketNumber::new(number.into()).ok()?,
        };
        Some(Self { key: KeyId(*key), ticket })
    }
}

pub(crate) fn encode(payload: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> String {
    BASE32_NOPAD.encode(&[payload, signature].concat())
}

/// Returns the signed bytes of a code, their content and the signature. Small letters are read as capitals.
fn decode(code: &str) -> Result<(Vec<u8>, Payload, [u8; SIGNATURE_LENGTH]), CodeError> {
    let code = code.trim_ascii();
    if code.len() != CODE_LENGTH {
        return Err(CodeError::Unreadable);
    }
    let mut bytes = BASE32_NOPAD.decode(code.to_ascii_uppercase().as_bytes()).map_err(|_| CodeError::Unreadable)?;
    let signature = bytes.split_off(PAYLOAD_LENGTH).try_into().map_err(|_| CodeError::Unreadable)?;
    let payload = Payload::from_bytes(&bytes).ok_or(CodeError::Unreadable)?;
    Ok((bytes, payload, signature))
}

/// Returns the id of the key that a code names. Nothing of the code has been verified.
pub fn key_of_code(code: &str) -> Result<KeyId, CodeError> {
    decode(code).map(|(_, payload, _)| payload.key)
}

/// Verifies a code with one of the keys, and that it is for the event. Returns its ticket, which may be void.
pub fn verify(code: &str, event: EventId, keys: &[PublicTicketKey]) -> Result<TicketId, CodeError> {
    let (bytes, payload, signature) = decode(code)?;
    let key = keys.iter().find(|key| key.id() == payload.key).ok_or(CodeError::UnknownKey)?;
    if !key.has_signed(&bytes, &signature) {
        return Err(CodeError::Forged);
    }
    if payload.ticket.event == event { Ok(payload.ticket) } else { Err(CodeError::OtherEvent) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::TicketSigner;

    fn ticket(event: u128, booking: u128, number: u16) -> TicketId {
        TicketId {
            event: EventId::from_uuid(Uuid::from_u128(event)),
            booking: BookingId::from_uuid(Uuid::from_u128(booking)),
            number: TicketNumber::new(number.into()).unwrap(),
        }
    }

    fn tickets() -> impl Strategy<Value = TicketId> {
        (any::<u128>(), any::<u128>(), 0..=TicketNumber::MAX).prop_map(|(event, booking, number)| ticket(event, booking, number))
    }

    #[test]
    fn the_format_is_fixed() {
        let signer = TicketSigner::from_seed(&[1; 32]);
        let code = signer.sign(ticket(2, 3, 4));
        assert_eq!(code.len(), 172);
        assert!(code.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')), "{code}");
        let bytes = BASE32_NOPAD.decode(code.as_bytes()).unwrap();
        assert_eq!((bytes.len(), bytes[0], &bytes[1..9]), (107, 1, signer.public().id().0.as_slice()));
        assert_eq!((bytes[24], bytes[40], &bytes[41..43]), (2, 3, [0, 4].as_slice()));
        assert_eq!(signer.sign(ticket(2, 3, 4)), code, "the code of a ticket is the same each time");
    }

    #[test]
    fn texts_that_are_no_codes_are_told_from_forged_ones() {
        let signer = TicketSigner::from_seed(&[1; 32]);
        let keys = [signer.public().clone()];
        let (code, event) = (signer.sign(ticket(2, 3, 4)), ticket(2, 3, 4).event);
        assert_eq!(verify(&format!(" {}\n", code.to_ascii_lowercase()), event, &keys), Ok(ticket(2, 3, 4)), "scanners add line breaks");
        for text in ["", "hello", &code[1..], &format!("{code}A"), &"A".repeat(172), &"é".repeat(86), &"1".repeat(172)] {
            assert_eq!(verify(text, event, &keys), Err(CodeError::Unreadable), "{text}");
        }
        assert_eq!(verify(&code, event, &[]), Err(CodeError::UnknownKey));
        assert_eq!(key_of_code(&code), Ok(keys[0].id()));
        let out_of_range = [&[1], signer.public().id().0.as_slice(), &[0; 32], &1_000u16.to_be_bytes()].concat();
        assert_eq!(verify(&encode(&out_of_range, &[0; 64]), event, &keys), Err(CodeError::Unreadable));
    }

    proptest! {
        #[test]
        fn a_code_names_its_ticket_and_is_good_for_no_other_event(ticket in tickets(), other in any::<u128>(), seed in any::<[u8; 32]>()) {
            let signer = TicketSigner::from_seed(&seed);
            let (code, keys) = (signer.sign(ticket), [signer.public().clone()]);
            prop_assert_eq!(verify(&code, ticket.event, &keys), Ok(ticket));
            let other = EventId::from_uuid(Uuid::from_u128(other));
            prop_assume!(other != ticket.event);
            prop_assert_eq!(verify(&code, other, &keys), Err(CodeError::OtherEvent));
        }

        #[test]
        fn a_code_with_any_altered_bit_is_rejected(ticket in tickets(), seed in any::<[u8; 32]>(), byte in 0..107usize, bit in 0..8u8) {
            let signer = TicketSigner::from_seed(&seed);
            let mut bytes = BASE32_NOPAD.decode(signer.sign(ticket).as_bytes()).unwrap();
            bytes[byte] ^= 1 << bit;
            let altered = BASE32_NOPAD.encode(&bytes);
            // A forger who alters the event also presents the code at that event.
            let event = decode(&altered).map_or(ticket.event, |(_, payload, _)| payload.ticket.event);
            for event in [event, ticket.event] {
                prop_assert!(verify(&altered, event, &[signer.public().clone()]).is_err());
            }
        }

        #[test]
        fn a_code_with_any_other_character_is_rejected(ticket in tickets(), seed in any::<[u8; 32]>(), at in 0..172usize, replacement in "[A-Z2-7]") {
            let signer = TicketSigner::from_seed(&seed);
            let mut code = signer.sign(ticket);
            prop_assume!(code[at..=at] != replacement);
            code.replace_range(at..=at, &replacement);
            prop_assert!(verify(&code, ticket.event, &[signer.public().clone()]).is_err());
        }

        #[test]
        fn nobody_without_the_key_can_sign(ticket in tickets(), seeds in any::<[[u8; 32]; 2]>()) {
            prop_assume!(seeds[0] != seeds[1]);
            let [genuine, forger] = seeds.map(|seed| TicketSigner::from_seed(&seed));
            let keys = [genuine.public().clone()];
            prop_assert_eq!(verify(&forger.sign(ticket), ticket.event, &keys), Err(CodeError::UnknownKey));
            // Naming the genuine key does not help.
            let payload = Payload { key: genuine.public().id(), ticket }.to_bytes();
            let bytes = BASE32_NOPAD.decode(forger.sign(ticket).as_bytes()).unwrap();
            let forged = encode(&payload, bytes[PAYLOAD_LENGTH..].try_into().unwrap());
            prop_assert_eq!(verify(&forged, ticket.event, &keys), Err(CodeError::Forged));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,400}", event in any::<u128>()) {
            let keys = [TicketSigner::from_seed(&[1; 32]).public().clone()];
            prop_assert!(verify(&text, EventId::from_uuid(Uuid::from_u128(event)), &keys).is_err());
        }
    }
}
