//! What is in the databases when all is quiet, read in one snapshot past all services.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::Fallible;

/// A row of `ticket_types`.
#[derive(Debug, Clone, Deserialize)]
pub struct TypeRow {
    /// The event.
    pub event_id: Uuid,
    /// The type.
    pub id: Uuid,
    /// All tickets.
    pub capacity: i64,
    /// For sale.
    pub available: i64,
    /// Sold.
    pub booked: i64,
    /// For those who wait.
    pub held: i64,
    /// Entries that wait.
    pub waiting: i64,
    /// How many messages there have been.
    pub version: i64,
    /// The most of one account.
    pub max_per_account: Option<i64>,
}

/// A row of `bookings`.
#[derive(Debug, Clone, Deserialize)]
pub struct BookingRow {
    /// The event.
    pub event_id: Uuid,
    /// The booking.
    pub id: Uuid,
    /// The type.
    pub ticket_type_id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// How many.
    pub quantity: u32,
    /// `confirmed` or `cancelled`.
    pub status: String,
    /// `direct` or `waitlist`.
    pub origin: String,
}

/// A row of `waitlist_entries`.
#[derive(Debug, Clone, Deserialize)]
pub struct EntryRow {
    /// The event.
    pub event_id: Uuid,
    /// The entry.
    pub id: Uuid,
    /// The type.
    pub ticket_type_id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// How many.
    pub quantity: u32,
    /// The place in the order.
    pub number: i64,
    /// `waiting`, `promoted`, `left` or `closed`.
    pub status: String,
    /// What it became.
    pub booking_id: Option<Uuid>,
}

/// A row of `idempotency_keys`.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyRow {
    /// The event.
    pub event_id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// The key.
    pub key: String,
    /// The status that was answered.
    pub status: u16,
    /// The body that was answered.
    pub response: String,
}

/// A row of `events`.
#[derive(Debug, Clone, Deserialize)]
pub struct EventRow {
    /// The event.
    pub id: Uuid,
    /// How many messages about it as a whole there have been.
    pub version: i64,
}

/// A row of `accounts`.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountRow {
    /// The account.
    pub id: Uuid,
    /// Its e-mail.
    pub email: String,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

/// Everything that the audit looks at.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// All events.
    pub events: Vec<EventRow>,
    /// All ticket types.
    pub types: Vec<TypeRow>,
    /// All bookings.
    pub bookings: Vec<BookingRow>,
    /// All entries.
    pub entries: Vec<EntryRow>,
    /// All answers that were kept.
    pub keys: Vec<KeyRow>,
    /// Messages that wait.
    pub outbox: u64,
    /// Messages that were set aside.
    pub outbox_failed: u64,
    /// All accounts.
    pub accounts: Vec<AccountRow>,
}

/// A look at one database.
#[derive(Debug)]
pub struct Look(Client);

impl Look {
    /// Connects as the superuser, past the proxies.
    pub async fn at(port: u16, password: &str, database: &str) -> Fallible<Self> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("postgres").password(password).dbname(database).connect_timeout(Duration::from_secs(5));
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// The rows of a query.
    async fn rows<T: DeserializeOwned>(&self, query: &str) -> Fallible<Vec<T>> {
        let rows = self.0.query(&format!("SELECT to_jsonb(r)::text FROM ({query}) r"), &[]).await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get(0)?)?)).collect()
    }

    async fn count(&self, what: &str) -> Fallible<u64> {
        let rows: Vec<Count> = self.rows(&format!("SELECT count(*) AS count FROM {what}")).await?;
        rows.first().map(|row| row.count).ok_or_else(|| format!("{what} cannot be counted").into())
    }

    /// Messages that wait and ticket types with held tickets.
    pub async fn in_flight(&self) -> Fallible<u64> {
        Ok(self.count("outbox").await? + self.count("ticket_types WHERE held > 0").await?)
    }
}

impl Tables {
    /// Reads all of both databases. Nothing changes any more, and each is read in one snapshot all the same.
    pub async fn read(booking: &Look, auth: &Look) -> Fallible<Self> {
        booking.0.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let tables = Self {
            events: booking.rows("SELECT id, version FROM events").await?,
            types: booking
                .rows("SELECT event_id, id, capacity, available, booked, held, waiting, version, max_per_account FROM ticket_types")
                .await?,
            bookings: booking.rows("SELECT event_id, id, ticket_type_id, account_id, quantity, status, origin FROM bookings").await?,
            entries: booking
                .rows("SELECT event_id, id, ticket_type_id, account_id, quantity, number, status, booking_id FROM waitlist_entries")
                .await?,
            keys: booking.rows("SELECT event_id, account_id, key, status, response FROM idempotency_keys").await?,
            outbox: booking.count("outbox").await?,
            outbox_failed: booking.count("outbox_failed").await?,
            accounts: auth.rows("SELECT id, email FROM accounts").await?,
        };
        booking.0.batch_execute("COMMIT").await?;
        Ok(tables)
    }
}
