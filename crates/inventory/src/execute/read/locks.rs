//! Locks ticket types: finds out which ones a batch needs, acquires their row locks in key order, and reports those that another
//! transaction has locked.

use std::collections::{BTreeSet, HashSet};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use uuid::Uuid;

use crate::command::Command;
use crate::config::LockWait;
use crate::execute::queue_log::{QueueLog, StoredQueueLog};
use crate::execute::statements as sql;
use crate::views::TicketType;
use crate::views::rows::TypeRow;

/// A locked type; see [`sql::LockedTypeColumns`].
pub(super) type LockedTypeRow = (TypeRow, i64, Option<Vec<u8>>, i64);

/// The ticket types that a batch must lock.
pub(crate) struct LockSet {
    pub(super) keys: BTreeSet<TypeKey>,
}

pub(super) fn key(event: Uuid, ticket_type: Uuid) -> TypeKey {
    TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(ticket_type) }
}

fn key_columns<'a>(keys: impl IntoIterator<Item = &'a TypeKey>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.into_iter().map(|key| (key.event.as_uuid(), key.ticket_type.as_uuid())).unzip()
}

/// Finds the types to lock: those of the commands, and those for which requests are expected. The types of an event never change,
/// so they can be read before the lock.
pub(crate) async fn find_lock_set(mut conn: &AsyncPgConnection, commands: &[&Command], expected: &[TypeKey]) -> QueryResult<LockSet> {
    let mut keys: BTreeSet<_> = commands.iter().filter_map(|command| command.only_type()).chain(expected.iter().copied()).collect();
    let whole: BTreeSet<_> =
        commands.iter().filter(|command| command.only_type().is_none()).map(|command| command.event().as_uuid()).collect();
    if !whole.is_empty() {
        let rows: Vec<(Uuid, Uuid)> = sql::TypesOfEvents { events: whole.into_iter().collect() }.load(&mut conn).await?;
        keys.extend(rows.into_iter().map(|(event, id)| key(event, id)));
    }
    Ok(LockSet { keys })
}

pub(super) async fn begin_transaction(mut conn: &AsyncPgConnection) -> QueryResult<()> {
    sql::Begin {}.execute(&mut conn).await.map(|_| ())
}

/// Locks the rows in key order. Returns each type with its queue log.
pub(crate) async fn lock_types<'a>(
    mut conn: &AsyncPgConnection,
    keys: impl IntoIterator<Item = &'a TypeKey>,
    wait: LockWait,
) -> QueryResult<Vec<(TicketType, QueueLog)>> {
    let (events, types) = key_columns(keys);
    let rows: Vec<LockedTypeRow> = match (wait, events.as_slice(), types.as_slice()) {
        (LockWait::Wait, &[event], &[id]) => sql::LockType { event, id }.load(&mut conn).await?,
        (LockWait::Skip, &[event], &[id]) => sql::LockTypeSkipLocked { event, id }.load(&mut conn).await?,
        (LockWait::Wait, &[event, ref others @ ..], _) if others.iter().all(|other| *other == event) => {
            sql::LockTypesOfEvent { event, ids: types }.load(&mut conn).await?
        }
        (LockWait::Skip, &[event, ref others @ ..], _) if others.iter().all(|other| *other == event) => {
            sql::LockTypesOfEventSkipLocked { event, ids: types }.load(&mut conn).await?
        }
        (LockWait::Wait, ..) => sql::LockTypes { events, types }.load(&mut conn).await?,
        (LockWait::Skip, ..) => sql::LockTypesSkipLocked { events, types }.load(&mut conn).await?,
    };
    rows.into_iter().map(locked_type).collect()
}

/// Returns a type with its queue log.
pub(super) fn locked_type((row, position, hash, version): LockedTypeRow) -> QueryResult<(TicketType, QueueLog)> {
    let ticket_type = TicketType::try_from(row)?;
    let log = QueueLog::stored(StoredQueueLog { position, hash, version }, &ticket_type.stock)?;
    Ok((ticket_type, log))
}

/// Returns the wanted types that exist but were not locked, because another transaction has locked them.
pub(super) async fn find_blocked_types(
    mut conn: &AsyncPgConnection,
    lock_set: &LockSet,
    locked: &[(TicketType, QueueLog)],
) -> QueryResult<HashSet<TypeKey>> {
    let got: HashSet<_> = locked.iter().map(|(ticket_type, _)| ticket_type.key).collect();
    let (events, types) = key_columns(lock_set.keys.iter().filter(|key| !got.contains(*key)));
    let rows: Vec<(Uuid, Uuid)> = sql::ExistingTypes { events, types }.load(&mut conn).await?;
    Ok(rows.into_iter().map(|(event, id)| key(event, id)).collect())
}
