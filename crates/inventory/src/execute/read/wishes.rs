//! Locks the ticket types of wishes and reads their entries, which end or change together.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;
use futures_util::try_join;
use rowlock_domain::ids::{EventId, TypeKey, WishId};
use rowlock_domain::states::WaitlistStatus;
use uuid::Uuid;

use super::locks::{LockedTypeRow, locked_type};
use crate::execute::statements as sql;
use crate::execute::unit_of_work::{Tracked, UnitOfWork};
use crate::views::WaitlistEntry;
use crate::views::rows::EntryRow;

/// Locks the types that the entries of wishes wait for, except those that another transaction has locked, and then reads the
/// entries. Returns the types that could not be locked, with the wishes that need them.
///
/// The caller has locked one type of each wish. A wish never gets another entry, so the types are all known afterwards. Costs nothing
/// if there are no wishes, and otherwise one round trip.
pub(in crate::execute) async fn read_wishes(
    conn: &AsyncPgConnection,
    wishes: BTreeSet<(EventId, WishId)>,
    work: &mut UnitOfWork,
) -> QueryResult<BTreeSet<(TypeKey, (EventId, WishId))>> {
    let mut unread: BTreeMap<EventId, Vec<Uuid>> = BTreeMap::new();
    for (event, wish) in wishes.into_iter().filter(|wish| !work.wishes.contains_key(wish)) {
        unread.entry(event).or_default().push(wish.as_uuid());
    }
    let mut blocked = BTreeSet::new();
    if unread.is_empty() {
        return Ok(blocked);
    }
    let read = try_join_all(unread.into_iter().map(|(event, wishes)| lock_and_read(conn, event, wishes))).await?;
    for (types, entries) in read {
        for row in types {
            let (ticket_type, log) = locked_type(row)?;
            // The types that were locked before are returned again.
            work.queue_logs.entry(ticket_type.key).or_insert(log);
            work.types.entry(ticket_type.key).or_insert_with(|| Tracked::stored(ticket_type));
        }
        for entry in entries.into_iter().map(WaitlistEntry::try_from) {
            let entry = entry?;
            let Some(place) = entry.wish else { continue };
            let wish = (entry.key.event, place.id);
            if entry.status == WaitlistStatus::Waiting && !work.types.contains_key(&entry.key) {
                blocked.insert((entry.key, wish));
            }
            work.wishes.entry(wish).or_default().push(entry.id);
            work.entries.insert_stored((entry.key.event, entry.id), entry);
        }
    }
    Ok(blocked)
}

/// Locks and reads in one round trip. The entries are read under the locks, because the statement that reads them starts later.
async fn lock_and_read(
    mut conn: &AsyncPgConnection,
    event: EventId,
    wishes: Vec<Uuid>,
) -> QueryResult<(Vec<LockedTypeRow>, Vec<EntryRow>)> {
    let mut reader = conn;
    let event = event.as_uuid();
    try_join!(
        sql::LockTypesOfWishes { event, wishes: wishes.clone() }.load(&mut conn),
        sql::EntriesOfWishes { event, wishes }.load(&mut reader),
    )
}
