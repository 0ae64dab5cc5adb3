//! Writes the changes set-wise and commits them. Each statement must affect as many rows as it was given.

use std::collections::HashMap;

use diesel::QueryResult;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;
use futures_util::try_join;
use rowlock_domain::ids::{BatchId, BookingId, EventId, TypeKey};
use rowlock_domain::queue::LEVEL_SPANS;
use rowlock_domain::states::WaitlistStatus;
use uuid::Uuid;

use super::ledger::{Ledger, Tracked};
use super::statements as sql;
use crate::auditlog::InsertAuditEntry;
use crate::views::WaitlistEntry;

/// The key of a row that the transaction inserted. After a lost COMMIT response, the existence of the row proves the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) event: EventId,
    pub(crate) id: Uuid,
    /// The types whose rows the transaction has locked.
    pub(crate) locked: Vec<TypeKey>,
}

/// Runs a statement over `rows` rows, or nothing if there are none. Statements that find fewer rows than they were given fail in
/// the database (`expect_rows`), because somebody changed the rows in spite of the lock or inserted a key in the meantime.
async fn all<S>(mut conn: &AsyncPgConnection, statement: S, rows: usize) -> QueryResult<()>
where
    S: QueryFragment<diesel::pg::Pg> + QueryId + Send,
{
    if rows > 0 {
        statement.execute(&mut conn).await?;
    }
    Ok(())
}

fn int(value: u32) -> QueryResult<i32> {
    i32::try_from(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

/// The writes of one transaction.
pub(crate) struct Writes {
    pub(crate) proof: Proof,
    sales: sql::WriteSales,
    entries: sql::WriteEntries,
    returned: sql::UpdateBookings,
    changed: sql::ChangeEntries,
    ended: sql::UpdateEntries,
    terms: sql::UpdateTerms,
    lowered: sql::LowerCounts,
    keys: sql::InsertKeys,
    marker: Option<sql::InsertMarker>,
    events: Vec<sql::UpdateEvent>,
    deleted: Deleted,
    audits: Vec<InsertAuditEntry>,
}

impl Writes {
    /// Collects the changes of a batch. Returns `None` if there are none.
    pub(super) fn of(ledger: &Ledger, source: &str) -> QueryResult<Option<Self>> {
        let mut sales = sales(ledger)?;
        let mut entries = new_entries(ledger)?;
        let keys = new_keys(ledger)?;
        let made = sales.first_key().or_else(|| entries.first_key());
        // Every change causes a message, so a batch without messages and without responses to store has changed nothing.
        let told = ledger.messages.as_slice().first().map(|message| message.subject.event().as_uuid());
        let Some(event) = told.or_else(|| keys.events.as_slice().first().copied()) else { return Ok(None) };
        let marker = sql::InsertMarker { event, id: BatchId::from_uuid((ledger.new_id)()).as_uuid(), now: ledger.now };
        let (proven_by, id) = made.unwrap_or((event, marker.id));
        let proof = Proof { event: EventId::from_uuid(proven_by), id, locked: ledger.types.keys().copied().collect() };
        add_counters(ledger, &mut sales)?;
        add_messages(ledger, source, &mut sales)?;
        let lowered = change_counts(ledger, &mut entries);
        Ok(Some(Self {
            proof,
            returned: changed_bookings(ledger)?,
            changed: changed_entries(ledger)?,
            ended: ended_entries(ledger),
            terms: changed_terms(ledger)?,
            lowered,
            marker: made.is_none().then_some(marker),
            events: changed_events(ledger),
            deleted: Deleted::of(ledger)?,
            audits: ledger.audits.iter().map(InsertAuditEntry::from).collect(),
            sales,
            entries,
            keys,
        }))
    }

    /// Sends all statements, followed by the COMMIT, and waits for the responses. The statements are sent in the order of the
    /// source code. If one of them fails, here or in the database, the COMMIT is not sent or does not commit.
    pub(super) async fn commit(self, conn: &AsyncPgConnection) -> QueryResult<()> {
        let (entries, returned, ended) = (self.entries.ids.len() + self.entries.by.len(), self.returned.ids.len(), self.ended.ids.len());
        let changed = self.changed.ids.len();
        let (terms, lowered, keys) = (self.terms.ids.len(), self.lowered.types.len(), self.keys.keys.len());
        let sales = self.sales.ids.len() + self.sales.stock_ids.len() + self.sales.message_ids.len();
        try_join!(
            all(conn, self.sales, sales),
            all(conn, self.entries, entries),
            all(conn, self.returned, returned),
            all(conn, self.changed, changed),
            all(conn, self.ended, ended),
            all(conn, self.terms, terms),
            all(conn, self.lowered, lowered),
            all(conn, self.keys, keys),
            each(conn, self.marker),
            each(conn, self.events),
            Box::pin(self.deleted.write(conn)),
            each(conn, self.audits),
            all(conn, sql::Commit {}, 1),
        )?;
        Ok(())
    }
}

/// The deletions for deleted events, in the order that the foreign keys require.
struct Deleted {
    keys: Vec<sql::DeleteKeys>,
    types: Vec<sql::DeleteTypes>,
    events: Vec<sql::DeleteEvent>,
}

impl Deleted {
    fn of(ledger: &Ledger) -> QueryResult<Self> {
        let mut deleted = Self { keys: Vec::new(), types: Vec::new(), events: Vec::new() };
        for (id, row) in ledger.deleted.iter().filter_map(|id| Some((id, ledger.events.get(id)?))) {
            let types = ledger.types.keys().filter(|key| key.event == *id).count();
            let count = i64::try_from(types).map_err(|error| Error::SerializationError(Box::new(error)))?;
            deleted.keys.push(sql::DeleteKeys { event: id.as_uuid() });
            deleted.types.push(sql::DeleteTypes { event: id.as_uuid(), count });
            deleted.events.push(sql::DeleteEvent { id: id.as_uuid(), version: row.get().version });
        }
        Ok(deleted)
    }

    async fn write(self, conn: &AsyncPgConnection) -> QueryResult<()> {
        try_join!(each(conn, self.keys), each(conn, self.types), each(conn, self.events)).map(|_| ())
    }
}

/// Runs each of a small number of statements.
async fn each<S>(conn: &AsyncPgConnection, statements: impl IntoIterator<Item = S>) -> QueryResult<()>
where
    S: QueryFragment<diesel::pg::Pg> + QueryId + Send,
{
    try_join_all(statements.into_iter().map(|statement| all(conn, statement, 1))).await.map(|_| ())
}

impl sql::WriteSales {
    /// Returns the key of the first new booking, if there is one.
    fn first_key(&self) -> Option<(Uuid, Uuid)> {
        Some((*self.events.as_slice().first()?, *self.ids.as_slice().first()?))
    }
}

impl sql::WriteEntries {
    /// Returns the key of the first new entry, if there is one.
    fn first_key(&self) -> Option<(Uuid, Uuid)> {
        Some((*self.events.as_slice().first()?, *self.ids.as_slice().first()?))
    }
}

/// Collects the new bookings. The counters and messages are added later.
fn sales(ledger: &Ledger) -> QueryResult<sql::WriteSales> {
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
        now: ledger.now,
        stock_events: Vec::new(),
        stock_ids: Vec::new(),
        before: Vec::new(),
        versions: Vec::new(),
        capacities: Vec::new(),
        available: Vec::new(),
        booked: Vec::new(),
        held: Vec::new(),
        waiting: Vec::new(),
        numbers: Vec::new(),
        subjects: Vec::new(),
        message_ids: Vec::new(),
        keys: Vec::new(),
        payloads: Vec::new(),
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

/// Collects the new entries. The changes of the bucket counts are added later.
fn new_entries(ledger: &Ledger) -> QueryResult<sql::WriteEntries> {
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

fn changed_bookings(ledger: &Ledger) -> QueryResult<sql::UpdateBookings> {
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

fn changed_entries(ledger: &Ledger) -> QueryResult<sql::ChangeEntries> {
    let mut rows =
        sql::ChangeEntries { events: Vec::new(), ids: Vec::new(), before: Vec::new(), quantities: Vec::new(), numbers: Vec::new() };
    for (before, entry) in ledger.entries.iter().filter_map(|row| Some((row.was()?, row.get()))) {
        if before.quantity != entry.quantity || before.number != entry.number {
            rows.events.push(entry.key.event.as_uuid());
            rows.ids.push(entry.id.as_uuid());
            rows.before.push(before.number);
            rows.quantities.push(int(entry.quantity)?);
            rows.numbers.push(entry.number);
        }
    }
    Ok(rows)
}

fn ended_entries(ledger: &Ledger) -> sql::UpdateEntries {
    let mut rows = sql::UpdateEntries {
        events: Vec::new(),
        ids: Vec::new(),
        before: Vec::new(),
        statuses: Vec::new(),
        bookings: Vec::new(),
        ended: Vec::new(),
    };
    for (before, entry) in ledger.entries.iter().filter_map(|row| Some((row.was()?, row.get()))) {
        // `ChangeEntries` writes waiting entries of which only the quantity or the number changed.
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

/// Adds the changed counters.
fn add_counters(ledger: &Ledger, rows: &mut sql::WriteSales) -> QueryResult<()> {
    for (key, before, row) in ledger.types.iter().filter_map(|(key, row)| Some((key, row.was()?, row.get()))) {
        if before.stock != row.stock {
            rows.stock_events.push(key.event.as_uuid());
            rows.stock_ids.push(key.ticket_type.as_uuid());
            rows.before.push(before.stock.version);
            rows.versions.push(row.stock.version);
            rows.capacities.push(int(row.stock.capacity)?);
            rows.available.push(int(row.stock.available)?);
            rows.booked.push(int(row.stock.booked)?);
            rows.held.push(int(row.stock.held)?);
            rows.waiting.push(int(row.stock.waiting)?);
            rows.numbers.push(row.stock.next_number);
        }
    }
    Ok(())
}

fn changed_terms(ledger: &Ledger) -> QueryResult<sql::UpdateTerms> {
    let mut terms =
        sql::UpdateTerms { events: Vec::new(), ids: Vec::new(), names: Vec::new(), per_booking: Vec::new(), per_account: Vec::new() };
    for (key, before, row) in ledger.types.iter().filter_map(|(key, row)| Some((key, row.was()?, row.get()))) {
        if before.terms != row.terms || before.name != row.name {
            terms.events.push(key.event.as_uuid());
            terms.ids.push(key.ticket_type.as_uuid());
            terms.names.push(row.name.clone());
            terms.per_booking.push(int(row.terms.max_per_booking)?);
            terms.per_account.push(row.terms.max_per_account.map(int).transpose()?);
        }
    }
    Ok(terms)
}

/// Sums up the changes of the bucket counts. Adds the increases to `raised` and returns the decreases.
fn change_counts(ledger: &Ledger, raised: &mut sql::WriteEntries) -> sql::LowerCounts {
    let mut change: HashMap<(TypeKey, i16, i64), i32> = HashMap::new();
    let mut count = |entry: &WaitlistEntry, by: i32| {
        for (level, span) in (0i16..).zip(LEVEL_SPANS) {
            *change.entry((entry.key, level, entry.number.div_euclid(span))).or_default() += by;
        }
    };
    for row in ledger.entries.iter() {
        let waits = row.get().status == WaitlistStatus::Waiting;
        match row.was() {
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
    let mut lowered = sql::LowerCounts { events: Vec::new(), types: Vec::new(), levels: Vec::new(), buckets: Vec::new(), by: Vec::new() };
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

/// Adds the messages.
fn add_messages(ledger: &Ledger, source: &str, rows: &mut sql::WriteSales) -> QueryResult<()> {
    for message in &ledger.messages {
        rows.subjects.push(message.subject.event().as_uuid());
        rows.message_ids.push(message.id.as_uuid());
        rows.keys.push(message.fact.routing_key());
        rows.payloads.push(message.to_json(source).map_err(|error| Error::SerializationError(Box::new(error)))?);
    }
    Ok(())
}

fn new_keys(ledger: &Ledger) -> QueryResult<sql::InsertKeys> {
    let mut rows = sql::InsertKeys {
        events: Vec::new(),
        accounts: Vec::new(),
        keys: Vec::new(),
        operations: Vec::new(),
        hashes: Vec::new(),
        statuses: Vec::new(),
        responses: Vec::new(),
        etags: Vec::new(),
        now: ledger.now,
    };
    // All transactions insert keys in the same order, so that two with the same keys cannot deadlock.
    let mut kept_now: Vec<_> = ledger.kept.iter().filter(|(_, row)| row.is_new()).collect();
    kept_now.sort_by_key(|(scope, _)| *scope);
    for ((event, account, key), row) in kept_now {
        let kept = row.get();
        rows.events.push(event.as_uuid());
        rows.accounts.push(account.as_uuid());
        rows.keys.push(key.clone());
        rows.operations.push(kept.operation.clone());
        rows.hashes.push(kept.request_hash.to_vec());
        rows.statuses.push(i16::try_from(kept.answer.status).map_err(|error| Error::SerializationError(Box::new(error)))?);
        rows.responses.push(kept.answer.body.clone());
        rows.etags.push(kept.answer.etag.clone());
    }
    Ok(rows)
}

fn changed_events(ledger: &Ledger) -> Vec<sql::UpdateEvent> {
    let changed = ledger.events.values().filter_map(|row| Some((row.was()?, row.get())));
    changed
        .map(|(before, event)| sql::UpdateEvent {
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
        })
        .collect()
}
