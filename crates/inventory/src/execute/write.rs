//! Writes what the decisions changed, set-wise, and checks that each statement changed as many rows as it should.

use std::collections::HashMap;
use std::fmt;

use diesel::QueryResult;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::try_join;
use rowlock_domain::ids::{BatchId, BookingId, EventId, TypeKey};
use rowlock_domain::queue::LEVEL_SPANS;
use rowlock_domain::states::WaitlistStatus;
use uuid::Uuid;

use super::ledger::{Ledger, Tracked};
use super::statements as sql;
use crate::views::WaitlistEntry;

/// What proves, after a lost answer, that the transaction was committed: the key of a row that it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) event: EventId,
    pub(crate) id: Uuid,
    /// The types whose rows the transaction has locked.
    pub(crate) locked: Vec<TypeKey>,
}

/// A statement changed fewer rows than it was given: somebody changed them in spite of the lock, or took a key meanwhile.
#[derive(Debug)]
struct Overtaken(&'static str);

impl fmt::Display for Overtaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} were not as they had been read", self.0)
    }
}

impl std::error::Error for Overtaken {}

/// Runs a statement over `rows` rows, all of which must take part. Nothing is sent for no rows.
async fn all<S>(mut conn: &AsyncPgConnection, statement: S, rows: usize, what: &'static str) -> QueryResult<()>
where
    S: QueryFragment<diesel::pg::Pg> + QueryId + Send,
{
    if rows > 0 && statement.execute(&mut conn).await? != rows {
        return Err(Error::QueryBuilderError(Box::new(Overtaken(what))));
    }
    Ok(())
}

fn int(value: u32) -> QueryResult<i32> {
    i32::try_from(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

/// Writes the ledger. Returns the proof of the batch, or `None` if there was nothing to write.
pub(super) async fn write(conn: &mut AsyncPgConnection, ledger: &Ledger<'_>, source: &str) -> QueryResult<Option<Proof>> {
    let conn = &*conn;
    let bookings = new_bookings(ledger)?;
    let entries = new_entries(ledger)?;
    let keys = new_keys(ledger)?;
    let made = bookings.first_key().or_else(|| entries.first_key());
    // Every change is told in a message, so a batch without one, and without an answer to keep, changed nothing.
    let told = ledger.messages.as_slice().first().map(|message| message.subject.event().as_uuid());
    let Some(event) = told.or_else(|| keys.events.as_slice().first().copied()) else { return Ok(None) };
    let marker = sql::InsertMarker { event, id: BatchId::from_uuid((ledger.new_id)()).as_uuid(), now: ledger.now };
    let needs_marker = usize::from(made.is_none());
    let (event, id) = made.unwrap_or((event, marker.id));
    let proof = Proof { event: EventId::from_uuid(event), id, locked: ledger.types.keys().copied().collect() };

    let returned = changed_bookings(ledger)?;
    let ended = ended_entries(ledger);
    let (stock, terms) = changed_types(ledger)?;
    let (raised, lowered) = changed_counts(ledger);
    let messages = messages(ledger, source)?;
    let sizes = [bookings.ids.len(), entries.ids.len(), returned.ids.len(), ended.ids.len(), stock.ids.len(), terms.ids.len()];
    let [n_bookings, n_entries, n_returned, n_ended, n_stock, n_terms] = sizes;
    let (n_raised, n_lowered, n_messages, n_keys) = (raised.types.len(), lowered.types.len(), messages.ids.len(), keys.keys.len());
    try_join!(
        all(conn, bookings, n_bookings, "new bookings"),
        all(conn, entries, n_entries, "new waiting-list entries"),
        all(conn, returned, n_returned, "bookings"),
        all(conn, ended, n_ended, "waiting-list entries"),
        all(conn, stock, n_stock, "counters"),
        all(conn, terms, n_terms, "ticket types"),
        all(conn, raised, n_raised, "queue buckets"),
        all(conn, lowered, n_lowered, "queue buckets"),
        all(conn, messages, n_messages, "messages"),
        all(conn, keys, n_keys, "idempotency keys"),
        all(conn, marker, needs_marker, "the marker"),
        changed_events(conn, ledger),
    )?;
    Ok(Some(proof))
}

impl sql::InsertBookings {
    /// The key of the first, if there is one.
    fn first_key(&self) -> Option<(Uuid, Uuid)> {
        Some((*self.events.as_slice().first()?, *self.ids.as_slice().first()?))
    }
}

impl sql::InsertEntries {
    /// The key of the first, if there is one.
    fn first_key(&self) -> Option<(Uuid, Uuid)> {
        Some((*self.events.as_slice().first()?, *self.ids.as_slice().first()?))
    }
}

fn new_bookings(ledger: &Ledger<'_>) -> QueryResult<sql::InsertBookings> {
    let mut rows = sql::InsertBookings {
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
        now: ledger.now,
    };
    for booking in ledger.bookings.iter().filter(|row| row.is_new()).map(Tracked::get) {
        rows.events.push(booking.key.event.as_uuid());
        rows.ids.push(booking.id.as_uuid());
        rows.types.push(booking.key.ticket_type.as_uuid());
        rows.accounts.push(booking.holder.account.as_uuid());
        rows.names.push(booking.holder.name.clone());
        rows.emails.push(booking.holder.email.clone());
        rows.quantities.push(int(booking.quantity)?);
        rows.origins.push(booking.origin.as_str());
        rows.statuses.push(booking.status.as_str());
        rows.cancelled.push(booking.cancelled_at);
    }
    Ok(rows)
}

fn new_entries(ledger: &Ledger<'_>) -> QueryResult<sql::InsertEntries> {
    let mut rows = sql::InsertEntries {
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
        now: ledger.now,
    };
    for entry in ledger.entries.iter().filter(|row| row.is_new()).map(Tracked::get) {
        rows.events.push(entry.key.event.as_uuid());
        rows.ids.push(entry.id.as_uuid());
        rows.types.push(entry.key.ticket_type.as_uuid());
        rows.accounts.push(entry.holder.account.as_uuid());
        rows.names.push(entry.holder.name.clone());
        rows.emails.push(entry.holder.email.clone());
        rows.quantities.push(int(entry.quantity)?);
        rows.numbers.push(entry.number);
        rows.statuses.push(entry.status.as_str());
        rows.bookings.push(entry.booking.map(BookingId::as_uuid));
        rows.ended.push(entry.ended_at);
    }
    Ok(rows)
}

fn changed_bookings(ledger: &Ledger<'_>) -> QueryResult<sql::UpdateBookings> {
    let mut rows = sql::UpdateBookings {
        events: Vec::new(),
        ids: Vec::new(),
        before: Vec::new(),
        quantities: Vec::new(),
        statuses: Vec::new(),
        cancelled: Vec::new(),
    };
    for (before, booking) in ledger.bookings.iter().filter_map(|row| Some((row.was()?, row.get()))) {
        rows.events.push(booking.key.event.as_uuid());
        rows.ids.push(booking.id.as_uuid());
        rows.before.push(int(before.quantity)?);
        rows.quantities.push(int(booking.quantity)?);
        rows.statuses.push(booking.status.as_str());
        rows.cancelled.push(booking.cancelled_at);
    }
    Ok(rows)
}

fn ended_entries(ledger: &Ledger<'_>) -> sql::UpdateEntries {
    let mut rows = sql::UpdateEntries { events: Vec::new(), ids: Vec::new(), statuses: Vec::new(), bookings: Vec::new(), now: ledger.now };
    for entry in ledger.entries.iter().filter(|row| row.was().is_some()).map(Tracked::get) {
        rows.events.push(entry.key.event.as_uuid());
        rows.ids.push(entry.id.as_uuid());
        rows.statuses.push(entry.status.as_str());
        rows.bookings.push(entry.booking.map(BookingId::as_uuid));
    }
    rows
}

fn changed_types(ledger: &Ledger<'_>) -> QueryResult<(sql::UpdateStock, sql::UpdateTerms)> {
    let mut stock = sql::UpdateStock {
        events: Vec::new(),
        ids: Vec::new(),
        before: Vec::new(),
        versions: Vec::new(),
        capacities: Vec::new(),
        available: Vec::new(),
        booked: Vec::new(),
        held: Vec::new(),
        waiting: Vec::new(),
        numbers: Vec::new(),
    };
    let mut terms =
        sql::UpdateTerms { events: Vec::new(), ids: Vec::new(), names: Vec::new(), per_booking: Vec::new(), per_account: Vec::new() };
    for (key, before, row) in ledger.types.iter().filter_map(|(key, row)| Some((key, row.was()?, row.get()))) {
        if before.stock != row.stock {
            stock.events.push(key.event.as_uuid());
            stock.ids.push(key.ticket_type.as_uuid());
            stock.before.push(before.stock.version);
            stock.versions.push(row.stock.version);
            stock.capacities.push(int(row.stock.capacity)?);
            stock.available.push(int(row.stock.available)?);
            stock.booked.push(int(row.stock.booked)?);
            stock.held.push(int(row.stock.held)?);
            stock.waiting.push(int(row.stock.waiting)?);
            stock.numbers.push(row.stock.next_number);
        }
        if before.terms != row.terms || before.name != row.name {
            terms.events.push(key.event.as_uuid());
            terms.ids.push(key.ticket_type.as_uuid());
            terms.names.push(row.name.clone());
            terms.per_booking.push(int(row.terms.max_per_booking)?);
            terms.per_account.push(row.terms.max_per_account.map(int).transpose()?);
        }
    }
    Ok((stock, terms))
}

/// Sums up, per bucket, how many began and stopped waiting.
fn changed_counts(ledger: &Ledger<'_>) -> (sql::RaiseCounts, sql::LowerCounts) {
    let mut change: HashMap<(TypeKey, i16, i64), i32> = HashMap::new();
    let mut count = |entry: &WaitlistEntry, by: i32| {
        for (level, span) in (0i16..).zip(LEVEL_SPANS) {
            *change.entry((entry.key, level, entry.number.div_euclid(span))).or_default() += by;
        }
    };
    for row in ledger.entries.iter() {
        let waits = row.get().status == WaitlistStatus::Waiting;
        match row.was() {
            Some(before) if before.status == WaitlistStatus::Waiting && !waits => count(row.get(), -1),
            None if row.is_new() && waits => count(row.get(), 1),
            _ => {}
        }
    }
    let mut raised = sql::RaiseCounts { events: Vec::new(), types: Vec::new(), levels: Vec::new(), buckets: Vec::new(), by: Vec::new() };
    let mut lowered = sql::LowerCounts { events: Vec::new(), types: Vec::new(), levels: Vec::new(), buckets: Vec::new(), by: Vec::new() };
    for ((key, level, bucket), by) in change {
        let (events, types, levels, buckets, amounts) = match by {
            1.. => (&mut raised.events, &mut raised.types, &mut raised.levels, &mut raised.buckets, &mut raised.by),
            ..=-1 => (&mut lowered.events, &mut lowered.types, &mut lowered.levels, &mut lowered.buckets, &mut lowered.by),
            0 => continue,
        };
        events.push(key.event.as_uuid());
        types.push(key.ticket_type.as_uuid());
        levels.push(level);
        buckets.push(bucket);
        amounts.push(by.abs());
    }
    (raised, lowered)
}

fn messages(ledger: &Ledger<'_>, source: &str) -> QueryResult<sql::InsertMessages> {
    let mut rows = sql::InsertMessages { events: Vec::new(), ids: Vec::new(), keys: Vec::new(), payloads: Vec::new(), now: ledger.now };
    for message in &ledger.messages {
        rows.events.push(message.subject.event().as_uuid());
        rows.ids.push(message.id.as_uuid());
        rows.keys.push(message.fact.routing_key());
        rows.payloads.push(message.to_json(source).map_err(|error| Error::SerializationError(Box::new(error)))?);
    }
    Ok(rows)
}

fn new_keys(ledger: &Ledger<'_>) -> QueryResult<sql::InsertKeys> {
    let mut rows = sql::InsertKeys {
        events: Vec::new(),
        accounts: Vec::new(),
        keys: Vec::new(),
        operations: Vec::new(),
        hashes: Vec::new(),
        statuses: Vec::new(),
        responses: Vec::new(),
        now: ledger.now,
    };
    // In one order everywhere, so that two transactions with the same keys cannot wait for each other.
    let mut kept_now: Vec<_> = ledger.kept.iter().filter(|(_, row)| row.is_new()).collect();
    kept_now.sort_by_key(|(scope, _)| *scope);
    for ((event, account, key), row) in kept_now {
        let kept = row.get();
        rows.events.push(event.as_uuid());
        rows.accounts.push(account.as_uuid());
        rows.keys.push(key.clone());
        rows.operations.push(match kept.operation.as_str() {
            "book" => "book",
            "cancel" => "cancel",
            _ => "leave",
        });
        rows.hashes.push(kept.request_hash.to_vec());
        rows.statuses.push(i16::try_from(kept.answer.status).map_err(|error| Error::SerializationError(Box::new(error)))?);
        rows.responses.push(kept.answer.body.clone());
    }
    Ok(rows)
}

/// Events are changed by administrators alone, one command each; there is no set to speak of.
async fn changed_events(conn: &AsyncPgConnection, ledger: &Ledger<'_>) -> QueryResult<()> {
    for (before, event) in ledger.events.values().filter_map(|row| Some((row.was()?, row.get()))) {
        let update = sql::UpdateEvent {
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
        };
        all(conn, update, 1, "the event").await?;
    }
    Ok(())
}
