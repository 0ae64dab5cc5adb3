//! The queue logs of random histories: the verifier accepts those of the real decisions and finds every change of them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use uuid::Uuid;

use super::histories::{run_history, steps};
use super::model::takes_fewer;
use crate::allocation::{AllocationPass, BookingLimits};
use crate::ids::{EventId, TicketTypeId, TypeKey};
use crate::queue_log::verifier::{QueueLogReport, QueueLogVerifier, Violation};
use crate::queue_log::{QueueChange, QueueLogHead, QueueLogKind, QueueLogRecord};

fn key() -> TypeKey {
    TypeKey { event: EventId::from_uuid(Uuid::from_u128(1)), ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(2)) }
}

/// Writes the log of a history.
pub(super) struct Recorder {
    head: QueueLogHead,
    pub(super) records: Vec<QueueLogRecord>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { head: QueueLogHead::START, records: Vec::new() }
    }
}

impl Recorder {
    pub(super) fn record(&mut self, change: QueueChange) {
        let at = DateTime::UNIX_EPOCH + TimeDelta::microseconds(self.head.position);
        self.records.push(self.head.append(key(), at, change));
    }

    /// Records an allocation pass that had `held` tickets.
    pub(super) fn record_pass(&mut self, pass: &AllocationPass, held: u32, limits: BookingLimits) {
        let mut free = held;
        for promotion in &pass.promoted {
            self.record(QueueChange::promoted(promotion.number, promotion.given, free, limits.max_per_booking));
            free -= promotion.given;
        }
    }
}

/// Verifies a log whose published end is that of `published`.
pub(super) fn verify(log: &[QueueLogRecord], published: &[QueueLogRecord]) -> Result<QueueLogReport, Violation> {
    let mut verifier = QueueLogVerifier::new(key());
    log.iter().try_for_each(|record| verifier.push(record))?;
    let head = published.last().map_or(QueueLogHead::START, |last| QueueLogHead { position: last.position, hash: last.hash });
    verifier.finish(head)
}

/// Returns the log of other changes, with hashes that match.
fn rewritten(changes: impl IntoIterator<Item = QueueChange>) -> Vec<QueueLogRecord> {
    let mut recorder = Recorder::default();
    changes.into_iter().for_each(|change| recorder.record(change));
    recorder.records
}

/// Returns the quantities and minimums of the entries that wait after these records.
fn waiting_after(log: &[QueueLogRecord]) -> BTreeMap<i64, (u32, u32)> {
    let mut waiting = BTreeMap::new();
    for QueueLogRecord { change, .. } in log {
        waiting.remove(&change.previous_number.unwrap_or(change.number));
        if let (Some(quantity), Some(min_quantity)) = (change.quantity, change.min_quantity) {
            waiting.insert(change.number, (quantity, min_quantity));
        }
    }
    waiting
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_log_that_was_tampered_with_is_found_out(capacity in 0u32..=12, steps in steps(true), which: usize, how in 0usize..7, by in 1u32..=3) {
        let log = run_history(takes_fewer, capacity, steps)?;
        // In a history without a queue, there is nothing to tamper with.
        if log.is_empty() {
            return Ok(());
        }
        let index = which % log.len();
        let mut changed = log.clone();
        match how {
            0 => _ = changed.remove(index),
            1 if index + 1 < log.len() => changed.swap(index, index + 1),
            2 => changed[index].change.quantity = Some(changed[index].change.quantity.unwrap_or(0) + by),
            3 => changed[index].change.number += i64::from(by),
            4 => changed[index].change.free = Some(changed[index].change.free.unwrap_or(0) + by),
            5 => changed[index].recorded_at += TimeDelta::microseconds(i64::from(by)),
            // The last records are withheld.
            _ => changed.truncate(index),
        }
        prop_assert!(verify(&changed, &log).is_err());
    }

    #[test]
    fn a_promotion_that_passes_somebody_over_is_found_even_if_all_hashes_match(capacity in 1u32..=12, steps in steps(true)) {
        let log = run_history(takes_fewer, capacity, steps)?;
        for (index, record) in log.iter().enumerate() {
            let (number, Some(free), Some(max)) = (record.change.number, record.change.free, record.change.max_per_booking) else { continue };
            let room = free.min(max);
            let waiting = waiting_after(&log[..index]);
            for (&later, &(quantity, min)) in waiting.range(number + 1..).filter(|(_, (_, min))| *min <= room) {
                let unfair = QueueChange::promoted(later, quantity.min(room), free, max);
                let log = rewritten(log[..index].iter().map(|record| record.change).chain([unfair]));
                let skipped = matches!(verify(&log, &log), Err(Violation::Skipped { skipped, .. }) if skipped <= number);
                prop_assert!(skipped, "{later} (at least {min}) instead of {number}");
            }
            // The entry got a ticket less, or one that was not free.
            let given = record.change.quantity.unwrap_or_default();
            for wrong in [given - 1, given + 1] {
                let changes = log[..index].iter().map(|record| record.change).chain([QueueChange { quantity: Some(wrong), ..record.change }]);
                let log = rewritten(changes);
                prop_assert!(verify(&log, &log).is_err());
            }
        }
    }

    #[test]
    fn an_entry_that_left_or_was_served_gets_nothing_again(capacity in 1u32..=12, steps in steps(true)) {
        let log = run_history(takes_fewer, capacity, steps)?;
        let ended = log.iter().filter(|record| matches!(record.change.kind, QueueLogKind::Left | QueueLogKind::Promoted));
        for number in ended.map(|record| record.change.number) {
            let again = QueueChange::promoted(number, 1, 1, 10);
            let longer = rewritten(log.iter().map(|record| record.change).chain([again]));
            let refused = matches!(verify(&longer, &longer), Err(Violation::NotWaiting { number: named, .. }) if named == number);
            prop_assert!(refused);
        }
    }
}
