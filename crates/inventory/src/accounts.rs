//! Closes accounts that were disabled or erased: returns their tickets of future events to the waiting lists, removes them
//! from queues, and anonymises what remains of erased ones.
//!
//! An access token can stay valid for a while after its account was closed, so a booking may arrive late. The account is
//! therefore processed again and again until its last token has expired, and is settled only when nothing returnable is left.
//! An account may be enabled again while it is processed, and the message that says so may be late. What it books from then
//! on stays: before a command of a token with a later version, booking-service calls [`reopen`], and a pass looks at the
//! state *after* it has read what it returns. A state that is unchanged then proves that nothing it has read is newer.
//!
//! A booking that can still be returned is never anonymised: anonymous, no later pass would find it, and its seat would stay
//! taken for nobody.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::accounts::AccountChange;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, WaitlistEntryId};
use rowlock_postgres::{DatabaseError, checkout, statement};
use serde::Serialize;
use uuid::Uuid;

use crate::command::{Authority, Cancel, Leave, Target};
use crate::run::Inventory;
use crate::{Command, CommandError, LockWait, Outcome};

fn refused(error: diesel::result::Error) -> CommandError {
    DatabaseError::from(error).into()
}

/// How many bookings and entries go back in one transaction.
const CHUNK: i64 = 100;

statement! {
    /// Of two messages the higher version counts.
    struct NoteState { account: SqlUuid = Uuid, version: BigInt = i64, state: Text = &'static str }
    "INSERT INTO account_states AS known (account_id, version, state, received_at, settled_at)
     VALUES ($1, $2, $3, now(), CASE WHEN $3 = 'enabled' THEN now() END)
     ON CONFLICT (account_id) DO UPDATE
        SET version = excluded.version, state = excluded.state, received_at = excluded.received_at, settled_at = excluded.settled_at
        WHERE known.version < excluded.version"
}

statement! {
    /// Whether the last that is known of an account still is the change that closed it.
    struct StillClosed { account: SqlUuid = Uuid, version: BigInt = i64 } -> BigInt;
    "SELECT count(*) FROM account_states WHERE account_id = $1 AND version = $2 AND state <> 'enabled'"
}

statement! {
    struct Unsettled { seconds: BigInt = i64, after: SqlUuid = Uuid, most: BigInt = i64 } -> (SqlUuid, BigInt, Bool, Bool);
    "SELECT account_id, version, state = 'erased', received_at < now() - $1 * interval '1 second' FROM account_states
     WHERE settled_at IS NULL AND account_id > $2 ORDER BY account_id LIMIT $3"
}

statement! {
    /// The bookings that can be returned: confirmed ones of published events that have not begun.
    struct Held { account: SqlUuid = Uuid, most: BigInt = i64 } -> (SqlUuid, SqlUuid, SqlUuid);
    "SELECT b.event_id, b.id, b.ticket_type_id FROM bookings b JOIN events e ON e.id = b.event_id
     WHERE b.account_id = $1 AND b.status = 'confirmed' AND e.status = 'published' AND (e.starts_at IS NULL OR e.starts_at > now())
     ORDER BY b.id LIMIT $2"
}

statement! {
    struct Waited { account: SqlUuid = Uuid, most: BigInt = i64 } -> (SqlUuid, SqlUuid, SqlUuid);
    "SELECT event_id, id, ticket_type_id FROM waitlist_entries WHERE account_id = $1 AND status = 'waiting' ORDER BY id LIMIT $2"
}

statement! {
    /// Deletes the responses that are stored for the account at the events where it has a booking or an entry.
    struct ForgetKeys { account: SqlUuid = Uuid }
    "DELETE FROM idempotency_keys WHERE account_id = $1 AND event_id IN (
         SELECT event_id FROM bookings WHERE account_id = $1 UNION SELECT event_id FROM waitlist_entries WHERE account_id = $1 UNION SELECT $1
     )"
}

statement! {
    /// Anonymises a booking that cannot be returned any more: one that is cancelled, or of an event that has begun, was
    /// cancelled or is not public. One row per statement, so that rows are never locked in an order of their own.
    struct ForgetBookingHolder { nobody: SqlUuid = Uuid, account: SqlUuid = Uuid }
    "UPDATE bookings SET account_id = $1, holder_name = '', holder_email = ''
     WHERE (event_id, id) IN (
         SELECT b.event_id, b.id FROM bookings b JOIN events e ON e.id = b.event_id
         WHERE b.account_id = $2 AND NOT (b.status = 'confirmed' AND e.status = 'published' AND (e.starts_at IS NULL OR e.starts_at > now()))
         LIMIT 1)"
}

statement! {
    struct ForgetEntryHolder { nobody: SqlUuid = Uuid, account: SqlUuid = Uuid }
    "UPDATE waitlist_entries SET account_id = $1, holder_name = '', holder_email = ''
     WHERE (event_id, id) IN (SELECT event_id, id FROM waitlist_entries WHERE account_id = $2 AND status <> 'waiting' LIMIT 1)"
}

statement! {
    /// Settles a disabled account, unless a newer message has arrived or something returnable is left.
    struct Settle { account: SqlUuid = Uuid, version: BigInt = i64 }
    "UPDATE account_states SET settled_at = now() WHERE account_id = $1 AND version = $2 AND state = 'disabled'
        AND NOT EXISTS (SELECT FROM waitlist_entries w WHERE w.account_id = $1 AND w.status = 'waiting')
        AND NOT EXISTS (SELECT FROM bookings b JOIN events e ON e.id = b.event_id WHERE b.account_id = $1
                        AND b.status = 'confirmed' AND e.status = 'published' AND (e.starts_at IS NULL OR e.starts_at > now()))"
}

statement! {
    /// Settles an erased account, of which no row is left then: unless a newer message has arrived or something of it is left.
    struct Forget { account: SqlUuid = Uuid, version: BigInt = i64 }
    "DELETE FROM account_states WHERE account_id = $1 AND version = $2 AND state = 'erased'
        AND NOT EXISTS (SELECT FROM waitlist_entries w WHERE w.account_id = $1)
        AND NOT EXISTS (SELECT FROM bookings b WHERE b.account_id = $1)"
}

/// In the place of an erased account.
pub const NOBODY: AccountId = AccountId::from_uuid(Uuid::nil());

/// Writes down what was told of an account, unless something newer was told before.
pub async fn note(conn: &mut AsyncPgConnection, account: AccountId, version: i64, change: AccountChange) -> QueryResult<()> {
    let state = match change {
        AccountChange::Disabled => "disabled",
        AccountChange::Enabled => "enabled",
        AccountChange::Erased => "erased",
    };
    NoteState { account: account.as_uuid(), version, state }.execute(conn).await.map(|_| ())
}

/// Notes that an account was open at a version, as a token of this version proves, unless something newer is known. To be
/// committed before anything is done for the token: what is booked from then on is not returned for an earlier change.
pub async fn reopen(conn: &mut AsyncPgConnection, account: AccountId, version: i64) -> QueryResult<()> {
    note(conn, account, version, AccountChange::Enabled).await
}

/// An account that is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    account: AccountId,
    version: i64,
    erased: bool,
    /// Whether its last access token has expired, so that this is the last pass.
    due: bool,
}

impl Unfinished {
    /// The account.
    pub const fn account(&self) -> AccountId {
        self.account
    }
}

/// The accounts that are not settled, at most `most`, in the order of their ids from the one behind `after`. `token_life` is how
/// long an access token may stay valid after its account was closed, in seconds.
pub async fn unfinished(conn: &mut AsyncPgConnection, token_life: i64, after: AccountId, most: i64) -> QueryResult<Vec<Unfinished>> {
    let unsettled = Unsettled { seconds: token_life, after: after.as_uuid(), most };
    let rows: Vec<(Uuid, i64, bool, bool)> = unsettled.load(conn).await?;
    let unfinished = |(account, version, erased, due)| Unfinished { account: AccountId::from_uuid(account), version, erased, due };
    Ok(rows.into_iter().map(unfinished).collect())
}

impl Inventory {
    /// Returns what an account has and, if it was erased, anonymises the rest. Does nothing more once something newer is known
    /// of the account. Safe to repeat and to run concurrently.
    pub async fn close_account(&self, unfinished: Unfinished) -> Result<(), CommandError> {
        let Unfinished { account, version, erased, due } = unfinished;
        // Entries first: an entry that has left the queue cannot become a booking after the bookings were returned.
        if !self.leave_all(unfinished).await? || !self.give_back_bookings(unfinished).await? {
            return Ok(());
        }
        let mut conn = checkout(self.pool()).await?;
        let (id, nobody) = (account.as_uuid(), NOBODY.as_uuid());
        if erased {
            ForgetKeys { account: id }.execute(&mut conn).await.map_err(refused)?;
            while (ForgetBookingHolder { nobody, account: id }).execute(&mut conn).await.map_err(refused)? > 0 {}
            while (ForgetEntryHolder { nobody, account: id }).execute(&mut conn).await.map_err(refused)? > 0 {}
        }
        if due {
            let settled = if erased {
                Forget { account: id, version }.execute(&mut conn).await
            } else {
                Settle { account: id, version }.execute(&mut conn).await
            };
            settled.map_err(refused)?;
        }
        Ok(())
    }

    /// Returns all bookings that can be returned. False if the account has changed meanwhile.
    async fn give_back_bookings(&self, unfinished: Unfinished) -> Result<bool, CommandError> {
        let account = unfinished.account;
        loop {
            let mut conn = checkout(self.pool()).await?;
            let held = Held { account: account.as_uuid(), most: CHUNK };
            let held: Vec<(Uuid, Uuid, Uuid)> = held.load(&mut conn).await.map_err(refused)?;
            if !still_closed(&mut conn, unfinished).await? {
                return Ok(false);
            }
            drop(conn);
            let command = |(event, id, ticket_type)| {
                let target = Target::One(BookingId::from_uuid(id), TicketTypeId::from_uuid(ticket_type));
                let event = EventId::from_uuid(event);
                Command::Cancel(Cancel { event, account, target, quantity: None, idempotency: None, authority: Authority::ClosedAccount })
            };
            if self.all(held.into_iter().map(command).collect()).await? == 0 {
                return Ok(true);
            }
        }
    }

    /// Removes the account from all queues. False if the account has changed meanwhile.
    async fn leave_all(&self, unfinished: Unfinished) -> Result<bool, CommandError> {
        let account = unfinished.account;
        loop {
            let mut conn = checkout(self.pool()).await?;
            let waited = Waited { account: account.as_uuid(), most: CHUNK };
            let waited: Vec<(Uuid, Uuid, Uuid)> = waited.load(&mut conn).await.map_err(refused)?;
            if !still_closed(&mut conn, unfinished).await? {
                return Ok(false);
            }
            drop(conn);
            let command = |(event, id, ticket_type)| {
                let target = Target::One(WaitlistEntryId::from_uuid(id), TicketTypeId::from_uuid(ticket_type));
                let event = EventId::from_uuid(event);
                Command::Leave(Leave { event, account, target, idempotency: None, authority: Authority::ClosedAccount })
            };
            if self.all(waited.into_iter().map(command).collect()).await? == 0 {
                return Ok(true);
            }
        }
    }

    /// Runs commands, and tells how many took effect. The first error ends it; what was done stays done.
    async fn all(&self, commands: Vec<Command>) -> Result<usize, CommandError> {
        if commands.is_empty() {
            return Ok(0);
        }
        let mut done = 0;
        for outcome in self.run(commands, LockWait::Wait).await {
            match outcome? {
                // A promotion or the end of the event came before; the next look will find what there is then.
                Outcome::Refused(_) => {}
                _ => done += 1,
            }
        }
        Ok(done)
    }
}

async fn still_closed(conn: &mut AsyncPgConnection, unfinished: Unfinished) -> Result<bool, CommandError> {
    let still = StillClosed { account: unfinished.account.as_uuid(), version: unfinished.version };
    let rows: i64 = still.get_result(conn).await.map_err(refused)?;
    Ok(rows > 0)
}

/// All that is stored about a person here but bookings and waiting-list entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredKey {
    /// The event of the request.
    pub event_id: EventId,
    /// The key.
    pub key: String,
    /// What was asked.
    pub operation: String,
    /// When.
    pub created_at: Timestamp,
}

/// A name under which bookings or entries of a person are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredHolder {
    /// The booking or the entry.
    pub id: Uuid,
    /// The name that is stored with it.
    pub name: String,
    /// The e-mail that is stored with it.
    pub email: String,
}

statement! {
    struct KeysOf { account: SqlUuid = Uuid } -> (SqlUuid, Text, Text, Timestamptz);
    "SELECT event_id, key, operation, created_at FROM idempotency_keys WHERE account_id = $1 AND event_id IN (
         SELECT event_id FROM bookings WHERE account_id = $1 UNION SELECT event_id FROM waitlist_entries WHERE account_id = $1 UNION SELECT $1
     ) ORDER BY created_at"
}

statement! {
    struct HoldersOf { account: SqlUuid = Uuid } -> (SqlUuid, Text, Text);
    "SELECT id, holder_name, holder_email FROM bookings WHERE account_id = $1
     UNION ALL SELECT id, holder_name, holder_email FROM waitlist_entries WHERE account_id = $1 ORDER BY 1"
}

statement! {
    struct StateOf { account: SqlUuid = Uuid } -> (Text, Timestamptz, Nullable<Timestamptz>);
    "SELECT state, received_at, settled_at FROM account_states WHERE account_id = $1"
}

/// The keys of repeatable requests that are kept of an account.
pub async fn stored_keys(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<Vec<StoredKey>> {
    let rows: Vec<(Uuid, String, String, Timestamp)> = KeysOf { account: account.as_uuid() }.load(conn).await?;
    let key = |(event, key, operation, created_at)| StoredKey { event_id: EventId::from_uuid(event), key, operation, created_at };
    Ok(rows.into_iter().map(key).collect())
}

/// The names and e-mails that are kept of an account.
pub async fn stored_holders(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<Vec<StoredHolder>> {
    let rows: Vec<(Uuid, String, String)> = HoldersOf { account: account.as_uuid() }.load(conn).await?;
    Ok(rows.into_iter().map(|(id, name, email)| StoredHolder { id, name, email }).collect())
}

/// What was told of an account: the state, when, and when it was settled.
pub async fn stored_state(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<Option<(String, Timestamp, Option<Timestamp>)>> {
    StateOf { account: account.as_uuid() }.get_result(conn).await.optional()
}
