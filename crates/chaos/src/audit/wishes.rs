//! Checks wishes: each becomes at most one booking, and its other entries end with the first promotion.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AuditResult, Evidence};
use crate::tables::EntryRow;

const ONE_BOOKING: &str = "a wish becomes at most one booking, which ends its other entries";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let mut wishes: BTreeMap<Uuid, Vec<&EntryRow>> = BTreeMap::new();
    for row in &evidence.tables.entries {
        if let Some(wish) = row.wish_id {
            wishes.entry(wish).or_default().push(row);
        }
    }
    for (wish, rows) in wishes {
        let bookings = rows.iter().filter(|row| row.booking_id.is_some()).count();
        let waiting = rows.iter().filter(|row| row.status == "waiting").count();
        if bookings > 1 || (bookings == 1 && waiting > 0) {
            let what = format!("the wish {wish} has {bookings} bookings and {waiting} waiting entries");
            verdict.add_violation(ONE_BOOKING, what, format!("waitlist_entries, wish {wish}"));
        }
    }
}
