//! Contracts of the domain events that the services publish: CloudEvents 1.0 in JSON, one contract per routing key.
//!
//! An event is named in the past tense. Its `sequence` is the version that the change gave to the ticket type (or to the event),
//! so consumers can restore the order of a ticket type's history. Messages contain no personal data: they refer to an account by
//! its id.

mod batch;
mod domain_event;
mod envelope;
mod event_changes;
#[cfg(test)]
mod fixtures;
mod notifications;
mod sales;
mod urgency;
mod webhooks;

use serde::{Deserialize, Serialize};

pub use self::batch::{BATCH_CONTENT_TYPE, BatchItem, MESSAGE_CONTENT_TYPE, MessageBatch, batch_messages, is_batch, split_batch};
pub use self::domain_event::DomainEvent;
pub(crate) use self::envelope::{EnvelopeHeader, RawMessage, serialize_message};
pub use self::envelope::{OLDEST_READABLE_VERSION, SCHEMA_VERSION, UnreadableMessage, trace_of_message};
pub use self::event_changes::{Change, EventChanges};
pub use self::notifications::{
    ChangedEvent, HistoryPlace, NOTIFICATION_ROUTING_PATTERNS, Notification, NotificationMessage, SealedNotice, TicketNotification,
    URGENT_NOTIFICATION_PATTERNS, parse_notification_message,
};
pub use self::sales::{SALES_ROUTING_PATTERNS, SalesChange, SalesMessage, parse_sales_message};
pub use self::urgency::Urgency;
pub use self::webhooks::{WEBHOOK_TYPES, WebhookMessage, parse_webhook_message};
use crate::Timestamp;
use crate::ids::{AccountId, EventId, MessageId, TicketTypeId, TypeKey};
use crate::trace::TraceContext;

/// The routing key of the only message that is a request for work: it tells the reallocation worker that a ticket type has held
/// tickets.
pub const TICKETS_RELEASED: &str = DomainEvent::TicketsReleased {}.routing_key();

/// The resource that a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The event as a whole.
    Event(EventId),
    /// One ticket type.
    TicketType(TypeKey),
}

impl Subject {
    /// Returns the event, which is the key by which all data are partitioned.
    pub const fn event(self) -> EventId {
        match self {
            Self::Event(event) => event,
            Self::TicketType(key) => key.event,
        }
    }
}

/// A domain event with the fields of its envelope.
///
/// ```
/// use rowlock_domain::ids::{EventId, MessageId, TicketTypeId, TypeKey};
/// use rowlock_domain::messages::{DomainEvent, Message, Subject, parse_tickets_released};
/// use uuid::Uuid;
///
/// let key = TypeKey { event: EventId::from_uuid(Uuid::from_u128(1)), ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(2)) };
/// let message = Message {
///     id: MessageId::from_uuid(Uuid::from_u128(3)),
///     subject: Subject::TicketType(key),
///     sequence: 42,
///     time: chrono::DateTime::UNIX_EPOCH,
///     domain_event: DomainEvent::TicketsReleased {},
///     trace: None,
/// };
/// let body = message.to_json("/rowlock/booking-service")?;
/// assert_eq!(parse_tickets_released(body.as_bytes())?.key, key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The identity of the message. Redeliveries have the same id.
    pub id: MessageId,
    /// The resource that the message is about.
    pub subject: Subject,
    /// The version that the change gave to the subject.
    pub sequence: i64,
    /// The time of the change by the database's clock.
    pub time: Timestamp,
    /// The domain event.
    pub domain_event: DomainEvent,
    /// The trace context of the request that caused the change, if it was traced.
    pub trace: Option<TraceContext>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageData<'a> {
    event_id: EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_type_id: Option<TicketTypeId>,
    #[serde(flatten)]
    domain_event: &'a DomainEvent,
}

impl Message {
    /// Returns the message as JSON, as it is stored in the outbox and published. `source` is a URI reference that names the
    /// producer.
    pub fn to_json(&self, source: &str) -> Result<String, serde_json::Error> {
        let routing_key = self.domain_event.routing_key();
        let (subject, ticket_type_id) = match self.subject {
            Subject::Event(event) => (format!("events/{event}"), None),
            Subject::TicketType(key) => (format!("events/{}/ticket-types/{}", key.event, key.ticket_type), Some(key.ticket_type)),
        };
        let header =
            EnvelopeHeader { id: self.id, routing_key, source, subject, time: self.time, sequence: self.sequence, trace: self.trace };
        serialize_message(header, MessageData { event_id: self.subject.event(), ticket_type_id, domain_event: &self.domain_event })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReleasedData {
    event_id: EventId,
    ticket_type_id: TicketTypeId,
}

/// The contents of a `tickets.released` message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketsReleased {
    /// The ticket type that has held tickets.
    pub key: TypeKey,
    /// The trace context in which the tickets were returned.
    pub trace: Option<TraceContext>,
}

/// Parses a `tickets.released` message of a contract version that this build reads.
pub fn parse_tickets_released(body: &[u8]) -> Result<TicketsReleased, UnreadableMessage> {
    let raw = RawMessage::parse(body, &[TICKETS_RELEASED])?;
    let data: ReleasedData = raw.data()?;
    Ok(TicketsReleased { key: TypeKey { event: data.event_id, ticket_type: data.ticket_type_id }, trace: raw.trace })
}

#[derive(Deserialize)]
struct ChangeEnvelope {
    data: ChangeData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeData {
    event_id: Option<EventId>,
    account_id: Option<AccountId>,
}

/// The resources that a message of any type reports a change of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedResources {
    /// The event whose row or ticket types changed.
    pub event: Option<EventId>,
    /// The account whose bookings or waiting-list entries changed.
    pub account: Option<AccountId>,
}

/// Parses only the ids in a message, for consumers that read the changed rows themselves. It therefore accepts messages of every
/// type and contract version. Returns `None` if the message is not of the expected shape.
pub fn parse_changed_resources(body: &[u8]) -> Option<ChangedResources> {
    let ChangeData { event_id, account_id } = serde_json::from_slice::<ChangeEnvelope>(body).ok()?.data;
    Some(ChangedResources { event: event_id, account: account_id })
}

#[cfg(test)]
mod tests {
    use super::fixtures::{ACCOUNT, ENTRY, KEY, message};
    use super::*;

    fn released() -> Message {
        message(DomainEvent::TicketsReleased {})
    }

    #[test]
    fn the_envelope_is_cloudevents() {
        let json: serde_json::Value = serde_json::from_str(&released().to_json("/rowlock/booking-service").unwrap()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "specversion": "1.0",
                "id": "00000000-0000-0000-0000-000000000003",
                "type": "tickets.released",
                "source": "/rowlock/booking-service",
                "subject": "events/00000000-0000-0000-0000-000000000001/ticket-types/00000000-0000-0000-0000-000000000002",
                "time": "2023-11-14T22:13:20.123456Z",
                "sequence": "42",
                "datacontenttype": "application/json",
                "dataschema": "urn:rowlock:schema:tickets.released:1",
                "data": {"eventId": "00000000-0000-0000-0000-000000000001", "ticketTypeId": "00000000-0000-0000-0000-000000000002"},
            })
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let trace = TraceContext::new([1; 16], [2; 8], true);
        for trace in [None, trace] {
            let message = Message { trace, ..released() };
            let written = message.to_json("/x").unwrap();
            let read = parse_tickets_released(written.as_bytes()).unwrap();
            assert_eq!((Subject::TicketType(read.key), read.trace), (message.subject, trace));
            assert_eq!(trace_of_message(written.as_bytes()), trace);
        }
    }

    #[test]
    fn the_ids_of_a_message_of_any_type_can_be_read() {
        let left = DomainEvent::WaitlistLeft { waitlist_entry_id: ENTRY, account_id: ACCOUNT, quantity: 1, number: 7, fulfilled_by: None };
        for (domain_event, account) in [(DomainEvent::TicketsReleased {}, None), (left, Some(ACCOUNT))] {
            let written = Message { domain_event, ..released() }.to_json("/x").unwrap();
            let unknown = written.replace("released:1", "released:9");
            for body in [written, unknown] {
                assert_eq!(parse_changed_resources(body.as_bytes()), Some(ChangedResources { event: Some(KEY.event), account }));
            }
        }
        assert_eq!(parse_changed_resources(b"{}"), None);
        assert_eq!(parse_changed_resources(b"not json"), None);
    }

    #[test]
    fn a_broken_trace_is_no_reason_to_refuse_a_message() {
        let message = Message { trace: TraceContext::new([1; 16], [2; 8], true), ..released() };
        let written = message.to_json("/x").unwrap();
        for broken in ["\"00-\"", "7", "null", "{}"] {
            let (before, after) = written.split_once("\"traceparent\":").unwrap();
            let body = format!("{before}\"traceparent\":{broken},{}", after.split_once(',').unwrap().1);
            assert_eq!(parse_tickets_released(body.as_bytes()).unwrap().trace, None, "{body}");
        }
    }

    #[test]
    fn a_poisoned_message_is_refused_with_its_reason() {
        let good = released().to_json("/x").unwrap();
        for (body, reason) in [
            ("not json".to_owned(), "envelope"),
            ("{}".to_owned(), "envelope"),
            (good.replace("tickets.released", "tickets.eaten"), "type"),
            (good.replace("released:1", "released:9"), "schema"),
            (good.replace("-000000000002\"}", "\"}"), "envelope"),
        ] {
            let error = parse_tickets_released(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
