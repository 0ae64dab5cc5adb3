//! Checks that the queue log of every ticket type is in order, and that it agrees with the waiting-list entries.

use std::collections::BTreeMap;

use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_domain::queue_log::verifier::{QueueLogReport, QueueLogVerifier, Violation};
use rowlock_domain::queue_log::{QueueLogHash, QueueLogHead, QueueLogRecord};
use uuid::Uuid;

use super::{AuditResult, Evidence};
use crate::tables::TypeRow;

const IN_ORDER: &str = "every queue log is in order, and nobody was skipped";
const COMPLETE: &str = "every queue log is complete";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let tables = &evidence.tables;
    let mut logs: BTreeMap<Uuid, Vec<&QueueLogRecord>> = BTreeMap::new();
    for row in &tables.queue_log {
        logs.entry(row.ticket_type_id).or_default().push(&row.record);
    }
    for row in &tables.types {
        let location = format!("queue_log, event {}, type {}", row.event_id, row.id);
        let report = match verify(row, logs.remove(&row.id).unwrap_or_default()) {
            Ok(report) => report,
            Err(violation) => {
                verdict.add_violation(IN_ORDER, violation.to_string(), location);
                continue;
            }
        };
        let entries = || tables.entries.iter().filter(|entry| entry.ticket_type_id == row.id);
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let stored = [
            count(entries().count()),
            count(entries().filter(|entry| entry.booking_id.is_some()).count()),
            count(entries().filter(|entry| entry.status == "waiting").count()),
            0,
        ];
        let logged = [report.entries, report.promotions, report.waiting, report.restarts];
        if logged != stored {
            let what = format!("entries, promotions, waiting entries and new starts are {logged:?} in the log, but {stored:?} are stored");
            verdict.add_violation(COMPLETE, what, location);
        }
    }
    if let Some(unknown) = logs.keys().next() {
        verdict.add_violation(COMPLETE, format!("there is a log of type {unknown}, which does not exist"), "queue_log");
    }
}

fn verify(row: &TypeRow, records: Vec<&QueueLogRecord>) -> Result<QueueLogReport, Violation> {
    let key = TypeKey { event: EventId::from_uuid(row.event_id), ticket_type: TicketTypeId::from_uuid(row.id) };
    let mut verifier = QueueLogVerifier::new(key);
    records.into_iter().try_for_each(|record| verifier.push(record))?;
    verifier.finish(QueueLogHead { position: row.queue_position, hash: row.queue_hash.unwrap_or(QueueLogHash::START) })
}
