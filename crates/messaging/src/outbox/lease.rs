//! The lead: an advisory lock on the connection that reads and deletes.

use std::future::Future;
use std::time::Duration;

use diesel::sql_types::{BigInt, Bool};
use diesel::{ExpressionMethods, QueryDsl, QueryableByName, SelectableHelper};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_postgres::{DatabaseError, KEY_LOOKUP_SETTINGS, connect};
use tokio::time::{Instant, sleep_until, timeout};

use super::RelaySettings;
use super::floor::Snapshot;
use super::rows::{NewFailedRow, OutboxRow, outbox, outbox_failed};

/// The advisory lock of the relay; one number for every database, as such locks belong to one.
pub const RELAY_LOCK: i64 = 0x726f_776c_5f6f_7562;

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = BigInt)]
    ended_below: i64,
    #[diesel(sql_type = BigInt)]
    begun_below: i64,
}

/// A connection that leads or wants to. An error ends it; the lock goes with the connection.
pub(super) struct Lease {
    conn: AsyncPgConnection,
    limit: Duration,
    heartbeat: Duration,
}

impl Lease {
    pub(super) async fn connect(settings: &RelaySettings) -> Result<Self, DatabaseError> {
        let mut conn = connect(&settings.database_url, settings.limits(), "rowlock relay").await?;
        let limit = settings.lease_timeout;
        // Idle: a leader that stands still loses its session. The keepalives and the user time-out are for one that
        // vanished while the server was sending, when it is not idle.
        // No delete waits for the disk: one that a crash undoes is published once more, which is allowed.
        // The table is empty whenever autovacuum looks, so the planner would have it read from end to end, which takes tens of
        // milliseconds once it is full of deleted rows.
        let sql = format!(
            "{KEY_LOOKUP_SETTINGS}; SET synchronous_commit = off; SET idle_session_timeout = {millis}; SET tcp_user_timeout = {millis}; \
             SET tcp_keepalives_idle = {seconds}; SET tcp_keepalives_interval = {seconds}; SET tcp_keepalives_count = 2",
            millis = limit.as_millis(),
            seconds = limit.as_secs().max(1),
        );
        limited(limit, conn.batch_execute(&sql)).await?;
        Ok(Self { conn, limit, heartbeat: settings.heartbeat() })
    }

    /// Takes the lead if it is free.
    pub(super) async fn try_acquire(&mut self) -> Result<bool, DatabaseError> {
        let query = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS yes").bind::<BigInt, _>(RELAY_LOCK);
        let answer: Answer = limited(self.limit, query.get_result(&mut self.conn)).await?;
        Ok(answer.yes)
    }

    /// Gives the lead up, so that another need not wait for this connection to be missed.
    pub(super) async fn release(mut self) {
        let query = diesel::sql_query("SELECT pg_advisory_unlock($1) AS yes").bind::<BigInt, _>(RELAY_LOCK);
        let _ = limited(self.limit, query.get_result::<Answer>(&mut self.conn)).await;
    }

    /// Awaits something else while it tells the database now and then that this leader is alive.
    /// An error means that the lead is lost; what was awaited is dropped then.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, DatabaseError> {
        let mut work = std::pin::pin!(work);
        let mut next = Instant::now() + self.heartbeat;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = sleep_until(next) => {}
            }
            limited(self.limit, self.conn.batch_execute("SELECT 1")).await?;
            next = Instant::now() + self.heartbeat;
        }
    }

    /// Which transactions have ended.
    pub(super) async fn snapshot(&mut self) -> Result<Snapshot, DatabaseError> {
        // A snapshot's upper bound is the last that has ended; younger ones may be at work. `age` counts from the next number.
        let sql = "SELECT pg_snapshot_xmin(s)::text::bigint AS ended_below,
                          pg_snapshot_xmax(s)::text::bigint + age(pg_snapshot_xmax(s)::xid) AS begun_below
                     FROM pg_current_snapshot() AS s";
        let taken: Ended = limited(self.limit, diesel::sql_query(sql).get_result(&mut self.conn)).await?;
        Ok(Snapshot { ended_below: taken.ended_below, begun_below: taken.begun_below })
    }

    /// The oldest rows from an id on, but those that have to wait.
    pub(super) async fn read(&mut self, count: u32, from: i64, waiting: Vec<i64>) -> Result<Vec<OutboxRow>, DatabaseError> {
        let rows = outbox::table.filter(outbox::id.ge(from)).filter(outbox::id.ne_all(waiting));
        let query = rows.order(outbox::id).limit(i64::from(count)).select(OutboxRow::as_select());
        limited(self.limit, query.load(&mut self.conn)).await
    }

    pub(super) async fn delete(&mut self, ids: Vec<i64>) -> Result<(), DatabaseError> {
        let query = diesel::delete(outbox::table.filter(outbox::id.eq_any(ids)));
        limited(self.limit, query.execute(&mut self.conn)).await.map(|_| ())
    }

    /// Moves rows that were refused too often out of the way, all or none.
    pub(super) async fn set_aside(&mut self, rows: &[NewFailedRow]) -> Result<(), DatabaseError> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let moving = self.conn.transaction(async move |conn| {
            // Already there if an operator copied it back by hand and it failed once more.
            diesel::insert_into(outbox_failed::table).values(rows).on_conflict_do_nothing().execute(conn).await?;
            diesel::delete(outbox::table.filter(outbox::id.eq_any(ids))).execute(conn).await
        });
        limited(self.limit, moving).await.map(|_| ())
    }
}

/// The server has limits of its own; this one is for a server or a network that says nothing at all. The connection
/// must not be used any more after it has passed.
async fn limited<T>(limit: Duration, query: impl Future<Output = diesel::QueryResult<T>>) -> Result<T, DatabaseError> {
    match timeout(limit, query).await {
        Ok(result) => result.map_err(DatabaseError::from),
        Err(_) => Err(DatabaseError::Unavailable(format!("no answer within {limit:?}"))),
    }
}
