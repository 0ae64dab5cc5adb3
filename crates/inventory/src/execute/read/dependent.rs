//! Reads what depends on the locked rows. Most batches need none of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::allocation::EventPhase;
use rowlock_domain::ids::{AccountId, EventId, TypeKey};
use rowlock_domain::values::{Capacity, Quantity};
use uuid::Uuid;

use super::locks::key;
use crate::command::{Command, SalesHistory, StatusTransition};
use crate::execute::late_bookings::totals_of_changed_entries;
use crate::execute::statements as sql;
use crate::execute::unit_of_work::{Tracked, UnitOfWork};
use crate::queries::positions::positions;
use crate::views::WaitlistEntry;
use crate::views::rows::{EntryRow, unreadable};

/// Reads the open entries of accounts whose bookings may join a waiting list, ordered by number.
pub(super) async fn read_open_entries(
    mut conn: &AsyncPgConnection,
    accounts: BTreeSet<(TypeKey, AccountId)>,
) -> QueryResult<Vec<WaitlistEntry>> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = sql::OpenEntries { events: Vec::new(), types: Vec::new(), accounts: Vec::new() };
    for (key, account) in accounts {
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
        query.accounts.push(account.as_uuid());
    }
    let rows: Vec<EntryRow> = query.load(&mut conn).await?;
    rows.into_iter().map(WaitlistEntry::try_from).collect()
}

/// Reads the positions of entries that a rejection or a change may have to show. Few batches have any.
pub(super) async fn read_positions(
    conn: &AsyncPgConnection,
    commands: &[&Command],
    open: &[WaitlistEntry],
    work: &mut UnitOfWork,
) -> QueryResult<()> {
    let changed: HashSet<_> = commands.iter().filter(|c| matches!(c, Command::ChangeEntry(_))).map(|c| c.event()).collect();
    let mut shown = open.to_vec();
    if !changed.is_empty() {
        shown.extend(work.entries.iter().map(Tracked::get).filter(|entry| changed.contains(&entry.key.event)).cloned());
    }
    if !shown.is_empty() {
        let positions = positions(conn, &shown).await?;
        work.positions.extend(positions.into_iter().map(|(entry, position)| (entry, (position, 0))));
    }
    Ok(())
}

/// Returns the types and accounts whose totals are needed: those of types that have a limit, or that may get one in this batch.
pub(super) fn totals_to_read(commands: &[&Command], work: &UnitOfWork) -> BTreeSet<(TypeKey, AccountId)> {
    let changed: HashSet<_> =
        commands.iter().filter(|command| matches!(command, Command::ChangeEvent(_))).map(|command| command.event()).collect();
    let counted =
        |key: &TypeKey| changed.contains(&key.event) || work.types.get(key).is_some_and(|row| row.get().limits.max_per_account.is_some());
    let books = commands.iter().filter_map(|command| if let Command::Book(book) = command { Some(book) } else { None });
    let changed_entries = totals_of_changed_entries(commands, work).into_iter().filter(|(key, _)| counted(key));
    let accepted = commands.iter().filter_map(|command| if let Command::AcceptTransfer(accept) = command { Some(accept) } else { None });
    let accepted = accepted.filter(|accept| counted(&accept.key)).map(|accept| (accept.key, accept.receiver.account));
    let books = books.filter(|book| counted(&book.key)).map(|book| (book.key, book.holder.account));
    let wishes = commands.iter().filter_map(|command| if let Command::BookWish(wish) = command { Some(wish) } else { None });
    let choices = wishes.flat_map(|wish| wish.keys().map(|key| (key, wish.holder.account))).filter(|(key, _)| counted(key));
    books.chain(choices).chain(changed_entries).chain(accepted).collect()
}

pub(super) async fn read_totals(
    mut conn: &AsyncPgConnection,
    accounts: BTreeSet<(TypeKey, AccountId)>,
) -> QueryResult<HashMap<(TypeKey, AccountId), u32>> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = sql::AccountTotals { events: Vec::new(), types: Vec::new(), accounts: Vec::new() };
    for (key, account) in accounts {
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
        query.accounts.push(account.as_uuid());
    }
    let rows: Vec<(Uuid, Uuid, Uuid, i64)> = query.load(&mut conn).await?;
    rows.into_iter()
        .map(|(event, id, account, total)| Ok(((key(event, id), AccountId::from_uuid(account)), u32::try_from(total).map_err(unreadable)?)))
        .collect()
}

/// Reads the entries that are reopened if a change moves the end of their waiting list back into the future.
pub(super) async fn read_closed_entries(mut conn: &AsyncPgConnection, commands: &[&Command], work: &mut UnitOfWork) -> QueryResult<()> {
    let moved = commands.iter().filter(|command| matches!(command, Command::ChangeEvent(change) if change.moves_waitlist_end()));
    let ended: BTreeSet<_> =
        moved.map(|command| command.event()).filter(|event| work.phase(*event) == EventPhase::WaitlistClosed).collect();
    if ended.is_empty() {
        return Ok(());
    }
    let query = sql::ClosedEntries { events: ended.into_iter().map(EventId::as_uuid).collect() };
    let rows: Vec<EntryRow> = query.load(&mut conn).await?;
    for entry in rows.into_iter().map(WaitlistEntry::try_from) {
        let entry = entry?;
        work.entries.insert_stored((entry.key.event, entry.id), entry);
    }
    Ok(())
}

/// Counts the waiting entries that may be too large for one booking after a change of their event. Reads only the entries above
/// the lowest limit that the batch can lead to.
pub(super) async fn read_oversized_entries(mut conn: &AsyncPgConnection, commands: &[&Command], work: &mut UnitOfWork) -> QueryResult<()> {
    let changes: Vec<_> =
        commands.iter().filter_map(|command| if let Command::ChangeEvent(change) = command { Some(change) } else { None }).collect();
    let mut query = sql::OversizedEntries { events: Vec::new(), types: Vec::new(), above: Vec::new() };
    for (key, row) in &work.types {
        let changes_of_event = || changes.iter().filter(|change| change.event == key.event);
        if row.get().stock.waiting == 0 || changes_of_event().next().is_none() {
            continue;
        }
        let limits = changes_of_event().flat_map(|change| &change.types).filter(|change| change.id == key.ticket_type);
        let limits = limits.flat_map(|change| [change.capacity.map(Capacity::get), change.max_per_booking.map(Quantity::get)]).flatten();
        let lowest = limits.fold(row.get().stock.largest_quantity(row.get().limits), u32::min);
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
        query.above.push(i32::try_from(lowest).unwrap_or(i32::MAX));
    }
    if query.events.is_empty() {
        return Ok(());
    }
    let rows: Vec<(Uuid, Uuid, i32, i64)> = query.load(&mut conn).await?;
    for (event, id, min_quantity, entries) in rows {
        let row = (u32::try_from(min_quantity).map_err(unreadable)?, u32::try_from(entries).map_err(unreadable)?);
        work.oversized_entries.entry(key(event, id)).or_default().push(row);
    }
    Ok(())
}

/// Counts the bookings and entries that the events which the batch deletes or makes drafts have ever had. The statement runs
/// after the lock was acquired and so sees everything that was committed before.
pub(super) async fn read_ever_sold(mut conn: &AsyncPgConnection, commands: &[&Command], work: &mut UnitOfWork) -> QueryResult<()> {
    let depends = |command: &&&Command| match command {
        Command::DeleteEvent(_) => true,
        Command::ChangeEvent(change) => change.transition == Some(StatusTransition::Unpublish),
        _ => false,
    };
    let events: BTreeSet<_> = commands.iter().filter(depends).map(|command| command.event()).collect();
    for event in events {
        let (bookings, entries): (i64, i64) = sql::CountEverSold { event: event.as_uuid() }.get_result(&mut conn).await?;
        let sold =
            SalesHistory { bookings: u32::try_from(bookings).map_err(unreadable)?, entries: u32::try_from(entries).map_err(unreadable)? };
        work.ever_sold.insert(event, sold);
    }
    Ok(())
}
