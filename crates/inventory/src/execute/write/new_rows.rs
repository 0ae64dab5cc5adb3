//! Collects the rows that a transaction inserts.

use diesel::QueryResult;
use diesel::result::Error;
use rowlock_domain::ids::BookingId;
use rowlock_domain::messages::batch_messages;
use uuid::Uuid;

use crate::config::MessageFormat;
use crate::execute::statements as sql;
use crate::execute::unit_of_work::{Tracked, UnitOfWork};
use crate::guests::FIRST_LINK;
use crate::views::rows::to_int;

impl sql::WriteSales {
    /// Returns the key of the first new booking, if there is one.
    pub(super) fn first_key(&self) -> Option<(Uuid, Uuid)> {
        Some((*self.events.as_slice().first()?, *self.ids.as_slice().first()?))
    }
}

impl sql::WriteEntries {
    /// Returns the key of the first new entry, if there is one.
    pub(super) fn first_key(&self) -> Option<(Uuid, Uuid)> {
        Some((*self.events.as_slice().first()?, *self.ids.as_slice().first()?))
    }
}

/// Collects the new bookings. The counters and messages are added later.
pub(super) fn sales(work: &UnitOfWork) -> QueryResult<sql::WriteSales> {
    let mut rows = sql::WriteSales {
        events: Vec::new(),
        ids: Vec::new(),
        types: Vec::new(),
        accounts: Vec::new(),
        names: Vec::new(),
        emails: Vec::new(),
        quantities: Vec::new(),
        origins: Vec::new(),
        statuses: Vec::new(),
        cancelled: Vec::new(),
        expires: Vec::new(),
        guest_links: Vec::new(),
        now: work.now,
        stock_events: Vec::new(),
        stock_ids: Vec::new(),
        before: Vec::new(),
        versions: Vec::new(),
        capacities: Vec::new(),
        available: Vec::new(),
        booked: Vec::new(),
        reserved: Vec::new(),
        held: Vec::new(),
        waiting: Vec::new(),
        numbers: Vec::new(),
        queue_positions: Vec::new(),
        queue_hashes: Vec::new(),
        subjects: Vec::new(),
        message_ids: Vec::new(),
        keys: Vec::new(),
        payloads: Vec::new(),
    };
    for booking in work.bookings.iter().filter(|row| row.is_new()).map(Tracked::get) {
        rows.events.push(booking.key.event.as_uuid());
        rows.ids.push(booking.id.as_uuid());
        rows.types.push(booking.key.ticket_type.as_uuid());
        rows.accounts.push(booking.holder.account.as_uuid());
        rows.names.push(booking.holder.name.clone());
        rows.emails.push(booking.holder.email.clone());
        rows.quantities.push(to_int(booking.quantity)?);
        rows.origins.push(booking.origin.as_str());
        rows.statuses.push(booking.status.as_str());
        rows.cancelled.push(booking.cancelled_at);
        rows.expires.push(booking.expires_at);
        rows.guest_links.push(booking.for_guest.then_some(FIRST_LINK));
    }
    Ok(rows)
}

/// Collects the new entries. The changes of the bucket counts are added later.
pub(super) fn new_entries(work: &UnitOfWork) -> QueryResult<sql::WriteEntries> {
    let mut rows = sql::WriteEntries {
        count_events: Vec::new(),
        count_types: Vec::new(),
        levels: Vec::new(),
        buckets: Vec::new(),
        by: Vec::new(),
        events: Vec::new(),
        ids: Vec::new(),
        types: Vec::new(),
        accounts: Vec::new(),
        names: Vec::new(),
        emails: Vec::new(),
        quantities: Vec::new(),
        numbers: Vec::new(),
        statuses: Vec::new(),
        bookings: Vec::new(),
        ended: Vec::new(),
        for_guests: Vec::new(),
        min_quantities: Vec::new(),
        wishes: Vec::new(),
        preferences: Vec::new(),
        now: work.now,
    };
    for entry in work.entries.iter().filter(|row| row.is_new()).map(Tracked::get) {
        rows.events.push(entry.key.event.as_uuid());
        rows.ids.push(entry.id.as_uuid());
        rows.types.push(entry.key.ticket_type.as_uuid());
        rows.accounts.push(entry.holder.account.as_uuid());
        rows.names.push(entry.holder.name.clone());
        rows.emails.push(entry.holder.email.clone());
        rows.quantities.push(to_int(entry.size.quantity)?);
        rows.numbers.push(entry.number);
        rows.statuses.push(entry.status.as_str());
        rows.bookings.push(entry.booking.map(BookingId::as_uuid));
        rows.ended.push(entry.ended_at);
        rows.for_guests.push(entry.for_guest);
        rows.min_quantities.push(entry.size.lower_minimum().map(to_int).transpose()?);
        rows.wishes.push(entry.wish.map(|wish| wish.id.as_uuid()));
        let preference = entry.wish.map(|wish| i16::try_from(wish.preference)).transpose();
        rows.preferences.push(preference.map_err(|error| Error::SerializationError(Box::new(error)))?);
    }
    Ok(rows)
}

/// Adds the messages, in batches.
pub(super) fn add_messages(work: &UnitOfWork, format: MessageFormat, rows: &mut sql::WriteSales) -> QueryResult<()> {
    let batches = batch_messages(&work.messages, format.source, format.max_batch_items);
    for batch in batches.map_err(|error| Error::SerializationError(Box::new(error)))? {
        rows.subjects.push(batch.event.as_uuid());
        rows.message_ids.push(batch.id.as_uuid());
        rows.keys.push(batch.routing_key);
        rows.payloads.push(batch.body);
    }
    Ok(())
}

pub(super) fn new_keys(work: &UnitOfWork) -> QueryResult<sql::InsertKeys> {
    let mut rows = sql::InsertKeys {
        events: Vec::new(),
        accounts: Vec::new(),
        keys: Vec::new(),
        operations: Vec::new(),
        hashes: Vec::new(),
        statuses: Vec::new(),
        responses: Vec::new(),
        etags: Vec::new(),
        now: work.now,
    };
    // All transactions insert keys in the same order, so that two with the same keys cannot deadlock.
    let mut new_responses: Vec<_> = work.stored_responses.iter().filter(|(_, row)| row.is_new()).collect();
    new_responses.sort_by_key(|(scope, _)| *scope);
    for ((event, account, key), row) in new_responses {
        let stored = row.get();
        rows.events.push(event.as_uuid());
        rows.accounts.push(account.as_uuid());
        rows.keys.push(key.clone());
        rows.operations.push(stored.operation.clone());
        rows.hashes.push(stored.request_hash.to_vec());
        rows.statuses.push(i16::try_from(stored.response.status).map_err(|error| Error::SerializationError(Box::new(error)))?);
        rows.responses.push(stored.response.body.clone());
        rows.etags.push(stored.response.etag.clone());
    }
    Ok(rows)
}
