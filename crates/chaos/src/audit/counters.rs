//! Checks that the stored rows are consistent with each other.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AuditResult, Evidence};

const CONSISTENT_COUNTERS: &str = "the counters of every ticket type are consistent";
const NOT_OVERSOLD: &str = "no ticket type is oversold";
const ACCOUNT_LIMITS: &str = "no account exceeds the per-account limit";
const AVAILABLE_ALLOCATED: &str = "no entry waits for available tickets";
const OUTBOX: &str = "the outbox is empty";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let tables = &evidence.tables;
    let mut booked: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut reserved: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut waiting: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
    let mut per_account: BTreeMap<(Uuid, Uuid), i64> = BTreeMap::new();
    for row in tables.bookings.iter().filter(|row| matches!(row.status.as_str(), "confirmed" | "reserved")) {
        let sum = if row.status == "confirmed" { &mut booked } else { &mut reserved };
        *sum.entry(row.ticket_type_id).or_default() += i64::from(row.quantity);
        *per_account.entry((row.ticket_type_id, row.account_id)).or_default() += i64::from(row.quantity);
    }
    for row in tables.entries.iter().filter(|row| row.status == "waiting") {
        waiting.entry(row.ticket_type_id).or_default().push(i64::from(row.minimum()));
        *per_account.entry((row.ticket_type_id, row.account_id)).or_default() += i64::from(row.quantity);
    }
    for row in &tables.types {
        let location = format!("ticket_types, event {}, type {}", row.event_id, row.id);
        let sold = booked.get(&row.id).copied().unwrap_or_default();
        let promised = reserved.get(&row.id).copied().unwrap_or_default();
        let queue = waiting.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let length = i64::try_from(queue.len()).unwrap_or(i64::MAX);
        if sold + promised > row.capacity {
            verdict.add_violation(
                NOT_OVERSOLD,
                format!("{sold} and {promised} of {} tickets are booked and reserved", row.capacity),
                &location,
            );
        }
        if (row.booked, row.reserved, row.waiting) != (sold, promised, length) {
            let what = format!(
                "the counters are {} booked, {} reserved and {} waiting, but the rows amount to {sold}, {promised} and {length}",
                row.booked, row.reserved, row.waiting
            );
            verdict.add_violation(CONSISTENT_COUNTERS, what, &location);
        }
        let (available, held) = (row.available, row.held);
        if row.capacity != available + row.booked + row.reserved + held || available < 0 || held < 0 {
            let what = format!(
                "{available} available, {} booked, {} reserved and {held} held tickets do not add up to the capacity {}",
                row.booked, row.reserved, row.capacity
            );
            verdict.add_violation(CONSISTENT_COUNTERS, what, &location);
        }
        if held != 0 {
            verdict.add_violation(AVAILABLE_ALLOCATED, format!("{held} tickets are held although nothing is in flight"), &location);
        }
        if let Some(minimum) = queue.iter().find(|minimum| **minimum <= available) {
            verdict.add_violation(
                AVAILABLE_ALLOCATED,
                format!("an entry takes {minimum} tickets and waits although {available} are available"),
                &location,
            );
        }
    }
    for ((ticket_type, account), total) in per_account {
        let limit = tables.types.iter().find(|row| row.id == ticket_type).and_then(|row| row.max_per_account);
        if let Some(limit) = limit.filter(|limit| total > *limit) {
            let location = format!("bookings and waitlist_entries, type {ticket_type}, account {account}");
            verdict.add_violation(ACCOUNT_LIMITS, format!("the account has {total} tickets, but the limit is {limit}"), location);
        }
    }
    if tables.outbox > 0 {
        verdict.add_violation(
            OUTBOX,
            format!("{} messages were not published", tables.outbox),
            "the table outbox and the logs of both booking-services",
        );
    }
    if tables.outbox_failed > 0 {
        verdict.add_violation(
            OUTBOX,
            format!("{} messages were set aside as unpublishable", tables.outbox_failed),
            "the table outbox_failed",
        );
    }
}
