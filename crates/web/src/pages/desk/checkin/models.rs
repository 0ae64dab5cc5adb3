//! The documents of the routes for check-in.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::BookingId;
use serde::Deserialize;
use serde_json::{Map, Value};

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
    /// Short name of the ticket for people, which is also printed on it.
    pub(super) reference: String,
    pub(super) holder_name: String,
    pub(super) ticket_type: String,
    pub(super) checked_in_at: Option<Timestamp>,
    pub(super) door: Option<String>,
    pub(super) checkin_id: Option<String>,
}

/// Response to a batch of scans.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BatchResults {
    pub(super) results: Vec<BatchResult>,
}

/// The result of one scan of a batch.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BatchResult {
    /// `checked-in` or the code of a problem.
    pub(super) status: String,
    reason: Option<String>,
    /// The check-in that counts, if the ticket is checked in.
    checkin: Option<Map<String, Value>>,
}

impl BatchResult {
    /// Returns the members that the response to a single scan would have.
    pub(super) fn members(self) -> Map<String, Value> {
        let mut members = self.checkin.unwrap_or_default();
        members.extend(self.reason.map(|reason| ("reason".to_owned(), Value::String(reason))));
        members
    }
}
