//! Reads the reserved bookings whose time is over, and the waiting-list entries that were promoted to reserved bookings.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::TypeKey;
use rowlock_domain::states::{BookingOrigin, BookingStatus};

use crate::command::{Command, ExpireReservations};
use crate::execute::statements as sql;
use crate::execute::unit_of_work::{Tracked, UnitOfWork};
use crate::views::rows::{BookingRow, EntryRow};
use crate::views::{Booking, WaitlistEntry};

/// Reads the bookings that the batch ends because their time is over.
pub(super) async fn read_due_reservations(mut conn: &AsyncPgConnection, commands: &[&Command], work: &mut UnitOfWork) -> QueryResult<()> {
    let mut limits: BTreeMap<TypeKey, i32> = BTreeMap::new();
    for ExpireReservations { key, limit } in
        commands.iter().filter_map(|command| if let Command::Expire(command) = command { Some(*command) } else { None })
    {
        let sum = limits.entry(key).or_default();
        *sum = sum.saturating_add(i32::try_from(limit).unwrap_or(i32::MAX));
    }
    if limits.is_empty() {
        return Ok(());
    }
    let mut query = sql::DueReservations { events: Vec::new(), types: Vec::new(), limits: Vec::new(), now: work.now };
    for (key, limit) in limits {
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
        query.limits.push(limit);
    }
    let rows: Vec<BookingRow> = query.load(&mut conn).await?;
    for booking in rows.into_iter().map(Booking::try_from) {
        let booking = booking?;
        work.to_expire.entry(booking.key).or_default().push_back(booking.id);
        work.bookings.insert_stored((booking.key.event, booking.id), booking);
    }
    Ok(())
}

/// Reads the entries of the reserved bookings that were read. Their status changes if the offer is declined or lapses.
pub(super) async fn read_offered_entries(mut conn: &AsyncPgConnection, work: &mut UnitOfWork) -> QueryResult<()> {
    let mut query = sql::EntriesOfBookings { events: Vec::new(), bookings: Vec::new(), accounts: Vec::new() };
    let offers = |booking: &&Booking| booking.status == BookingStatus::Reserved && booking.origin == BookingOrigin::Waitlist;
    for booking in work.bookings.iter().map(Tracked::get).filter(offers) {
        query.events.push(booking.key.event.as_uuid());
        query.bookings.push(booking.id.as_uuid());
        query.accounts.push(booking.holder.account.as_uuid());
    }
    if query.events.is_empty() {
        return Ok(());
    }
    let rows: Vec<EntryRow> = query.load(&mut conn).await?;
    for entry in rows.into_iter().map(WaitlistEntry::try_from) {
        let entry = entry?;
        if let Some(booking) = entry.booking {
            work.entry_by_booking.insert(booking, entry.id);
        }
        work.entries.insert_stored((entry.key.event, entry.id), entry);
    }
    Ok(())
}
