//! Computes the positions of entries in their queues, at a nearly constant cost however long the queues are.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{TypeKey, WaitlistEntryId};
use rowlock_domain::queue::preceding_ranges;
use rowlock_domain::states::WaitlistStatus;
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::WaitlistEntry;

statement! {
    /// Computes 1 plus the number of preceding entries, from buckets of three widths and from single rows.
    struct QueuePositions {
        ids: Array<SqlUuid> = Vec<Uuid>, events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>,
        number_from: Array<BigInt> = Vec<i64>, number_to: Array<BigInt> = Vec<i64>,
        small_from: Array<BigInt> = Vec<i64>, small_to: Array<BigInt> = Vec<i64>,
        middle_from: Array<BigInt> = Vec<i64>, middle_to: Array<BigInt> = Vec<i64>,
        large_to: Array<BigInt> = Vec<i64>,
    } -> (SqlUuid, BigInt);
    "SELECT k.id, 1
          + (SELECT count(*) FROM waitlist_entries w
              WHERE w.event_id = k.event_id AND w.ticket_type_id = k.ticket_type_id AND w.status = 'waiting' AND w.number >= k.n0 AND w.number < k.n1)
          + (SELECT coalesce(sum(c.waiting), 0) FROM waitlist_counts c
              WHERE c.event_id = k.event_id AND c.ticket_type_id = k.ticket_type_id AND c.level = 0 AND c.bucket >= k.s0 AND c.bucket < k.s1)
          + (SELECT coalesce(sum(c.waiting), 0) FROM waitlist_counts c
              WHERE c.event_id = k.event_id AND c.ticket_type_id = k.ticket_type_id AND c.level = 1 AND c.bucket >= k.m0 AND c.bucket < k.m1)
          + (SELECT coalesce(sum(c.waiting), 0) FROM waitlist_counts c
              WHERE c.event_id = k.event_id AND c.ticket_type_id = k.ticket_type_id AND c.level = 2 AND c.bucket < k.l1)
       FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS k (id, event_id, ticket_type_id, n0, n1, s0, s1, m0, m1, l1)"
}

/// Returns the positions, starting at 1, of those of the entries that are waiting.
pub(crate) async fn positions(mut conn: &AsyncPgConnection, entries: &[WaitlistEntry]) -> QueryResult<HashMap<WaitlistEntryId, i64>> {
    let waiting: Vec<(Uuid, TypeKey, i64)> = entries
        .iter()
        .filter(|entry| entry.status == WaitlistStatus::Waiting)
        .map(|entry| (entry.id.as_uuid(), entry.key, entry.number))
        .collect();
    if waiting.is_empty() {
        return Ok(HashMap::new());
    }
    let ranges: Vec<_> = waiting.iter().map(|(_, _, number)| preceding_ranges(*number)).collect();
    let query = QueuePositions {
        ids: waiting.iter().map(|(id, ..)| *id).collect(),
        events: waiting.iter().map(|(_, key, _)| key.event.as_uuid()).collect(),
        types: waiting.iter().map(|(_, key, _)| key.ticket_type.as_uuid()).collect(),
        number_from: ranges.iter().map(|range| range.numbers.0).collect(),
        number_to: ranges.iter().map(|range| range.numbers.1).collect(),
        small_from: ranges.iter().map(|range| range.buckets[0].0).collect(),
        small_to: ranges.iter().map(|range| range.buckets[0].1).collect(),
        middle_from: ranges.iter().map(|range| range.buckets[1].0).collect(),
        middle_to: ranges.iter().map(|range| range.buckets[1].1).collect(),
        large_to: ranges.iter().map(|range| range.buckets[2].1).collect(),
    };
    let rows: Vec<(Uuid, i64)> = query.load(&mut conn).await?;
    Ok(rows.into_iter().map(|(id, position)| (WaitlistEntryId::from_uuid(id), position)).collect())
}
