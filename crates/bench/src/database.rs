//! Connects to the benchmark's PostgreSQL as the superuser, to create fixtures and to check the invariants after every
//! sample.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use crate::Fallible;
use crate::fixtures::SampleFixture;

/// A connection to one of the databases.
#[derive(Debug)]
pub struct Database {
    client: Client,
    /// Process id of this connection's backend. Its CPU time is not counted as PostgreSQL's.
    pub backend: u32,
}

impl Database {
    /// Opens a connection that does not check foreign keys, because the fixtures are large and known to be valid.
    pub async fn connect(port: u16, password: &str, name: &str) -> Fallible<Self> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(port).user("postgres").password(password).dbname(name).options("-c session_replication_role=replica");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let database = Self { client, backend: 0 };
        let backend = u32::try_from(database.number("SELECT pg_backend_pid()::bigint").await?)?;
        Ok(Self { backend, ..database })
    }

    /// Executes one or more statements.
    pub async fn run(&self, sql: &str) -> Fallible<()> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Runs a query that returns one bigint.
    pub async fn number(&self, sql: &str) -> Fallible<i64> {
        Ok(self.client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Runs a query that returns one text.
    pub async fn text(&self, sql: &str) -> Fallible<String> {
        Ok(self.client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Returns the number of messages in the outbox.
    pub async fn backlog(&self) -> Fallible<u64> {
        Ok(u64::try_from(self.number("SELECT count(*) FROM outbox").await?)?)
    }

    /// Waits until nothing is in flight, that is, the outbox is empty and no ticket is held. Returns how long that took, or
    /// an error after a minute.
    pub async fn settle(&self) -> Fallible<Duration> {
        const TIMEOUT: Duration = Duration::from_secs(60);
        let start = Instant::now();
        let in_flight = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM ticket_types WHERE held > 0)";
        loop {
            match self.number(in_flight).await? {
                0 => return Ok(start.elapsed()),
                remaining if start.elapsed() > TIMEOUT => {
                    return Err(format!(
                        "{remaining} outbox messages or held ticket types are still in flight after {} seconds",
                        TIMEOUT.as_secs()
                    )
                    .into());
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Checks the invariants of all ticket types of a fixture in one snapshot.
    pub async fn check(&self, fixture: SampleFixture) -> Fallible<()> {
        let (first, last) = fixture.events_between();
        let sql = format!(
            "WITH b AS (SELECT event_id, ticket_type_id, sum(quantity) AS booked FROM bookings
                         WHERE event_id BETWEEN '{first}' AND '{last}' AND status = 'confirmed' GROUP BY 1, 2),
                  r AS (SELECT event_id, ticket_type_id, sum(quantity) AS reserved FROM bookings
                         WHERE event_id BETWEEN '{first}' AND '{last}' AND status = 'reserved' GROUP BY 1, 2),
                  w AS (SELECT event_id, ticket_type_id, count(*) AS waiting FROM waitlist_entries
                         WHERE event_id BETWEEN '{first}' AND '{last}' AND status = 'waiting' GROUP BY 1, 2)
             SELECT count(*) FROM ticket_types t LEFT JOIN b ON b.event_id = t.event_id AND b.ticket_type_id = t.id
                                                LEFT JOIN r ON r.event_id = t.event_id AND r.ticket_type_id = t.id
                                                LEFT JOIN w ON w.event_id = t.event_id AND w.ticket_type_id = t.id
              WHERE t.event_id BETWEEN '{first}' AND '{last}'
                AND (t.booked <> coalesce(b.booked, 0) OR t.waiting <> coalesce(w.waiting, 0) OR t.reserved <> coalesce(r.reserved, 0)
                     OR t.capacity <> t.available + t.booked + t.reserved + t.held OR (t.held > 0 AND (t.available > 0 OR t.waiting = 0)))"
        );
        match self.number(&sql).await? {
            0 => Ok(()),
            violations => Err(format!("{violations} ticket types of sample {} violate an invariant", fixture.sample).into()),
        }
    }

    /// Counts the rows of a fixture that meet a condition, for comparison with the successful responses.
    pub async fn count(&self, table: &str, condition: &str, fixture: SampleFixture) -> Fallible<u64> {
        let (first, last) = fixture.events_between();
        let sql = format!("SELECT count(*) FROM {table} WHERE event_id BETWEEN '{first}' AND '{last}' AND {condition}");
        Ok(u64::try_from(self.number(&sql).await?)?)
    }
}
