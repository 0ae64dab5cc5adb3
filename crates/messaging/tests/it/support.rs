//! A database that contains only an outbox, relays that use it, and messages to publish.

use std::time::Duration;

use amqprs::channel::QueueBindArguments;
use amqprs::connection::{Connection, OpenConnectionArguments};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::Timestamp;
use rowlock_messaging::amqp::{AmqpSettings, Consumer, Delivery, OutboundMessage};
use rowlock_messaging::outbox::{Relay, RelayMetrics, RelaySettings};
use rowlock_platform::telemetry::Traces;
use rowlock_test_support::database::{Template, TestDatabase, fingerprint};
use rowlock_test_support::wait::until;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TABLES: &str = "
    CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, message_id uuid NOT NULL,
        routing_key text NOT NULL, payload text NOT NULL, occurred_at timestamptz NOT NULL);
    CREATE TABLE outbox_failed (id bigint PRIMARY KEY, event_id uuid, message_id uuid, routing_key text, payload text,
        occurred_at timestamptz, failed_at timestamptz DEFAULT now(), attempts int, reason text);
    GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, outbox_failed TO rowlock_test_outbox_service;";

struct OutboxTables;

impl Template for OutboxTables {
    fn name(&self) -> &'static str {
        "outbox"
    }

    fn fingerprint(&self) -> String {
        fingerprint([TABLES])
    }

    async fn migrate(&self, owner_url: &SecretString, _: &SecretString) -> Result<(), String> {
        let mut conn = AsyncPgConnection::establish(owner_url.expose_secret()).await.map_err(|error| error.to_string())?;
        conn.batch_execute(TABLES).await.map_err(|error| error.to_string())
    }
}

pub(crate) struct Outbox {
    pub(crate) database: TestDatabase,
    pub(crate) conn: AsyncPgConnection,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    word: String,
}

impl Outbox {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new(&OutboxTables).await;
        let conn = database.admin().await;
        Self { database, conn }
    }

    /// Writes `count` rows in one transaction. The payloads are `label` followed by 0, 1, 2 and so on.
    pub(crate) async fn write(&mut self, routing_key: &str, label: &str, count: usize) {
        let sql = format!(
            "INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
             SELECT gen_random_uuid(), gen_random_uuid(), '{routing_key}', '{label}' || n, now() FROM generate_series(0, {count} - 1) AS n"
        );
        self.conn.batch_execute(&sql).await.unwrap();
    }

    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        diesel::sql_query(format!("SELECT ({sql})::bigint AS number")).get_result::<Number>(&mut self.conn).await.unwrap().number
    }

    pub(crate) async fn words(&mut self, sql: &str) -> Vec<String> {
        let rows: Vec<Word> = diesel::sql_query(format!("SELECT word::text FROM ({sql}) AS t (word)")).load(&mut self.conn).await.unwrap();
        rows.into_iter().map(|row| row.word).collect()
    }

    pub(crate) async fn depth(&mut self) -> i64 {
        self.number("SELECT count(*) FROM outbox").await
    }

    pub(crate) async fn drained(&mut self) {
        until("the outbox is empty", async || self.depth().await == 0).await;
    }

    /// Returns the process ids of the sessions that hold the relay's lock in this database.
    pub(crate) async fn leaders(&mut self) -> Vec<String> {
        self.words(
            "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
             WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()",
        )
        .await
    }

    pub(crate) async fn close(self) {
        drop(self.conn);
        self.database.close().await;
    }
}

/// A relay that runs in a task of its own.
pub(crate) struct RunningRelay {
    pub(crate) metrics: RelayMetrics,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningRelay {
    pub(crate) fn start(settings: RelaySettings) -> Self {
        let metrics = RelayMetrics::default();
        let stop = CancellationToken::new();
        let task = tokio::spawn(Relay::new(settings, metrics.clone(), Traces::default()).run(stop.clone()));
        Self { metrics, stop, task }
    }

    pub(crate) fn leads(&self) -> bool {
        self.metrics.is_leader.get() == 1
    }

    pub(crate) async fn leading(&self) {
        until("the relay leads", async || self.leads()).await;
    }

    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        until("the relay stops", async || self.task.is_finished()).await;
        self.task.await.unwrap();
    }
}

/// Returns relay settings with short intervals, so that tests do not wait long.
pub(crate) fn relay_settings(outbox: &Outbox, amqp: AmqpSettings) -> RelaySettings {
    let mut settings = RelaySettings::new(outbox.database.service_url(), amqp);
    settings.poll_interval = Duration::from_millis(50);
    settings.standby_interval = Duration::from_millis(50);
    settings.observe_interval = Duration::from_millis(200);
    settings.retry_delay = Duration::from_millis(20);
    settings.max_backoff = Duration::from_millis(500);
    settings
}

pub(crate) fn released(body: &str) -> OutboundMessage {
    OutboundMessage {
        mandatory: true,
        ..OutboundMessage::event(rowlock_domain::messages::TICKETS_RELEASED, Uuid::new_v4().to_string(), body)
    }
}

pub(crate) fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000, 0).unwrap()
}

pub(crate) fn event(key: &str, body: impl Into<Vec<u8>>) -> OutboundMessage {
    OutboundMessage::event(key, Uuid::new_v4().to_string(), body)
}

/// Receives deliveries until there are `count` of them.
pub(crate) async fn take(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        deliveries.extend(consumer.next_batch(count - deliveries.len()).await.unwrap());
    }
    deliveries
}

/// Binds a queue to the events exchange with further patterns.
pub(crate) async fn bind(settings: &AmqpSettings, queue: &str, patterns: &[&str]) {
    let url = url::Url::parse(settings.url.expose_secret()).unwrap();
    let password = url.password().unwrap_or("guest");
    let user = if url.username().is_empty() { "guest" } else { url.username() };
    let arguments = OpenConnectionArguments::new(url.host_str().unwrap(), url.port().unwrap_or(5672), user, password);
    let connection = Connection::open(&arguments).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    for pattern in patterns {
        channel.queue_bind(QueueBindArguments::new(queue, &format!("{}.events", settings.prefix), pattern)).await.unwrap();
    }
    connection.close().await.unwrap();
}
