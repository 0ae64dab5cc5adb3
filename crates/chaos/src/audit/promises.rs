//! What clients were told, against what is stored: each promise is kept, each key had one effect, nothing else happened.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Evidence, Verdict};
use crate::client::{Booking, Promise};
use crate::http::{NoAnswer, Reply};
use crate::ledger::{Attempt, Door, Operation, Request};
use crate::tables::{BookingRow, EntryRow, KeyRow};

const BOOKING_KEPT: &str = "every promised booking exists";
const CANCEL_KEPT: &str = "every promised cancellation is done";
const ENTRY_KEPT: &str = "every promised place in a queue exists";
const CAPACITY_KEPT: &str = "every promised number of tickets holds";
const ACCOUNT_KEPT: &str = "every promised account exists";
const ONE_EFFECT: &str = "each idempotency key had one effect";
const ENDED: &str = "every request ended within its deadline with a proper answer";
const DRAINED: &str = "a service that is asked to stop fails no request";

/// Refusals that the storm's requests may get: what the client wants may have become impossible meanwhile.
const REFUSALS: [&str; 5] = ["sold-out", "already-waiting", "account-limit", "already-promoted", "capacity-below-booked"];

pub(super) fn check(evidence: &Evidence, verdict: &mut Verdict) {
    let stored = Stored::of(evidence);
    for request in &evidence.requests {
        answers(request, evidence, verdict);
        kept(request, &stored, verdict);
    }
    bookings(evidence, &stored, verdict);
    entries(evidence, &stored, verdict);
    nothing_else(evidence, &stored, verdict);
    capacities(evidence, verdict);
    for (email, id) in &evidence.register.created {
        verdict.promises += 1;
        if !evidence.tables.accounts.iter().any(|account| account.id == *id && account.email == *email) {
            verdict.complain(ACCOUNT_KEPT, format!("the account {id} is not there"), format!("accounts, e-mail {email}"));
        }
    }
    for wrong in &evidence.register.wrong {
        verdict.complain(ENDED, wrong, "the log of auth-service");
    }
}

/// The rows by their keys.
struct Stored<'a> {
    bookings: BTreeMap<Uuid, &'a BookingRow>,
    entries: BTreeMap<Uuid, &'a EntryRow>,
    keys: BTreeMap<(Uuid, Uuid, &'a str), &'a KeyRow>,
}

impl<'a> Stored<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let tables = &evidence.tables;
        Self {
            bookings: tables.bookings.iter().map(|row| (row.id, row)).collect(),
            entries: tables.entries.iter().map(|row| (row.id, row)).collect(),
            keys: tables.keys.iter().map(|row| ((row.event_id, row.account_id, row.key.as_str()), row)).collect(),
        }
    }
}

fn place(request: &Request) -> String {
    format!("event {}, account {}, key {}", request.operation.event(), request.account, request.key)
}

/// Whether the answers themselves are such as may be given.
fn answers(request: &Request, evidence: &Evidence, verdict: &mut Verdict) {
    let name = request.operation.name();
    for attempt in &request.attempts {
        match &attempt.answer {
            Err(NoAnswer::Late) if !request.probe => {
                verdict.complain(ENDED, format!("a {name} got no answer in {} s", attempt.took().as_secs()), place(request));
            }
            Ok(reply) if !may_be_answered(&request.operation, reply) => {
                verdict.complain(ENDED, format!("a {name} was answered with {}: {}", attempt.kind(), reply.body), place(request));
            }
            _ => {}
        }
        let draining = evidence.drains.iter().any(|drain| attempt.ended >= drain.from && attempt.ended <= drain.until);
        if attempt.door == Door::Gateway && draining && failed(attempt) && !sent_once_and_unknown(request, attempt) {
            let seen = attempt.answer.as_ref().err();
            let what = format!("a {name} through the gateway ended with {} {seen:?} while a service was draining", attempt.kind());
            verdict.complain(DRAINED, what, place(request));
        }
    }
    if !request.probe && request.verdict().is_none() {
        let last = request.attempts.last().map(Attempt::kind).unwrap_or_default();
        verdict.complain(
            ENDED,
            format!("a {name} was never decided; {} sendings, the last: {last}", request.attempts.len()),
            place(request),
        );
    }
    let mut promises = request.attempts.iter().filter_map(|attempt| attempt.answer.as_ref().ok()).filter(|reply| reply.is_promise());
    if let Some(first) = promises.next()
        && !request.key.is_empty()
        && let Some(other) = promises.find(|reply| reply.body != first.body || reply.status != first.status)
    {
        verdict.complain(ONE_EFFECT, format!("the same request was answered with {} and with {}", first.body, other.body), place(request));
    }
}

fn may_be_answered(operation: &Operation, reply: &Reply) -> bool {
    let later = matches!(reply.status, 503 | 429)
        && matches!(reply.code.as_str(), "unavailable" | "overloaded" | "outcome-unknown" | "rate-limited");
    // The capacity changes all the time: a party can be larger than the ticket type is at that moment.
    let above_total = matches!(operation, Operation::Book { .. } | Operation::ChangeEntry { .. })
        && (reply.status, reply.code.as_str()) == (422, "invalid-input")
        && reply.body.contains("in total");
    reply.is_promise() || later || above_total || (reply.status == 409 && REFUSALS.contains(&reply.code.as_str()))
}

/// A 503 changed nothing, unless it says that the outcome is unknown.
fn told_nothing_changed(attempt: &Attempt) -> bool {
    attempt.answer.as_ref().is_ok_and(|reply| reply.code != "outcome-unknown")
}

/// A change without a key is sent once, to one service. If that closes the connection in the very moment in which the
/// gateway uses it, nobody can know the outcome, and the answer says so. With a key it goes to the other service.
fn sent_once_and_unknown(request: &Request, attempt: &Attempt) -> bool {
    request.key.is_empty() && attempt.answer.as_ref().is_ok_and(|reply| reply.code == "outcome-unknown")
}

fn failed(attempt: &Attempt) -> bool {
    match &attempt.answer {
        Ok(reply) => reply.status >= 500,
        // A probe's own deadline is short.
        Err(NoAnswer::Late) => false,
        Err(NoAnswer::Broken(_)) => true,
    }
}

/// Whether what one request was promised is stored, and its answer with it.
fn kept(request: &Request, stored: &Stored<'_>, verdict: &mut Verdict) {
    let Some(reply) = request.promise() else { return };
    verdict.promises += 1;
    if !request.key.is_empty() {
        match stored.keys.get(&(request.operation.event(), request.account, request.key.as_str())) {
            None => verdict.complain(ONE_EFFECT, "the answer to a promise is not stored under its key", place(request)),
            Some(row) if row.response != reply.body || row.status != reply.status => {
                let what = format!(
                    "the key has the answer {} {}, and the client was told {} {}",
                    row.status, row.response, reply.status, reply.body
                );
                verdict.complain(ONE_EFFECT, what, place(request));
            }
            Some(_) => {}
        }
    }
    let Ok(promise) = serde_json::from_str::<Promise>(&reply.body) else { return };
    match (&request.operation, promise.booking, promise.waitlist_entry) {
        (Operation::Book { event, ticket_type, quantity, .. }, Some(booking), None) => {
            let told = (booking.event_id, booking.ticket_type_id, booking.quantity, booking.origin.as_str());
            let row = stored.bookings.get(&booking.id).filter(|row| {
                row.account_id == request.account && row.event_id == *event && row.ticket_type_id == *ticket_type && row.origin == "direct"
            });
            if row.is_none() {
                verdict.complain(BOOKING_KEPT, format!("the booking {} is not there as it was promised", booking.id), place(request));
            }
            if told != (*event, *ticket_type, *quantity, "direct") {
                verdict.complain(BOOKING_KEPT, format!("the answer tells of another booking: {}", reply.body), place(request));
            }
        }
        (Operation::Book { event, ticket_type, quantity, .. }, None, Some(entry)) => {
            let row = stored
                .entries
                .get(&entry.id)
                .filter(|row| row.account_id == request.account && row.event_id == *event && row.ticket_type_id == *ticket_type);
            // How many tickets it waits for may be changed later, which `entries` follows.
            if row.is_none() || entry.quantity != *quantity {
                verdict.complain(ENTRY_KEPT, format!("the entry {} is not there as it was promised", entry.id), place(request));
            }
        }
        (Operation::Leave { entry, .. }, None, Some(told)) => {
            let left = stored.entries.get(entry).is_some_and(|row| row.status == "left");
            if !left || told.id != *entry {
                verdict.complain(ENTRY_KEPT, format!("the entry {entry} was promised to have left and has not"), place(request));
            }
        }
        (Operation::ChangeEntry { entry, quantity, .. }, None, Some(told)) => {
            if told.id != *entry || told.quantity != *quantity || told.status != "waiting" {
                let what = format!("the entry {entry} was to wait for {quantity} tickets, and the answer was {}", reply.body);
                verdict.complain(ENTRY_KEPT, what, place(request));
            }
        }
        // All that was said of a booking, or of a number of tickets, is looked at together.
        (Operation::Cancel { .. }, Some(_), None) | (Operation::SetCapacity { .. }, ..) => {}
        _ => verdict.complain(ENDED, format!("an answer that does not fit its question: {}", reply.body), place(request)),
    }
}

/// Follows each booking through all that its owner was told about it.
fn bookings(evidence: &Evidence, stored: &Stored<'_>, verdict: &mut Verdict) {
    let mut told: BTreeMap<Uuid, (u32, bool, &Request)> = BTreeMap::new();
    for request in &evidence.requests {
        let Some(reply) = request.promise() else { continue };
        let Some(booking) = serde_json::from_str::<Promise>(&reply.body).ok().and_then(|promise| promise.booking) else { continue };
        let confirmed = booking.status == "confirmed";
        if let Operation::Cancel { quantity, .. } = &request.operation {
            let before = told.get(&booking.id).map(|(quantity, ..)| *quantity).or_else(|| promoted(&booking, stored));
            if !cancelled_as_asked(before, *quantity, &booking) {
                let what = format!("of {before:?} tickets {quantity:?} were given back, and the answer was {}", reply.body);
                verdict.complain(CANCEL_KEPT, what, place(request));
            }
        }
        told.insert(booking.id, (booking.quantity, confirmed, request));
    }
    for (id, (quantity, confirmed, request)) in told {
        let Some(row) = stored.bookings.get(&id) else {
            verdict.complain(BOOKING_KEPT, format!("the booking {id} is not there"), place(request));
            continue;
        };
        if row.quantity != quantity || (row.status == "confirmed") != confirmed {
            let rule = if confirmed { BOOKING_KEPT } else { CANCEL_KEPT };
            let status = if confirmed { "confirmed" } else { "cancelled" };
            let what = format!(
                "the booking {id} is {} with {} tickets, and its owner was told {status} with {quantity}",
                row.status, row.quantity
            );
            verdict.complain(rule, what, place(request));
        }
    }
}

/// The last quantity that the owner of an entry was told is the one that is stored. An owner with an undecided request at the
/// event may have changed it without knowing.
fn entries(evidence: &Evidence, stored: &Stored<'_>, verdict: &mut Verdict) {
    let mut told: BTreeMap<Uuid, (u32, &Request)> = BTreeMap::new();
    let mut undecided: BTreeSet<Uuid> = BTreeSet::new();
    for request in &evidence.requests {
        let promise = request.promise().and_then(|reply| serde_json::from_str::<Promise>(&reply.body).ok());
        if let Some(entry) = promise.and_then(|promise| promise.waitlist_entry) {
            told.insert(entry.id, (entry.quantity, request));
        } else if let Operation::ChangeEntry { entry, .. } = &request.operation
            && request.verdict().is_none()
        {
            undecided.insert(*entry);
        }
    }
    for (id, (quantity, request)) in told {
        // One that is not there at all is complained of where it was promised.
        let Some(row) = stored.entries.get(&id).filter(|row| row.quantity != quantity) else { continue };
        if !undecided.contains(&id) {
            let what = format!("the entry {id} waits for {} tickets, and its owner was told {quantity}", row.quantity);
            verdict.complain(ENTRY_KEPT, what, place(request));
        }
    }
}

/// What a booking from the waiting list had at first: what its entry waited for.
fn promoted(booking: &Booking, stored: &Stored<'_>) -> Option<u32> {
    stored.entries.values().find(|entry| entry.booking_id == Some(booking.id)).map(|entry| entry.quantity)
}

fn cancelled_as_asked(before: Option<u32>, returned: Option<u32>, now: &Booking) -> bool {
    let Some(before) = before else { return false };
    match returned {
        Some(returned) if returned < before => now.status == "confirmed" && now.quantity == before - returned,
        _ => now.status == "cancelled" && now.quantity == before,
    }
}

/// Nothing is stored that nobody was told of, but for what was left undecided.
fn nothing_else(evidence: &Evidence, stored: &Stored<'_>, verdict: &mut Verdict) {
    let (mut known, mut open): (BTreeSet<Uuid>, BTreeSet<(Uuid, Uuid)>) = (BTreeSet::new(), BTreeSet::new());
    for request in &evidence.requests {
        match request.promise().map(|reply| serde_json::from_str::<Promise>(&reply.body)) {
            Some(Ok(promise)) => {
                known.extend(promise.booking.map(|booking| booking.id));
                known.extend(promise.waitlist_entry.map(|entry| entry.id));
            }
            _ if request.verdict().is_none() && !request.attempts.iter().all(told_nothing_changed) => {
                open.insert((request.operation.event(), request.account));
            }
            _ => {
                let key = (request.operation.event(), request.account, request.key.as_str());
                if !request.key.is_empty() && stored.keys.contains_key(&key) {
                    let kind = request.attempts.last().map(Attempt::kind).unwrap_or_default();
                    verdict.complain(ONE_EFFECT, format!("a request that was refused (last answer: {kind}) took effect"), place(request));
                }
            }
        }
    }
    for row in evidence.tables.bookings.iter().filter(|row| row.origin == "direct") {
        if !known.contains(&row.id) && !open.contains(&(row.event_id, row.account_id)) {
            let look = format!("bookings, event {}, account {}", row.event_id, row.account_id);
            verdict.complain(ONE_EFFECT, format!("the booking {} was promised to nobody", row.id), look);
        }
    }
    for row in &evidence.tables.entries {
        if !known.contains(&row.id) && !open.contains(&(row.event_id, row.account_id)) {
            let look = format!("waitlist_entries, event {}, account {}", row.event_id, row.account_id);
            verdict.complain(ONE_EFFECT, format!("the entry {} was promised to nobody", row.id), look);
        }
    }
}

/// The last number of tickets that the administrator was promised is the number now.
fn capacities(evidence: &Evidence, verdict: &mut Verdict) {
    let mut last: BTreeMap<Uuid, (u32, &Request)> = BTreeMap::new();
    for request in &evidence.requests {
        if let Operation::SetCapacity { ticket_type, capacity, .. } = &request.operation
            && request.promise().is_some()
        {
            last.insert(*ticket_type, (*capacity, request));
        }
    }
    for (ticket_type, (capacity, request)) in last {
        let row = evidence.tables.types.iter().find(|row| row.id == ticket_type);
        if row.is_none_or(|row| row.capacity != i64::from(capacity)) {
            let what = format!("the type {ticket_type} was promised to have {capacity} tickets and has {:?}", row.map(|row| row.capacity));
            verdict.complain(CAPACITY_KEPT, what, place(request));
        }
    }
}
