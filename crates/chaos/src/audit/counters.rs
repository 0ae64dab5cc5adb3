//! What must be true of the stored rows among themselves.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Evidence, Verdict};

const INVARIANTS: &str = "the counters of every type add up";
const NOT_TWICE: &str = "nothing is sold twice";
const LIMITS: &str = "no account has more than the type allows";
const SERVED: &str = "nobody waits for what is for sale";
const OUTBOX: &str = "the outbox is empty";

pub(super) fn check(evidence: &Evidence, verdict: &mut Verdict) {
    let tables = &evidence.tables;
    let mut booked: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut waiting: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
    let mut of_account: BTreeMap<(Uuid, Uuid), i64> = BTreeMap::new();
    for row in tables.bookings.iter().filter(|row| row.status == "confirmed") {
        *booked.entry(row.ticket_type_id).or_default() += i64::from(row.quantity);
        *of_account.entry((row.ticket_type_id, row.account_id)).or_default() += i64::from(row.quantity);
    }
    for row in tables.entries.iter().filter(|row| row.status == "waiting") {
        waiting.entry(row.ticket_type_id).or_default().push(i64::from(row.quantity));
        *of_account.entry((row.ticket_type_id, row.account_id)).or_default() += i64::from(row.quantity);
    }
    for row in &tables.types {
        let look = format!("ticket_types, event {}, type {}", row.event_id, row.id);
        let sold = booked.get(&row.id).copied().unwrap_or_default();
        let queue = waiting.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let length = i64::try_from(queue.len()).unwrap_or(i64::MAX);
        if sold > row.capacity {
            verdict.complain(NOT_TWICE, format!("{sold} tickets are sold of {}", row.capacity), &look);
        }
        if row.booked != sold || row.waiting != length {
            let what = format!("it says {} booked and {} waiting, and the rows say {sold} and {length}", row.booked, row.waiting);
            verdict.complain(INVARIANTS, what, &look);
        }
        let (available, held) = (row.available, row.held);
        if row.capacity != available + row.booked + held || available < 0 || held < 0 {
            let what = format!("{available} available, {} booked and {held} held are not {}", row.booked, row.capacity);
            verdict.complain(INVARIANTS, what, &look);
        }
        if held != 0 {
            verdict.complain(SERVED, format!("{held} tickets are held although all is quiet"), &look);
        }
        if let Some(served) = queue.iter().find(|quantity| **quantity <= available) {
            verdict.complain(SERVED, format!("somebody waits for {served} tickets while {available} are available"), &look);
        }
    }
    for ((ticket_type, account), has) in of_account {
        let limit = tables.types.iter().find(|row| row.id == ticket_type).and_then(|row| row.max_per_account);
        if let Some(limit) = limit.filter(|limit| has > *limit) {
            let look = format!("bookings and waitlist_entries, type {ticket_type}, account {account}");
            verdict.complain(LIMITS, format!("{has} tickets where {limit} are allowed"), look);
        }
    }
    if tables.outbox > 0 {
        verdict.complain(
            OUTBOX,
            format!("{} messages still wait", tables.outbox),
            "the table outbox and the logs of both booking-services",
        );
    }
    if tables.outbox_failed > 0 {
        verdict.complain(OUTBOX, format!("{} messages were set aside", tables.outbox_failed), "the table outbox_failed");
    }
}
