//! Closes accounts that were disabled or erased. It returns their tickets for future events, removes their entries from waiting
//! lists, and anonymizes what remains of erased accounts.
//!
//! An access token can stay valid for a while after its account was closed, so a booking may arrive late. Each account is
//! therefore processed repeatedly until its last token has expired, and it is settled only when nothing returnable is left. An
//! account may be enabled again while it is being processed, and the message about that may be late. Bookings that the account
//! makes from then on must be kept. For this, booking-service calls [`record_account_open`] before it executes a command of a
//! token with a later version, and each pass checks the state *after* reading what it will return. If the state is unchanged,
//! nothing that the pass has read is newer than the closure.
//!
//! A booking that can still be returned is never anonymized, because later passes could not find it and its tickets would remain
//! booked for nobody.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::accounts::AccountChange;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, WaitlistEntryId};
use rowlock_postgres::{DatabaseError, checkout, statement};
use serde::Serialize;
use uuid::Uuid;

use crate::command::{Authority, CancelBooking, Command, CommandError, LeaveWaitlist, Outcome, Target};
use crate::config::LockWait;
use crate::inventory::Inventory;
use crate::transfers;

fn command_error(error: diesel::result::Error) -> CommandError {
    DatabaseError::from(error).into()
}

/// The maximum number of bookings or entries that are returned in one transaction.
const CHUNK_SIZE: i64 = 100;

statement! {
    /// Stores the state of an account, unless the stored version is at least as high.
    struct UpsertAccountState { account: SqlUuid = Uuid, version: BigInt = i64, state: Text = &'static str }
    "INSERT INTO account_states AS known (account_id, version, state, received_at, settled_at)
     VALUES ($1, $2, $3, now(), CASE WHEN $3 = 'enabled' THEN now() END)
     ON CONFLICT (account_id) DO UPDATE
        SET version = excluded.version, state = excluded.state, received_at = excluded.received_at, settled_at = excluded.settled_at
        WHERE known.version < excluded.version"
}

statement! {
    /// Counts the account if its latest known change is still the one that closed it.
    struct CountIfStillClosed { account: SqlUuid = Uuid, version: BigInt = i64 } -> BigInt;
    "SELECT count(*) FROM account_states WHERE account_id = $1 AND version = $2 AND state <> 'enabled'"
}

statement! {
    struct UnsettledAccounts { seconds: BigInt = i64, after: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid, BigInt, Bool, Bool);
    "SELECT account_id, version, state = 'erased', received_at < now() - $1 * interval '1 second' FROM account_states
     WHERE settled_at IS NULL AND account_id > $2 ORDER BY account_id LIMIT $3"
}

statement! {
    /// Finds the bookings that can be returned: reserved ones, and confirmed ones of published events that have not begun, of which a
    /// ticket was not checked in.
    struct ReturnableBookings { account: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid, SqlUuid, SqlUuid);
    "SELECT b.event_id, b.id, b.ticket_type_id FROM bookings b JOIN events e ON e.id = b.event_id
     WHERE b.account_id = $1 AND (b.status = 'reserved' OR (b.status = 'confirmed' AND e.status = 'published' AND (e.starts_at IS NULL OR e.starts_at > now())
       AND b.quantity > (SELECT count(*) FROM checkins c WHERE c.event_id = b.event_id AND c.booking_id = b.id)))
     ORDER BY b.id LIMIT $2"
}

statement! {
    struct WaitingEntriesOfAccount { account: SqlUuid = Uuid, limit: BigInt = i64 } -> (SqlUuid, SqlUuid, SqlUuid);
    "SELECT event_id, id, ticket_type_id FROM waitlist_entries WHERE account_id = $1 AND status = 'waiting' ORDER BY id LIMIT $2"
}

statement! {
    /// Deletes the responses that are stored for the account, at the events where it has a booking or an entry and under its own
    /// id.
    struct DeleteStoredResponsesOfAccount { account: SqlUuid = Uuid }
    "DELETE FROM idempotency_keys WHERE account_id = $1 AND event_id IN (
         SELECT event_id FROM bookings WHERE account_id = $1 UNION SELECT event_id FROM waitlist_entries WHERE account_id = $1 UNION SELECT $1
     )"
}

statement! {
    /// Anonymizes one booking that can no longer be returned, because it is cancelled, its event has begun, was cancelled or is
    /// not public, or all its tickets were checked in. Each statement changes one row, so that rows are never locked in a conflicting order.
    struct AnonymizeBooking { erased_account: SqlUuid = Uuid, account: SqlUuid = Uuid }
    "UPDATE bookings SET account_id = $1, holder_name = '', holder_email = ''
     WHERE (event_id, id) IN (
         SELECT b.event_id, b.id FROM bookings b JOIN events e ON e.id = b.event_id
         WHERE b.account_id = $2 AND NOT (b.status = 'reserved' OR (b.status = 'confirmed' AND e.status = 'published' AND (e.starts_at IS NULL OR e.starts_at > now())
                AND b.quantity > (SELECT count(*) FROM checkins c WHERE c.event_id = b.event_id AND c.booking_id = b.id)))
         LIMIT 1)"
}

statement! {
    /// Anonymizes one entry that has ended. An entry whose offer is open keeps its account, by which it is found when the offer ends.
    struct AnonymizeEntry { erased_account: SqlUuid = Uuid, account: SqlUuid = Uuid }
    "UPDATE waitlist_entries SET account_id = $1, holder_name = '', holder_email = ''
     WHERE (event_id, id) IN (
         SELECT w.event_id, w.id FROM waitlist_entries w
         WHERE w.account_id = $2 AND w.status <> 'waiting'
           AND NOT EXISTS (SELECT FROM bookings b WHERE b.event_id = w.event_id AND b.id = w.booking_id AND b.status = 'reserved')
         LIMIT 1)"
}

statement! {
    /// Settles a disabled account, unless a newer message has arrived or something returnable is left.
    struct SettleDisabledAccount { account: SqlUuid = Uuid, version: BigInt = i64 }
    "UPDATE account_states SET settled_at = now() WHERE account_id = $1 AND version = $2 AND state = 'disabled'
        AND NOT EXISTS (SELECT FROM waitlist_entries w WHERE w.account_id = $1 AND w.status = 'waiting')
        AND NOT EXISTS (SELECT FROM bookings b JOIN events e ON e.id = b.event_id WHERE b.account_id = $1
                        AND (b.status = 'reserved' OR (b.status = 'confirmed' AND e.status = 'published' AND (e.starts_at IS NULL OR e.starts_at > now())
                        AND b.quantity > (SELECT count(*) FROM checkins c WHERE c.event_id = b.event_id AND c.booking_id = b.id))))"
}

statement! {
    /// Settles an erased account by deleting its state, unless a newer message has arrived or some of its rows are left.
    struct DeleteErasedAccountState { account: SqlUuid = Uuid, version: BigInt = i64 }
    "DELETE FROM account_states WHERE account_id = $1 AND version = $2 AND state = 'erased'
        AND NOT EXISTS (SELECT FROM waitlist_entries w WHERE w.account_id = $1)
        AND NOT EXISTS (SELECT FROM transfers t WHERE t.from_account = $1 OR t.to_account = $1)
        AND NOT EXISTS (SELECT FROM bookings b WHERE b.account_id = $1)"
}

/// The placeholder for the account in anonymized rows.
pub const ERASED_ACCOUNT: AccountId = AccountId::from_uuid(Uuid::nil());

/// Stores a change of an account, unless a newer one is already stored.
pub async fn record_account_change(
    conn: &mut AsyncPgConnection,
    account: AccountId,
    version: i64,
    change: AccountChange,
) -> QueryResult<()> {
    let state = match change {
        AccountChange::Disabled => "disabled",
        AccountChange::Enabled => "enabled",
        AccountChange::Erased => "erased",
    };
    UpsertAccountState { account: account.as_uuid(), version, state }.execute(conn).await.map(|_| ())
}

/// Records that an account was open at `version`, which a token of this version proves, unless something newer is known. This
/// must be committed before anything is done for the token, so that an earlier closure does not return what the token books.
pub async fn record_account_open(conn: &mut AsyncPgConnection, account: AccountId, version: i64) -> QueryResult<()> {
    record_account_change(conn, account, version, AccountChange::Enabled).await
}

/// A closed account that is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingAccountClosure {
    account: AccountId,
    version: i64,
    erased: bool,
    /// True if the last access token of the account has expired, so that this is the last pass.
    is_last_pass: bool,
}

impl PendingAccountClosure {
    /// Returns the id of the account.
    pub const fn account(&self) -> AccountId {
        self.account
    }
}

/// Lists at most `limit` accounts that are not settled, with ids above `after`, ordered by id. `token_life` is the number of
/// seconds for which an access token may stay valid after its account was closed.
pub async fn pending_closures(
    conn: &mut AsyncPgConnection,
    token_life: i64,
    after: AccountId,
    limit: i64,
) -> QueryResult<Vec<PendingAccountClosure>> {
    let query = UnsettledAccounts { seconds: token_life, after: after.as_uuid(), limit };
    let rows: Vec<(Uuid, i64, bool, bool)> = query.load(conn).await?;
    let pending = |(account, version, erased, is_last_pass)| PendingAccountClosure {
        account: AccountId::from_uuid(account),
        version,
        erased,
        is_last_pass,
    };
    Ok(rows.into_iter().map(pending).collect())
}

impl Inventory {
    /// Returns the tickets of an account, removes it from waiting lists and, if it was erased, anonymizes the remaining rows.
    /// Stops when a newer change of the account is found. This is safe to repeat and to run concurrently.
    pub async fn close_account(&self, closure: PendingAccountClosure) -> Result<(), CommandError> {
        let PendingAccountClosure { account, version, erased, is_last_pass } = closure;
        // Entries go first, because an entry that has left the queue cannot become a booking after the bookings were returned.
        if !self.leave_all_waitlists(closure).await? || !self.return_all_bookings(closure).await? {
            return Ok(());
        }
        let mut conn = checkout(self.pool()).await?;
        let (id, erased_account) = (account.as_uuid(), ERASED_ACCOUNT.as_uuid());
        if erased {
            DeleteStoredResponsesOfAccount { account: id }.execute(&mut conn).await.map_err(command_error)?;
            while (AnonymizeBooking { erased_account, account: id }).execute(&mut conn).await.map_err(command_error)? > 0 {}
            transfers::anonymize(&mut conn, account).await.map_err(command_error)?;
            while (AnonymizeEntry { erased_account, account: id }).execute(&mut conn).await.map_err(command_error)? > 0 {}
        }
        if is_last_pass {
            let settled = if erased {
                DeleteErasedAccountState { account: id, version }.execute(&mut conn).await
            } else {
                SettleDisabledAccount { account: id, version }.execute(&mut conn).await
            };
            settled.map_err(command_error)?;
        }
        Ok(())
    }

    /// Cancels all bookings that can be returned. Returns false if the account has changed in the meantime.
    async fn return_all_bookings(&self, closure: PendingAccountClosure) -> Result<bool, CommandError> {
        let account = closure.account;
        loop {
            let mut conn = checkout(self.pool()).await?;
            let returnable = ReturnableBookings { account: account.as_uuid(), limit: CHUNK_SIZE };
            let returnable: Vec<(Uuid, Uuid, Uuid)> = returnable.load(&mut conn).await.map_err(command_error)?;
            if !still_closed(&mut conn, closure).await? {
                return Ok(false);
            }
            drop(conn);
            let command = |(event, id, ticket_type)| {
                let target = Target::ById(BookingId::from_uuid(id), TicketTypeId::from_uuid(ticket_type));
                let event = EventId::from_uuid(event);
                Command::CancelBooking(CancelBooking {
                    event,
                    account,
                    target,
                    quantity: None,
                    idempotency: None,
                    authority: Authority::ClosedAccount,
                })
            };
            if self.run_all(returnable.into_iter().map(command).collect()).await? == 0 {
                return Ok(true);
            }
        }
    }

    /// Ends all waiting entries of the account. Returns false if the account has changed in the meantime.
    async fn leave_all_waitlists(&self, closure: PendingAccountClosure) -> Result<bool, CommandError> {
        let account = closure.account;
        loop {
            let mut conn = checkout(self.pool()).await?;
            let waiting = WaitingEntriesOfAccount { account: account.as_uuid(), limit: CHUNK_SIZE };
            let waiting: Vec<(Uuid, Uuid, Uuid)> = waiting.load(&mut conn).await.map_err(command_error)?;
            if !still_closed(&mut conn, closure).await? {
                return Ok(false);
            }
            drop(conn);
            let command = |(event, id, ticket_type)| {
                let target = Target::ById(WaitlistEntryId::from_uuid(id), TicketTypeId::from_uuid(ticket_type));
                let event = EventId::from_uuid(event);
                let authority = Authority::ClosedAccount;
                Command::LeaveWaitlist(LeaveWaitlist { event, account, target, whole_wish: false, idempotency: None, authority })
            };
            if self.run_all(waiting.into_iter().map(command).collect()).await? == 0 {
                return Ok(true);
            }
        }
    }

    /// Runs commands and returns how many took effect. Stops at the first error; commands that have committed stay committed.
    async fn run_all(&self, commands: Vec<Command>) -> Result<usize, CommandError> {
        if commands.is_empty() {
            return Ok(0);
        }
        let mut done = 0;
        for outcome in self.run(commands, LockWait::Wait).await {
            match outcome? {
                // A promotion or the end of the event came first. The next pass reads the new state.
                Outcome::Refused(_) => {}
                _ => done += 1,
            }
        }
        Ok(done)
    }
}

async fn still_closed(conn: &mut AsyncPgConnection, closure: PendingAccountClosure) -> Result<bool, CommandError> {
    let query = CountIfStillClosed { account: closure.account.as_uuid(), version: closure.version };
    let rows: i64 = query.get_result(conn).await.map_err(command_error)?;
    Ok(rows > 0)
}

/// A stored idempotency key of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredKey {
    /// The event of the request.
    pub event_id: EventId,
    /// The key.
    pub key: String,
    /// The requested operation.
    pub operation: String,
    /// The time of the request.
    pub created_at: Timestamp,
}

/// The personal data that are stored with a booking or an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredHolder {
    /// The id of the booking or the entry.
    pub id: Uuid,
    /// The name that is stored with it.
    pub name: String,
    /// The e-mail address that is stored with it.
    pub email: String,
}

statement! {
    struct StoredKeysOfAccount { account: SqlUuid = Uuid } -> (SqlUuid, Text, Text, Timestamptz);
    "SELECT event_id, key, operation, created_at FROM idempotency_keys WHERE account_id = $1 AND event_id IN (
         SELECT event_id FROM bookings WHERE account_id = $1 UNION SELECT event_id FROM waitlist_entries WHERE account_id = $1 UNION SELECT $1
     ) ORDER BY created_at"
}

statement! {
    struct StoredHoldersOfAccount { account: SqlUuid = Uuid } -> (SqlUuid, Text, Text);
    "SELECT id, holder_name, holder_email FROM bookings WHERE account_id = $1
     UNION ALL SELECT id, holder_name, holder_email FROM waitlist_entries WHERE account_id = $1 ORDER BY 1"
}

statement! {
    struct StateOfAccount { account: SqlUuid = Uuid } -> (Text, Timestamptz, Nullable<Timestamptz>);
    "SELECT state, received_at, settled_at FROM account_states WHERE account_id = $1"
}

/// Returns the idempotency keys that are stored for an account.
pub async fn stored_keys(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<Vec<StoredKey>> {
    let rows: Vec<(Uuid, String, String, Timestamp)> = StoredKeysOfAccount { account: account.as_uuid() }.load(conn).await?;
    let key = |(event, key, operation, created_at)| StoredKey { event_id: EventId::from_uuid(event), key, operation, created_at };
    Ok(rows.into_iter().map(key).collect())
}

/// Returns the names and e-mail addresses that are stored for an account.
pub async fn stored_holders(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<Vec<StoredHolder>> {
    let rows: Vec<(Uuid, String, String)> = StoredHoldersOfAccount { account: account.as_uuid() }.load(conn).await?;
    Ok(rows.into_iter().map(|(id, name, email)| StoredHolder { id, name, email }).collect())
}

/// Returns the stored state of an account, when it was received, and when the account was settled.
pub async fn stored_state(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<Option<(String, Timestamp, Option<Timestamp>)>> {
    StateOfAccount { account: account.as_uuid() }.get_result(conn).await.optional()
}
