//! Contracts of the domain events that the services publish: CloudEvents 1.0 in JSON, one contract per routing key.
//!
//! An event is named in the past tense. Its `sequence` is the version that the change gave to the ticket type (or to the event),
//! so consumers can restore the order of a ticket type's history. Messages contain no personal data: they refer to an account by
//! its id.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::ids::{AccountId, BookingId, EventId, MessageId, TicketTypeId, TypeKey, WaitlistEntryId};
use crate::trace::{self, TraceContext};

/// The routing key of the only message that is a request for work: it tells the reallocation worker that a ticket type has held
/// tickets.
pub const TICKETS_RELEASED: &str = "tickets.released";

/// The version of the message contracts that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The oldest contract version that this build reads. Reading older versions allows the services to be upgraded one at a time.
pub const OLDEST_READABLE_VERSION: u32 = 1;

const SCHEMA_PREFIX: &str = "urn:rowlock:schema:";

/// A domain event: a change to an event, a ticket type, a booking or a waiting-list entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Fact {
    /// A request was booked from the available tickets.
    BookingConfirmed {
        /// The new booking.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of booked tickets.
        quantity: u32,
    },
    /// Some of the tickets of a booking were returned.
    BookingReduced {
        /// The booking that was reduced.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of tickets that remain in the booking.
        quantity: u32,
        /// The number of returned tickets.
        returned: u32,
    },
    /// A booking was cancelled by itself or together with its event.
    BookingCancelled {
        /// The cancelled booking.
        booking_id: BookingId,
        /// The account that held the booking.
        account_id: AccountId,
        /// The number of returned tickets.
        returned: u32,
    },
    /// An account joined the waiting list.
    WaitlistJoined {
        /// The new entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that joined.
        account_id: AccountId,
        /// The number of tickets that the entry waits for.
        quantity: u32,
        /// The sequence number that orders the waiting list.
        number: i64,
    },
    /// A waiting-list entry was promoted: it received held tickets as a booking.
    WaitlistPromoted {
        /// The promoted entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The booking that the entry became.
        booking_id: BookingId,
        /// The account that holds the booking.
        account_id: AccountId,
        /// The number of booked tickets.
        quantity: u32,
        /// The number that the entry had in the waiting list.
        number: i64,
    },
    /// An account left the waiting list.
    WaitlistLeft {
        /// The entry that was withdrawn.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that left.
        account_id: AccountId,
        /// The number of tickets that the entry waited for.
        quantity: u32,
        /// The number that the entry had in the waiting list.
        number: i64,
    },
    /// An account changed the number of tickets that its entry waits for.
    WaitlistChanged {
        /// The changed entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that waits.
        account_id: AccountId,
        /// The new number of tickets.
        quantity: u32,
        /// The previous number of tickets.
        previous_quantity: u32,
        /// The sequence number that orders the waiting list: unchanged if the quantity was lowered, new if it was raised.
        number: i64,
    },
    /// A waiting entry was closed, because its waiting list ended or its event was cancelled.
    WaitlistClosed {
        /// The closed entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that waited.
        account_id: AccountId,
        /// The number of tickets that the entry waited for.
        quantity: u32,
        /// The number that the entry had in the waiting list.
        number: i64,
    },
    /// A closed entry was reopened with its old number, because the event was postponed.
    WaitlistReopened {
        /// The reopened entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The account that waits.
        account_id: AccountId,
        /// The number of tickets that the entry waits for.
        quantity: u32,
        /// The sequence number that orders the waiting list.
        number: i64,
    },
    /// The ticket type has held tickets. The message omits their number because it can be late, lost or duplicated; only the row
    /// is reliable.
    TicketsReleased {},
    /// An allocation pass over the waiting list ended.
    TicketsReallocated {
        /// The number of tickets given to promoted entries.
        promoted: u32,
        /// The number of tickets that no waiting entry could take and that are now available.
        leftover: u32,
    },
    /// The capacity of a ticket type was changed.
    TicketsCapacityChanged {
        /// The new capacity.
        capacity: u32,
    },
    /// An event was created as a draft or published.
    EventCreated {
        /// The initial status, `draft` or `published`.
        status: crate::states::EventStatus,
    },
    /// The details, the status or the terms of an event were changed.
    EventUpdated {
        /// The status after the change.
        status: crate::states::EventStatus,
    },
    /// An event was cancelled.
    EventCancelled {},
    /// An event that never had a booking or a waiting-list entry was deleted.
    EventDeleted {},
}

impl Fact {
    /// Returns the CloudEvents type, which is also the routing key.
    pub const fn routing_key(&self) -> &'static str {
        match self {
            Self::BookingConfirmed { .. } => "booking.confirmed",
            Self::BookingReduced { .. } => "booking.reduced",
            Self::BookingCancelled { .. } => "booking.cancelled",
            Self::WaitlistJoined { .. } => "waitlist.joined",
            Self::WaitlistPromoted { .. } => "waitlist.promoted",
            Self::WaitlistLeft { .. } => "waitlist.left",
            Self::WaitlistChanged { .. } => "waitlist.changed",
            Self::WaitlistClosed { .. } => "waitlist.closed",
            Self::WaitlistReopened { .. } => "waitlist.reopened",
            Self::TicketsReleased {} => TICKETS_RELEASED,
            Self::TicketsReallocated { .. } => "tickets.reallocated",
            Self::TicketsCapacityChanged { .. } => "tickets.capacity_changed",
            Self::EventCreated { .. } => "event.created",
            Self::EventUpdated { .. } => "event.updated",
            Self::EventCancelled {} => "event.cancelled",
            Self::EventDeleted {} => "event.deleted",
        }
    }
}

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
    pub fact: Fact,
    /// The trace context of the request that caused the change, if it was traced.
    pub trace: Option<TraceContext>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    event_id: EventId,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_type_id: Option<TicketTypeId>,
    #[serde(flatten)]
    fact: &'a Fact,
}

/// The CloudEvents envelope. The contract of each type defines the contents of `data`.
#[derive(Serialize)]
struct Envelope<'a, D> {
    specversion: &'static str,
    id: MessageId,
    r#type: &'static str,
    source: &'a str,
    subject: String,
    time: String,
    /// The CloudEvents `sequence` extension requires a string.
    sequence: String,
    datacontenttype: &'static str,
    dataschema: String,
    /// The CloudEvents distributed tracing extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceContext>,
    data: D,
}

/// The envelope fields that differ between messages.
#[derive(Debug, Clone)]
pub(crate) struct Head<'a> {
    pub(crate) id: MessageId,
    pub(crate) routing_key: &'static str,
    pub(crate) source: &'a str,
    pub(crate) subject: String,
    pub(crate) time: Timestamp,
    pub(crate) sequence: i64,
    pub(crate) trace: Option<TraceContext>,
}

/// Serializes a message as it is stored in an outbox and published.
pub(crate) fn write_message(head: Head<'_>, data: impl Serialize) -> Result<String, serde_json::Error> {
    let Head { id, routing_key, source, subject, time, sequence, trace } = head;
    serde_json::to_string(&Envelope {
        specversion: "1.0",
        id,
        r#type: routing_key,
        source,
        subject,
        time: time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        sequence: sequence.to_string(),
        datacontenttype: "application/json",
        dataschema: format!("{SCHEMA_PREFIX}{routing_key}:{SCHEMA_VERSION}"),
        traceparent: trace,
        data,
    })
}

impl Message {
    /// Returns the message as JSON, as it is stored in the outbox and published. `source` is a URI reference that names the
    /// producer.
    pub fn to_json(&self, source: &str) -> Result<String, serde_json::Error> {
        let routing_key = self.fact.routing_key();
        let (subject, ticket_type_id) = match self.subject {
            Subject::Event(event) => (format!("events/{event}"), None),
            Subject::TicketType(key) => (format!("events/{}/ticket-types/{}", key.event, key.ticket_type), Some(key.ticket_type)),
        };
        let head = Head { id: self.id, routing_key, source, subject, time: self.time, sequence: self.sequence, trace: self.trace };
        write_message(head, Data { event_id: self.subject.event(), ticket_type_id, fact: &self.fact })
    }
}

/// The reason why a message body cannot be read. All variants are permanent errors, so a retry cannot succeed.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// The body is not JSON or does not have the shape of the envelope.
    #[error("not a CloudEvents envelope of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// The message is well-formed but has an unexpected type.
    #[error("unexpected type «{0}»")]
    Type(String),
    /// This build cannot read the contract version of the message.
    #[error("unreadable schema «{0}»")]
    Schema(String),
}

/// An envelope whose `data` has not been parsed yet.
#[derive(Deserialize)]
struct SealedEnvelope<'a> {
    specversion: String,
    r#type: String,
    dataschema: String,
    sequence: Option<String>,
    #[serde(default, deserialize_with = "trace::lenient")]
    traceparent: Option<TraceContext>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A message with a known type whose `data` has not been parsed yet.
pub(crate) struct Sealed<'a> {
    pub(crate) routing_key: &'static str,
    pub(crate) sequence: Option<i64>,
    pub(crate) trace: Option<TraceContext>,
    data: &'a RawValue,
}

impl<'a> Sealed<'a> {
    /// Parses the envelope. Returns an error unless its type is one of `expected` and its contract version is from
    /// [`OLDEST_READABLE_VERSION`] to [`SCHEMA_VERSION`].
    pub(crate) fn open(body: &'a [u8], expected: &[&'static str]) -> Result<Self, UnreadableMessage> {
        let envelope: SealedEnvelope<'a> = serde_json::from_slice(body)?;
        let routing_key = expected.iter().find(|expected| **expected == envelope.r#type && envelope.specversion == "1.0");
        let Some(routing_key) = routing_key else {
            return Err(UnreadableMessage::Type(format!("{} {}", envelope.specversion, envelope.r#type)));
        };
        let version = envelope
            .dataschema
            .strip_prefix(SCHEMA_PREFIX)
            .and_then(|schema| schema.strip_prefix(*routing_key))
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|version| version.parse::<u32>().ok());
        match version {
            Some(version) if (OLDEST_READABLE_VERSION..=SCHEMA_VERSION).contains(&version) => {}
            _ => return Err(UnreadableMessage::Schema(envelope.dataschema)),
        }
        let sequence = envelope.sequence.and_then(|sequence| sequence.parse().ok());
        Ok(Self { routing_key, sequence, trace: envelope.traceparent, data: envelope.data })
    }

    /// Parses the data as the shape of the message type.
    pub(crate) fn data<D: Deserialize<'a>>(&self) -> Result<D, UnreadableMessage> {
        Ok(serde_json::from_str(self.data.get())?)
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
pub fn read_tickets_released(body: &[u8]) -> Result<TicketsReleased, UnreadableMessage> {
    let sealed = Sealed::open(body, &[TICKETS_RELEASED])?;
    let data: ReleasedData = sealed.data()?;
    Ok(TicketsReleased { key: TypeKey { event: data.event_id, ticket_type: data.ticket_type_id }, trace: sealed.trace })
}

/// The part of an envelope that contains the trace context.
#[derive(Deserialize)]
struct TraceOfEnvelope {
    #[serde(default, deserialize_with = "trace::lenient")]
    traceparent: Option<TraceContext>,
}

/// Returns the trace context of a message of any type, or `None` if it has none or cannot be parsed.
pub fn trace_of_message(body: &[u8]) -> Option<TraceContext> {
    serde_json::from_slice::<TraceOfEnvelope>(body).ok()?.traceparent
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn released() -> Message {
        let key = TypeKey { event: EventId::from_uuid(Uuid::from_u128(1)), ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(2)) };
        Message {
            id: MessageId::from_uuid(Uuid::from_u128(3)),
            subject: Subject::TicketType(key),
            sequence: 42,
            time: chrono::DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            fact: Fact::TicketsReleased {},
            trace: None,
        }
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
            let read = read_tickets_released(written.as_bytes()).unwrap();
            assert_eq!((Subject::TicketType(read.key), read.trace), (message.subject, trace));
            assert_eq!(trace_of_message(written.as_bytes()), trace);
        }
    }

    #[test]
    fn a_broken_trace_is_no_reason_to_refuse_a_message() {
        let message = Message { trace: TraceContext::new([1; 16], [2; 8], true), ..released() };
        let written = message.to_json("/x").unwrap();
        for broken in ["\"00-\"", "7", "null", "{}"] {
            let (before, after) = written.split_once("\"traceparent\":").unwrap();
            let body = format!("{before}\"traceparent\":{broken},{}", after.split_once(',').unwrap().1);
            assert_eq!(read_tickets_released(body.as_bytes()).unwrap().trace, None, "{body}");
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
            let error = read_tickets_released(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
