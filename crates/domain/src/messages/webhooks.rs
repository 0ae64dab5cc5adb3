//! Reads the messages that webhooks hand on to servers of organizers.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::UnreadableMessage;
use super::envelope::is_readable_schema;
use crate::Timestamp;
use crate::ids::{EventId, MessageId};

/// The types of messages that webhooks offer: all changes of bookings, waiting lists and events. Messages about accounts contain
/// sealed notices, and those about held tickets are requests for work, so no webhook gets them.
pub const WEBHOOK_TYPES: [&str; 16] = [
    "booking.reserved",
    "booking.confirmed",
    "booking.expired",
    "booking.reduced",
    "booking.cancelled",
    "waitlist.joined",
    "waitlist.promoted",
    "waitlist.offered",
    "waitlist.left",
    "waitlist.changed",
    "waitlist.closed",
    "waitlist.reopened",
    "event.created",
    "event.updated",
    "event.cancelled",
    "event.deleted",
];

/// A message as webhooks hand it on.
#[derive(Debug, Clone)]
pub struct WebhookMessage<'a> {
    /// The identity of the message. Redeliveries have the same id.
    pub id: MessageId,
    /// One of [`WEBHOOK_TYPES`].
    pub message_type: &'static str,
    /// The event that the message is about.
    pub event: EventId,
    /// The time of the change.
    pub time: Timestamp,
    /// The contents of the message, as JSON.
    pub data: &'a RawValue,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: MessageId,
    r#type: String,
    dataschema: String,
    time: Timestamp,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct TypeOfEnvelope {
    specversion: String,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    event_id: EventId,
}

/// Parses a message of any type. Returns `None` if webhooks do not offer its type. The contract version matters only for the types that
/// they offer, so that a newer service can publish messages of new types.
pub fn parse_webhook_message(body: &[u8]) -> Result<Option<WebhookMessage<'_>>, UnreadableMessage> {
    let TypeOfEnvelope { specversion, r#type } = serde_json::from_slice(body)?;
    let Some(message_type) = WEBHOOK_TYPES.into_iter().find(|known| **known == r#type) else { return Ok(None) };
    if specversion != "1.0" {
        return Err(UnreadableMessage::Type(format!("{specversion} {type}")));
    }
    let Envelope { id, r#type, dataschema, time, data } = serde_json::from_slice(body)?;
    if !is_readable_schema(&dataschema, &r#type) {
        return Err(UnreadableMessage::Schema(dataschema));
    }
    let Data { event_id } = serde_json::from_str(data.get())?;
    Ok(Some(WebhookMessage { id, message_type, event: event_id, time, data }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::DomainEvent;
    use crate::messages::fixtures::{ACCOUNT, BOOKING, ENTRY, EVENT, body as message, time};
    use crate::states::{BookingOrigin, EventStatus};

    #[test]
    fn every_type_about_bookings_waiting_lists_and_events_is_offered_and_no_other() {
        let (booking_id, account_id, waitlist_entry_id) = (BOOKING, ACCOUNT, ENTRY);
        let (quantity, number, returned, reserved) = (3, 7, 2, false);
        let (origin, expires_at) = (BookingOrigin::Direct, chrono::DateTime::UNIX_EPOCH);
        let all = [
            DomainEvent::BookingReserved { booking_id, account_id, quantity, expires_at },
            DomainEvent::BookingConfirmed { booking_id, account_id, quantity, origin },
            DomainEvent::BookingExpired { booking_id, account_id, quantity, expires_at, origin },
            DomainEvent::BookingReduced { booking_id, account_id, quantity, returned, reserved },
            DomainEvent::BookingCancelled { booking_id, account_id, returned, reserved, event_cancelled: true },
            DomainEvent::WaitlistJoined { waitlist_entry_id, account_id, quantity, min_quantity: None, number, wish: None },
            DomainEvent::WaitlistPromoted { waitlist_entry_id, booking_id, account_id, quantity, requested_quantity: None, number },
            DomainEvent::WaitlistOffered {
                waitlist_entry_id,
                booking_id,
                account_id,
                quantity,
                requested_quantity: None,
                number,
                expires_at,
            },
            DomainEvent::WaitlistLeft { waitlist_entry_id, account_id, quantity, number, fulfilled_by: None },
            DomainEvent::WaitlistChanged { waitlist_entry_id, account_id, quantity, min_quantity: None, previous_quantity: 1, number },
            DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number, event_cancelled: false, wish: None },
            DomainEvent::WaitlistReopened { waitlist_entry_id, account_id, quantity, min_quantity: None, number },
            DomainEvent::EventCreated { status: EventStatus::Draft },
            DomainEvent::EventUpdated { status: EventStatus::Published, changes: None },
            DomainEvent::EventCancelled {},
            DomainEvent::EventDeleted {},
        ];
        let types: Vec<_> = all.iter().map(DomainEvent::routing_key).collect();
        assert_eq!(types, WEBHOOK_TYPES);
        for domain_event in all {
            let (message_type, body) = (domain_event.routing_key(), message(domain_event));
            let read = parse_webhook_message(body.as_bytes()).unwrap().unwrap();
            assert_eq!((read.message_type, read.event, read.time), (message_type, EVENT, time()));
            assert!(body.contains(&format!("\"data\":{}", read.data.get())), "{body}");
        }
        for other in [DomainEvent::TicketsReleased {}, DomainEvent::TicketsCapacityChanged { capacity: 9 }] {
            assert!(parse_webhook_message(message(other).as_bytes()).unwrap().is_none());
        }
    }

    #[test]
    fn a_poisoned_message_is_refused_and_a_new_type_is_not() {
        let good = message(DomainEvent::EventCancelled {});
        for (body, reason) in [
            ("not json".to_owned(), "envelope"),
            (good.replace("eventId", "eventID"), "envelope"),
            (good.replace("\"1.0\"", "\"2.0\""), "type"),
            (good.replace("cancelled:1", "cancelled:9"), "schema"),
        ] {
            let error = parse_webhook_message(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let newer = good.replace("event.cancelled", "event.celebrated").replace(":1\"", ":9\"");
        assert!(parse_webhook_message(newer.as_bytes()).unwrap().is_none());
    }
}
