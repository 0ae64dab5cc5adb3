//! Locks the rows and reads what the commands need, set-wise: never one query per command.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::try_join;
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::Phase;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::values::Capacity;
use uuid::Uuid;

use super::LockWait;
use super::ledger::{Kept, Ledger, NewId, Tracked};
use super::statements as sql;
use crate::command::{Answer, Command, Reallocate, Target};
use crate::views::rows::{BookingRow, EntryRow, EventRow, TypeRow, unreadable};
use crate::views::{Booking, Event, TicketType, WaitlistEntry};

/// Which types a batch needs.
pub(super) struct Needs {
    keys: BTreeSet<TypeKey>,
}

/// What was locked, and the types that somebody else holds.
pub(super) struct Locked {
    types: Vec<TicketType>,
    pub(super) elsewhere: HashSet<TypeKey>,
    wanted: BTreeSet<TypeKey>,
}

fn key(event: Uuid, ticket_type: Uuid) -> TypeKey {
    TypeKey { event: EventId::from_uuid(event), ticket_type: TicketTypeId::from_uuid(ticket_type) }
}

fn columns<'a>(keys: impl IntoIterator<Item = &'a TypeKey>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.into_iter().map(|key| (key.event.as_uuid(), key.ticket_type.as_uuid())).unzip()
}

/// Finds the types to lock. Which types an event has never changes, so this may be read before the lock.
pub(super) async fn needs(conn: &mut AsyncPgConnection, commands: &[&Command]) -> QueryResult<Needs> {
    let mut keys: BTreeSet<_> = commands.iter().filter_map(|command| command.only_type()).collect();
    let whole: BTreeSet<_> =
        commands.iter().filter(|command| command.only_type().is_none()).map(|command| command.event().as_uuid()).collect();
    if !whole.is_empty() {
        let rows: Vec<(Uuid, Uuid)> = sql::TypesOfEvents { events: whole.into_iter().collect() }.load(conn).await?;
        keys.extend(rows.into_iter().map(|(event, id)| key(event, id)));
    }
    Ok(Needs { keys })
}

/// Takes the rows in the order of their key. A statement of its own: what is read afterwards is fresh.
pub(super) async fn lock(conn: &mut AsyncPgConnection, needs: Needs, wait: LockWait) -> QueryResult<Locked> {
    let (events, types) = columns(&needs.keys);
    let rows: Vec<TypeRow> = match wait {
        LockWait::Wait => sql::Lock { events, types }.load(conn).await?,
        LockWait::Skip => sql::LockFree { events, types }.load(conn).await?,
    };
    let locked = rows.into_iter().map(TicketType::try_from).collect::<QueryResult<Vec<_>>>()?;
    let mut elsewhere = HashSet::new();
    if wait == LockWait::Skip && locked.len() < needs.keys.len() {
        // Not locked means locked elsewhere, or not there at all.
        let got: HashSet<_> = locked.iter().map(|ticket_type| ticket_type.key).collect();
        let (events, types) = columns(needs.keys.iter().filter(|key| !got.contains(*key)));
        let rows: Vec<(Uuid, Uuid)> = sql::Existing { events, types }.load(conn).await?;
        elsewhere.extend(rows.into_iter().map(|(event, id)| key(event, id)));
    }
    Ok(Locked { types: locked, elsewhere, wanted: needs.keys })
}

impl Locked {
    /// Whether a command needs a type that somebody else holds.
    pub(super) fn lacks(&self, command: &Command) -> bool {
        match command.only_type() {
            Some(key) => self.elsewhere.contains(&key),
            None => self.elsewhere.iter().any(|key| key.event == command.event()),
        }
    }
}

/// Reads into a ledger what the commands look at. The statements are sent without waiting for each other's answers.
pub(super) async fn read<'a>(
    conn: &mut AsyncPgConnection,
    locked: Locked,
    commands: &[&Command],
    new_id: NewId<'a>,
) -> QueryResult<Ledger<'a>> {
    let conn = &*conn;
    let mut wanted = Wanted::default();
    for command in commands {
        wanted.add(command);
    }
    let limited: HashSet<_> = locked.types.iter().filter(|t| t.terms.max_per_account.is_some()).map(|t| t.key).collect();
    // A change within this batch may set a limit where there was none.
    let changed: HashSet<_> =
        commands.iter().filter(|command| matches!(command, Command::Change(_))).map(|command| command.event()).collect();
    wanted.totals.retain(|(key, _)| limited.contains(key) || changed.contains(&key.event));
    let event_ids: BTreeSet<_> = locked.wanted.iter().map(|key| key.event).chain(commands.iter().map(|command| command.event())).collect();

    let (now, events, keys, by_id, of_accounts, entries_by_id, entries_of_accounts, totals) = try_join!(
        read_clock(conn),
        read_events(conn, event_ids),
        wanted.read_keys(conn),
        wanted.read_bookings_by_id(conn),
        wanted.read_bookings_of_accounts(conn),
        wanted.read_entries_by_id(conn),
        wanted.read_entries_of_accounts(conn),
        wanted.read_totals(conn),
    )?;

    let mut ledger = Ledger::new(now, new_id);
    ledger.types = locked.types.into_iter().map(|row| (row.key, Tracked::stored(row))).collect();
    ledger.events = events.into_iter().map(|row| (row.id, Tracked::stored(row))).collect();
    for booking in by_id.into_iter().chain(of_accounts) {
        ledger.bookings.keep((booking.key.event, booking.id), booking);
    }
    for entry in entries_by_id.into_iter().chain(entries_of_accounts) {
        ledger.entries.keep((entry.key.event, entry.id), entry);
    }
    ledger.kept = keys;
    ledger.totals = totals;
    read_for_reallocation(conn, commands, &mut ledger).await?;
    Ok(ledger)
}

async fn read_clock(mut conn: &AsyncPgConnection) -> QueryResult<Timestamp> {
    let (now,): (Timestamp,) = sql::Now {}.get_result(&mut conn).await?;
    Ok(now)
}

async fn read_events(mut conn: &AsyncPgConnection, ids: BTreeSet<EventId>) -> QueryResult<Vec<Event>> {
    let ids = ids.into_iter().map(EventId::as_uuid).collect();
    let rows: Vec<EventRow> = sql::Events { ids }.load(&mut conn).await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// A kept answer: event, account, key, operation, hash of the request, status, body.
type KeyRow = (Uuid, Uuid, String, String, Vec<u8>, i16, String);

/// What the commands name.
#[derive(Default)]
struct Wanted {
    keys: Vec<(EventId, AccountId, String)>,
    bookings: BTreeSet<(EventId, BookingId)>,
    bookings_of: BTreeSet<(EventId, AccountId)>,
    entries: BTreeSet<(EventId, WaitlistEntryId)>,
    entries_of: BTreeSet<(EventId, AccountId)>,
    totals: BTreeSet<(TypeKey, AccountId)>,
}

impl Wanted {
    fn add(&mut self, command: &Command) {
        let event = command.event();
        if let Some((account, _, idempotency)) = command.idempotency() {
            self.keys.push((event, account, idempotency.key.as_str().to_owned()));
        }
        match command {
            Command::Book(book) => {
                self.totals.insert((book.key, book.holder.account));
            }
            Command::Cancel(cancel) => match cancel.target {
                Target::One(id, _) => {
                    self.bookings.insert((event, id));
                }
                Target::OnlyOne => {
                    self.bookings_of.insert((event, cancel.account));
                }
            },
            Command::Leave(leave) => match leave.target {
                Target::One(id, _) => {
                    self.entries.insert((event, id));
                }
                Target::OnlyOne => {
                    self.entries_of.insert((event, leave.account));
                }
            },
            Command::Change(_) | Command::Reallocate(_) => {}
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
            .map(|(event, account, key, operation, hash, status, body)| {
                let request_hash = <[u8; 32]>::try_from(hash.as_slice()).map_err(unreadable)?;
                let status = u16::try_from(status).map_err(unreadable)?;
                let kept = Kept { operation, request_hash, answer: Answer { status, body } };
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

    async fn read_totals(&self, mut conn: &AsyncPgConnection) -> QueryResult<HashMap<(TypeKey, AccountId), u32>> {
        if self.totals.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = sql::Totals { events: Vec::new(), types: Vec::new(), accounts: Vec::new() };
        for (key, account) in &self.totals {
            query.events.push(key.event.as_uuid());
            query.types.push(key.ticket_type.as_uuid());
            query.accounts.push(account.as_uuid());
        }
        let rows: Vec<(Uuid, Uuid, Uuid, i64)> = query.load(&mut conn).await?;
        rows.into_iter()
            .map(|(event, id, account, total)| {
                Ok(((key(event, id), AccountId::from_uuid(account)), u32::try_from(total).map_err(unreadable)?))
            })
            .collect()
    }
}

/// What the reallocations of a type in one batch may need of its queues.
#[derive(Debug, Default)]
struct Walk {
    /// The most tickets there can be to hand on.
    pool: i32,
    /// Most promotions, all walks together.
    limit: i32,
    /// How many may leave before.
    spare: i32,
}

/// Reads the heads of the queues, or what is to be closed, of the types to reallocate.
async fn read_for_reallocation(mut conn: &AsyncPgConnection, commands: &[&Command], ledger: &mut Ledger<'_>) -> QueryResult<()> {
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
                // Other commands of the batch may bring tickets before the walk: never more than there are, unless the
                // number itself is changed.
                let others = || commands.iter().filter(|command| command.event() == key.event);
                let pool = if others().any(|command| matches!(command, Command::Change(_))) {
                    Capacity::MAX
                } else if others().all(|command| matches!(command, Command::Reallocate(_))) {
                    ticket_type.stock.held
                } else {
                    ticket_type.stock.capacity
                };
                // Those who leave in this batch may be the heads that were read.
                let leaving = commands.iter().filter(|command| command.event() == key.event && matches!(command, Command::Leave(_)));
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
        // Those who leave or cancel in this batch may be among the first that are read.
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

fn load_heads(ledger: &mut Ledger<'_>, rows: Vec<EntryRow>, walks: &BTreeMap<TypeKey, Walk>) -> QueryResult<()> {
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
