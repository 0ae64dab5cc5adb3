//! The relay's lease: an advisory lock on the connection that reads and deletes the rows.

use std::future::Future;
use std::time::Duration;

use diesel::sql_types::{BigInt, Bool};
use diesel::{ExpressionMethods, QueryDsl, QueryableByName, SelectableHelper};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_postgres::{DatabaseError, KEY_LOOKUP_SETTINGS, connect};
use tokio::time::{Instant, sleep_until, timeout};

use super::RelaySettings;
use super::rows::{NewFailedRow, OutboxRow, outbox, outbox_failed};
use super::watermark::Snapshot;

/// The key of the relay's advisory lock. Advisory locks are local to a database, so every database uses the same key.
pub const RELAY_LOCK: i64 = 0x726f_776c_5f6f_7562;

#[derive(QueryableByName)]
struct BoolRow {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

#[derive(QueryableByName)]
struct SnapshotRow {
    #[diesel(sql_type = BigInt)]
    ended_below: i64,
    #[diesel(sql_type = BigInt)]
    started_below: i64,
}

/// The connection of a relay that holds the lock or tries to acquire it. After an error it must be dropped, which releases the
/// lock.
pub(super) struct Lease {
    conn: AsyncPgConnection,
    timeout: Duration,
    heartbeat: Duration,
}

impl Lease {
    pub(super) async fn connect(settings: &RelaySettings) -> Result<Self, DatabaseError> {
        let mut conn = connect(&settings.database_url, settings.limits(), "rowlock relay").await?;
        let lease_timeout = settings.lease_timeout;
        // `idle_session_timeout` ends the session of a stalled relay. The keepalives and `tcp_user_timeout` detect a relay that
        // vanished while the server was sending to it, when the session is not idle.
        // Deletes do not wait for the disk: after a crash a row may be published again, which is allowed.
        // The table is empty whenever autovacuum analyzes it, so the planner would choose a sequential scan, which takes tens of
        // milliseconds once the table is full of deleted rows.
        let sql = format!(
            "{KEY_LOOKUP_SETTINGS}; SET synchronous_commit = off; SET idle_session_timeout = {millis}; SET tcp_user_timeout = {millis}; \
             SET tcp_keepalives_idle = {seconds}; SET tcp_keepalives_interval = {seconds}; SET tcp_keepalives_count = 2",
            millis = lease_timeout.as_millis(),
            seconds = lease_timeout.as_secs().max(1),
        );
        with_timeout(lease_timeout, conn.batch_execute(&sql)).await?;
        Ok(Self { conn, timeout: lease_timeout, heartbeat: settings.heartbeat() })
    }

    /// Tries to acquire the lock and returns whether this relay now holds it.
    pub(super) async fn try_acquire(&mut self) -> Result<bool, DatabaseError> {
        let query = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS yes").bind::<BigInt, _>(RELAY_LOCK);
        let acquired: BoolRow = with_timeout(self.timeout, query.get_result(&mut self.conn)).await?;
        Ok(acquired.yes)
    }

    /// Releases the lock, so that another relay can acquire it before the server notices the end of this connection.
    pub(super) async fn release(mut self) {
        let query = diesel::sql_query("SELECT pg_advisory_unlock($1) AS yes").bind::<BigInt, _>(RELAY_LOCK);
        let _ = with_timeout(self.timeout, query.get_result::<BoolRow>(&mut self.conn)).await;
    }

    /// Awaits `work` while sending heartbeats to the database. Returns an error, and drops `work`, if the lock has been lost.
    pub(super) async fn keep_alive_during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, DatabaseError> {
        let mut work = std::pin::pin!(work);
        let mut next = Instant::now() + self.heartbeat;
        loop {
            tokio::select! {
                biased;
                output = &mut work => return Ok(output),
                () = sleep_until(next) => {}
            }
            with_timeout(self.timeout, self.conn.batch_execute("SELECT 1")).await?;
            next = Instant::now() + self.heartbeat;
        }
    }

    /// Returns which transactions have ended.
    pub(super) async fn snapshot(&mut self) -> Result<Snapshot, DatabaseError> {
        // The upper bound of a snapshot follows the last transaction that has ended, and later ones may be running. Adding its
        // `age`, the distance to the next unassigned number, yields a bound for those that have started.
        let sql = "SELECT pg_snapshot_xmin(s)::text::bigint AS ended_below,
                          pg_snapshot_xmax(s)::text::bigint + age(pg_snapshot_xmax(s)::xid) AS started_below
                     FROM pg_current_snapshot() AS s";
        let row: SnapshotRow = with_timeout(self.timeout, diesel::sql_query(sql).get_result(&mut self.conn)).await?;
        Ok(Snapshot { ended_below: row.ended_below, started_below: row.started_below })
    }

    /// Returns up to `count` of the oldest rows, starting at the id `from` and excluding the ids in `excluded`.
    pub(super) async fn read(&mut self, count: u32, from: i64, excluded: Vec<i64>) -> Result<Vec<OutboxRow>, DatabaseError> {
        let rows = outbox::table.filter(outbox::id.ge(from)).filter(outbox::id.ne_all(excluded));
        let query = rows.order(outbox::id).limit(i64::from(count)).select(OutboxRow::as_select());
        with_timeout(self.timeout, query.load(&mut self.conn)).await
    }

    pub(super) async fn delete(&mut self, ids: Vec<i64>) -> Result<(), DatabaseError> {
        let query = diesel::delete(outbox::table.filter(outbox::id.eq_any(ids)));
        with_timeout(self.timeout, query.execute(&mut self.conn)).await.map(|_| ())
    }

    /// Moves rows that were rejected too often to `outbox_failed`, in one transaction.
    pub(super) async fn move_to_failed(&mut self, rows: &[NewFailedRow]) -> Result<(), DatabaseError> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let moving = self.conn.transaction(async move |conn| {
            // The row already exists there if an operator copied it back to the outbox by hand and it failed again.
            diesel::insert_into(outbox_failed::table).values(rows).on_conflict_do_nothing().execute(conn).await?;
            diesel::delete(outbox::table.filter(outbox::id.eq_any(ids))).execute(conn).await
        });
        with_timeout(self.timeout, moving).await.map(|_| ())
    }
}

/// Runs a query with a timeout on the client, for a server or a network that does not respond at all. The connection must not be
/// used after the timeout has expired.
async fn with_timeout<T>(limit: Duration, query: impl Future<Output = diesel::QueryResult<T>>) -> Result<T, DatabaseError> {
    match timeout(limit, query).await {
        Ok(result) => result.map_err(DatabaseError::from),
        Err(_) => Err(DatabaseError::Unavailable(format!("the server did not respond within {limit:?}"))),
    }
}
