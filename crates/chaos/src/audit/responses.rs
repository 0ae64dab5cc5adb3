//! Compares the responses with the stored data: each success is stored, each key took effect once, and nothing else happened.

mod validity;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::transfers::given_away;
use super::{AuditResult, Evidence};
use crate::client::{Booking, SuccessBody};
use crate::http::ApiResponse;
use crate::messages::{Message, MessageContent};
use crate::request_log::{Attempt, LoggedRequest, Operation};
use crate::tables::{BookingRow, EntryRow, KeyRow};

const BOOKINGS_STORED: &str = "every booking reported to a client is stored";
const CANCELLATIONS_STORED: &str = "every cancellation reported to a client is stored";
const ENTRIES_STORED: &str = "every waiting-list entry reported to a client is stored";
const CAPACITIES_STORED: &str = "every capacity reported to the administrator is stored";
const ACCOUNTS_STORED: &str = "every account reported to a client is stored";
const ONE_EFFECT: &str = "each idempotency key takes effect once";
const VALID_RESPONSES: &str = "every request receives a valid response before its timeout";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let stored = StoredRows::of(evidence);
    for request in &evidence.requests {
        validity::check(request, evidence, verdict);
        check_stored(request, &stored, verdict);
    }
    check_bookings(evidence, &stored, verdict);
    check_entries(evidence, &stored, verdict);
    check_unreported(evidence, &stored, verdict);
    check_capacities(evidence, verdict);
    for (email, id) in &evidence.registrations.created {
        verdict.audited_responses += 1;
        if !evidence.tables.accounts.iter().any(|account| account.id == *id && account.email == *email) {
            verdict.add_violation(ACCOUNTS_STORED, format!("the account {id} is missing"), format!("accounts, e-mail {email}"));
        }
    }
    for violation in &evidence.registrations.violations {
        verdict.add_violation(VALID_RESPONSES, violation, "the log of auth-service");
    }
}

/// The stored rows, by their keys.
struct StoredRows<'a> {
    bookings: BTreeMap<Uuid, &'a BookingRow>,
    entries: BTreeMap<Uuid, &'a EntryRow>,
    keys: BTreeMap<(Uuid, Uuid, &'a str), &'a KeyRow>,
}

impl<'a> StoredRows<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let tables = &evidence.tables;
        Self {
            bookings: tables.bookings.iter().map(|row| (row.id, row)).collect(),
            entries: tables.entries.iter().map(|row| (row.id, row)).collect(),
            keys: tables.keys.iter().map(|row| ((row.event_id, row.account_id, row.key.as_str()), row)).collect(),
        }
    }
}

fn location(request: &LoggedRequest) -> String {
    format!("event {}, account {}, key {}", request.operation.event(), request.account, request.key)
}

/// Returns whether the result rules out a change: a 503 changes nothing unless its code is `outcome-unknown`.
fn changed_nothing(attempt: &Attempt) -> bool {
    attempt.result.as_ref().is_ok_and(|response| response.code != "outcome-unknown")
}

/// Checks that the success of a request is stored, together with its response.
fn check_stored(request: &LoggedRequest, stored: &StoredRows<'_>, verdict: &mut AuditResult) {
    let Some(response) = request.success() else { return };
    verdict.audited_responses += 1;
    check_stored_response(request, response, stored, verdict);
    let Ok(body) = serde_json::from_str::<SuccessBody>(&response.body) else { return };
    let wished = body.waitlist_entries.clone();
    match (&request.operation, body.booking, body.waitlist_entry) {
        (Operation::Book { event, ticket_type, also, quantity, min_quantity, .. }, Some(booking), None) => {
            let is_wanted = |id: Uuid| id == *ticket_type || Some(id) == *also;
            // `check_bookings` compares the number of tickets with the stored one, and the replay with what was available.
            let is_allowed = (*min_quantity..=*quantity).contains(&booking.quantity);
            let told = (booking.event_id, booking.origin.as_str());
            let row = stored.bookings.get(&booking.id).filter(|row| {
                row.account_id == request.account
                    && row.event_id == *event
                    && row.ticket_type_id == booking.ticket_type_id
                    && row.origin == "direct"
            });
            if row.is_none() {
                verdict.add_violation(
                    BOOKINGS_STORED,
                    format!("the booking {} is missing or differs from the response", booking.id),
                    location(request),
                );
            }
            if !is_allowed || !is_wanted(booking.ticket_type_id) || told != (*event, "direct") {
                verdict.add_violation(
                    BOOKINGS_STORED,
                    format!("the response contains a different booking: {}", response.body),
                    location(request),
                );
            }
        }
        (Operation::Book { event, ticket_type, also, quantity, min_quantity, .. }, None, Some(first)) => {
            let entries = if wished.is_empty() { vec![first] } else { wished };
            let types: Vec<Uuid> = std::iter::once(*ticket_type).chain(*also).collect();
            if entries.iter().map(|entry| entry.ticket_type_id).ne(types) {
                let what = format!("the response contains entries of other ticket types: {}", response.body);
                verdict.add_violation(ENTRIES_STORED, what, location(request));
            }
            for entry in entries {
                let row = stored.entries.get(&entry.id).filter(|row| {
                    row.account_id == request.account
                        && (row.event_id, row.ticket_type_id, row.wish_id) == (*event, entry.ticket_type_id, entry.wish_id)
                });
                // The quantity may be changed later; `check_entries` follows the changes.
                if row.is_none() || (entry.quantity, entry.min_quantity) != (*quantity, *min_quantity) {
                    verdict.add_violation(
                        ENTRIES_STORED,
                        format!("the entry {} is missing or differs from the response", entry.id),
                        location(request),
                    );
                }
            }
        }
        (Operation::Confirm { booking, .. }, Some(told), None) => {
            if told.id != *booking || told.status != "confirmed" {
                let what = format!("the booking {booking} was to be confirmed, but the response was {}", response.body);
                verdict.add_violation(BOOKINGS_STORED, what, location(request));
            }
        }
        (Operation::Leave { entry, .. }, None, Some(told)) => {
            let left = stored.entries.get(entry).is_some_and(|row| matches!(row.status.as_str(), "left" | "expired"));
            if !left || told.id != *entry {
                verdict.add_violation(
                    ENTRIES_STORED,
                    format!("the entry {entry} was reported as left, but has not left"),
                    location(request),
                );
            }
        }
        (Operation::ChangeEntry { entry, quantity, min_quantity, .. }, None, Some(told)) => {
            // The response about a wish begins with its first entry that waits.
            let told = wished.into_iter().find(|other| other.id == *entry).unwrap_or(told);
            let is_as_requested = quantity.is_none_or(|quantity| quantity == told.quantity)
                && min_quantity.is_none_or(|min_quantity| min_quantity == told.min_quantity);
            if told.id != *entry || !is_as_requested || told.min_quantity > told.quantity || told.status != "waiting" {
                let what = format!(
                    "the entry {entry} was to take {min_quantity:?} to {quantity:?} tickets, but the response was {}",
                    response.body
                );
                verdict.add_violation(ENTRIES_STORED, what, location(request));
            }
        }
        // `check_bookings`, `check_capacities` and the checks of transfers compare these responses.
        (Operation::Cancel { .. }, Some(_), None) | (Operation::SetCapacity { .. }, ..) => {}
        (Operation::OfferTransfer { .. } | Operation::AnswerTransfer { .. } | Operation::WithdrawTransfer { .. }, None, None)
            if body.transfer.is_some() => {}
        _ => {
            verdict.add_violation(
                VALID_RESPONSES,
                format!("the response does not match its request: {}", response.body),
                location(request),
            );
        }
    }
}

/// Checks that the response to a request with a key is stored as the client received it.
fn check_stored_response(request: &LoggedRequest, response: &ApiResponse, stored: &StoredRows<'_>, verdict: &mut AuditResult) {
    if request.key.is_empty() {
        return;
    }
    match stored.keys.get(&(request.operation.event(), request.account, request.key.as_str())) {
        None => {
            verdict.add_violation(ONE_EFFECT, "the response to a successful request is not stored under its key", location(request));
        }
        Some(row) if row.response != response.body || row.status != response.status => {
            let what = format!(
                "the stored response of the key is {} {}, but the client received {} {}",
                row.status, row.response, response.status, response.body
            );
            verdict.add_violation(ONE_EFFECT, what, location(request));
        }
        Some(_) => {}
    }
}

/// Follows each booking through all responses to its owner and compares it with the stored row.
fn check_bookings(evidence: &Evidence, stored: &StoredRows<'_>, verdict: &mut AuditResult) {
    let mut told: BTreeMap<Uuid, (u32, String, &LoggedRequest)> = BTreeMap::new();
    let (initial, given) = (initial_quantities(evidence), given_away(evidence));
    let mut undecided: BTreeSet<Uuid> = BTreeSet::new();
    for request in &evidence.requests {
        let Some(response) = request.success() else {
            if let Operation::Confirm { booking, .. } = &request.operation
                && request.final_response().is_none()
            {
                undecided.insert(*booking);
            }
            continue;
        };
        let Some(booking) = serde_json::from_str::<SuccessBody>(&response.body).ok().and_then(|body| body.booking) else { continue };
        if let Operation::Cancel { quantity, .. } = &request.operation {
            let before = told.get(&booking.id).map(|(quantity, ..)| *quantity).or_else(|| initial.get(&booking.id).copied());
            // Tickets that somebody accepted have left the booking, sooner or later.
            let mut left = 0..=given.get(&booking.id).copied().unwrap_or_default();
            if !left.any(|left| matches_cancellation(before.and_then(|before| before.checked_sub(left)), *quantity, &booking)) {
                let what = format!("{quantity:?} of {before:?} tickets were to be cancelled, but the response was {}", response.body);
                verdict.add_violation(CANCELLATIONS_STORED, what, location(request));
            }
        }
        told.insert(booking.id, (booking.quantity, booking.status, request));
    }
    for (id, (quantity, status, request)) in told {
        let Some(row) = stored.bookings.get(&id) else {
            verdict.add_violation(BOOKINGS_STORED, format!("the booking {id} is missing"), location(request));
            continue;
        };
        // A reservation expires without a request of its owner.
        let has_expired = status == "reserved" && row.status == "expired";
        let given = given.get(&id).copied().unwrap_or_default();
        let was_given_away = given > 0 && row.status == "cancelled" && row.quantity == 0;
        let has_left = quantity.checked_sub(row.quantity).is_some_and(|left| left <= given);
        if !has_left || (row.status != status && !has_expired && !was_given_away && !undecided.contains(&id)) {
            let rule = if status == "cancelled" { CANCELLATIONS_STORED } else { BOOKINGS_STORED };
            let what = format!(
                "the booking {id} is {} with {} tickets, but {status} with {quantity} tickets was reported to its owner",
                row.status, row.quantity
            );
            verdict.add_violation(rule, what, location(request));
        }
    }
}

/// Compares the stored minimum and quantity of each entry with the last one reported to its owner, unless a request that may have changed
/// it has no final response.
fn check_entries(evidence: &Evidence, stored: &StoredRows<'_>, verdict: &mut AuditResult) {
    let mut told: BTreeMap<Uuid, ((u32, u32), &LoggedRequest)> = BTreeMap::new();
    let mut undecided: BTreeSet<Uuid> = BTreeSet::new();
    for request in &evidence.requests {
        let body = request.success().and_then(|response| serde_json::from_str::<SuccessBody>(&response.body).ok());
        let entries = body.map(SuccessBody::entries).unwrap_or_default();
        if entries.is_empty()
            && let Operation::ChangeEntry { entry, .. } = &request.operation
            && request.final_response().is_none()
        {
            // All entries of a wish change together.
            let wish = stored.entries.get(entry).and_then(|row| row.wish_id);
            undecided.insert(*entry);
            undecided.extend(stored.entries.values().filter(|row| wish.is_some() && row.wish_id == wish).map(|row| row.id));
        }
        for entry in entries {
            told.insert(entry.id, ((entry.min_quantity, entry.quantity), request));
        }
    }
    for (id, (size, request)) in told {
        // A missing entry is reported by `check_stored`.
        let Some(row) = stored.entries.get(&id).filter(|row| (row.minimum(), row.quantity) != size) else { continue };
        if !undecided.contains(&id) {
            let (least, most) = size;
            let what = format!(
                "the entry {id} takes {} to {} tickets, but {least} to {most} were reported to its owner",
                row.minimum(),
                row.quantity
            );
            verdict.add_violation(ENTRIES_STORED, what, location(request));
        }
    }
}

/// Returns the initial quantities of bookings that no response reported, which the replay of the messages checks.
fn initial_quantities(evidence: &Evidence) -> BTreeMap<Uuid, u32> {
    let quantity = |message: &Message| match &message.content {
        MessageContent::Promoted { entry, booking, .. } | MessageContent::Offered { entry, booking, .. } => {
            Some((*booking, entry.quantity))
        }
        MessageContent::TransferReceived { booking, .. } => Some((booking.id, booking.quantity)),
        _ => None,
    };
    evidence.deliveries.iter().filter_map(quantity).collect()
}

fn matches_cancellation(before: Option<u32>, returned: Option<u32>, now: &Booking) -> bool {
    let Some(before) = before else { return false };
    match returned {
        // A reservation whose time is over is ended instead.
        _ if now.status == "expired" => now.quantity == before,
        Some(returned) if returned < before => matches!(now.status.as_str(), "confirmed" | "reserved") && now.quantity == before - returned,
        _ => now.status == "cancelled" && now.quantity == before,
    }
}

/// Checks that every stored booking and entry was reported to a client, or belongs to a request without a final response.
fn check_unreported(evidence: &Evidence, stored: &StoredRows<'_>, verdict: &mut AuditResult) {
    let (mut known, mut open): (BTreeSet<Uuid>, BTreeSet<(Uuid, Uuid)>) = (BTreeSet::new(), BTreeSet::new());
    for request in &evidence.requests {
        match request.success().map(|response| serde_json::from_str::<SuccessBody>(&response.body)) {
            Some(Ok(body)) => {
                known.extend(body.booking.iter().map(|booking| booking.id));
                known.extend(body.entries().iter().map(|entry| entry.id));
            }
            _ if request.final_response().is_none() && !request.attempts.iter().all(changed_nothing) => {
                open.insert((request.operation.event(), request.account));
            }
            _ => {
                let key = (request.operation.event(), request.account, request.key.as_str());
                if !request.key.is_empty() && stored.keys.contains_key(&key) {
                    let kind = request.attempts.last().map(Attempt::kind).unwrap_or_default();
                    verdict.add_violation(ONE_EFFECT, format!("a rejected request (last result: {kind}) took effect"), location(request));
                }
            }
        }
    }
    for row in evidence.tables.bookings.iter().filter(|row| row.origin == "direct") {
        if !known.contains(&row.id) && !open.contains(&(row.event_id, row.account_id)) {
            let location = format!("bookings, event {}, account {}", row.event_id, row.account_id);
            verdict.add_violation(ONE_EFFECT, format!("the booking {} was never reported to a client", row.id), location);
        }
    }
    for row in &evidence.tables.entries {
        if !known.contains(&row.id) && !open.contains(&(row.event_id, row.account_id)) {
            let location = format!("waitlist_entries, event {}, account {}", row.event_id, row.account_id);
            verdict.add_violation(ONE_EFFECT, format!("the entry {} was never reported to a client", row.id), location);
        }
    }
}

/// Compares the stored capacity of each ticket type with the last one reported to the administrator.
fn check_capacities(evidence: &Evidence, verdict: &mut AuditResult) {
    let mut last: BTreeMap<Uuid, (u32, &LoggedRequest)> = BTreeMap::new();
    for request in &evidence.requests {
        if let Operation::SetCapacity { ticket_type, capacity, .. } = &request.operation
            && request.success().is_some()
        {
            last.insert(*ticket_type, (*capacity, request));
        }
    }
    for (ticket_type, (capacity, request)) in last {
        let row = evidence.tables.types.iter().find(|row| row.id == ticket_type);
        if row.is_none_or(|row| row.capacity != i64::from(capacity)) {
            let what =
                format!("the capacity of the type {ticket_type} was reported as {capacity}, but is {:?}", row.map(|row| row.capacity));
            verdict.add_violation(CAPACITIES_STORED, what, location(request));
        }
    }
}
