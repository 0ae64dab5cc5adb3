//! Consumes all messages as an external consumer would: parsed according to their contract, without Rowlock's own code, in
//! the order of delivery.

use std::time::Duration;

use rowlock_messaging::amqp::{AmqpSettings, QueueDeclaration, Tap, declare_queue, queue_depth};
use serde::Deserialize;
use uuid::Uuid;

use crate::Fallible;

/// Queue of the chaos test.
const QUEUE: &str = "chaos.all-events";
/// The queue has been read completely if no message arrives for this time and the queue is empty.
const IDLE_TIME: Duration = Duration::from_secs(2);

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Message id.
    pub id: Uuid,
    /// Event id.
    pub event: Uuid,
    /// Ticket type id; None for a message about the event as a whole.
    pub ticket_type: Option<Uuid>,
    /// Version of the ticket type or event that the message created.
    pub sequence: i64,
    /// Time of the change, in microseconds since 1970.
    pub micros: i64,
    /// Whether it is about an entry that is not the first choice of its wish. Nobody is told that such an entry joined.
    pub is_further_choice: bool,
    /// Content of the message.
    pub content: MessageContent,
}

/// Content of a message. Quantities of bookings and entries are those after the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageContent {
    /// A booking of available tickets or a reserved one was confirmed.
    Confirmed(TicketClaim),
    /// Available tickets were reserved.
    Reserved {
        /// The booking.
        booking: TicketClaim,
        /// Time at which the reservation ends, in microseconds since 1970.
        expires: i64,
    },
    /// A reserved booking was not confirmed in time.
    Expired {
        /// The booking.
        booking: TicketClaim,
        /// Time at which the reservation ended, in microseconds since 1970.
        expires: i64,
        /// Whether it was an offer to a promoted entry.
        offer: bool,
    },
    /// A part of a booking was cancelled.
    Reduced {
        /// The booking after the change.
        booking: TicketClaim,
        /// Number of returned tickets.
        returned: u32,
        /// Whether the booking is reserved.
        reserved: bool,
    },
    /// A whole booking was cancelled.
    Cancelled {
        /// Booking id.
        booking: Uuid,
        /// Number of returned tickets.
        returned: u32,
        /// Whether the booking was reserved.
        reserved: bool,
    },
    /// An entry joined the waiting list.
    Joined {
        /// The entry.
        entry: TicketClaim,
        /// The smallest number of tickets that the entry takes.
        min_quantity: u32,
        /// Number that orders the waiting list.
        number: i64,
    },
    /// An entry was promoted to a booking.
    Promoted {
        /// The entry, with the number of tickets that it got.
        entry: TicketClaim,
        /// Number of tickets that the entry waited for.
        requested: u32,
        /// Number of the entry.
        number: i64,
        /// Id of the new booking.
        booking: Uuid,
    },
    /// An entry was promoted to a reserved booking.
    Offered {
        /// The entry, with the number of tickets that it got.
        entry: TicketClaim,
        /// Number of tickets that the entry waited for.
        requested: u32,
        /// Number of the entry.
        number: i64,
        /// Id of the new booking.
        booking: Uuid,
        /// Time at which the offer ends, in microseconds since 1970.
        expires: i64,
    },
    /// The quantity or the minimum of an entry changed.
    Changed {
        /// The entry after the change.
        entry: TicketClaim,
        /// The smallest number of tickets that the entry takes after the change.
        min_quantity: u32,
        /// Quantity before the change.
        before: u32,
        /// Number of the entry after the change.
        number: i64,
    },
    /// An entry left the waiting list.
    Left {
        /// The entry.
        entry: TicketClaim,
        /// Number of the entry.
        number: i64,
    },
    /// The holder of a booking offered tickets to somebody else.
    TransferOffered {
        /// The transfer.
        transfer: Uuid,
        /// The booking and its account, with the number of offered tickets.
        booking: TicketClaim,
    },
    /// Tickets left the booking of the sender.
    TransferAccepted {
        /// The transfer.
        transfer: Uuid,
        /// The booking of the sender and its account, with the number of tickets that left it.
        booking: TicketClaim,
        /// Number of tickets that it still has.
        remaining: u32,
    },
    /// The receiver got the tickets.
    TransferReceived {
        /// The transfer.
        transfer: Uuid,
        /// The new booking.
        booking: TicketClaim,
    },
    /// A transfer was declined or withdrawn.
    TransferEnded {
        /// The transfer.
        transfer: Uuid,
        /// The booking of the sender and its account, with the number of tickets that stay in it.
        booking: TicketClaim,
        /// Whether the receiver declined.
        declined: bool,
    },
    /// Tickets are held for the waiting list.
    Released,
    /// An allocation pass ended.
    Reallocated {
        /// Number of promoted tickets.
        promoted: u32,
        /// Number of tickets that became available again.
        leftover: u32,
    },
    /// The capacity changed to this value.
    Capacity(u32),
    /// The event as a whole was created or changed.
    Event,
}

/// A booking or an entry with its quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketClaim {
    /// Id of the booking or the entry.
    pub id: Uuid,
    /// Account id.
    pub account: Uuid,
    /// Number of tickets.
    pub quantity: u32,
}

#[derive(Deserialize)]
struct Envelope {
    id: Uuid,
    r#type: String,
    time: chrono::DateTime<chrono::Utc>,
    sequence: String,
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    event_id: Uuid,
    ticket_type_id: Option<Uuid>,
    booking_id: Option<Uuid>,
    waitlist_entry_id: Option<Uuid>,
    account_id: Option<Uuid>,
    quantity: Option<u32>,
    min_quantity: Option<u32>,
    requested_quantity: Option<u32>,
    returned: Option<u32>,
    #[serde(default)]
    reserved: bool,
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
    origin: Option<String>,
    previous_quantity: Option<u32>,
    number: Option<i64>,
    preference: Option<u16>,
    transfer_id: Option<Uuid>,
    remaining: Option<u32>,
    status: Option<String>,
    promoted: Option<u32>,
    leftover: Option<u32>,
    capacity: Option<u32>,
}

/// Parses a message body. The error describes what is missing.
pub fn read(body: &[u8]) -> Fallible<Message> {
    let Envelope { id, r#type, time, sequence, data } = serde_json::from_slice(body)?;
    let content = data
        .content(&r#type)
        .ok_or_else(|| format!("a message of type {type} lacks required fields: {}", String::from_utf8_lossy(body)))?;
    Ok(Message {
        id,
        event: data.event_id,
        ticket_type: data.ticket_type_id,
        sequence: sequence.parse()?,
        micros: time.timestamp_micros(),
        is_further_choice: data.preference.is_some_and(|preference| preference > 0),
        content,
    })
}

impl Data {
    fn content(&self, r#type: &str) -> Option<MessageContent> {
        let ticket = |id: Option<Uuid>| Some(TicketClaim { id: id?, account: self.account_id?, quantity: self.quantity? });
        let expires = self.expires_at.map(|expires_at| expires_at.timestamp_micros());
        let reserved = self.reserved;
        // Both are omitted if they are equal to the quantity.
        let min_quantity = self.min_quantity.or(self.quantity);
        let requested = self.requested_quantity.or(self.quantity);
        Some(match r#type {
            "booking.confirmed" => MessageContent::Confirmed(ticket(self.booking_id)?),
            "booking.reserved" => MessageContent::Reserved { booking: ticket(self.booking_id)?, expires: expires? },
            "booking.expired" => MessageContent::Expired {
                booking: ticket(self.booking_id)?,
                expires: expires?,
                offer: self.origin.as_deref() == Some("waitlist"),
            },
            "booking.reduced" => MessageContent::Reduced { booking: ticket(self.booking_id)?, returned: self.returned?, reserved },
            "booking.cancelled" => MessageContent::Cancelled { booking: self.booking_id?, returned: self.returned?, reserved },
            "waitlist.joined" => {
                MessageContent::Joined { entry: ticket(self.waitlist_entry_id)?, min_quantity: min_quantity?, number: self.number? }
            }
            "waitlist.promoted" => MessageContent::Promoted {
                entry: ticket(self.waitlist_entry_id)?,
                requested: requested?,
                number: self.number?,
                booking: self.booking_id?,
            },
            "waitlist.offered" => MessageContent::Offered {
                entry: ticket(self.waitlist_entry_id)?,
                requested: requested?,
                number: self.number?,
                booking: self.booking_id?,
                expires: expires?,
            },
            "waitlist.changed" => MessageContent::Changed {
                entry: ticket(self.waitlist_entry_id)?,
                min_quantity: min_quantity?,
                before: self.previous_quantity?,
                number: self.number?,
            },
            "waitlist.left" => MessageContent::Left { entry: ticket(self.waitlist_entry_id)?, number: self.number? },
            "transfer.offered" => MessageContent::TransferOffered { transfer: self.transfer_id?, booking: ticket(self.booking_id)? },
            "transfer.accepted" => MessageContent::TransferAccepted {
                transfer: self.transfer_id?,
                booking: ticket(self.booking_id)?,
                remaining: self.remaining?,
            },
            "transfer.received" => MessageContent::TransferReceived { transfer: self.transfer_id?, booking: ticket(self.booking_id)? },
            "transfer.ended" => MessageContent::TransferEnded {
                transfer: self.transfer_id?,
                booking: ticket(self.booking_id)?,
                declined: self.status.as_deref()? == "declined",
            },
            "tickets.released" => MessageContent::Released,
            "tickets.reallocated" => MessageContent::Reallocated { promoted: self.promoted?, leftover: self.leftover? },
            "tickets.capacity_changed" => MessageContent::Capacity(self.capacity?),
            "event.created" | "event.updated" => MessageContent::Event,
            _ => return None,
        })
    }
}

/// Declares the queue, which receives every message from now on and survives a crash of the broker.
pub async fn declare_message_queue(settings: &AmqpSettings) -> Fallible<()> {
    let queue = QueueDeclaration {
        name: QUEUE.to_owned(),
        binding_keys: ["booking.*", "waitlist.*", "transfer.*", "tickets.*", "event.*"].map(str::to_owned).to_vec(),
        max_length: None,
        quorum: true,
    };
    Ok(declare_queue(settings, &queue).await?)
}

/// Reads the queue until it is empty. Returns the messages in the order of delivery, and the errors of those that cannot be
/// parsed.
pub async fn read_all(settings: &AmqpSettings) -> Fallible<(Vec<Message>, Vec<String>)> {
    let mut tap = Tap::of_queue(settings, QUEUE).await?;
    let (mut messages, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        match tokio::time::timeout(IDLE_TIME, tap.next()).await {
            Ok(delivery) => match read(&delivery?.body) {
                Ok(message) => messages.push(message),
                Err(error) => unreadable.push(error.to_string()),
            },
            Err(_) if queue_depth(settings, QUEUE).await? == Some(0) => return Ok((messages, unreadable)),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_parsed_according_to_its_contract() {
        let body = br#"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000009","type":"waitlist.promoted","source":"/x","subject":"events/e/ticket-types/t",
            "time":"2026-01-02T03:04:05.000006Z","sequence":"9","datacontenttype":"application/json","dataschema":"urn:x",
            "data":{"eventId":"00000000-0000-0000-0000-000000000001","ticketTypeId":"00000000-0000-0000-0000-000000000002",
            "waitlistEntryId":"00000000-0000-0000-0000-000000000003","bookingId":"00000000-0000-0000-0000-000000000004",
            "accountId":"00000000-0000-0000-0000-000000000005","quantity":2,"requestedQuantity":4,"number":7}}"#;

        let message = read(body).unwrap();

        let entry = TicketClaim { id: Uuid::from_u128(3), account: Uuid::from_u128(5), quantity: 2 };
        assert_eq!(message.content, MessageContent::Promoted { entry, requested: 4, number: 7, booking: Uuid::from_u128(4) });
        assert_eq!((message.sequence, message.micros % 1_000_000), (9, 6));
        assert!(read(b"{}").is_err());
    }
}
