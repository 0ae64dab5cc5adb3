//! Everything that a test of the notifier needs.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use notifier::NotifierSettings;
use rowlock_messaging::amqp::{OutboundMessage, Publisher, Settlement, Topology};
use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use rowlock_test_support::broker::TestBroker;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::{environment, ready};
use rowlock_test_support::templates::NotifierTemplate;
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::{ServicesStandIn, person};

/// The key of the tests.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A delivery as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = Text)]
    pub(crate) status: String,
    #[diesel(sql_type = Integer)]
    pub(crate) attempts: i32,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) detail: Option<String>,
}

/// A database, a broker namespace and the stand-ins.
pub(crate) struct Fixture {
    pub(crate) database: TestDatabase,
    pub(crate) broker: TestBroker,
    pub(crate) people: ServicesStandIn,
    conn: AsyncPgConnection,
    publisher: Publisher,
}

impl Fixture {
    /// Creates everything. The queue exists, so that messages can be published before a notifier runs.
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new(&NotifierTemplate).await;
        let broker = TestBroker::new();
        let settings = broker.settings();
        Topology::bind_notifications(&settings).await.unwrap();
        let publisher = Publisher::connect(&settings).await.unwrap();
        let conn = database.admin().await;
        Self { database, broker, people: ServicesStandIn::start(), conn, publisher }
    }

    /// Returns the environment variables of a notifier that sends to this SMTP server.
    pub(crate) fn environment(&self, smtp: SocketAddr, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let url = format!("http://{}", self.people.address);
        let broker = self.broker.settings();
        let settings = [
            ("http.listen", "127.0.0.1:0".to_owned()),
            ("management.listen", "127.0.0.1:0".to_owned()),
            ("database.url", self.database.service_url().expose_secret().to_owned()),
            ("amqp.url", broker.url.expose_secret().to_owned()),
            ("amqp.prefix", broker.prefix),
            ("amqp.retry_delays_ms", "100,200".to_owned()),
            ("sealing.key", KEY.to_owned()),
            ("tokens.jwks_url", format!("{url}/.well-known/jwks.json")),
            ("tokens.revocations_url", format!("{url}/internal/revocations")),
            ("webhooks.allow_private_targets", "true".to_owned()),
            ("webhooks.retry_delays_ms", "20".to_owned()),
            ("api.auth_url", url.clone()),
            ("api.booking_url", url),
            ("site.public_url", "https://box.example".to_owned()),
            ("mail.from", "Box office <tickets@box.example>".to_owned()),
            ("mail.retry_delays_ms", "20".to_owned()),
            ("notifier.poll_interval_ms", "20".to_owned()),
            ("broadcasts.change_delay_ms", "0".to_owned()),
            ("broadcasts.interval_ms", "20".to_owned()),
            ("broadcasts.lease_ms", "1000".to_owned()),
            ("smtp.host", smtp.ip().to_string()),
            ("smtp.port", smtp.port().to_string()),
            ("smtp.security", "none".to_owned()),
            ("smtp.timeout_ms", "10000".to_owned()),
        ];
        let more: Vec<_> = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        environment(&settings, &more)
    }

    /// Starts a notifier and waits until it is ready.
    pub(crate) async fn start(&self, smtp: SocketAddr, more: &[(&str, &str)]) -> Running {
        let settings = NotifierSettings::load(None, self.environment(smtp, more)).unwrap();
        let running = notifier::start(settings, Clock::system()).unwrap();
        ready(running.management_addr()).await;
        running
    }

    /// Starts a notifier that writes mails into a folder.
    pub(crate) async fn start_with_folder(&self, folder: &Path) -> Running {
        let nowhere = "127.0.0.1:1".parse().unwrap();
        self.start(nowhere, &[("smtp.host", ""), ("mail.folder", folder.to_str().unwrap())]).await
    }

    /// Publishes messages.
    pub(crate) async fn publish(&mut self, messages: impl IntoIterator<Item = Value>) {
        let messages = messages.into_iter().map(|message| {
            let routing_key = message["type"].as_str().unwrap().to_owned();
            OutboundMessage::event(routing_key, message["id"].as_str().unwrap(), message.to_string())
        });
        self.publish_raw(messages.collect()).await;
    }

    pub(crate) async fn publish_raw(&mut self, messages: Vec<OutboundMessage>) {
        let settlements = self.publisher.publish_batch(messages).await.unwrap();
        assert!(settlements.iter().all(|settlement| *settlement == Settlement::Confirmed), "{settlements:?}");
    }

    /// Waits until nothing is left in the queues.
    pub(crate) async fn consumed(&self) {
        for family in [self.broker.urgent_notifications(), self.broker.notifications()] {
            until("all messages are consumed", async || self.broker.depth(&family.work_queue).await == Some(0)).await;
        }
    }

    /// Returns the deliveries to a person.
    pub(crate) async fn rows_of(&mut self, n: u128) -> Vec<Row> {
        let sql = format!("SELECT status, attempts, detail FROM deliveries WHERE recipient = '{}' ORDER BY created_at", person(n));
        self.rows(&sql).await
    }

    /// Returns the rows of a query with the columns of [`Row`].
    pub(crate) async fn rows(&mut self, sql: &str) -> Vec<Row> {
        diesel::sql_query(sql).load(&mut self.conn).await.unwrap()
    }

    /// Waits until the only delivery to a person has a status, and returns it.
    pub(crate) async fn settled(&mut self, n: u128, status: &str) -> Row {
        let mut last = Vec::new();
        until(&format!("the delivery is {status}"), async || {
            last = self.rows_of(n).await;
            matches!(&last[..], [row] if row.status == status)
        })
        .await;
        last.swap_remove(0)
    }

    /// Waits until this number of deliveries were tried and are pending. They are tried again some seconds later.
    pub(crate) async fn postponed(&mut self, count: usize) {
        let sql = "SELECT status, attempts, detail FROM deliveries WHERE status = 'pending' AND detail IS NOT NULL";
        until("the deliveries wait", async || diesel::sql_query(sql).load::<Row>(&mut self.conn).await.unwrap().len() == count).await;
    }

    /// Returns the number of deliveries with a status.
    pub(crate) async fn count(&mut self, status: &str) -> usize {
        let sql = format!("SELECT status, attempts, detail FROM deliveries WHERE status = '{status}'");
        diesel::sql_query(sql).load::<Row>(&mut self.conn).await.unwrap().len()
    }

    /// Executes a statement as the superuser.
    pub(crate) async fn execute(&mut self, sql: &str) {
        self.conn.batch_execute(sql).await.unwrap();
    }

    /// Returns the status, the number of recipients and the detail of each broadcast, ordered by version and age.
    pub(crate) async fn broadcasts(&mut self) -> Vec<Row> {
        let sql = "SELECT status, recipients AS attempts, detail FROM broadcasts ORDER BY coalesce(event_version, 0), created_at";
        diesel::sql_query(sql).load(&mut self.conn).await.unwrap()
    }

    /// Waits until the broadcasts are as expected.
    pub(crate) async fn broadcasts_are(&mut self, expected: &[(&str, i32)]) -> Vec<Row> {
        let mut last = Vec::new();
        until(&format!("the broadcasts are {expected:?}"), async || {
            last = self.broadcasts().await;
            last.iter().map(|row| (row.status.as_str(), row.attempts)).eq(expected.iter().copied())
        })
        .await;
        last
    }

    /// Returns the column `data` of all deliveries as text.
    pub(crate) async fn data(&mut self) -> Vec<String> {
        let sql = "SELECT data::text AS status, attempts, detail FROM deliveries";
        diesel::sql_query(sql).load::<Row>(&mut self.conn).await.unwrap().into_iter().map(|row| row.status).collect()
    }

    pub(crate) async fn close(self) {
        self.publisher.close().await;
        drop(self.conn);
        self.people.stop().await;
        self.broker.close().await;
        self.database.close().await;
    }
}

/// Returns a Python with the packages of `scripts/requirements-test.txt`.
pub(crate) fn python() -> OsString {
    std::env::var_os("ROWLOCK_TEST_PYTHON").expect("ROWLOCK_TEST_PYTHON is set by `make test` and by `scripts/test-servers.sh env`")
}

/// Returns a message about tickets for a person, with an id of its own.
pub(crate) fn about_tickets(message_type: &str, n: u128) -> Value {
    message(
        message_type,
        &json!({"eventId": Uuid::from_u128(7), "ticketTypeId": Uuid::from_u128(8), "bookingId": Uuid::from_u128(9),
        "waitlistEntryId": Uuid::from_u128(9), "accountId": person(n), "quantity": 2, "returned": 2, "number": 1}),
    )
}

/// Returns a message about a booking or an entry of a person, with the version of the ticket type after the change.
pub(crate) fn in_history(message_type: &str, n: u128, booking: u128, sequence: i64) -> Value {
    let mut message = about_tickets(message_type, n);
    message["sequence"] = json!(sequence.to_string());
    let [id, other] = if message_type.starts_with("booking") { ["bookingId", "waitlistEntryId"] } else { ["waitlistEntryId", "bookingId"] };
    message["data"][id] = json!(Uuid::from_u128(booking));
    message["data"].as_object_mut().unwrap().remove(other);
    message
}

/// Returns a message that an event was changed.
pub(crate) fn changed(event: Uuid, version: i64, changes: &Value) -> Value {
    let mut message = message("event.updated", &json!({"eventId": event, "status": "published", "changes": changes}));
    message["sequence"] = json!(version.to_string());
    message
}

/// Returns a message with an id of its own.
pub(crate) fn message(message_type: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": Uuid::new_v4(), "type": message_type, "source": "/a/test", "subject": "x",
        "time": "2026-01-01T00:00:00Z", "sequence": "1", "datacontenttype": "application/json",
        "dataschema": format!("urn:rowlock:schema:{message_type}:1"), "data": data,
    })
}
