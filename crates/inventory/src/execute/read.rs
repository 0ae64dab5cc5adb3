//! Locks the rows and reads what the commands need, set-wise: there is never a query per command.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::try_join;
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::Phase;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::values::{Capacity, Quantity};
use uuid::Uuid;

use super::LockWait;
use super::NewId;
use super::joins::{JoinFreeRoom, totals_of_changed_entries};
use super::ledger::{Kept, Ledger, Tracked};
use super::statements as sql;
use crate::command::{Answer, Command, EverSold, Reallocate, Step, Target};
use crate::queries::places::places;
use crate::views::rows::{BookingRow, EntryRow, EventRow, TypeRow, unreadable};
use crate::views::{Booking, Event, TicketType, WaitlistEntry};

/// The ticket types that a batch must lock.
pub(super) struct Needs {
    keys: BTreeSet<TypeKey>,
}

fn key(event: Uuid, ticket_type: Uuid) -> TypeKey {
    TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(ticket_type) }
}

fn columns<'a>(keys: impl IntoIterator<Item = &'a TypeKey>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.into_iter().map(|key| (key.event.as_uuid(), key.ticket_type.as_uuid())).unzip()
}

/// Finds the types to lock: those of the commands, and those for which requests are expected. The types of an event never change,
/// so they can be read before the lock.
pub(super) async fn needs(mut conn: &AsyncPgConnection, commands: &[&Command], expected: &[TypeKey]) -> QueryResult<Needs> {
    let mut keys: BTreeSet<_> = commands.iter().filter_map(|command| command.only_type()).chain(expected.iter().copied()).collect();
    let whole: BTreeSet<_> =
        commands.iter().filter(|command| command.only_type().is_none()).map(|command| command.event().as_uuid()).collect();
    if !whole.is_empty() {
        let rows: Vec<(Uuid, Uuid)> = sql::TypesOfEvents { events: whole.into_iter().collect() }.load(&mut conn).await?;
        keys.extend(rows.into_iter().map(|(event, id)| key(event, id)));
    }
    Ok(Needs { keys })
}

/// Begins the transaction, locks the rows in key order, and reads what the commands need, all in one round trip. The server
/// executes the statements one after the other, so each one sees what was committed before it started, and everything after the
/// locking statement is read under the locks.
pub(super) async fn begin(
    conn: &AsyncPgConnection,
    needs: Needs,
    commands: &[&Command],
    wait: LockWait,
    new_id: NewId,
) -> QueryResult<(HashSet<TypeKey>, Ledger)> {
    let mut wanted = Wanted::default();
    for command in commands {
        wanted.add(command);
    }
    let event_ids: BTreeSet<_> = needs.keys.iter().map(|key| key.event).chain(commands.iter().map(|command| command.event())).collect();
    let ((), types, events, kept, by_id, of_accounts, entries_by_id, entries_of_accounts) = try_join!(
        open(conn),
        take_rows(conn, &needs.keys, wait),
        read_events(conn, event_ids),
        wanted.read_keys(conn),
        wanted.read_bookings_by_id(conn),
        wanted.read_bookings_of_accounts(conn),
        wanted.read_entries_by_id(conn),
        wanted.read_entries_of_accounts(conn),
    )?;
    let elsewhere =
        if types.len() < needs.keys.len() && wait == LockWait::Skip { find_existing(conn, &needs, &types).await? } else { HashSet::new() };
    let now = match events.as_slice().first() {
        Some((_, now)) => *now,
        // Without an event, no decision depends on the clock, but rejections need a time, too.
        None => read_clock(conn).await?,
    };
    let mut ledger = Ledger::new(now, new_id);
    ledger.types = types.into_iter().map(|row| (row.key, Tracked::stored(row))).collect();
    ledger.events = events.into_iter().map(|(row, _)| (row.id, Tracked::stored(row))).collect();
    for booking in by_id.into_iter().chain(of_accounts) {
        ledger.bookings.keep((booking.key.event, booking.id), booking);
    }
    for entry in entries_by_id.into_iter().chain(entries_of_accounts) {
        ledger.entries.keep((entry.key.event, entry.id), entry);
    }
    ledger.kept = kept;
    Ok((elsewhere, ledger))
}

/// Reads what depends on the locked rows, such as the totals of types with a limit per account and the queues of types to
/// reallocate. Most batches need none of it and so avoid another round trip.
pub(super) async fn read_more(
    conn: &AsyncPgConnection,
    commands: &[&Command],
    room: &JoinFreeRoom,
    ledger: &mut Ledger,
) -> QueryResult<()> {
    let totals = read_totals(conn, totals_wanted(commands, ledger));
    let (totals, open) = try_join!(totals, read_open_entries(conn, room.open_entries_wanted(commands)))?;
    ledger.totals = totals;
    read_places(conn, commands, &open, ledger).await?;
    for entry in open {
        ledger.open_entries.entry((entry.key, entry.holder.account)).or_default().push(entry.id);
        ledger.entries.keep((entry.key.event, entry.id), entry);
    }
    read_closed_entries(conn, commands, ledger).await?;
    read_large_parties(conn, commands, ledger).await?;
    read_ever_sold(conn, commands, ledger).await?;
    read_for_reallocation(conn, commands, ledger).await
}

/// Reads the open entries of accounts whose bookings may join a waiting list, ordered by number.
async fn read_open_entries(mut conn: &AsyncPgConnection, wanted: BTreeSet<(TypeKey, AccountId)>) -> QueryResult<Vec<WaitlistEntry>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = sql::OpenEntries { events: Vec::new(), types: Vec::new(), accounts: Vec::new() };
    for (key, account) in wanted {
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
        query.accounts.push(account.as_uuid());
    }
    let rows: Vec<EntryRow> = query.load(&mut conn).await?;
    rows.into_iter().map(WaitlistEntry::try_from).collect()
}

/// Reads the positions of entries that a rejection or a change may have to show. Few batches have any.
async fn read_places(conn: &AsyncPgConnection, commands: &[&Command], open: &[WaitlistEntry], ledger: &mut Ledger) -> QueryResult<()> {
    let changed: HashSet<_> = commands.iter().filter(|c| matches!(c, Command::ChangeEntry(_))).map(|c| c.event()).collect();
    let mut shown = open.to_vec();
    if !changed.is_empty() {
        shown.extend(ledger.entries.iter().map(Tracked::get).filter(|entry| changed.contains(&entry.key.event)).cloned());
    }
    if !shown.is_empty() {
        let places = places(conn, &shown).await?;
        ledger.places.extend(places.into_iter().map(|(entry, place)| (entry, (place, 0))));
    }
    Ok(())
}

async fn open(mut conn: &AsyncPgConnection) -> QueryResult<()> {
    sql::Begin {}.execute(&mut conn).await.map(|_| ())
}

/// Locks the rows in key order.
pub(super) async fn take_rows<'a>(
    mut conn: &AsyncPgConnection,
    keys: impl IntoIterator<Item = &'a TypeKey>,
    wait: LockWait,
) -> QueryResult<Vec<TicketType>> {
    let (events, types) = columns(keys);
    let rows: Vec<TypeRow> = match (wait, events.as_slice(), types.as_slice()) {
        (LockWait::Wait, &[event], &[id]) => sql::LockOne { event, id }.load(&mut conn).await?,
        (LockWait::Skip, &[event], &[id]) => sql::LockOneFree { event, id }.load(&mut conn).await?,
        (LockWait::Wait, &[event, ref others @ ..], _) if others.iter().all(|other| *other == event) => {
            sql::LockOfEvent { event, ids: types }.load(&mut conn).await?
        }
        (LockWait::Skip, &[event, ref others @ ..], _) if others.iter().all(|other| *other == event) => {
            sql::LockOfEventFree { event, ids: types }.load(&mut conn).await?
        }
        (LockWait::Wait, ..) => sql::Lock { events, types }.load(&mut conn).await?,
        (LockWait::Skip, ..) => sql::LockFree { events, types }.load(&mut conn).await?,
    };
    rows.into_iter().map(TicketType::try_from).collect()
}

/// Returns the wanted types that exist but were not locked, because another transaction has locked them.
async fn find_existing(mut conn: &AsyncPgConnection, needs: &Needs, locked: &[TicketType]) -> QueryResult<HashSet<TypeKey>> {
    let got: HashSet<_> = locked.iter().map(|ticket_type| ticket_type.key).collect();
    let (events, types) = columns(needs.keys.iter().filter(|key| !got.contains(*key)));
    let rows: Vec<(Uuid, Uuid)> = sql::Existing { events, types }.load(&mut conn).await?;
    Ok(rows.into_iter().map(|(event, id)| key(event, id)).collect())
}

/// Returns the types and accounts whose totals are needed: those of types that have a limit, or that may get one in this batch.
fn totals_wanted(commands: &[&Command], ledger: &Ledger) -> BTreeSet<(TypeKey, AccountId)> {
    let changed: HashSet<_> =
        commands.iter().filter(|command| matches!(command, Command::Change(_))).map(|command| command.event()).collect();
    let counted =
        |key: &TypeKey| changed.contains(&key.event) || ledger.types.get(key).is_some_and(|row| row.get().terms.max_per_account.is_some());
    let books = commands.iter().filter_map(|command| if let Command::Book(book) = command { Some(book) } else { None });
    let changed_entries = totals_of_changed_entries(commands, ledger).into_iter().filter(|(key, _)| counted(key));
    books.filter(|book| counted(&book.key)).map(|book| (book.key, book.holder.account)).chain(changed_entries).collect()
}

async fn read_clock(mut conn: &AsyncPgConnection) -> QueryResult<Timestamp> {
    let (now,): (Timestamp,) = sql::Now {}.get_result(&mut conn).await?;
    Ok(now)
}

async fn read_events(mut conn: &AsyncPgConnection, ids: BTreeSet<EventId>) -> QueryResult<Vec<(Event, Timestamp)>> {
    let ids = ids.into_iter().map(EventId::as_uuid).collect();
    let rows: Vec<(EventRow, Timestamp)> = sql::Events { ids }.load(&mut conn).await?;
    rows.into_iter().map(|(row, now)| Ok((Event::try_from(row)?, now))).collect()
}

/// A stored response: event, account, key, operation, hash of the request, status, body and ETag.
type KeyRow = (Uuid, Uuid, String, String, Vec<u8>, i16, String, Option<String>);

/// The rows that the commands refer to.
#[derive(Default)]
struct Wanted {
    keys: Vec<(EventId, AccountId, String)>,
    bookings: BTreeSet<(EventId, BookingId)>,
    bookings_of: BTreeSet<(EventId, AccountId)>,
    entries: BTreeSet<(EventId, WaitlistEntryId)>,
    entries_of: BTreeSet<(EventId, AccountId)>,
}

impl Wanted {
    fn add(&mut self, command: &Command) {
        let event = command.event();
        if let Some((account, _, idempotency)) = command.idempotency() {
            self.keys.push((event, account, idempotency.key.as_str().to_owned()));
        }
        match command {
            Command::Cancel(cancel) => match cancel.target {
                Target::One(id, _) => {
                    self.bookings.insert((event, id));
                }
                Target::OnlyOne(_) => {
                    self.bookings_of.insert((event, cancel.account));
                }
            },
            Command::Leave(leave) => match leave.target {
                Target::One(id, _) => {
                    self.entries.insert((event, id));
                }
                Target::OnlyOne(_) => {
                    self.entries_of.insert((event, leave.account));
                }
            },
            Command::ChangeEntry(change) => match change.target {
                Target::One(id, _) => {
                    self.entries.insert((event, id));
                }
                Target::OnlyOne(_) => {
                    self.entries_of.insert((event, change.account));
                }
            },
            Command::Book(_) | Command::Change(_) | Command::Delete(_) | Command::Reallocate(_) => {}
        }
    }

    async fn read_keys(&self, mut conn: &AsyncPgConnection) -> QueryResult<HashMap<(EventId, AccountId, String), Tracked<Kept>>> {
        if self.keys.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = sql::Keys { events: Vec::new(), accounts: Vec::new(), keys: Vec::new() };
        for (event, account, key) in &self.keys {
            query.events.push(event.as_uuid());
            query.accounts.push(account.as_uuid());
            query.keys.push(key.clone());
        }
        let rows: Vec<KeyRow> = query.load(&mut conn).await?;
        rows.into_iter()
            .map(|(event, account, key, operation, hash, status, body, etag)| {
                let request_hash = <[u8; 32]>::try_from(hash.as_slice()).map_err(unreadable)?;
                let status = u16::try_from(status).map_err(unreadable)?;
                let kept = Kept { operation, request_hash, answer: Answer { status, body, etag } };
                Ok(((EventId::from_uuid(event), AccountId::from_uuid(account), key), Tracked::stored(kept)))
            })
            .collect()
    }

    async fn read_bookings_by_id(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<Booking>> {
        if self.bookings.is_empty() {
            return Ok(Vec::new());
        }
        let (events, ids) = self.bookings.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let rows: Vec<BookingRow> = sql::BookingsById { events, ids }.load(&mut conn).await?;
        rows.into_iter().map(Booking::try_from).collect()
    }

    async fn read_bookings_of_accounts(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<Booking>> {
        if self.bookings_of.is_empty() {
            return Ok(Vec::new());
        }
        let (events, accounts) = self.bookings_of.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let rows: Vec<BookingRow> = sql::BookingsOfAccounts { events, accounts }.load(&mut conn).await?;
        rows.into_iter().map(Booking::try_from).collect()
    }

    async fn read_entries_by_id(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<WaitlistEntry>> {
        if self.entries.is_empty() {
            return Ok(Vec::new());
        }
        let (events, ids) = self.entries.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let rows: Vec<EntryRow> = sql::EntriesById { events, ids }.load(&mut conn).await?;
        rows.into_iter().map(WaitlistEntry::try_from).collect()
    }

    async fn read_entries_of_accounts(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<WaitlistEntry>> {
        if self.entries_of.is_empty() {
            return Ok(Vec::new());
        }
        let (events, accounts) = self.entries_of.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let rows: Vec<EntryRow> = sql::EntriesOfAccounts { events, accounts }.load(&mut conn).await?;
        rows.into_iter().map(WaitlistEntry::try_from).collect()
    }
}

/// Reads the entries that are reopened if a change moves the end of their waiting list back into the future.
async fn read_closed_entries(mut conn: &AsyncPgConnection, commands: &[&Command], ledger: &mut Ledger) -> QueryResult<()> {
    let moved = commands.iter().filter(|command| matches!(command, Command::Change(change) if change.moves_waitlist_end()));
    let ended: BTreeSet<_> = moved.map(|command| command.event()).filter(|event| ledger.phase(*event) == Phase::Begun).collect();
    if ended.is_empty() {
        return Ok(());
    }
    let query = sql::ClosedEntries { events: ended.into_iter().map(EventId::as_uuid).collect() };
    let rows: Vec<EntryRow> = query.load(&mut conn).await?;
    for entry in rows.into_iter().map(WaitlistEntry::try_from) {
        let entry = entry?;
        ledger.entries.keep((entry.key.event, entry.id), entry);
    }
    Ok(())
}

/// Counts the waiting entries that may be too large for one booking after a change of their event. Reads only the entries above
/// the lowest limit that the batch can lead to.
async fn read_large_parties(mut conn: &AsyncPgConnection, commands: &[&Command], ledger: &mut Ledger) -> QueryResult<()> {
    let changes: Vec<_> =
        commands.iter().filter_map(|command| if let Command::Change(change) = command { Some(change) } else { None }).collect();
    let mut query = sql::LargeParties { events: Vec::new(), types: Vec::new(), above: Vec::new() };
    for (key, row) in &ledger.types {
        let of_event = || changes.iter().filter(|change| change.event == key.event);
        if row.get().stock.waiting == 0 || of_event().next().is_none() {
            continue;
        }
        let limits = of_event().flat_map(|change| &change.types).filter(|change| change.id == key.ticket_type);
        let limits = limits.flat_map(|change| [change.capacity.map(Capacity::get), change.max_per_booking.map(Quantity::get)]).flatten();
        let lowest = limits.fold(row.get().stock.largest_party(row.get().terms), u32::min);
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
        query.above.push(i32::try_from(lowest).unwrap_or(i32::MAX));
    }
    if query.events.is_empty() {
        return Ok(());
    }
    let rows: Vec<(Uuid, Uuid, i32, i64)> = query.load(&mut conn).await?;
    for (event, id, quantity, entries) in rows {
        let row = (u32::try_from(quantity).map_err(unreadable)?, u32::try_from(entries).map_err(unreadable)?);
        ledger.large_parties.entry(key(event, id)).or_default().push(row);
    }
    Ok(())
}

/// Counts the bookings and entries that the events which the batch deletes or makes drafts have ever had. The statement runs
/// after the lock was acquired and so sees everything that was committed before.
async fn read_ever_sold(mut conn: &AsyncPgConnection, commands: &[&Command], ledger: &mut Ledger) -> QueryResult<()> {
    let depends = |command: &&&Command| match command {
        Command::Delete(_) => true,
        Command::Change(change) => change.step == Some(Step::Unpublish),
        _ => false,
    };
    let events: BTreeSet<_> = commands.iter().filter(depends).map(|command| command.event()).collect();
    for event in events {
        let (bookings, entries): (i64, i64) = sql::CountEverSold { event: event.as_uuid() }.get_result(&mut conn).await?;
        let sold =
            EverSold { bookings: u32::try_from(bookings).map_err(unreadable)?, entries: u32::try_from(entries).map_err(unreadable)? };
        ledger.ever_sold.insert(event, sold);
    }
    Ok(())
}

async fn read_totals(
    mut conn: &AsyncPgConnection,
    wanted: BTreeSet<(TypeKey, AccountId)>,
) -> QueryResult<HashMap<(TypeKey, AccountId), u32>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = sql::Totals { events: Vec::new(), types: Vec::new(), accounts: Vec::new() };
    for (key, account) in wanted {
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
        query.accounts.push(account.as_uuid());
    }
    let rows: Vec<(Uuid, Uuid, Uuid, i64)> = query.load(&mut conn).await?;
    rows.into_iter()
        .map(|(event, id, account, total)| Ok(((key(event, id), AccountId::from_uuid(account)), u32::try_from(total).map_err(unreadable)?)))
        .collect()
}

/// The bounds of what the allocation passes of a type in one batch may need from its queues.
#[derive(Debug, Default)]
struct Walk {
    /// The largest number of tickets that can be held.
    pool: i32,
    /// The maximum number of promotions of all passes together.
    limit: i32,
    /// The number of entries that may leave the queue before the pass.
    spare: i32,
}

/// Reads the queue heads, or the entries to close and bookings to cancel, of the types to reallocate.
async fn read_for_reallocation(mut conn: &AsyncPgConnection, commands: &[&Command], ledger: &mut Ledger) -> QueryResult<()> {
    let mut heads = sql::Heads { events: Vec::new(), types: Vec::new(), pools: Vec::new(), limits: Vec::new(), spares: Vec::new() };
    let mut waiting = sql::FirstWaiting { events: Vec::new(), types: Vec::new(), limits: Vec::new() };
    let mut confirmed = sql::FirstConfirmed { events: Vec::new(), types: Vec::new(), limits: Vec::new() };
    let mut walks: BTreeMap<TypeKey, Walk> = BTreeMap::new();
    let mut closings: BTreeMap<TypeKey, (i32, bool)> = BTreeMap::new();
    for Reallocate { key, limit } in
        commands.iter().filter_map(|command| if let Command::Reallocate(command) = command { Some(*command) } else { None })
    {
        let Some(ticket_type) = ledger.types.get(&key).map(Tracked::get) else { continue };
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        match ledger.phase(key.event) {
            Phase::Open => {
                // Other commands of the batch may return tickets before the pass. Their number is at most the capacity, unless
                // the batch changes the capacity itself.
                let others = || commands.iter().filter(|command| command.event() == key.event);
                let pool = if others().any(|command| matches!(command, Command::Change(_))) {
                    Capacity::MAX
                } else if others().all(|command| matches!(command, Command::Reallocate(_))) {
                    ticket_type.stock.held
                } else {
                    ticket_type.stock.capacity
                };
                // Entries that leave in this batch may be among the heads that are read.
                let leaving = commands
                    .iter()
                    .filter(|command| command.event() == key.event && matches!(command, Command::Leave(_) | Command::ChangeEntry(_)));
                let walk = walks.entry(key).or_default();
                walk.pool = i32::try_from(pool).unwrap_or(i32::MAX);
                walk.limit = walk.limit.saturating_add(limit);
                walk.spare = i32::try_from(leaving.count()).unwrap_or(i32::MAX);
            }
            phase => {
                let (most, cancelled) = closings.entry(key).or_default();
                *most = most.saturating_add(limit);
                *cancelled = phase == Phase::Cancelled;
            }
        }
    }
    for (key, (most, cancelled)) in closings {
        // Entries that leave and bookings that are cancelled in this batch may be among the first rows that are read.
        let leaving = commands.iter().filter(|c| c.event() == key.event && matches!(c, Command::Leave(_) | Command::Cancel(_))).count();
        let most = most.saturating_add(i32::try_from(leaving).unwrap_or(i32::MAX));
        waiting.events.push(key.event.as_uuid());
        waiting.types.push(key.ticket_type.as_uuid());
        waiting.limits.push(most);
        if cancelled {
            confirmed.events.push(key.event.as_uuid());
            confirmed.types.push(key.ticket_type.as_uuid());
            confirmed.limits.push(most);
        }
    }
    walks.retain(|_, walk| walk.pool > 0);
    for (key, walk) in &walks {
        heads.events.push(key.event.as_uuid());
        heads.types.push(key.ticket_type.as_uuid());
        heads.pools.push(walk.pool);
        heads.limits.push(walk.limit);
        heads.spares.push(walk.spare);
    }
    if !heads.events.is_empty() {
        let rows: Vec<EntryRow> = heads.load(&mut conn).await?;
        load_heads(ledger, rows, &walks)?;
    }
    if !waiting.events.is_empty() {
        let rows: Vec<EntryRow> = waiting.load(&mut conn).await?;
        for entry in rows.into_iter().map(WaitlistEntry::try_from) {
            let entry = entry?;
            ledger.to_close.entry(entry.key).or_default().push_back(entry.id);
            ledger.entries.keep((entry.key.event, entry.id), entry);
        }
    }
    if !confirmed.events.is_empty() {
        let rows: Vec<BookingRow> = confirmed.load(&mut conn).await?;
        for booking in rows.into_iter().map(Booking::try_from) {
            let booking = booking?;
            ledger.to_cancel.entry(booking.key).or_default().push_back(booking.id);
            ledger.bookings.keep((booking.key.event, booking.id), booking);
        }
    }
    Ok(())
}

fn load_heads(ledger: &mut Ledger, rows: Vec<EntryRow>, walks: &BTreeMap<TypeKey, Walk>) -> QueryResult<()> {
    let mut read: HashMap<(TypeKey, u32), Vec<i64>> = HashMap::new();
    for entry in rows.into_iter().map(WaitlistEntry::try_from) {
        let entry = entry?;
        read.entry((entry.key, entry.quantity)).or_default().push(entry.number);
        ledger.entry_at.insert((entry.key, entry.number), entry.id);
        ledger.entries.keep((entry.key.event, entry.id), entry);
    }
    for key in walks.keys() {
        ledger.heads.entry(*key).or_default();
    }
    for ((key, quantity), mut numbers) in read {
        numbers.sort_unstable();
        let Some(walk) = walks.get(&key) else { continue };
        let asked = i64::from(walk.limit.min(walk.pool / i32::try_from(quantity).unwrap_or(i32::MAX))) + i64::from(walk.spare);
        let heads = ledger.heads.entry(key).or_default();
        let truncated = i64::try_from(numbers.len()).unwrap_or(i64::MAX) >= asked;
        for number in numbers {
            heads.push(number, quantity);
        }
        if truncated {
            heads.truncate(quantity);
        }
    }
    Ok(())
}
