//! Log of all requests of the clients and of every response. None of it comes from the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{ApiResponse, SendError, SendResult};

/// A state-changing operation of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Books tickets or joins the waiting list.
    Book {
        /// Event id.
        event: Uuid,
        /// Ticket type id.
        ticket_type: Uuid,
        /// Another ticket type of the event that would do as well.
        also: Option<Uuid>,
        /// Number of tickets.
        quantity: u32,
        /// The smallest number of tickets that the client takes.
        min_quantity: u32,
        /// Whether to join the waiting list if the tickets are not available.
        join: bool,
    },
    /// Confirms a reserved booking.
    Confirm {
        /// Event id of the booking.
        event: Uuid,
        /// Booking id.
        booking: Uuid,
    },
    /// Cancels a booking or a part of it.
    Cancel {
        /// Event id of the booking.
        event: Uuid,
        /// Booking id.
        booking: Uuid,
        /// Number of tickets to cancel; None cancels the whole booking.
        quantity: Option<u32>,
    },
    /// Leaves the waiting list.
    Leave {
        /// Event id of the entry.
        event: Uuid,
        /// Entry id.
        entry: Uuid,
    },
    /// Changes the quantity or the minimum of a waiting-list entry, or both.
    ChangeEntry {
        /// Event id of the entry.
        event: Uuid,
        /// Entry id.
        entry: Uuid,
        /// New number of tickets.
        quantity: Option<u32>,
        /// New smallest number of tickets.
        min_quantity: Option<u32>,
    },
    /// Offers tickets to another client.
    OfferTransfer {
        /// Event id of the booking.
        event: Uuid,
        /// Booking id.
        booking: Uuid,
        /// Number of tickets.
        quantity: u32,
        /// E-mail address of the other client.
        to: String,
    },
    /// Accepts or declines offered tickets.
    AnswerTransfer {
        /// Event id of the transfer.
        event: Uuid,
        /// Transfer id.
        transfer: Uuid,
        /// Secret of the link.
        token: String,
        /// Whether to accept.
        accept: bool,
    },
    /// Withdraws an offer.
    WithdrawTransfer {
        /// Event id of the transfer.
        event: Uuid,
        /// Transfer id.
        transfer: Uuid,
    },
    /// Changes the capacity of a ticket type, as an administrator.
    SetCapacity {
        /// Event id.
        event: Uuid,
        /// Ticket type id.
        ticket_type: Uuid,
        /// New capacity.
        capacity: u32,
    },
}

impl Operation {
    /// Returns the name for the report.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Book { .. } => "book",
            Self::Confirm { .. } => "confirm",
            Self::Cancel { .. } => "cancel",
            Self::Leave { .. } => "leave",
            Self::ChangeEntry { .. } => "change entry",
            Self::OfferTransfer { .. } => "offer transfer",
            Self::AnswerTransfer { accept: true, .. } => "accept transfer",
            Self::AnswerTransfer { .. } => "decline transfer",
            Self::WithdrawTransfer { .. } => "withdraw transfer",
            Self::SetCapacity { .. } => "set capacity",
        }
    }

    /// Returns the event id.
    pub fn event(&self) -> Uuid {
        match self {
            Self::Book { event, .. }
            | Self::Confirm { event, .. }
            | Self::Cancel { event, .. }
            | Self::Leave { event, .. }
            | Self::ChangeEntry { event, .. }
            | Self::OfferTransfer { event, .. }
            | Self::AnswerTransfer { event, .. }
            | Self::WithdrawTransfer { event, .. }
            | Self::SetCapacity { event, .. } => *event,
        }
    }

    /// Returns the method, the path and the body of the API request.
    pub fn request(&self) -> (reqwest::Method, String, Value) {
        let post = reqwest::Method::POST;
        match self {
            Self::Book { event, ticket_type, also, quantity, min_quantity, join } => {
                let mut body = json!({"eventId": event, "quantity": quantity, "joinWaitlist": join});
                let (name, types) = match also {
                    None => ("ticketTypeId", json!(ticket_type)),
                    Some(also) => ("ticketTypeIds", json!([ticket_type, also])),
                };
                if let Some(fields) = body.as_object_mut() {
                    fields.insert(name.to_owned(), types);
                }
                if min_quantity < quantity
                    && let Some(fields) = body.as_object_mut()
                {
                    fields.insert("minQuantity".to_owned(), json!(min_quantity));
                }
                (post, "/api/book".to_owned(), body)
            }
            Self::Confirm { booking, .. } => (post, "/api/confirmbooking".to_owned(), json!({"bookingId": booking})),
            Self::Cancel { booking, quantity: None, .. } => (post, "/api/cancelbooking".to_owned(), json!({"bookingId": booking})),
            Self::Cancel { booking, quantity, .. } => {
                (post, "/api/cancelbooking".to_owned(), json!({"bookingId": booking, "quantity": quantity}))
            }
            Self::Leave { entry, .. } => (post, "/api/leavewaitlist".to_owned(), json!({"waitlistEntryId": entry})),
            Self::ChangeEntry { entry, quantity, min_quantity, .. } => (
                post,
                "/api/changewaitlist".to_owned(),
                json!({"waitlistEntryId": entry, "quantity": quantity, "minQuantity": min_quantity}),
            ),
            Self::OfferTransfer { booking, quantity, to, .. } => {
                (post, "/api/transfers".to_owned(), json!({"bookingId": booking, "quantity": quantity, "toEmail": to}))
            }
            Self::AnswerTransfer { transfer, token, accept, .. } => {
                let action = if *accept { "accept" } else { "decline" };
                (post, format!("/api/transfers/{transfer}/{action}"), json!({"token": token}))
            }
            Self::WithdrawTransfer { transfer, .. } => (post, format!("/api/transfers/{transfer}/withdraw"), json!({})),
            Self::SetCapacity { event, ticket_type, capacity } => (
                reqwest::Method::PATCH,
                format!("/admin/events/{event}"),
                json!({"ticketTypes": [{"id": ticket_type, "totalTickets": capacity}]}),
            ),
        }
    }
}

/// Where a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryPoint {
    /// To the gateway.
    Gateway,
    /// Directly to the port of a service.
    Direct,
}

/// One attempt to send a request.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Time at which the request was sent.
    pub sent: Instant,
    /// Time at which the response arrived or the attempt failed.
    pub ended: Instant,
    /// Where the request was sent.
    pub entry_point: EntryPoint,
    /// Response or error.
    pub result: SendResult,
}

impl Attempt {
    /// Classifies the result for the report: the status, with the problem code if there is one, or the kind of error.
    pub fn kind(&self) -> String {
        match &self.result {
            Ok(response) if response.is_success() => response.status.to_string(),
            Ok(ApiResponse { status, code, .. }) => format!("{status} {code}"),
            Err(SendError::Timeout) => "timeout".to_owned(),
            Err(SendError::ConnectionFailed(_)) => "connection failed".to_owned(),
        }
    }

    /// Returns the duration of the attempt.
    pub fn duration(&self) -> Duration {
        self.ended.saturating_duration_since(self.sent)
    }
}

/// A request with all its attempts, in the order in which they ended.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    /// Account that sent the request.
    pub account: Uuid,
    /// Idempotency key of all attempts; empty if the route takes none.
    pub key: String,
    /// Requested operation.
    pub operation: Operation,
    /// Attempts.
    pub attempts: Vec<Attempt>,
    /// Whether this is a probe, which is sent only once and never retried.
    pub probe: bool,
}

impl LoggedRequest {
    /// Returns the first successful response.
    pub fn success(&self) -> Option<&ApiResponse> {
        self.attempts.iter().filter_map(|attempt| attempt.result.as_ref().ok()).find(|response| response.is_success())
    }

    /// Returns the last final response.
    pub fn final_response(&self) -> Option<&ApiResponse> {
        self.attempts.iter().rev().filter_map(|attempt| attempt.result.as_ref().ok()).find(|response| response.is_final())
    }
}

/// Log of the requests of all clients.
#[derive(Debug, Clone, Default)]
pub struct RequestLog(Arc<Mutex<Vec<LoggedRequest>>>);

/// Request counts for the report.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RequestCounts {
    /// Number of requests, by operation.
    pub requests: std::collections::BTreeMap<&'static str, u64>,
    /// Number of attempts, by operation and result.
    pub answers: std::collections::BTreeMap<String, u64>,
}

impl RequestLog {
    /// Appends a request that has ended.
    pub fn append(&self, request: LoggedRequest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    /// Returns the number of requests.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns whether the log is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes and returns all requests, in the order in which they ended.
    pub fn take(&self) -> Vec<LoggedRequest> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts requests and attempts.
pub fn count_requests(requests: &[LoggedRequest]) -> RequestCounts {
    let mut counts = RequestCounts::default();
    for request in requests {
        let name = if request.probe { "probe" } else { request.operation.name() };
        *counts.requests.entry(name).or_default() += 1;
        for attempt in &request.attempts {
            *counts.answers.entry(format!("{name}: {}", attempt.kind())).or_default() += 1;
        }
    }
    counts
}
