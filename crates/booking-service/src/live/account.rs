//! The state of an account's bookings and waiting-list entries, for its holder.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes};
use chrono::TimeDelta;
use rowlock_domain::Timestamp;
use rowlock_domain::chance::Chance;
use rowlock_domain::ids::{AccountId, WaitlistEntryId};
use rowlock_domain::states::WaitlistStatus;
use rowlock_http::revocations::Revocations;
use rowlock_http::{Caller, Page};
use rowlock_inventory::queries::{self, AccountSnapshot};
use rowlock_inventory::views::NamedEntry;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::stream::{Rendered, View};
use super::topics::{Next, ReadError, Source};
use super::{Reads, sse};
use crate::resources::{BookingResource, WaitlistEntryResource};

/// Maximum number of bookings and of entries in an update, the newest.
const MAX_ITEMS: i64 = 100;
/// Maximum time by which a promotion that a read does not contain can be older than that read, because its transaction committed
/// after the read.
const COMMIT_DELAY: TimeDelta = TimeDelta::seconds(15);

/// The positions of entries, and their chances if they were estimated.
pub(super) type Positions = HashMap<WaitlistEntryId, (i64, Option<Chance>)>;

/// Reads the bookings and entries of accounts.
pub(super) struct AccountSource(pub(super) Reads);

/// A list in the form in which it is sent.
#[derive(Clone)]
struct SentList {
    /// Incremented by each change.
    version: u64,
    json: Bytes,
}

impl SentList {
    fn new(list: &impl Serialize) -> Result<Self, ReadError> {
        Ok(Self { version: 0, json: serde_json::to_vec(list)?.into() })
    }

    /// Numbers the list as the successor of `previous`. Returns whether it differs from it.
    fn follow(&mut self, previous: &Self) -> bool {
        let differs = self.json != previous.json;
        self.version = previous.version + u64::from(differs);
        differs
    }

    fn event(&self, id: &str, name: &str) -> Bytes {
        sse::event_of_json(Some(id), name, &String::from_utf8_lossy(&self.json))
    }
}

/// The state of an account.
#[derive(Clone)]
pub(super) struct AccountState {
    /// The time at which the rows, or at least the positions, were read. It is the id of the updates.
    read_at: Timestamp,
    bookings: SentList,
    waitlist: SentList,
    entries: Vec<NamedEntry>,
    /// Streams whose token has a lower version have ended.
    lowest_version: i64,
}

impl AccountState {
    fn of(snapshot: AccountSnapshot) -> Result<Self, ReadError> {
        let AccountSnapshot { read_at, bookings, entries } = snapshot;
        let bookings = Page::cut(bookings, MAX_ITEMS, |row| row.booking.id, |row| BookingResource::from(&row));
        let (bookings, waitlist) = (SentList::new(&bookings)?, serialize_entries(&entries)?);
        Ok(Self { read_at, bookings, waitlist, entries, lowest_version: i64::MIN })
    }

    /// Returns the entries that are waiting.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &NamedEntry> {
        self.entries.iter().filter(|row| row.entry.status == WaitlistStatus::Waiting)
    }

    /// Returns the state that ends streams of older tokens.
    pub(super) fn end_below(&self, lowest_version: i64) -> Option<Arc<Self>> {
        (self.lowest_version < lowest_version).then(|| Arc::new(Self { lowest_version, ..self.clone() }))
    }

    /// Returns the state with other positions and chances, or `None` if they are the same or older.
    pub(super) fn with_positions(&self, positions: &Positions, read_at: Timestamp) -> Option<Arc<Self>> {
        if read_at <= self.read_at {
            return None;
        }
        let mut state = Self { read_at, ..self.clone() };
        let mut moved = false;
        for row in state.entries.iter_mut().filter(|row| row.entry.status == WaitlistStatus::Waiting) {
            let Some(&(position, chance)) = positions.get(&row.entry.id) else { continue };
            moved |= (row.position, row.chance) != (Some(position), chance);
            (row.position, row.chance) = (Some(position), chance);
        }
        if !moved {
            return None;
        }
        state.waitlist = serialize_entries(&state.entries).ok()?;
        state.waitlist.follow(&self.waitlist);
        Some(Arc::new(state))
    }
}

fn serialize_entries(entries: &[NamedEntry]) -> Result<SentList, ReadError> {
    SentList::new(&Page::cut(entries.to_vec(), MAX_ITEMS, |row| row.entry.id, |row| WaitlistEntryResource::from(&row)))
}

impl Source for AccountSource {
    type Key = AccountId;
    type State = Arc<AccountState>;

    async fn read(&self, account: AccountId) -> Result<Arc<AccountState>, ReadError> {
        let _turn = self.0.turn().await?;
        let mut snapshot = self.0.reader.run(async |conn| queries::account_snapshot(conn, account, MAX_ITEMS + 1).await).await?;
        self.0.chances.add_to(&mut snapshot.entries).await?;
        Ok(Arc::new(AccountState::of(snapshot)?))
    }

    fn next(current: Option<&Arc<AccountState>>, read: Arc<AccountState>) -> Next<Arc<AccountState>> {
        let Some(current) = current else { return Next::Changed(read) };
        // The positions may have been read meanwhile.
        if current.read_at > read.read_at {
            return Next::Outdated;
        }
        let mut next = AccountState { lowest_version: current.lowest_version, ..Arc::unwrap_or_clone(read) };
        let differs = [next.bookings.follow(&current.bookings), next.waitlist.follow(&current.waitlist)];
        if differs.contains(&true) { Next::Changed(Arc::new(next)) } else { Next::Unchanged }
    }
}

/// The view of one stream: whom it serves, and the state that it has sent last.
pub(super) struct AccountView {
    caller: Caller,
    revocations: Option<web::Data<Revocations>>,
    expires_at: Instant,
    /// The time of the last update that the client had received over an earlier stream.
    resumed_after: Option<Timestamp>,
    sent: Option<Arc<AccountState>>,
}

impl AccountView {
    /// Creates the view for a stream that begins now. `last_event` is the id of the last update that the client has received.
    pub(super) fn new(caller: Caller, revocations: Option<web::Data<Revocations>>, last_event: Option<&str>, now: Timestamp) -> Self {
        let life = (Timestamp::from_timestamp(caller.exp, 0).unwrap_or(now) - now).to_std().unwrap_or_default();
        let resumed_after = last_event.and_then(|id| id.parse().ok()).and_then(Timestamp::from_timestamp_micros);
        // Tokens live for minutes; the limit only prevents an overflow.
        let expires_at = Instant::now() + life.min(Duration::from_secs(365 * 24 * 60 * 60));
        Self { caller, revocations, expires_at, resumed_after, sent: None }
    }

    /// Returns whether an entry has been promoted since the client last received its list.
    fn is_newly_promoted(&self, row: &NamedEntry) -> bool {
        row.entry.status == WaitlistStatus::Promoted
            && match &self.sent {
                Some(sent) => sent.waiting().any(|known| known.entry.id == row.entry.id),
                None => self.resumed_after.is_some_and(|after| row.entry.ended_at.is_some_and(|promoted| promoted + COMMIT_DELAY > after)),
            }
    }
}

fn expired(reason: &str) -> Bytes {
    sse::event_of_json(None, "expired", &json!({"reason": reason}).to_string())
}

impl View<Arc<AccountState>> for AccountView {
    fn render(&mut self, state: &Arc<AccountState>) -> Rendered {
        if self.caller.ver < state.lowest_version {
            return Rendered::Last(expired("session-ended"));
        }
        let id = state.read_at.timestamp_micros().to_string();
        let mut update = Vec::new();
        for row in state.entries.iter().filter(|row| self.is_newly_promoted(row)) {
            if let Ok(event) = sse::event(&id, "promoted", &WaitlistEntryResource::from(row)) {
                update.extend_from_slice(&event);
            }
        }
        let sent = |list: fn(&AccountState) -> &SentList| self.sent.as_ref().map(|sent| list(sent).version);
        if sent(|state| &state.bookings) != Some(state.bookings.version) {
            update.extend_from_slice(&state.bookings.event(&id, "bookings"));
        }
        if sent(|state| &state.waitlist) != Some(state.waitlist.version) {
            update.extend_from_slice(&state.waitlist.event(&id, "waitlist"));
        }
        self.sent = Some(state.clone());
        if update.is_empty() { Rendered::Nothing } else { Rendered::Update(update.into()) }
    }

    fn expires_at(&self) -> Option<Instant> {
        Some(self.expires_at)
    }

    fn expiry(&self) -> Bytes {
        expired("token-expired")
    }

    fn check(&self) -> Option<Bytes> {
        let is_revoked = self.revocations.as_ref().is_some_and(|revocations| revocations.is_revoked(&self.caller));
        is_revoked.then(|| expired("session-ended"))
    }
}
