//! The private PostgreSQL as its superuser: fixtures, and the invariants after every slice.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use crate::Fallible;
use crate::fixtures::Place;

/// A connection to one of the databases.
#[derive(Debug)]
pub struct Database {
    client: Client,
    /// The backend, which only looks and is not counted.
    pub backend: u32,
}

impl Database {
    /// Connects. Foreign keys are not checked on this connection: fixtures are large and right.
    pub async fn connect(port: u16, password: &str, name: &str) -> Fallible<Self> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(port).user("postgres").password(password).dbname(name).options("-c session_replication_role=replica");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let database = Self { client, backend: 0 };
        let backend = u32::try_from(database.number("SELECT pg_backend_pid()::bigint").await?)?;
        Ok(Self { backend, ..database })
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) -> Fallible<()> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// One number of the type bigint.
    pub async fn number(&self, sql: &str) -> Fallible<i64> {
        Ok(self.client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// One text.
    pub async fn text(&self, sql: &str) -> Fallible<String> {
        Ok(self.client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Messages that wait for the relay.
    pub async fn backlog(&self) -> Fallible<u64> {
        Ok(u64::try_from(self.number("SELECT count(*) FROM outbox").await?)?)
    }

    /// Waits until nothing is in flight: no message waits and no ticket is held. Tells how long that took.
    pub async fn settle(&self, most: Duration) -> Fallible<Duration> {
        let start = Instant::now();
        let in_flight = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM ticket_types WHERE held > 0)";
        loop {
            match self.number(in_flight).await? {
                0 => return Ok(start.elapsed()),
                left if start.elapsed() > most => {
                    return Err(format!("after {} seconds {left} messages or held ticket types are still in flight", most.as_secs()).into());
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// The invariants of all ticket types of a place, read in one snapshot.
    pub async fn check(&self, place: Place) -> Fallible<()> {
        let (first, last) = place.events_between();
        let sql = format!(
            "WITH b AS (SELECT event_id, ticket_type_id, sum(quantity) AS booked FROM bookings
                         WHERE event_id BETWEEN '{first}' AND '{last}' AND status = 'confirmed' GROUP BY 1, 2),
                  w AS (SELECT event_id, ticket_type_id, count(*) AS waiting FROM waitlist_entries
                         WHERE event_id BETWEEN '{first}' AND '{last}' AND status = 'waiting' GROUP BY 1, 2)
             SELECT count(*) FROM ticket_types t LEFT JOIN b ON b.event_id = t.event_id AND b.ticket_type_id = t.id
                                                LEFT JOIN w ON w.event_id = t.event_id AND w.ticket_type_id = t.id
              WHERE t.event_id BETWEEN '{first}' AND '{last}'
                AND (t.booked <> coalesce(b.booked, 0) OR t.waiting <> coalesce(w.waiting, 0) OR t.capacity <> t.available + t.booked + t.held
                     OR (t.held > 0 AND (t.available > 0 OR t.waiting = 0)))"
        );
        match self.number(&sql).await? {
            0 => Ok(()),
            wrong => Err(format!("{wrong} ticket types of slice {} break an invariant", place.slice).into()),
        }
    }

    /// Counts rows of a place: what answers have promised must be there.
    pub async fn count(&self, table: &str, condition: &str, place: Place) -> Fallible<u64> {
        let (first, last) = place.events_between();
        let sql = format!("SELECT count(*) FROM {table} WHERE event_id BETWEEN '{first}' AND '{last}' AND {condition}");
        Ok(u64::try_from(self.number(&sql).await?)?)
    }
}
