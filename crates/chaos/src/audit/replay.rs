//! Replays the messages of each ticket type with the reference model and compares its final state with the stored one.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{AuditResult, Evidence};
use crate::client::SuccessBody;
use crate::messages::{Message, MessageContent, TicketClaim};
use crate::model::{QueuedEntry, ReferenceModel};
use crate::request_log::Operation;

const ALLOCATION_RULE: &str = "tickets are allocated by the rule, in waiting-list order";
const STORED_STATE: &str = "the stored state matches the messages";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let mut histories: BTreeMap<Uuid, BTreeMap<i64, &Message>> = BTreeMap::new();
    for message in &evidence.deliveries {
        if let Some(ticket_type) = message.ticket_type {
            histories.entry(ticket_type).or_default().entry(message.sequence).or_insert(message);
        }
    }
    let fewer = bookings_of_fewer(evidence);
    for sale in &evidence.sales {
        let location = format!("event {}, type {}", sale.event, sale.ticket_type);
        let mut model = ReferenceModel::new(sale);
        let mut consistent = true;
        for (sequence, message) in histories.remove(&sale.ticket_type).unwrap_or_default() {
            verdict.replayed += 1;
            let result = model.apply(message).and_then(|()| took_all(message, &fewer, &model));
            if let Err(what) = result {
                // After the first deviation all later ones are consequences.
                verdict.add_violation(ALLOCATION_RULE, format!("message {sequence} {what}"), &location);
                consistent = false;
                break;
            }
        }
        verdict.delays.append(&mut model.delays);
        if consistent {
            compare(evidence, sale.ticket_type, &model, &location, verdict);
        }
    }
}

/// Returns the bookings whose requests asked for more tickets than they got.
fn bookings_of_fewer(evidence: &Evidence) -> BTreeSet<Uuid> {
    let booked = evidence.requests.iter().filter_map(|request| {
        let Operation::Book { quantity, .. } = &request.operation else { return None };
        let booking = serde_json::from_str::<SuccessBody>(&request.success()?.body).ok()?.booking?;
        (booking.quantity < *quantity).then_some(booking.id)
    });
    booked.collect()
}

/// A request that got fewer tickets than it asked for must have got all that were available.
fn took_all(message: &Message, fewer: &BTreeSet<Uuid>, model: &ReferenceModel) -> Result<(), String> {
    let (MessageContent::Confirmed(booking) | MessageContent::Reserved { booking, .. }) = &message.content else { return Ok(()) };
    // A reservation that is confirmed later was checked when it was made.
    let is_new = !matches!(message.content, MessageContent::Confirmed(_)) || !model.terms().checkout;
    if is_new && fewer.contains(&booking.id) && model.available > 0 {
        return Err(format!("gives a request fewer tickets than it asks for and leaves {} available", model.available));
    }
    Ok(())
}

fn compare(evidence: &Evidence, ticket_type: Uuid, model: &ReferenceModel, location: &str, verdict: &mut AuditResult) {
    let Some(row) = evidence.tables.types.iter().find(|row| row.id == ticket_type) else {
        return verdict.add_violation(STORED_STATE, "the ticket type is missing", location);
    };
    let waiting = i64::try_from(model.waiting.len()).unwrap_or(i64::MAX);
    let stored = [row.capacity, row.available, row.booked, row.reserved, row.held, row.waiting];
    let counts = [model.capacity, model.available, model.booked, model.reserved, model.held];
    let [capacity, available, booked, reserved, held] = counts.map(i64::from);
    let replayed = [capacity, available, booked, reserved, held, waiting];
    if stored != replayed {
        let names = "capacity, available, booked, reserved, held, waiting";
        verdict.add_violation(STORED_STATE, format!("{names} are {stored:?}, but the messages amount to {replayed:?}"), location);
    }
    if let Some(transfer) = model.broken_promise() {
        verdict.add_violation(STORED_STATE, format!("the transfer {transfer} promises tickets that its booking does not have"), location);
    }
    let is_open = |status: &str| matches!(status, "confirmed" | "reserved");
    let rows = evidence.tables.bookings.iter().filter(|row| row.ticket_type_id == ticket_type && is_open(&row.status));
    let rows: BTreeMap<_, _> = rows.map(|row| (row.id, (row.account_id, row.quantity, row.status == "reserved"))).collect();
    let booking = |claim: &TicketClaim, reserved| (claim.id, (claim.account, claim.quantity, reserved));
    let reserved = model.reservations.values().map(|reservation| booking(&reservation.claim, true));
    let bookings: BTreeMap<_, _> = model.bookings.values().map(|claim| booking(claim, false)).chain(reserved).collect();
    differences(&rows, &bookings, "booking", location, verdict);
    let of_type: BTreeSet<_> = evidence.tables.bookings.iter().filter(|row| row.ticket_type_id == ticket_type).map(|row| row.id).collect();
    let rows = evidence.tables.transfers.iter().filter(|row| row.status == "pending" && of_type.contains(&row.booking_id));
    let rows: BTreeMap<_, _> = rows.map(|row| (row.id, (row.booking_id, row.from_account, row.quantity))).collect();
    let transfers = model.transfers.iter().map(|(id, offered)| (*id, (offered.id, offered.account, offered.quantity))).collect();
    differences(&rows, &transfers, "transfer", location, verdict);
    let rows = evidence.tables.entries.iter().filter(|row| row.ticket_type_id == ticket_type && row.status == "waiting");
    let rows: BTreeMap<_, _> = rows.map(|row| (row.id, (row.account_id, row.minimum(), row.quantity, row.number))).collect();
    let waiting = |waiting: &QueuedEntry| {
        let QueuedEntry { entry, min_quantity, number } = waiting;
        (entry.id, (entry.account, *min_quantity, entry.quantity, *number))
    };
    let entries: BTreeMap<_, _> = model.waiting.iter().map(waiting).collect();
    differences(&rows, &entries, "entry", location, verdict);
}

fn differences<T: PartialEq + std::fmt::Debug>(
    stored: &BTreeMap<Uuid, T>,
    replayed: &BTreeMap<Uuid, T>,
    what: &str,
    location: &str,
    verdict: &mut AuditResult,
) {
    let ids: BTreeSet<_> = stored.keys().chain(replayed.keys()).collect();
    for id in ids {
        let (stored, replayed) = (stored.get(id), replayed.get(id));
        if stored != replayed {
            verdict.add_violation(
                STORED_STATE,
                format!("the {what} {id} is stored as {stored:?}, but the messages amount to {replayed:?}"),
                location,
            );
        }
    }
}
