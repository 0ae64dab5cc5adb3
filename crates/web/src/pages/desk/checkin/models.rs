//! The documents of the routes for check-in.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::BookingId;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::view::words::reference;

/// How many people have come, and how many are expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) ticket_types: Vec<TypeSummary>,
    pub(super) checked_in: i64,
    pub(super) expected: i64,
}

/// The counts of a ticket type.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypeSummary {
    pub(super) name: String,
    pub(super) checked_in: i64,
    pub(super) expected: i64,
}

/// A ticket in the door list.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedTicket {
    pub(super) booking_id: BookingId,
    /// Number within the booking, from 0.
    pub(super) number: u32,
    pub(super) holder_name: String,
    pub(super) ticket_type: String,
    pub(super) checked_in_at: Option<Timestamp>,
    pub(super) door: Option<String>,
    pub(super) checkin_id: Option<String>,
}

impl ListedTicket {
    /// Returns the short name of the ticket for people.
    pub(super) fn reference(&self) -> String {
        reference(&self.booking_id, self.number)
    }
}

/// Response to a batch of scans.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BatchResults {
    pub(super) results: Vec<BatchResult>,
}

/// The result of one scan of a batch.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BatchResult(Map<String, Value>);

impl BatchResult {
    /// Returns `checked-in` or the code of a problem.
    pub(super) fn status(&self) -> &str {
        self.0.get("status").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.0
    }
}
