//! Counts messages exactly once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_domain::messages::{SalesChange, SalesMessage};
use rowlock_postgres::{DatabaseError, Pool, WriteError, checkout, committed, statement};
use uuid::Uuid;

use super::counts::MinuteCounts;
use super::steps::{Step, advance};
use super::writes::{AddMinutes, InsertProgress, ParkMessages, ReleaseMessages, UpdateProgress};
use crate::views::rows::unreadable;

/// Number of attempts if another writer moves the same types forward at the same time.
const ATTEMPTS: usize = 10;

statement! {
    struct ReadProgress { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SqlUuid, BigInt);
    "SELECT p.event_id, p.ticket_type_id, p.sequence FROM unnest($1, $2) AS k (event_id, id)
       JOIN sales_progress p ON p.event_id = k.event_id AND p.ticket_type_id = k.id"
}

statement! {
    /// Reads the waiting messages of types whose next message has arrived. While it is missing, those behind it are not read,
    /// because there may be many.
    struct ReadPending {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, sequences: Array<BigInt> = Vec<i64>, arrived: Array<Bool> = Vec<bool>,
    } -> (SqlUuid, SqlUuid, BigInt, Timestamptz, Integer, Integer, Integer, Integer, Integer, Integer, Nullable<Integer>);
    "SELECT p.event_id, p.ticket_type_id, p.sequence, p.at, p.booked, p.returned, p.promoted, p.promotions, p.joined, p.withdrawn, p.capacity
       FROM unnest($1, $2, $3, $4) AS k (event_id, id, sequence, arrived)
       JOIN sales_pending p ON p.event_id = k.event_id AND p.ticket_type_id = k.id AND p.sequence > k.sequence
      WHERE k.arrived OR EXISTS (SELECT FROM sales_pending h
             WHERE h.event_id = k.event_id AND h.ticket_type_id = k.id AND h.sequence = k.sequence + 1)"
}

type PendingRow = (Uuid, Uuid, i64, Timestamp, i32, i32, i32, i32, i32, i32, Option<i32>);

/// The new messages of each type by their sequence.
type Batch = BTreeMap<TypeKey, BTreeMap<i64, Step>>;

/// Counts messages in one transaction. Messages that were counted before change nothing, and so do those of types that no longer
/// exist. After an error, nothing or everything was counted; counting the messages again is safe in both cases.
pub async fn count_messages(pool: &Pool, messages: &[SalesMessage]) -> Result<(), DatabaseError> {
    let mut batch = Batch::new();
    for message in messages {
        batch.entry(message.key).or_default().insert(message.sequence, message.into());
    }
    count_batch(pool, &batch).await.map(|_| ())
}

/// Counts the waiting messages of a type that follow its counted ones. Returns whether there were any.
pub(super) async fn count_pending(pool: &Pool, key: TypeKey) -> Result<bool, DatabaseError> {
    count_batch(pool, &Batch::from([(key, BTreeMap::new())])).await
}

async fn count_batch(pool: &Pool, batch: &Batch) -> Result<bool, DatabaseError> {
    for _ in 0..ATTEMPTS {
        let conn = checkout(pool).await?;
        match committed(conn, async |conn| count_in_transaction(conn, batch).await).await {
            Err(WriteError::NotCommitted(Error::RollbackTransaction)) => {}
            result => return Ok(result?),
        }
    }
    Err(DatabaseError::Busy("other processes counted messages of the same ticket types at the same time".to_owned()))
}

/// Returns whether anything was counted. Fails with [`Error::RollbackTransaction`] if another writer has moved a type forward.
async fn count_in_transaction(conn: &mut AsyncPgConnection, batch: &Batch) -> QueryResult<bool> {
    let mut progress = read_progress(conn, batch.keys()).await?;
    if progress.len() < batch.len() {
        let missing: BTreeSet<TypeKey> = batch.keys().filter(|key| !progress.contains_key(key)).copied().collect();
        let (events, types) = columns(&missing);
        InsertProgress { events, types }.execute(conn).await?;
        progress.extend(read_progress(conn, &missing).await?);
    }
    let mut pending = read_pending(conn, batch, &progress).await?;
    let (mut minutes, mut parked) = (AddMinutes::default(), ParkMessages::default());
    let mut released = ReleaseMessages { events: Vec::new(), types: Vec::new(), sequences: Vec::new() };
    let mut moved = UpdateProgress { events: Vec::new(), types: Vec::new(), before: Vec::new(), after: Vec::new(), minutes: Vec::new() };
    for (&key, steps) in batch {
        let Some(&before) = progress.get(&key) else { continue };
        let result = advance(before, pending.remove(&key).unwrap_or_default(), steps.clone());
        if result.sequence > before {
            moved.events.push(key.event.as_uuid());
            moved.types.push(key.ticket_type.as_uuid());
            moved.before.push(before);
            moved.after.push(result.sequence);
            moved.minutes.push(result.minutes.last_key_value().map(|(minute, _)| *minute));
        }
        for (minute, row) in result.minutes {
            // A message that moves nothing is a step of the sequence, but no row.
            if row != MinuteCounts::default() {
                minutes.push(key, minute, row)?;
            }
        }
        for (sequence, step) in result.parked {
            parked.push(key, sequence, step)?;
        }
        for sequence in result.released {
            released.events.push(key.event.as_uuid());
            released.types.push(key.ticket_type.as_uuid());
            released.sequences.push(sequence);
        }
    }
    // The progress goes first: it decides which of two concurrent writers counts.
    let expected = moved.events.len();
    if expected > 0 && moved.execute(conn).await? != expected {
        return Err(Error::RollbackTransaction);
    }
    if !minutes.events.is_empty() {
        minutes.execute(conn).await?;
    }
    if !parked.events.is_empty() {
        parked.execute(conn).await?;
    }
    if !released.events.is_empty() {
        released.execute(conn).await?;
    }
    Ok(expected > 0)
}

fn columns<'a>(keys: impl IntoIterator<Item = &'a TypeKey>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.into_iter().map(|key| (key.event.as_uuid(), key.ticket_type.as_uuid())).unzip()
}

fn key_of(event: Uuid, id: Uuid) -> TypeKey {
    TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(id) }
}

async fn read_progress(conn: &mut AsyncPgConnection, keys: impl IntoIterator<Item = &TypeKey>) -> QueryResult<HashMap<TypeKey, i64>> {
    let (events, types) = columns(keys);
    let rows: Vec<(Uuid, Uuid, i64)> = ReadProgress { events, types }.load(conn).await?;
    Ok(rows.into_iter().map(|(event, id, sequence)| (key_of(event, id), sequence)).collect())
}

async fn read_pending(
    conn: &mut AsyncPgConnection,
    batch: &Batch,
    progress: &HashMap<TypeKey, i64>,
) -> QueryResult<HashMap<TypeKey, BTreeMap<i64, Step>>> {
    let (events, types) = columns(progress.keys());
    let sequences: Vec<i64> = progress.values().copied().collect();
    let has_next = |(key, sequence): (&TypeKey, &i64)| batch.get(key).is_some_and(|new| new.contains_key(&sequence.saturating_add(1)));
    let arrived = progress.iter().map(has_next).collect();
    let rows: Vec<PendingRow> = ReadPending { events, types, sequences, arrived }.load(conn).await?;
    let mut pending: HashMap<TypeKey, BTreeMap<i64, Step>> = HashMap::new();
    for (event, id, sequence, at, booked, returned, promoted, promotions, joined, left, capacity) in rows {
        let count = |value: i32| u32::try_from(value).map_err(unreadable);
        let change = SalesChange {
            booked: count(booked)?,
            returned: count(returned)?,
            promoted: count(promoted)?,
            promotions: count(promotions)?,
            joined: count(joined)?,
            left: count(left)?,
            capacity: capacity.map(count).transpose()?,
        };
        pending.entry(key_of(event, id)).or_default().insert(sequence, Step { at, change });
    }
    Ok(pending)
}
