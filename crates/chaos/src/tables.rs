//! Reads the databases directly, after everything in flight has finished.

use std::time::Duration;

use rowlock_domain::queue_log::{QueueLogHash, QueueLogRecord};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::Fallible;
use crate::mail_server::DeliveryId;

/// A row of `ticket_types`.
#[derive(Debug, Clone, Deserialize)]
pub struct TypeRow {
    /// Event id.
    pub event_id: Uuid,
    /// Ticket type id.
    pub id: Uuid,
    /// Total number of tickets.
    pub capacity: i64,
    /// Available tickets.
    pub available: i64,
    /// Booked tickets.
    pub booked: i64,
    /// Reserved tickets.
    pub reserved: i64,
    /// Held tickets.
    pub held: i64,
    /// Number of waiting entries.
    pub waiting: i64,
    /// Version, which is the number of messages about this ticket type.
    pub version: i64,
    /// Maximum number of tickets per account.
    pub max_per_account: Option<i64>,
    /// Position of the last record of the queue log.
    pub queue_position: i64,
    /// Hash of that record.
    pub queue_hash: Option<QueueLogHash>,
}

/// A row of `queue_log`.
#[derive(Debug, Clone, Deserialize)]
pub struct QueueLogRow {
    /// Event id.
    pub event_id: Uuid,
    /// Ticket type id.
    pub ticket_type_id: Uuid,
    /// The record.
    #[serde(flatten)]
    pub record: QueueLogRecord,
}

/// A row of `bookings`.
#[derive(Debug, Clone, Deserialize)]
pub struct BookingRow {
    /// Event id.
    pub event_id: Uuid,
    /// Booking id.
    pub id: Uuid,
    /// Ticket type id.
    pub ticket_type_id: Uuid,
    /// Account id.
    pub account_id: Uuid,
    /// Number of tickets.
    pub quantity: u32,
    /// `reserved`, `confirmed`, `cancelled` or `expired`.
    pub status: String,
    /// `direct`, `waitlist` or `transfer`.
    pub origin: String,
    /// Why numbers of the booking are void, one for each.
    pub void_reasons: Option<Vec<String>>,
}

/// A row of `transfers`.
#[derive(Debug, Clone, Deserialize)]
pub struct TransferRow {
    /// Transfer id.
    pub id: Uuid,
    /// Booking of the sender.
    pub booking_id: Uuid,
    /// Account of the sender.
    pub from_account: Uuid,
    /// Number of tickets.
    pub quantity: u32,
    /// `pending`, `accepted`, `withdrawn`, `declined` or `lapsed`.
    pub status: String,
    /// Account that accepted.
    pub to_account: Option<Uuid>,
    /// Its booking.
    pub received_booking: Option<Uuid>,
}

/// A row of `waitlist_entries`.
#[derive(Debug, Clone, Deserialize)]
pub struct EntryRow {
    /// Event id.
    pub event_id: Uuid,
    /// Entry id.
    pub id: Uuid,
    /// Ticket type id.
    pub ticket_type_id: Uuid,
    /// Account id.
    pub account_id: Uuid,
    /// Number of tickets.
    pub quantity: u32,
    /// The smallest number of tickets that the entry takes. None: all or none.
    pub min_quantity: Option<u32>,
    /// Number that orders the waiting list.
    pub number: i64,
    /// `waiting`, `promoted`, `left`, `closed` or `expired`.
    pub status: String,
    /// Booking that the entry was promoted to.
    pub booking_id: Option<Uuid>,
    /// Wish that the entry belongs to.
    pub wish_id: Option<Uuid>,
}

impl EntryRow {
    /// Returns the smallest number of tickets that the entry takes.
    pub fn minimum(&self) -> u32 {
        self.min_quantity.unwrap_or(self.quantity)
    }
}

/// A row of `idempotency_keys`.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyRow {
    /// Event id.
    pub event_id: Uuid,
    /// Account id.
    pub account_id: Uuid,
    /// Idempotency key.
    pub key: String,
    /// Status of the stored response.
    pub status: u16,
    /// Body of the stored response.
    pub response: String,
}

/// A row of `events`.
#[derive(Debug, Clone, Deserialize)]
pub struct EventRow {
    /// Event id.
    pub id: Uuid,
    /// Version, which is the number of messages about the event as a whole.
    pub version: i64,
}

/// A row of `accounts`.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountRow {
    /// Account id.
    pub id: Uuid,
    /// E-mail address.
    pub email: String,
}

/// A row of `deliveries`.
#[derive(Debug, Clone, Deserialize)]
pub struct DeliveryRow {
    /// Id of the message that reported the change.
    pub message_id: Uuid,
    /// Account that is told.
    pub recipient: Uuid,
    /// `pending`, `sending`, `sent`, `failed`, `unclear` or `skipped`.
    pub status: String,
}

impl DeliveryRow {
    /// Returns the key of the delivery.
    pub fn id(&self) -> DeliveryId {
        DeliveryId { message: self.message_id, recipient: self.recipient }
    }
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

/// Contents of all tables that the audit needs.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// All events.
    pub events: Vec<EventRow>,
    /// All ticket types.
    pub types: Vec<TypeRow>,
    /// All bookings.
    pub bookings: Vec<BookingRow>,
    /// All transfers.
    pub transfers: Vec<TransferRow>,
    /// All waiting-list entries.
    pub entries: Vec<EntryRow>,
    /// All records of queue logs, in the order of their positions.
    pub queue_log: Vec<QueueLogRow>,
    /// All stored responses.
    pub keys: Vec<KeyRow>,
    /// Number of messages in the outbox.
    pub outbox: u64,
    /// Number of messages in `outbox_failed`.
    pub outbox_failed: u64,
    /// All accounts.
    pub accounts: Vec<AccountRow>,
    /// All deliveries of mails.
    pub mails: Vec<DeliveryRow>,
}

/// Direct connection to one database.
#[derive(Debug)]
pub struct DatabaseReader(Client);

impl DatabaseReader {
    /// Connects as the superuser, without a proxy.
    pub async fn at(port: u16, password: &str, database: &str) -> Fallible<Self> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("postgres").password(password).dbname(database).connect_timeout(Duration::from_secs(5));
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// Returns the rows of a query, deserialized from JSON.
    async fn rows<T: DeserializeOwned>(&self, query: &str) -> Fallible<Vec<T>> {
        let rows = self.0.query(&format!("SELECT to_jsonb(r)::text FROM ({query}) r"), &[]).await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get(0)?)?)).collect()
    }

    async fn count(&self, what: &str) -> Fallible<u64> {
        let rows: Vec<Count> = self.rows(&format!("SELECT count(*) AS count FROM {what}")).await?;
        rows.first().map(|row| row.count).ok_or_else(|| format!("cannot count the rows of {what}").into())
    }

    /// Returns the number of mails and webhook requests that are still to be sent.
    pub async fn unsent(&self) -> Fallible<u64> {
        let mails = self.count("deliveries WHERE status IN ('pending', 'sending')").await?;
        Ok(mails + self.count("webhook_deliveries WHERE status IN ('pending', 'sending')").await?)
    }

    /// Returns the number of outbox messages plus the number of ticket types with held tickets.
    pub async fn in_flight(&self) -> Fallible<u64> {
        Ok(self.count("outbox").await? + self.count("ticket_types WHERE held > 0").await?)
    }

    /// Counts the bookings that are still reserved several seconds after their time.
    pub async fn overdue_reservations(&self) -> Fallible<u64> {
        self.count("bookings WHERE status = 'reserved' AND expires_at < now() - interval '5 seconds'").await
    }

    /// Postpones the end of all reservations, so that nothing changes any more while the evidence is collected.
    pub async fn freeze_reservations(&self) -> Fallible<()> {
        let sql = "UPDATE bookings SET expires_at = expires_at + interval '1 day' WHERE status = 'reserved'";
        Ok(self.0.batch_execute(sql).await?)
    }
}

impl Tables {
    /// Reads the databases. Nothing changes any more, but the booking tables are read in one snapshot all the same.
    pub async fn read(booking: &DatabaseReader, auth: &DatabaseReader, notifier: &DatabaseReader) -> Fallible<Self> {
        booking.0.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let tables = Self {
            events: booking.rows("SELECT id, version FROM events").await?,
            types: booking
                .rows(
                    "SELECT event_id, id, capacity, available, booked, reserved, held, waiting, version, max_per_account, queue_position,
                            encode(queue_hash, 'hex') AS queue_hash FROM ticket_types",
                )
                .await?,
            bookings: booking
                .rows("SELECT event_id, id, ticket_type_id, account_id, quantity, status, origin, void_reasons FROM bookings")
                .await?,
            transfers: booking
                .rows("SELECT id, booking_id, from_account, quantity, status, to_account, received_booking FROM transfers")
                .await?,
            entries: booking
                .rows("SELECT event_id, id, ticket_type_id, account_id, quantity, min_quantity, number, status, booking_id, wish_id FROM waitlist_entries")
                .await?,
            queue_log: booking
                .rows(
                    "SELECT event_id, ticket_type_id, position, recorded_at AS \"recordedAt\", kind, entry_number AS number, previous_number AS \"previousNumber\",
                            quantity, min_quantity AS \"minQuantity\", free, max_per_booking AS \"maxPerBooking\", encode(hash, 'hex') AS hash
                       FROM queue_log ORDER BY event_id, ticket_type_id, position",
                )
                .await?,
            keys: booking.rows("SELECT event_id, account_id, key, status, response FROM idempotency_keys").await?,
            outbox: booking.count("outbox").await?,
            outbox_failed: booking.count("outbox_failed").await?,
            accounts: auth.rows("SELECT id, email FROM accounts").await?,
            mails: notifier.rows("SELECT message_id, recipient, status FROM deliveries").await?,
        };
        booking.0.batch_execute("COMMIT").await?;
        Ok(tables)
    }
}
