//! Locks the rows and reads what the commands need, with set-based statements: there is never a query per command.

mod dependent;
mod locks;
mod queues;
mod reallocation;
mod referenced;
mod reservations;
mod transfers;
mod wishes;

use std::collections::{BTreeSet, HashSet};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::try_join;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TypeKey};

use self::dependent::{
    read_closed_entries, read_ever_sold, read_open_entries, read_oversized_entries, read_positions, read_totals, totals_to_read,
};
pub(super) use self::locks::{LockSet, find_lock_set, lock_types};
use self::locks::{begin_transaction, find_blocked_types};
pub(super) use self::queues::read_unlogged_queues;
use self::reallocation::read_for_reallocation;
use self::referenced::ReferencedRows;
use self::reservations::{read_due_reservations, read_offered_entries};
pub(super) use self::wishes::read_wishes;
use super::late_bookings::LateBookingBudget;
use super::statements as sql;
use super::unit_of_work::{Tracked, UnitOfWork};
use crate::command::Command;
use crate::config::{LockWait, NewId};
use crate::views::Event;
use crate::views::rows::EventRow;

/// Begins the transaction, locks the rows in key order, and reads what the commands need, all in one round trip. The server
/// executes the statements one after the other, so each one sees what was committed before it started, and everything after the
/// locking statement is read under the locks.
pub(super) async fn begin_and_read(
    conn: &AsyncPgConnection,
    lock_set: LockSet,
    commands: &[&Command],
    wait: LockWait,
    new_id: NewId,
) -> QueryResult<(HashSet<TypeKey>, UnitOfWork)> {
    let mut referenced = ReferencedRows::default();
    for command in commands {
        referenced.add(command);
    }
    let event_ids: BTreeSet<_> = lock_set.keys.iter().map(|key| key.event).chain(commands.iter().map(|command| command.event())).collect();
    let ((), types, events, stored, by_id, of_accounts, tickets, entries_by_id, entries_of_accounts, transfers) = try_join!(
        begin_transaction(conn),
        lock_types(conn, &lock_set.keys, wait),
        read_events(conn, event_ids),
        referenced.read_keys(conn),
        referenced.read_bookings_by_id(conn),
        referenced.read_bookings_of_accounts(conn),
        referenced.read_tickets(conn),
        referenced.read_entries_by_id(conn),
        referenced.read_entries_of_accounts(conn),
        referenced.read_transfers(conn),
    )?;
    let blocked_types = if types.len() < lock_set.keys.len() && wait == LockWait::Skip {
        find_blocked_types(conn, &lock_set, &types).await?
    } else {
        HashSet::new()
    };
    let now = match events.as_slice().first() {
        Some((_, now)) => *now,
        // Without an event, no decision depends on the clock, but rejections need a time, too.
        None => read_clock(conn).await?,
    };
    let mut work = UnitOfWork::new(now, new_id);
    for (row, log) in types {
        work.queue_logs.insert(row.key, log);
        work.types.insert(row.key, Tracked::stored(row));
    }
    work.events = events.into_iter().map(|(row, _)| (row.id, Tracked::stored(row))).collect();
    for booking in by_id.into_iter().chain(of_accounts) {
        work.bookings.insert_stored((booking.key.event, booking.id), booking);
    }
    work.tickets = tickets.into_iter().collect();
    for entry in entries_by_id.into_iter().chain(entries_of_accounts) {
        work.entries.insert_stored((entry.key.event, entry.id), entry);
    }
    for transfer in transfers {
        work.transfers.insert_stored((transfer.key.event, transfer.id), transfer);
    }
    work.stored_responses = stored;
    Ok((blocked_types, work))
}

/// Reads what depends on the locked rows, such as the totals of types with a limit per account and the queues of types to
/// reallocate. Most batches need none of it and so avoid another round trip.
pub(super) async fn read_dependent_rows(
    conn: &AsyncPgConnection,
    commands: &[&Command],
    late_budget: &LateBookingBudget,
    work: &mut UnitOfWork,
) -> QueryResult<()> {
    let totals = read_totals(conn, totals_to_read(commands, work));
    let (totals, open) = try_join!(totals, read_open_entries(conn, late_budget.open_entries_to_read(commands)))?;
    work.totals = totals;
    read_positions(conn, commands, &open, work).await?;
    for entry in open {
        work.open_entries.entry((entry.key, entry.holder.account)).or_default().push(entry.id);
        work.entries.insert_stored((entry.key.event, entry.id), entry);
    }
    read_closed_entries(conn, commands, work).await?;
    read_oversized_entries(conn, commands, work).await?;
    read_ever_sold(conn, commands, work).await?;
    read_for_reallocation(conn, commands, work).await?;
    read_due_reservations(conn, commands, work).await?;
    read_offered_entries(conn, work).await
}

async fn read_clock(mut conn: &AsyncPgConnection) -> QueryResult<Timestamp> {
    let (now,): (Timestamp,) = sql::ReadClock {}.get_result(&mut conn).await?;
    Ok(now)
}

async fn read_events(mut conn: &AsyncPgConnection, ids: BTreeSet<EventId>) -> QueryResult<Vec<(Event, Timestamp)>> {
    let ids = ids.into_iter().map(EventId::as_uuid).collect();
    let rows: Vec<(EventRow, Timestamp)> = sql::EventsById { ids }.load(&mut conn).await?;
    rows.into_iter().map(|(row, now)| Ok((Event::try_from(row)?, now))).collect()
}
