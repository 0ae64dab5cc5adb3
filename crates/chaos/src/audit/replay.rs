//! Replays the messages of each ticket type with the reference model and compares its final state with the stored one.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AuditResult, Evidence};
use crate::messages::{Message, TicketClaim};
use crate::model::ReferenceModel;

const ALLOCATION_RULE: &str = "tickets are allocated by the rule, in waiting-list order";
const STORED_STATE: &str = "the stored state matches the messages";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let mut histories: BTreeMap<Uuid, BTreeMap<i64, &Message>> = BTreeMap::new();
    for message in &evidence.deliveries {
        if let Some(ticket_type) = message.ticket_type {
            histories.entry(ticket_type).or_default().entry(message.sequence).or_insert(message);
        }
    }
    for sale in &evidence.sales {
        let location = format!("event {}, type {}", sale.event, sale.ticket_type);
        let mut model = ReferenceModel::new(sale);
        let mut consistent = true;
        for (sequence, message) in histories.remove(&sale.ticket_type).unwrap_or_default() {
            verdict.replayed += 1;
            if let Err(what) = model.apply(message) {
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

fn compare(evidence: &Evidence, ticket_type: Uuid, model: &ReferenceModel, location: &str, verdict: &mut AuditResult) {
    let Some(row) = evidence.tables.types.iter().find(|row| row.id == ticket_type) else {
        return verdict.add_violation(STORED_STATE, "the ticket type is missing", location);
    };
    let waiting = i64::try_from(model.waiting.len()).unwrap_or(i64::MAX);
    let stored = ([row.capacity, row.available, row.booked, row.reserved, row.held].as_slice(), row.waiting);
    let replayed = [model.capacity, model.available, model.booked, model.reserved, model.held].map(i64::from);
    let replayed = (replayed.as_slice(), waiting);
    if stored != replayed {
        let names = "capacity, available, booked, reserved, held, waiting";
        verdict.add_violation(STORED_STATE, format!("{names} are {stored:?}, but the messages amount to {replayed:?}"), location);
    }
    let is_open = |status: &str| matches!(status, "confirmed" | "reserved");
    let rows = evidence.tables.bookings.iter().filter(|row| row.ticket_type_id == ticket_type && is_open(&row.status));
    let rows: BTreeMap<_, _> = rows.map(|row| (row.id, (row.account_id, row.quantity, row.status == "reserved"))).collect();
    let booking = |claim: &TicketClaim, reserved| (claim.id, (claim.account, claim.quantity, reserved));
    let reserved = model.reservations.values().map(|reservation| booking(&reservation.claim, true));
    let bookings: BTreeMap<_, _> = model.bookings.values().map(|claim| booking(claim, false)).chain(reserved).collect();
    differences(&rows, &bookings, "booking", location, verdict);
    let rows = evidence.tables.entries.iter().filter(|row| row.ticket_type_id == ticket_type && row.status == "waiting");
    let rows: BTreeMap<_, _> = rows.map(|row| (row.id, (row.account_id, row.quantity, row.number))).collect();
    let entries: BTreeMap<_, _> =
        model.waiting.iter().map(|waiting| (waiting.entry.id, (waiting.entry.account, waiting.entry.quantity, waiting.number))).collect();
    differences(&rows, &entries, "entry", location, verdict);
}

fn differences<T: PartialEq + std::fmt::Debug>(
    stored: &BTreeMap<Uuid, T>,
    replayed: &BTreeMap<Uuid, T>,
    what: &str,
    location: &str,
    verdict: &mut AuditResult,
) {
    let ids: std::collections::BTreeSet<_> = stored.keys().chain(replayed.keys()).collect();
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
