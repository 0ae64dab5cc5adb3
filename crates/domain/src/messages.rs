//! What the services tell each other and the world: CloudEvents 1.0 in JSON, one contract per routing key.
//!
//! A message states a fact in the past tense. `sequence` is the version of the ticket type (or of the event)
//! that the fact made, so the history of a ticket type can be put in its true order. Nothing personal is in a
//! message: an account is named by its id.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::ids::{AccountId, BookingId, EventId, MessageId, TicketTypeId, TypeKey, WaitlistEntryId};
use crate::trace::{self, TraceContext};

/// The routing key of the one message that is a request for work: «this type has held tickets».
pub const TICKETS_RELEASED: &str = "tickets.released";

/// The version of the message contracts that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The oldest version that this build still reads, so that services can be rolled one by one.
pub const OLDEST_READABLE_VERSION: u32 = 1;

const SCHEMA_PREFIX: &str = "urn:rowlock:schema:";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Fact {
    /// Tickets were sold from what was available.
    BookingConfirmed {
        /// The new booking.
        booking_id: BookingId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets.
        quantity: u32,
    },
    /// A part of a booking was given back.
    BookingReduced {
        /// The booking.
        booking_id: BookingId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets it keeps.
        quantity: u32,
        /// How many came back.
        returned: u32,
    },
    /// A booking was given back whole, or its event was cancelled.
    BookingCancelled {
        /// The booking.
        booking_id: BookingId,
        /// Its account.
        account_id: AccountId,
        /// How many came back.
        returned: u32,
    },
    /// An account joined the waiting list.
    WaitlistJoined {
        /// The new entry.
        waitlist_entry_id: WaitlistEntryId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets it waits for.
        quantity: u32,
        /// The number that orders the list.
        number: i64,
    },
    /// Held tickets were handed on to an entry.
    WaitlistPromoted {
        /// The entry.
        waitlist_entry_id: WaitlistEntryId,
        /// The booking it became.
        booking_id: BookingId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets.
        quantity: u32,
        /// The number that ordered the list.
        number: i64,
    },
    /// An account left the waiting list.
    WaitlistLeft {
        /// The entry.
        waitlist_entry_id: WaitlistEntryId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets it waited for.
        quantity: u32,
        /// The number that ordered the list.
        number: i64,
    },
    /// An account changed how many tickets its entry waits for.
    WaitlistChanged {
        /// The entry.
        waitlist_entry_id: WaitlistEntryId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets it waits for now.
        quantity: u32,
        /// How many it waited for before.
        previous_quantity: u32,
        /// The number that orders the list: the same if the party shrank, a new one if it grew.
        number: i64,
    },
    /// An entry ended because the event began or was cancelled.
    WaitlistClosed {
        /// The entry.
        waitlist_entry_id: WaitlistEntryId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets it waited for.
        quantity: u32,
        /// The number that ordered the list.
        number: i64,
    },
    /// A closed entry waits again, with its old number, because the event was postponed.
    WaitlistReopened {
        /// The entry.
        waitlist_entry_id: WaitlistEntryId,
        /// Its account.
        account_id: AccountId,
        /// How many tickets it waits for.
        quantity: u32,
        /// The number that orders the list.
        number: i64,
    },
    /// The ticket type has held tickets. How many is in the row alone: this message may be late, lost or doubled.
    TicketsReleased {},
    /// A walk over the waiting list ended.
    TicketsReallocated {
        /// Tickets handed on.
        promoted: u32,
        /// Tickets that nobody who waits could take, now available.
        leftover: u32,
    },
    /// The number of tickets of a type was changed.
    TicketsCapacityChanged {
        /// The new number.
        capacity: u32,
    },
    /// An event was made, public or as a draft.
    EventCreated {
        /// `draft` or `published`.
        status: crate::states::EventStatus,
    },
    /// The details, the status or the terms of an event changed.
    EventUpdated {
        /// Its status now.
        status: crate::states::EventStatus,
    },
    /// An event was called off.
    EventCancelled {},
    /// An event that never had a booking or a waiting-list entry was deleted.
    EventDeleted {},
}

impl Fact {
    /// The CloudEvents type, which is also the routing key.
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

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The event as a whole.
    Event(EventId),
    /// One ticket type.
    TicketType(TypeKey),
}

impl Subject {
    /// The event, which is the key that everything is stored by.
    pub const fn event(self) -> EventId {
        match self {
            Self::Event(event) => event,
            Self::TicketType(key) => key.event,
        }
    }
}

/// A fact with its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its identity; the same however often it is delivered.
    pub id: MessageId,
    /// What it is about.
    pub subject: Subject,
    /// The version of the subject that the fact made.
    pub sequence: i64,
    /// When the fact became true, by the database's clock.
    pub time: Timestamp,
    /// The fact.
    pub fact: Fact,
    /// The trace that the fact came about in, if it is traced.
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

/// The CloudEvents envelope. What is in `data` is the contract of its type.
#[derive(Serialize)]
struct Envelope<'a, D> {
    specversion: &'static str,
    id: MessageId,
    r#type: &'static str,
    source: &'a str,
    subject: String,
    time: String,
    /// A string, as the CloudEvents «sequence» extension asks.
    sequence: String,
    datacontenttype: &'static str,
    dataschema: String,
    /// The CloudEvents «distributed tracing» extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceContext>,
    data: D,
}

/// What every message says about itself.
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

/// A message as it is stored in an outbox and sent.
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
    /// The message as it is stored in the outbox and sent. `source` is a URI reference naming the writer.
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

/// Why a delivered body is not a message of an expected kind. Trying again cannot help.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// Not JSON, or not of the envelope's shape.
    #[error("not a CloudEvents envelope of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// A well-formed message of another kind.
    #[error("unexpected type «{0}»")]
    Type(String),
    /// A version of the contract that this build does not read.
    #[error("unreadable schema «{0}»")]
    Schema(String),
}

/// An envelope whose data is not looked at yet.
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

/// A message with its type and its data, unread.
pub(crate) struct Sealed<'a> {
    pub(crate) routing_key: &'static str,
    pub(crate) sequence: Option<i64>,
    pub(crate) trace: Option<TraceContext>,
    data: &'a RawValue,
}

impl<'a> Sealed<'a> {
    /// Takes the envelope off, if the message is of one of these types and of this contract version or the one before.
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

    /// The data, of the shape that the type has.
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

/// What a `tickets.released` message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketsReleased {
    /// The ticket type that has held tickets.
    pub key: TypeKey,
    /// The trace that they came back in.
    pub trace: Option<TraceContext>,
}

/// Reads a `tickets.released` message, of this contract version or the one before.
pub fn read_tickets_released(body: &[u8]) -> Result<TicketsReleased, UnreadableMessage> {
    let sealed = Sealed::open(body, &[TICKETS_RELEASED])?;
    let data: ReleasedData = sealed.data()?;
    Ok(TicketsReleased { key: TypeKey { event: data.event_id, ticket_type: data.ticket_type_id }, trace: sealed.trace })
}

/// The part of an envelope that says which trace the message belongs to.
#[derive(Deserialize)]
struct TraceOfEnvelope {
    #[serde(default, deserialize_with = "trace::lenient")]
    traceparent: Option<TraceContext>,
}

/// The trace that a message came about in, whatever else it says.
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
