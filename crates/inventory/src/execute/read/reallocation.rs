//! Reads what reallocations need: the heads of the queues, or the entries to close and the bookings to cancel.

use std::collections::{BTreeMap, HashMap};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::allocation::EventPhase;
use rowlock_domain::ids::TypeKey;
use rowlock_domain::queue::QueuedEntry;
use rowlock_domain::values::Capacity;

use crate::command::{Command, Reallocate};
use crate::execute::statements as sql;
use crate::execute::unit_of_work::{Tracked, UnitOfWork};
use crate::views::rows::{BookingRow, EntryRow};
use crate::views::{Booking, WaitlistEntry};

/// The bounds of what the allocation passes of a type in one batch may need from its queues.
#[derive(Debug, Default)]
struct AllocationReadPlan {
    /// The largest number of tickets that can be held.
    max_held: i32,
    /// The maximum number of promotions of all passes together.
    limit: i32,
    /// The number of entries that may leave the queue before the pass.
    spare: i32,
}

/// Reads the queue heads, or the entries to close and bookings to cancel, of the types to reallocate.
pub(super) async fn read_for_reallocation(mut conn: &AsyncPgConnection, commands: &[&Command], work: &mut UnitOfWork) -> QueryResult<()> {
    let mut heads = sql::QueueHeads { events: Vec::new(), types: Vec::new(), pools: Vec::new(), limits: Vec::new(), spares: Vec::new() };
    let mut waiting = sql::FirstWaiting { events: Vec::new(), types: Vec::new(), limits: Vec::new() };
    let mut open_bookings = sql::FirstOpen { events: Vec::new(), types: Vec::new(), limits: Vec::new() };
    let mut plans: BTreeMap<TypeKey, AllocationReadPlan> = BTreeMap::new();
    let mut closings: BTreeMap<TypeKey, (i32, bool)> = BTreeMap::new();
    for Reallocate { key, limit } in
        commands.iter().filter_map(|command| if let Command::Reallocate(command) = command { Some(*command) } else { None })
    {
        let Some(ticket_type) = work.types.get(&key).map(Tracked::get) else { continue };
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        match work.phase(key.event) {
            EventPhase::WaitlistOpen => {
                // Other commands of the batch may return tickets before the pass. Their number is at most the capacity, unless
                // the batch changes the capacity itself.
                let others = || commands.iter().filter(|command| command.event() == key.event);
                let max_held = if others().any(|command| matches!(command, Command::ChangeEvent(_))) {
                    Capacity::MAX
                } else if others().all(|command| matches!(command, Command::Reallocate(_))) {
                    ticket_type.stock.held
                } else {
                    ticket_type.stock.capacity
                };
                // Entries that leave in this batch may be among the heads that are read.
                let leaving = commands.iter().filter(|command| {
                    command.event() == key.event && matches!(command, Command::LeaveWaitlist(_) | Command::ChangeEntry(_))
                });
                let plan = plans.entry(key).or_default();
                plan.max_held = i32::try_from(max_held).unwrap_or(i32::MAX);
                plan.limit = plan.limit.saturating_add(limit);
                plan.spare = i32::try_from(leaving.count()).unwrap_or(i32::MAX);
            }
            phase => {
                let (max_rows, cancelled) = closings.entry(key).or_default();
                *max_rows = max_rows.saturating_add(limit);
                *cancelled = phase == EventPhase::Cancelled;
            }
        }
    }
    for (key, (max_rows, cancelled)) in closings {
        // Entries that leave and bookings that are cancelled in this batch may be among the first rows that are read.
        let leaving = commands
            .iter()
            .filter(|c| c.event() == key.event && matches!(c, Command::LeaveWaitlist(_) | Command::CancelBooking(_)))
            .count();
        let max_rows = max_rows.saturating_add(i32::try_from(leaving).unwrap_or(i32::MAX));
        waiting.events.push(key.event.as_uuid());
        waiting.types.push(key.ticket_type.as_uuid());
        waiting.limits.push(max_rows);
        if cancelled {
            open_bookings.events.push(key.event.as_uuid());
            open_bookings.types.push(key.ticket_type.as_uuid());
            open_bookings.limits.push(max_rows);
        }
    }
    plans.retain(|_, plan| plan.max_held > 0);
    for (key, plan) in &plans {
        heads.events.push(key.event.as_uuid());
        heads.types.push(key.ticket_type.as_uuid());
        heads.pools.push(plan.max_held);
        heads.limits.push(plan.limit);
        heads.spares.push(plan.spare);
    }
    if !heads.events.is_empty() {
        let rows: Vec<EntryRow> = heads.load(&mut conn).await?;
        load_heads(work, rows, &plans)?;
    }
    if !waiting.events.is_empty() {
        let rows: Vec<EntryRow> = waiting.load(&mut conn).await?;
        for entry in rows.into_iter().map(WaitlistEntry::try_from) {
            let entry = entry?;
            work.to_close.entry(entry.key).or_default().push_back(entry.id);
            work.entries.insert_stored((entry.key.event, entry.id), entry);
        }
    }
    if !open_bookings.events.is_empty() {
        let rows: Vec<BookingRow> = open_bookings.load(&mut conn).await?;
        for booking in rows.into_iter().map(Booking::try_from) {
            let booking = booking?;
            work.to_cancel.entry(booking.key).or_default().push_back(booking.id);
            work.bookings.insert_stored((booking.key.event, booking.id), booking);
        }
    }
    Ok(())
}

fn load_heads(work: &mut UnitOfWork, rows: Vec<EntryRow>, plans: &BTreeMap<TypeKey, AllocationReadPlan>) -> QueryResult<()> {
    let mut read: HashMap<(TypeKey, u32), Vec<QueuedEntry>> = HashMap::new();
    for entry in rows.into_iter().map(WaitlistEntry::try_from) {
        let entry = entry?;
        read.entry((entry.key, entry.size.min_quantity)).or_default().push(entry.queued());
        work.entry_by_number.insert((entry.key, entry.number), entry.id);
        work.entries.insert_stored((entry.key.event, entry.id), entry);
    }
    for key in plans.keys() {
        work.queue_heads.entry(*key).or_default();
    }
    for ((key, min_quantity), mut entries) in read {
        entries.sort_unstable_by_key(|entry| entry.number);
        let Some(plan) = plans.get(&key) else { continue };
        let requested_rows =
            i64::from(plan.limit.min(plan.max_held / i32::try_from(min_quantity).unwrap_or(i32::MAX))) + i64::from(plan.spare);
        let heads = work.queue_heads.entry(key).or_default();
        let truncated = i64::try_from(entries.len()).unwrap_or(i64::MAX) >= requested_rows;
        for entry in entries {
            heads.push(entry);
        }
        if truncated {
            heads.truncate(min_quantity);
        }
    }
    Ok(())
}
