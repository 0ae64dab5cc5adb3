//! Messages for the tests of this module.

use uuid::Uuid;

use super::{DomainEvent, Message, Subject};
use crate::Timestamp;
use crate::ids::{AccountId, BookingId, EventId, MessageId, TicketTypeId, TypeKey, WaitlistEntryId};

pub(super) const EVENT: EventId = EventId::from_uuid(Uuid::from_u128(1));
pub(super) const KEY: TypeKey = TypeKey { event: EVENT, ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(2)) };
pub(super) const ID: MessageId = MessageId::from_uuid(Uuid::from_u128(3));
pub(super) const BOOKING: BookingId = BookingId::from_uuid(Uuid::from_u128(4));
pub(super) const ACCOUNT: AccountId = AccountId::from_uuid(Uuid::from_u128(5));
pub(super) const ENTRY: WaitlistEntryId = WaitlistEntryId::from_uuid(Uuid::from_u128(6));

/// Returns the time of the messages.
pub(super) fn time() -> Timestamp {
    chrono::DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap()
}

/// Returns a message about a ticket type.
pub(super) fn message(domain_event: DomainEvent) -> Message {
    Message { id: ID, subject: Subject::TicketType(KEY), sequence: 42, time: time(), domain_event, trace: None }
}

/// Returns the body of a message about a ticket type.
pub(super) fn body(domain_event: DomainEvent) -> String {
    message(domain_event).to_json("/x").unwrap()
}
