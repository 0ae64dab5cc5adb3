//! Properties of the messages that the worker and booking-service consume.

use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::auditlog::{Action, Actor, ActorRole, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, MessageId, TypeKey};
use rowlock_domain::messages::{DomainEvent, Message, Subject, UnreadableMessage, parse_tickets_released};
use uuid::Uuid;

/// Returns a `tickets.released` message as this build writes it.
///
/// # Panics
///
/// Panics if the message cannot be serialized.
pub fn tickets_released_message(key: TypeKey, sequence: i64) -> String {
    let (id, time) = (MessageId::from_uuid(Uuid::from_u128(1)), chrono::DateTime::from_timestamp_micros(sequence).unwrap_or_default());
    let message =
        Message { id, subject: Subject::TicketType(key), sequence, time, domain_event: DomainEvent::TicketsReleased {}, trace: None };
    message.to_json("/rowlock/properties").expect("a message can be serialized")
}

/// Returns an `audit.recorded` message as this build writes it, with every kind of value in it.
///
/// # Panics
///
/// Panics if the message cannot be serialized.
pub fn valid_account_message(account: AccountId) -> String {
    let id = MessageId::from_uuid(Uuid::from_u128(1));
    let entry = AuditEntry {
        id: AuditEntryId::from_uuid(Uuid::from_u128(2)),
        at: chrono::DateTime::default(),
        actor: Actor { account_id: Some(account), role: ActorRole::Admin, request_id: Some("request".to_owned()) },
        action: Action::DisableAccount,
        subject: account.as_uuid(),
        details: serde_json::Map::from_iter([("reason".to_owned(), "a reason".into())]),
    };
    AccountMessage::Audited(entry).to_json(id, chrono::DateTime::default(), "/rowlock/properties").expect("a message can be serialized")
}

/// Parses bytes as the body of an account message: an accepted message survives being written and parsed again, and a
/// rejection names the kind of error. Returns whether the bytes are accepted.
///
/// # Panics
///
/// Panics if the property does not hold.
pub fn check_account_message(body: &[u8]) -> bool {
    match AccountMessage::parse(body) {
        Ok(message) => {
            let id = MessageId::from_uuid(Uuid::from_u128(1));
            let written = message.to_json(id, chrono::DateTime::default(), "/rowlock/properties").expect("a message can be serialized");
            match AccountMessage::parse(written.as_bytes()) {
                Ok(again) => assert_eq!(message, again),
                Err(error) => panic!("{written} was written by this build, but is rejected: {error}"),
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
    let prefix = match error {
        UnreadableMessage::Shape(_) => "not a CloudEvents envelope of the expected shape: ",
        UnreadableMessage::Type(_) => "unexpected message type `",
        UnreadableMessage::Schema(_) => "unsupported schema `",
    };
    assert!(error.to_string().starts_with(prefix), "{error}");
}

/// Parses bytes as the body of a `tickets.released` message: the ticket type of an accepted message survives being written
/// and parsed again, and a rejection names the kind of error. Returns whether the bytes are accepted.
///
/// # Panics
///
/// Panics if the property does not hold.
pub fn check_delivered_message(body: &[u8]) -> bool {
    let read = parse_tickets_released(body);
    match &read {
        Ok(released) => {
            let written = tickets_released_message(released.key, 1);
            match parse_tickets_released(written.as_bytes()) {
                Ok(again) => assert_eq!(released.key, again.key),
                Err(error) => panic!("{written} was written by this build, but is rejected: {error}"),
            }
        }
        Err(error) => check_reason(error),
    }
    read.is_ok()
}
