//! Reads messages about ticket types as changes of their sales, for read models that count them.
//!
//! Each change of a ticket type has a message, and their `sequence` numbers have no gaps. A reader that has counted all messages
//! up to a number can therefore tell which messages are duplicates and which are missing.

use serde::Deserialize;
use serde::de::Error;

use super::UnreadableMessage;
use super::envelope::is_readable_schema;
use crate::Timestamp;
use crate::ids::{EventId, TicketTypeId, TypeKey};
use crate::states::BookingOrigin;

/// The topic patterns of the messages about ticket types. A message that increments the version of a ticket type must match one
/// of them: otherwise its readers would wait for a message that never arrives.
pub const SALES_ROUTING_PATTERNS: [&str; 4] = ["booking.*", "waitlist.*", "tickets.*", "transfer.*"];

/// The change that a message about a ticket type makes to the figures of its sales.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SalesChange {
    /// The number of tickets that were booked from the available ones. Reserved tickets count when they are confirmed.
    pub booked: u32,
    /// The number of sold tickets that were returned, with the tickets of cancelled bookings.
    pub returned: u32,
    /// The number of tickets that went to waiting-list entries. Offered tickets count when they are accepted.
    pub promoted: u32,
    /// The number of waiting-list entries that were promoted.
    pub promotions: u32,
    /// The number of entries that joined the waiting list or were reopened.
    pub joined: u32,
    /// The number of entries that left the waiting list without tickets, or were closed.
    pub left: u32,
    /// The capacity after the change, if it was changed.
    pub capacity: Option<u32>,
}

/// A message about a ticket type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesMessage {
    /// The ticket type.
    pub key: TypeKey,
    /// The version that the change gave to the ticket type.
    pub sequence: i64,
    /// The time of the change.
    pub at: Timestamp,
    /// The change.
    pub change: SalesChange,
}

/// The parts of an envelope that are read, with the fields that the contracts of these messages share.
#[derive(Deserialize)]
struct Envelope {
    specversion: String,
    r#type: String,
    dataschema: String,
    sequence: String,
    time: Timestamp,
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    event_id: EventId,
    ticket_type_id: TicketTypeId,
    quantity: Option<u32>,
    returned: Option<u32>,
    capacity: Option<u32>,
    /// Omitted for bookings of available tickets.
    origin: Option<BookingOrigin>,
    /// Omitted for bookings whose tickets were sold.
    #[serde(default)]
    reserved: bool,
}

impl Data {
    fn change(&self, routing_key: &str) -> Result<SalesChange, serde_json::Error> {
        let quantity = || self.quantity.ok_or_else(|| Error::missing_field("quantity"));
        let returned = || self.returned.ok_or_else(|| Error::missing_field("returned"));
        let none = SalesChange::default();
        Ok(match routing_key {
            "booking.confirmed" if self.origin == Some(BookingOrigin::Waitlist) => SalesChange { promoted: quantity()?, ..none },
            "booking.confirmed" => SalesChange { booked: quantity()?, ..none },
            "booking.reduced" | "booking.cancelled" if self.reserved => none,
            "booking.reduced" | "booking.cancelled" => SalesChange { returned: returned()?, ..none },
            "waitlist.joined" | "waitlist.reopened" => SalesChange { joined: 1, ..none },
            "waitlist.promoted" => SalesChange { promoted: quantity()?, promotions: 1, ..none },
            "waitlist.offered" => SalesChange { promotions: 1, ..none },
            "waitlist.left" | "waitlist.closed" => SalesChange { left: 1, ..none },
            "tickets.capacity_changed" => {
                SalesChange { capacity: Some(self.capacity.ok_or_else(|| Error::missing_field("capacity"))?), ..none }
            }
            // Messages that move nothing, and types that a newer version publishes. They count as a step of the sequence.
            _ => none,
        })
    }
}

/// Parses a message about a ticket type, of any type and of a contract version that this build reads.
pub fn parse_sales_message(body: &[u8]) -> Result<SalesMessage, UnreadableMessage> {
    let envelope: Envelope = serde_json::from_slice(body)?;
    if envelope.specversion != "1.0" {
        return Err(UnreadableMessage::Type(format!("{} {}", envelope.specversion, envelope.r#type)));
    }
    if !is_readable_schema(&envelope.dataschema, &envelope.r#type) {
        return Err(UnreadableMessage::Schema(envelope.dataschema));
    }
    let sequence = envelope.sequence.parse().ok().filter(|sequence: &i64| *sequence > 0);
    Ok(SalesMessage {
        key: TypeKey { event: envelope.data.event_id, ticket_type: envelope.data.ticket_type_id },
        sequence: sequence.ok_or_else(|| UnreadableMessage::Shape(Error::custom("the sequence is not a positive number")))?,
        at: envelope.time,
        change: envelope.data.change(&envelope.r#type)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::DomainEvent;
    use crate::messages::fixtures::{ACCOUNT, BOOKING, ENTRY, KEY, body as message, time};

    #[test]
    fn every_kind_of_message_is_counted_once() {
        let (booking_id, account_id, waitlist_entry_id) = (BOOKING, ACCOUNT, ENTRY);
        let (quantity, number, expires_at) = (3, 7, chrono::DateTime::UNIX_EPOCH);
        let none = SalesChange::default();
        let confirmed = |origin| DomainEvent::BookingConfirmed { booking_id, account_id, quantity, origin };
        let reduced = |reserved| DomainEvent::BookingReduced { booking_id, account_id, quantity, returned: 2, reserved };
        let cancelled = |reserved| DomainEvent::BookingCancelled { booking_id, account_id, returned: 4, reserved, event_cancelled: false };
        let all = [
            (confirmed(BookingOrigin::Direct), SalesChange { booked: 3, ..none }),
            (confirmed(BookingOrigin::Waitlist), SalesChange { promoted: 3, ..none }),
            (DomainEvent::BookingReserved { booking_id, account_id, quantity, expires_at }, none),
            (DomainEvent::BookingExpired { booking_id, account_id, quantity, expires_at, origin: BookingOrigin::Waitlist }, none),
            (reduced(false), SalesChange { returned: 2, ..none }),
            (reduced(true), none),
            (cancelled(false), SalesChange { returned: 4, ..none }),
            (cancelled(true), none),
            (
                DomainEvent::WaitlistOffered {
                    waitlist_entry_id,
                    booking_id,
                    account_id,
                    quantity,
                    requested_quantity: None,
                    number,
                    expires_at,
                },
                SalesChange { promotions: 1, ..none },
            ),
            (
                DomainEvent::WaitlistJoined { waitlist_entry_id, account_id, quantity, min_quantity: None, number, wish: None },
                SalesChange { joined: 1, ..none },
            ),
            (
                DomainEvent::WaitlistPromoted { waitlist_entry_id, booking_id, account_id, quantity, requested_quantity: None, number },
                SalesChange { promoted: 3, promotions: 1, ..none },
            ),
            (
                DomainEvent::WaitlistLeft { waitlist_entry_id, account_id, quantity, number, fulfilled_by: None },
                SalesChange { left: 1, ..none },
            ),
            (
                DomainEvent::WaitlistChanged { waitlist_entry_id, account_id, quantity, min_quantity: None, previous_quantity: 1, number },
                none,
            ),
            (
                DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number, event_cancelled: false, wish: None },
                SalesChange { left: 1, ..none },
            ),
            (
                DomainEvent::WaitlistReopened { waitlist_entry_id, account_id, quantity, min_quantity: None, number },
                SalesChange { joined: 1, ..none },
            ),
            (DomainEvent::TicketsReleased {}, none),
            (DomainEvent::TicketsReallocated { promoted: 5, leftover: 1 }, none),
            (DomainEvent::TicketsCapacityChanged { capacity: 9 }, SalesChange { capacity: Some(9), ..none }),
        ];
        for (event, expected) in all {
            let family = event.routing_key().split('.').next().unwrap();
            assert!(SALES_ROUTING_PATTERNS.contains(&format!("{family}.*").as_str()), "{event:?}");
            let read = parse_sales_message(message(event).as_bytes()).unwrap();
            assert_eq!((read.key, read.sequence, read.change), (KEY, 42, expected));
            assert_eq!(read.at, time());
        }
    }

    #[test]
    fn a_type_of_a_newer_version_is_a_step_that_changes_nothing() {
        let newer = message(DomainEvent::TicketsReleased {}).replace("tickets.released", "tickets.weighed");
        assert_eq!(parse_sales_message(newer.as_bytes()).unwrap().change, SalesChange::default());
    }

    #[test]
    fn a_poisoned_message_is_refused_with_its_reason() {
        let good = message(DomainEvent::TicketsCapacityChanged { capacity: 9 });
        for (body, reason) in [
            ("not json".to_owned(), "envelope"),
            ("{}".to_owned(), "envelope"),
            (good.replace("\"1.0\"", "\"2.0\""), "type"),
            (good.replace("changed:1", "changed:9"), "schema"),
            (good.replace("\"42\"", "\"0\""), "sequence"),
            (good.replace("\"42\"", "\"x\""), "sequence"),
            (good.replace("\"capacity\":9", "\"capacity\":-9"), "envelope"),
            (good.replace("\"capacity\":9", "\"other\":9"), "capacity"),
            (good.replace("ticketTypeId", "ticketTypeID"), "ticketTypeId"),
        ] {
            let error = parse_sales_message(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{body}: {error}");
        }
    }
}
