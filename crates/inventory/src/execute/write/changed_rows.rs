//! Collects the rows that a transaction updates.

use std::collections::HashMap;

use diesel::QueryResult;
use rowlock_domain::ids::{BookingId, TypeKey};
use rowlock_domain::queue::BUCKET_SPANS;
use rowlock_domain::states::WaitlistStatus;
use rowlock_domain::tickets::TicketNumbers;

use crate::execute::queue_log::QueueLog;
use crate::execute::statements as sql;
use crate::execute::unit_of_work::UnitOfWork;
use crate::views::WaitlistEntry;
use crate::views::rows::to_int;

pub(super) fn changed_bookings(work: &UnitOfWork) -> QueryResult<sql::UpdateBookings> {
    let mut rows = sql::UpdateBookings {
        events: Vec::new(),
        ids: Vec::new(),
        before: Vec::new(),
        quantities: Vec::new(),
        statuses_before: Vec::new(),
        statuses: Vec::new(),
        cancelled: Vec::new(),
        expires: Vec::new(),
        now: work.now,
        issued: Vec::new(),
        void_numbers: Vec::new(),
        void_reasons: Vec::new(),
    };
    for (before, booking) in work.bookings.iter().filter_map(|row| Some((row.original()?, row.get()))) {
        rows.events.push(booking.key.event.as_uuid());
        rows.ids.push(booking.id.as_uuid());
        rows.before.push(to_int(before.quantity)?);
        rows.quantities.push(to_int(booking.quantity)?);
        rows.statuses_before.push(before.status.as_str());
        rows.statuses.push(booking.status.as_str());
        rows.cancelled.push(booking.cancelled_at);
        rows.expires.push(booking.expires_at);
        let numbers =
            work.tickets.get(&(booking.key.event, booking.id)).filter(|tickets| tickets.is_changed).map(|tickets| &tickets.numbers);
        let void = || numbers.map(TicketNumbers::void);
        rows.issued.push(numbers.map(|numbers| to_int(numbers.issued())).transpose()?);
        rows.void_numbers.push(void().map(|void| array_literal(void.iter().map(|(number, _)| number.to_string()))));
        rows.void_reasons.push(void().map(|void| array_literal(void.iter().map(|(_, reason)| reason.to_string()))));
    }
    Ok(rows)
}

/// Returns an array of words as PostgreSQL writes it. Numbers and reasons need no quotes.
fn array_literal(words: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", words.collect::<Vec<_>>().join(","))
}

pub(super) fn changed_entries(work: &UnitOfWork) -> QueryResult<sql::UpdateEntrySizes> {
    let mut rows = sql::UpdateEntrySizes {
        events: Vec::new(),
        ids: Vec::new(),
        before: Vec::new(),
        quantities: Vec::new(),
        numbers: Vec::new(),
        min_quantities: Vec::new(),
    };
    for (before, entry) in work.entries.iter().filter_map(|row| Some((row.original()?, row.get()))) {
        if before.size != entry.size || before.number != entry.number {
            rows.events.push(entry.key.event.as_uuid());
            rows.ids.push(entry.id.as_uuid());
            rows.before.push(before.number);
            rows.quantities.push(to_int(entry.size.quantity)?);
            rows.numbers.push(entry.number);
            rows.min_quantities.push(entry.size.lower_minimum().map(to_int).transpose()?);
        }
    }
    Ok(rows)
}

pub(super) fn ended_entries(work: &UnitOfWork) -> sql::UpdateEntryStatuses {
    let mut rows = sql::UpdateEntryStatuses {
        events: Vec::new(),
        ids: Vec::new(),
        before: Vec::new(),
        statuses: Vec::new(),
        bookings: Vec::new(),
        ended: Vec::new(),
    };
    for (before, entry) in work.entries.iter().filter_map(|row| Some((row.original()?, row.get()))) {
        // `UpdateEntrySizes` writes waiting entries of which only the size or the number changed.
        if before.status == entry.status {
            continue;
        }
        rows.before.push(before.status.as_str());
        rows.ended.push(entry.ended_at);
        rows.events.push(entry.key.event.as_uuid());
        rows.ids.push(entry.id.as_uuid());
        rows.statuses.push(entry.status.as_str());
        rows.bookings.push(entry.booking.map(BookingId::as_uuid));
    }
    rows
}

/// Adds the changed counters, and the end of each queue log that has grown.
pub(super) fn add_counters(work: &UnitOfWork, rows: &mut sql::WriteSales) -> QueryResult<()> {
    for (key, before, row) in work.types.iter().filter_map(|(key, row)| Some((key, row.original()?, row.get()))) {
        let queue_log_head = work.queue_logs.get(key).and_then(QueueLog::new_head);
        if before.stock != row.stock || queue_log_head.is_some() {
            rows.stock_events.push(key.event.as_uuid());
            rows.stock_ids.push(key.ticket_type.as_uuid());
            rows.before.push(before.stock.version);
            rows.versions.push(row.stock.version);
            rows.capacities.push(to_int(row.stock.capacity)?);
            rows.available.push(to_int(row.stock.available)?);
            rows.booked.push(to_int(row.stock.booked)?);
            rows.reserved.push(to_int(row.stock.reserved)?);
            rows.held.push(to_int(row.stock.held)?);
            rows.waiting.push(to_int(row.stock.waiting)?);
            rows.numbers.push(row.stock.next_number);
            rows.queue_positions.push(queue_log_head.map(|head| head.position));
            rows.queue_hashes.push(queue_log_head.map(|head| head.hash.as_bytes().to_vec()));
        }
    }
    Ok(())
}

pub(super) fn changed_limits(work: &UnitOfWork) -> QueryResult<sql::UpdateLimits> {
    let mut limits =
        sql::UpdateLimits { events: Vec::new(), ids: Vec::new(), names: Vec::new(), per_booking: Vec::new(), per_account: Vec::new() };
    for (key, before, row) in work.types.iter().filter_map(|(key, row)| Some((key, row.original()?, row.get()))) {
        if before.limits != row.limits || before.name != row.name {
            limits.events.push(key.event.as_uuid());
            limits.ids.push(key.ticket_type.as_uuid());
            limits.names.push(row.name.clone());
            limits.per_booking.push(to_int(row.limits.max_per_booking)?);
            limits.per_account.push(row.limits.max_per_account.map(to_int).transpose()?);
        }
    }
    Ok(limits)
}

/// Sums up the changes of the bucket counts. Adds the increases to `raised` and returns the decreases.
pub(super) fn change_counts(work: &UnitOfWork, raised: &mut sql::WriteEntries) -> sql::DecrementCounts {
    let mut change: HashMap<(TypeKey, i16, i64), i32> = HashMap::new();
    let mut count = |entry: &WaitlistEntry, by: i32| {
        for (level, span) in (0i16..).zip(BUCKET_SPANS) {
            *change.entry((entry.key, level, entry.number.div_euclid(span))).or_default() += by;
        }
    };
    for row in work.entries.iter() {
        let waits = row.get().status == WaitlistStatus::Waiting;
        match row.original() {
            Some(before) if before.status == WaitlistStatus::Waiting && !waits => count(before, -1),
            Some(before) if before.status == WaitlistStatus::Waiting && before.number != row.get().number => {
                count(before, -1);
                count(row.get(), 1);
            }
            Some(before) if before.status != WaitlistStatus::Waiting && waits => count(row.get(), 1),
            None if row.is_new() && waits => count(row.get(), 1),
            _ => {}
        }
    }
    let mut lowered =
        sql::DecrementCounts { events: Vec::new(), types: Vec::new(), levels: Vec::new(), buckets: Vec::new(), by: Vec::new() };
    for ((key, level, bucket), by) in change {
        let (events, types, levels, buckets, amounts) = match by {
            1.. => (&mut raised.count_events, &mut raised.count_types, &mut raised.levels, &mut raised.buckets, &mut raised.by),
            ..=-1 => (&mut lowered.events, &mut lowered.types, &mut lowered.levels, &mut lowered.buckets, &mut lowered.by),
            0 => continue,
        };
        events.push(key.event.as_uuid());
        types.push(key.ticket_type.as_uuid());
        levels.push(level);
        buckets.push(bucket);
        amounts.push(by.abs());
    }
    lowered
}

pub(super) fn changed_events(work: &UnitOfWork) -> QueryResult<Vec<sql::UpdateEvent>> {
    let changed = work.events.values().filter_map(|row| Some((row.original()?, row.get())));
    changed
        .map(|(before, event)| {
            Ok(sql::UpdateEvent {
                id: event.id.as_uuid(),
                before: before.version,
                version: event.version,
                name: event.name.clone(),
                description: event.description.clone(),
                venue: event.venue.clone(),
                starts_at: event.starts_at,
                ends_at: event.ends_at,
                sales_start_at: event.sales_start_at,
                sales_end_at: event.sales_end_at,
                status: event.status.as_str(),
                published_at: event.published_at,
                updated_at: event.updated_at,
                waitlist_until: event.waitlist_until.as_str(),
                cancel_until: event.cancel_until,
                time_zone: event.time_zone.clone(),
                checkout_minutes: event.checkout_minutes.map(to_int).transpose()?,
                offer_minutes: event.offer_minutes.map(to_int).transpose()?,
            })
        })
        .collect()
}
