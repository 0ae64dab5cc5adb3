//! What the clients have asked for and every answer that they were given. Nothing in it comes from the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Answer, NoAnswer, Reply};

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Tickets, or a place in the queue.
    Book {
        /// The event.
        event: Uuid,
        /// Its ticket type.
        ticket_type: Uuid,
        /// How many.
        quantity: u32,
        /// Whether to wait.
        join: bool,
    },
    /// Gives a booking or a part of it back.
    Cancel {
        /// The event of the booking.
        event: Uuid,
        /// The booking.
        booking: Uuid,
        /// A part of it.
        quantity: Option<u32>,
    },
    /// Leaves the queue.
    Leave {
        /// The event of the entry.
        event: Uuid,
        /// The entry.
        entry: Uuid,
    },
    /// Changes how many tickets an entry waits for.
    ChangeEntry {
        /// The event of the entry.
        event: Uuid,
        /// The entry.
        entry: Uuid,
        /// The new quantity.
        quantity: u32,
    },
    /// An administrator sets the number of tickets.
    SetCapacity {
        /// The event.
        event: Uuid,
        /// Its ticket type.
        ticket_type: Uuid,
        /// The new number.
        capacity: u32,
    },
}

impl Operation {
    /// Its name in the report.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Book { .. } => "book",
            Self::Cancel { .. } => "cancel",
            Self::Leave { .. } => "leave",
            Self::ChangeEntry { .. } => "change entry",
            Self::SetCapacity { .. } => "set capacity",
        }
    }

    /// The event.
    pub fn event(&self) -> Uuid {
        match self {
            Self::Book { event, .. }
            | Self::Cancel { event, .. }
            | Self::Leave { event, .. }
            | Self::ChangeEntry { event, .. }
            | Self::SetCapacity { event, .. } => *event,
        }
    }

    /// Method, path and body.
    pub fn request(&self) -> (reqwest::Method, String, Value) {
        let post = reqwest::Method::POST;
        match self {
            Self::Book { event, ticket_type, quantity, join } => (
                post,
                "/api/book".to_owned(),
                json!({"eventId": event, "ticketTypeId": ticket_type, "quantity": quantity, "joinWaitlist": join}),
            ),
            Self::Cancel { booking, quantity: None, .. } => (post, "/api/cancelbooking".to_owned(), json!({"bookingId": booking})),
            Self::Cancel { booking, quantity, .. } => {
                (post, "/api/cancelbooking".to_owned(), json!({"bookingId": booking, "quantity": quantity}))
            }
            Self::Leave { entry, .. } => (post, "/api/leavewaitlist".to_owned(), json!({"waitlistEntryId": entry})),
            Self::ChangeEntry { entry, quantity, .. } => {
                (post, "/api/changewaitlist".to_owned(), json!({"waitlistEntryId": entry, "quantity": quantity}))
            }
            Self::SetCapacity { event, ticket_type, capacity } => (
                reqwest::Method::PATCH,
                format!("/admin/events/{event}"),
                json!({"ticketTypes": [{"id": ticket_type, "totalTickets": capacity}]}),
            ),
        }
    }
}

/// By which door a request went in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The gateway.
    Gateway,
    /// A service's own port.
    Direct,
}

/// One sending of a request.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it was sent.
    pub sent: Instant,
    /// When it ended.
    pub ended: Instant,
    /// By which door.
    pub door: Door,
    /// What came of it.
    pub answer: Answer,
}

impl Attempt {
    /// What came of it, in a word or two.
    pub fn kind(&self) -> String {
        match &self.answer {
            Ok(reply) if reply.is_promise() => reply.status.to_string(),
            Ok(Reply { status, code, .. }) => format!("{status} {code}"),
            Err(NoAnswer::Late) => "no answer in time".to_owned(),
            Err(NoAnswer::Broken(_)) => "connection broken".to_owned(),
        }
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        self.ended.saturating_duration_since(self.sent)
    }
}

/// One thing that was asked for, with all its sendings in the order in which they ended.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asked.
    pub account: Uuid,
    /// The same in all sendings; empty where the route takes none.
    pub key: String,
    /// What was asked for.
    pub operation: Operation,
    /// The sendings.
    pub attempts: Vec<Attempt>,
    /// A probe is sent once and never asked about again.
    pub probe: bool,
}

impl Request {
    /// The promise that was made, if any.
    pub fn promise(&self) -> Option<&Reply> {
        self.attempts.iter().filter_map(|attempt| attempt.answer.as_ref().ok()).find(|reply| reply.is_promise())
    }

    /// The last definite answer.
    pub fn verdict(&self) -> Option<&Reply> {
        self.attempts.iter().rev().filter_map(|attempt| attempt.answer.as_ref().ok()).find(|reply| reply.is_definite())
    }
}

/// The ledger of all clients.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Request>>>);

/// Sums for the report.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Sums {
    /// Things asked for, by operation.
    pub requests: std::collections::BTreeMap<&'static str, u64>,
    /// Answers to sendings, by operation and kind.
    pub answers: std::collections::BTreeMap<String, u64>,
}

impl Ledger {
    /// Writes down a request that has ended.
    pub fn write(&self, request: Request) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in the order in which they ended.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Adds up what was asked and answered.
pub fn sums(requests: &[Request]) -> Sums {
    let mut sums = Sums::default();
    for request in requests {
        let name = if request.probe { "probe" } else { request.operation.name() };
        *sums.requests.entry(name).or_default() += 1;
        for attempt in &request.attempts {
            *sums.answers.entry(format!("{name}: {}", attempt.kind())).or_default() += 1;
        }
    }
    sums
}
