//! Messages as the worker gets them.

use rowlock_domain::ids::{MessageId, TypeKey};
use rowlock_domain::messages::{Fact, Message, Subject, UnreadableMessage, read_tickets_released};
use uuid::Uuid;

/// A `tickets.released` message as this build writes it.
///
/// # Panics
///
/// When it cannot be written.
pub fn released_message(key: TypeKey, sequence: i64) -> String {
    let (id, time) = (MessageId::from_uuid(Uuid::from_u128(1)), chrono::DateTime::from_timestamp_micros(sequence).unwrap_or_default());
    let message = Message { id, subject: Subject::TicketType(key), sequence, time, fact: Fact::TicketsReleased {} };
    message.to_json("/rowlock/properties").expect("a message can be written")
}

/// Any bytes as the body of a delivery: either they name a ticket type, which can be written and read back, or they are
/// refused with a reason that tells which kind of fault it is. Tells whether they were accepted.
///
/// # Panics
///
/// When that does not hold.
pub fn delivered_message(body: &[u8]) -> bool {
    let read = read_tickets_released(body);
    match &read {
        Ok(key) => {
            let written = released_message(*key, 1);
            match read_tickets_released(written.as_bytes()) {
                Ok(again) => assert_eq!(*key, again),
                Err(error) => panic!("{written} was written and is refused: {error}"),
            }
        }
        Err(error) => {
            let words = match error {
                UnreadableMessage::Shape(_) => "not a CloudEvents envelope of the expected shape: ",
                UnreadableMessage::Type(_) => "unexpected type «",
                UnreadableMessage::Schema(_) => "unreadable schema «",
            };
            assert!(error.to_string().starts_with(words), "{error}");
        }
    }
    read.is_ok()
}
