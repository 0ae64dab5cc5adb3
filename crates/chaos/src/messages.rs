//! What a listener outside Rowlock reads from the queue: the messages as their contract describes them, read by an own
//! reader, in the order in which they were delivered.

use std::time::Duration;

use rowlock_messaging::amqp::{AmqpSettings, QueueDeclaration, Tap, declare_queue, queue_depth};
use serde::Deserialize;
use uuid::Uuid;

use crate::Fallible;

/// The queue of the storm.
const QUEUE: &str = "chaos.all-events";
/// After this time without a message, and with nothing left in the queue, all has been read.
const QUIET: Duration = Duration::from_secs(2);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its identity.
    pub id: String,
    /// Its event.
    pub event: Uuid,
    /// Its ticket type; of the event as a whole, none.
    pub ticket_type: Option<Uuid>,
    /// The version that it made.
    pub sequence: i64,
    /// When it became true, in microseconds since 1970.
    pub micros: i64,
    /// What it says.
    pub fact: Fact,
}

/// What a message says about a ticket type. Of bookings and entries the quantity is what they have now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Sold from what was available.
    Confirmed(Ticket),
    /// A part came back.
    Reduced {
        /// What is left.
        booking: Ticket,
        /// What came back.
        returned: u32,
    },
    /// All came back.
    Cancelled {
        /// The booking.
        booking: Uuid,
        /// What came back.
        returned: u32,
    },
    /// Somebody waits.
    Joined {
        /// The entry.
        entry: Ticket,
        /// Its number.
        number: i64,
    },
    /// Somebody's turn came.
    Promoted {
        /// The entry.
        entry: Ticket,
        /// Its number.
        number: i64,
        /// The booking it became.
        booking: Uuid,
    },
    /// Somebody waits for another number of tickets.
    Changed {
        /// The entry as it is now.
        entry: Ticket,
        /// How many it waited for before.
        before: u32,
        /// Its number now.
        number: i64,
    },
    /// Somebody waits no longer.
    Left {
        /// The entry.
        entry: Ticket,
        /// Its number.
        number: i64,
    },
    /// There are held tickets.
    Released,
    /// A walk has ended.
    Reallocated {
        /// Tickets handed on.
        promoted: u32,
        /// Tickets for sale again.
        leftover: u32,
    },
    /// The number of tickets.
    Capacity(u32),
    /// Something about the event as a whole.
    Event,
}

/// Who has or wants how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The booking or the entry.
    pub id: Uuid,
    /// Whose.
    pub account: Uuid,
    /// How many.
    pub quantity: u32,
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
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
    returned: Option<u32>,
    previous_quantity: Option<u32>,
    number: Option<i64>,
    promoted: Option<u32>,
    leftover: Option<u32>,
    capacity: Option<u32>,
}

/// Reads a body. The error says what is missing.
pub fn read(body: &[u8]) -> Fallible<Message> {
    let Envelope { id, r#type, time, sequence, data } = serde_json::from_slice(body)?;
    let fact =
        data.fact(&r#type).ok_or_else(|| format!("a message «{type}» without what it must say: {}", String::from_utf8_lossy(body)))?;
    Ok(Message {
        id,
        event: data.event_id,
        ticket_type: data.ticket_type_id,
        sequence: sequence.parse()?,
        micros: time.timestamp_micros(),
        fact,
    })
}

impl Data {
    fn fact(&self, r#type: &str) -> Option<Fact> {
        let ticket = |id: Option<Uuid>| Some(Ticket { id: id?, account: self.account_id?, quantity: self.quantity? });
        Some(match r#type {
            "booking.confirmed" => Fact::Confirmed(ticket(self.booking_id)?),
            "booking.reduced" => Fact::Reduced { booking: ticket(self.booking_id)?, returned: self.returned? },
            "booking.cancelled" => Fact::Cancelled { booking: self.booking_id?, returned: self.returned? },
            "waitlist.joined" => Fact::Joined { entry: ticket(self.waitlist_entry_id)?, number: self.number? },
            "waitlist.promoted" => {
                Fact::Promoted { entry: ticket(self.waitlist_entry_id)?, number: self.number?, booking: self.booking_id? }
            }
            "waitlist.changed" => {
                Fact::Changed { entry: ticket(self.waitlist_entry_id)?, before: self.previous_quantity?, number: self.number? }
            }
            "waitlist.left" => Fact::Left { entry: ticket(self.waitlist_entry_id)?, number: self.number? },
            "tickets.released" => Fact::Released,
            "tickets.reallocated" => Fact::Reallocated { promoted: self.promoted?, leftover: self.leftover? },
            "tickets.capacity_changed" => Fact::Capacity(self.capacity?),
            "event.created" | "event.updated" => Fact::Event,
            _ => return None,
        })
    }
}

/// Declares the queue that gets every message from now on and keeps them through a crash of the broker.
pub async fn listen(settings: &AmqpSettings) -> Fallible<()> {
    let queue = QueueDeclaration {
        name: QUEUE.to_owned(),
        binding_keys: ["booking.*", "waitlist.*", "tickets.*", "event.*"].map(str::to_owned).to_vec(),
        max_length: None,
        quorum: true,
    };
    Ok(declare_queue(settings, &queue).await?)
}

/// Reads the queue to its end: the messages in the order of their delivery, and what could not be read.
pub async fn read_all(settings: &AmqpSettings) -> Fallible<(Vec<Message>, Vec<String>)> {
    let mut tap = Tap::of_queue(settings, QUEUE).await?;
    let (mut messages, mut unreadable) = (Vec::new(), Vec::new());
    loop {
        match tokio::time::timeout(QUIET, tap.next()).await {
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
    fn a_message_is_read_as_its_contract_says() {
        let body = br#"{"specversion":"1.0","id":"m1","type":"waitlist.promoted","source":"/x","subject":"events/e/ticket-types/t",
            "time":"2026-01-02T03:04:05.000006Z","sequence":"9","datacontenttype":"application/json","dataschema":"urn:x",
            "data":{"eventId":"00000000-0000-0000-0000-000000000001","ticketTypeId":"00000000-0000-0000-0000-000000000002",
            "waitlistEntryId":"00000000-0000-0000-0000-000000000003","bookingId":"00000000-0000-0000-0000-000000000004",
            "accountId":"00000000-0000-0000-0000-000000000005","quantity":2,"number":7}}"#;

        let message = read(body).unwrap();

        let entry = Ticket { id: Uuid::from_u128(3), account: Uuid::from_u128(5), quantity: 2 };
        assert_eq!(message.fact, Fact::Promoted { entry, number: 7, booking: Uuid::from_u128(4) });
        assert_eq!((message.sequence, message.micros % 1_000_000), (9, 6));
        assert!(read(b"{}").is_err());
    }
}
