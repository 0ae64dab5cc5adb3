//! Messages as the worker and booking-service get them.

use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::auditlog::{Action, Actor, ActorRole, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, MessageId, TypeKey};
use rowlock_domain::messages::{Fact, Message, Subject, UnreadableMessage, read_tickets_released};
use uuid::Uuid;

/// A `tickets.released` message as this build writes it.
///
/// # Panics
///
/// When it cannot be written.
pub fn released_message(key: TypeKey, sequence: i64) -> String {
    let (id, time) = (MessageId::from_uuid(Uuid::from_u128(1)), chrono::DateTime::from_timestamp_micros(sequence).unwrap_or_default());
    let message = Message { id, subject: Subject::TicketType(key), sequence, time, fact: Fact::TicketsReleased {}, trace: None };
    message.to_json("/rowlock/properties").expect("a message can be written")
}

/// An `audit.recorded` message as this build writes it, which has every kind of value in it.
///
/// # Panics
///
/// When it cannot be written.
pub fn good_account_message(account: AccountId) -> String {
    let id = MessageId::from_uuid(Uuid::from_u128(1));
    let entry = AuditEntry {
        id: AuditEntryId::from_uuid(Uuid::from_u128(2)),
        at: chrono::DateTime::default(),
        actor: Actor { account_id: Some(account), role: ActorRole::Admin, request_id: Some("request".to_owned()) },
        action: Action::DisableAccount,
        subject: account.as_uuid(),
        details: serde_json::Map::from_iter([("reason".to_owned(), "a reason".into())]),
    };
    AccountMessage::Audited(entry).to_json(id, chrono::DateTime::default(), "/rowlock/properties").expect("a message can be written")
}

/// Any bytes as the body of a message about an account: what is accepted is written and read back to the same; the rest is
/// refused with a reason that tells which kind of fault it is. Tells whether they were accepted.
///
/// # Panics
///
/// When that does not hold.
pub fn account_message(body: &[u8]) -> bool {
    match AccountMessage::read(body) {
        Ok(message) => {
            let id = MessageId::from_uuid(Uuid::from_u128(1));
            let written = message.to_json(id, chrono::DateTime::default(), "/rowlock/properties").expect("a message can be written");
            match AccountMessage::read(written.as_bytes()) {
                Ok(again) => assert_eq!(message, again),
                Err(error) => panic!("{written} was written and is refused: {error}"),
            }
            true
        }
        Err(error) => {
            check_reason(&error);
            false
        }
    }
}

fn check_reason(error: &UnreadableMessage) {
    let words = match error {
        UnreadableMessage::Shape(_) => "not a CloudEvents envelope of the expected shape: ",
        UnreadableMessage::Type(_) => "unexpected type «",
        UnreadableMessage::Schema(_) => "unreadable schema «",
    };
    assert!(error.to_string().starts_with(words), "{error}");
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
        Ok(released) => {
            let written = released_message(released.key, 1);
            match read_tickets_released(written.as_bytes()) {
                Ok(again) => assert_eq!(released.key, again.key),
                Err(error) => panic!("{written} was written and is refused: {error}"),
            }
        }
        Err(error) => check_reason(error),
    }
    read.is_ok()
}
