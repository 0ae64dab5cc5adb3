//! The history of each ticket type once more by the naive model, and where that ends against what is stored.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Evidence, Verdict};
use crate::messages::Message;
use crate::model::Model;

const RULE: &str = "tickets move by the rule, and turns come in the order of joining";
const HISTORY: &str = "what is stored is what the messages tell";

pub(super) fn check(evidence: &Evidence, verdict: &mut Verdict) {
    let mut histories: BTreeMap<Uuid, BTreeMap<i64, &Message>> = BTreeMap::new();
    for message in &evidence.deliveries {
        if let Some(ticket_type) = message.ticket_type {
            histories.entry(ticket_type).or_default().entry(message.sequence).or_insert(message);
        }
    }
    for sale in &evidence.sales {
        let look = format!("event {}, type {}", sale.event, sale.ticket_type);
        let mut model = Model::new(sale.capacity, sale.per_account);
        let mut followed = true;
        for (sequence, message) in histories.remove(&sale.ticket_type).unwrap_or_default() {
            verdict.replayed += 1;
            if let Err(what) = model.take(message) {
                // What comes after a wrong step can only be wrong, too.
                verdict.complain(RULE, format!("message {sequence} {what}"), &look);
                followed = false;
                break;
            }
        }
        verdict.delays.append(&mut model.delays);
        if followed {
            compare(evidence, sale.ticket_type, &model, &look, verdict);
        }
    }
}

fn compare(evidence: &Evidence, ticket_type: Uuid, model: &Model, look: &str, verdict: &mut Verdict) {
    let Some(row) = evidence.tables.types.iter().find(|row| row.id == ticket_type) else {
        return verdict.complain(HISTORY, "the ticket type is not there", look);
    };
    let waiting = i64::try_from(model.waiting.len()).unwrap_or(i64::MAX);
    let stored = [row.capacity, row.available, row.booked, row.held, row.waiting];
    let told = [model.capacity, model.available, model.booked, model.held].map(i64::from);
    let told = [told[0], told[1], told[2], told[3], waiting];
    if stored != told {
        let names = "capacity, available, booked, held, waiting";
        verdict.complain(HISTORY, format!("{names} are {stored:?}, and the messages come to {told:?}"), look);
    }
    let rows = evidence.tables.bookings.iter().filter(|row| row.ticket_type_id == ticket_type && row.status == "confirmed");
    let rows: BTreeMap<_, _> = rows.map(|row| (row.id, (row.account_id, row.quantity))).collect();
    let bookings: BTreeMap<_, _> = model.bookings.values().map(|booking| (booking.id, (booking.account, booking.quantity))).collect();
    differences(&rows, &bookings, "booking", look, verdict);
    let rows = evidence.tables.entries.iter().filter(|row| row.ticket_type_id == ticket_type && row.status == "waiting");
    let rows: BTreeMap<_, _> = rows.map(|row| (row.id, (row.account_id, row.quantity, row.number))).collect();
    let entries: BTreeMap<_, _> =
        model.waiting.iter().map(|waiting| (waiting.entry.id, (waiting.entry.account, waiting.entry.quantity, waiting.number))).collect();
    differences(&rows, &entries, "entry", look, verdict);
}

fn differences<T: PartialEq + std::fmt::Debug>(
    stored: &BTreeMap<Uuid, T>,
    told: &BTreeMap<Uuid, T>,
    what: &str,
    look: &str,
    verdict: &mut Verdict,
) {
    let ids: std::collections::BTreeSet<_> = stored.keys().chain(told.keys()).collect();
    for id in ids {
        let (stored, told) = (stored.get(id), told.get(id));
        if stored != told {
            verdict.complain(HISTORY, format!("the {what} {id} is stored as {stored:?}, and the messages say {told:?}"), look);
        }
    }
}
