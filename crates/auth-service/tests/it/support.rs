//! Test support: runs a service on a database of its own and sends requests to it.

use std::path::Path;

use auth_service::{AuthSettings, MIGRATIONS, Running, start};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use rowlock_domain::accounts::AccountMessage;
use rowlock_platform::clock::Clock;
use rowlock_postgres::migrate;
use rowlock_sealing::{ACCOUNT_NOTICE, AccountNotice, SealingKeys};
use rowlock_test_support::database::{Template, TestDatabase, fingerprint};
use rowlock_test_support::description;
use rowlock_test_support::wait::until;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const ENCRYPTION_KEY: &str = "an encryption key for tests, long enough";
pub(crate) const BOOTSTRAP_TOKEN: &str = "a bootstrap token for tests";

/// Template of a database with the schema of `rowlock_auth`.
pub(crate) struct Migrated;

/// Template of a database with roles but without a schema.
pub(crate) struct Empty;

impl Template for Migrated {
    fn name(&self) -> &'static str {
        "auth"
    }

    fn fingerprint(&self) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/auth");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("up.sql")).collect();
        files.sort();
        fingerprint(files.iter().map(|file| std::fs::read(file).unwrap()))
    }

    async fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> Result<(), String> {
        migrate(owner_url, service_url, MIGRATIONS).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Template for Empty {
    fn name(&self) -> &'static str {
        "auth"
    }

    fn fingerprint(&self) -> String {
        fingerprint(["empty"])
    }

    async fn migrate(&self, _: &SecretString, _: &SecretString) -> Result<(), String> {
        Ok(())
    }
}

/// Returns the settings of a service for tests, with changes applied.
pub(crate) fn environment(database_url: &SecretString, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let defaults = [
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("HTTP__WORKERS", "1"),
        ("MANAGEMENT__LISTEN", "127.0.0.1:0"),
        ("DATABASE__URL", database_url.expose_secret()),
        ("DATABASE__POOL_SIZE", "8"),
        ("PASSWORDS__BCRYPT_COST", "4"),
        ("KEYS__ENCRYPTION_KEY", ENCRYPTION_KEY),
        ("BOOTSTRAP__TOKEN", BOOTSTRAP_TOKEN),
        // Most of these tests run without a broker and send all requests from one address.
        ("OUTBOX__RELAY", "false"),
        ("LIMITS__LOG_IN_PER_ADDRESS", "0"),
        ("LIMITS__LOG_IN_PER_ACCOUNT", "0"),
        ("LIMITS__CREATE_ACCOUNT_PER_ADDRESS", "0"),
        ("LIMITS__CREATE_ACCOUNT_PER_EMAIL", "0"),
        ("LIMITS__MAIL_PER_ADDRESS", "0"),
        ("LIMITS__MAIL_PER_EMAIL", "0"),
        ("LIMITS__WRONG_PASSWORD_WAIT_MS", "0"),
    ];
    let unchanged = defaults.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    unchanged.chain(changes).map(|(name, value)| (format!("ROWLOCK__{name}"), (*value).to_owned())).collect()
}

/// A running service and a client for it.
pub(crate) struct Service {
    running: Running,
    client: reqwest::Client,
}

/// A response with its complete body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Service {
    /// Starts a service without waiting until it is ready.
    pub(crate) fn launch(database_url: &SecretString, changes: &[(&str, &str)], clock: Clock) -> Self {
        let settings = AuthSettings::load(None, environment(database_url, changes)).unwrap();
        let running = start(settings, clock).unwrap();
        // Idle connections would delay the shutdown.
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { running, client }
    }

    /// Starts a service and waits until it is ready.
    pub(crate) async fn start(database: &TestDatabase, changes: &[(&str, &str)]) -> Self {
        let service = Self::launch(&database.service_url(), changes, Clock::system());
        service.ready().await;
        service
    }

    /// Waits until the service is ready.
    pub(crate) async fn ready(&self) {
        until("the service is ready", async || self.readiness().await.status == 200).await;
    }

    /// Returns the readiness response of the management server.
    pub(crate) async fn readiness(&self) -> Answer {
        answer(self.client.get(format!("http://{}/health/ready", self.running.management_addr()))).await
    }

    pub(crate) fn management_addr(&self) -> std::net::SocketAddr {
        self.running.management_addr()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.running.http_addr().unwrap()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    pub(crate) async fn bootstrap(&self, token: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, "/admin/createaccount").header("X-Bootstrap-Token", token).json(body)).await
    }

    /// Creates an account named after a handle and returns it.
    pub(crate) async fn create_account(&self, handle: &str) -> Value {
        self.post("/api/createaccount", &person(handle)).await.expect(201)
    }

    /// Logs in to the account of a handle and returns `{token, refreshToken, …}`.
    pub(crate) async fn log_in(&self, handle: &str) -> Value {
        self.post("/api/loginaccount", &credentials(handle)).await.expect(200)
    }

    /// Creates an account, logs in and returns its access token.
    pub(crate) async fn user(&self, handle: &str) -> String {
        self.create_account(handle).await;
        text(&self.log_in(handle).await["token"])
    }

    /// Creates the first administrator, logs in and returns its access token.
    pub(crate) async fn first_admin(&self) -> String {
        self.bootstrap(BOOTSTRAP_TOKEN, &person("root")).await.expect(201);
        text(&self.log_in("root").await["token"])
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        self.post("/api/refreshtoken", &json!({"refreshToken": token})).await
    }

    /// Shuts the service down gracefully.
    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

impl Answer {
    /// Returns the body. Panics unless the response has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Returns the problem document. Panics unless it has this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        body
    }

    /// Returns the sorted names of the invalid fields. Panics unless the response is 422 `invalid-input`.
    #[track_caller]
    pub(crate) fn bad_fields(self) -> Vec<String> {
        let problem = self.problem(422, "invalid-input");
        let mut fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| text(&error["field"])).collect();
        fields.sort();
        fields
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = reqwest::Client::execute(&client, request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    description::check(method.as_str(), &path, status.as_u16(), &headers, &text);
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, headers, text, body }
}

pub(crate) fn person(handle: &str) -> Value {
    json!({"name": format!("Name of {handle}"), "username": handle, "email": email(handle), "password": PASSWORD})
}

pub(crate) fn email(handle: &str) -> String {
    format!("{handle}@example.org")
}

pub(crate) fn credentials(handle: &str) -> Value {
    json!({"email": email(handle), "password": PASSWORD})
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

/// Starts a service on a new database.
pub(crate) async fn system() -> (TestDatabase, Service) {
    system_with(&[]).await
}

pub(crate) async fn system_with(changes: &[(&str, &str)]) -> (TestDatabase, Service) {
    let database = TestDatabase::new(&Migrated).await;
    let service = Service::start(&database, changes).await;
    (database, service)
}

pub(crate) async fn close(database: TestDatabase, services: impl IntoIterator<Item = Service>) {
    for service in services {
        service.stop().await;
    }
    database.close().await;
}

/// Settings of a service that publishes notices for the service that sends e-mail.
pub(crate) const WITH_MAIL: [(&str, &str); 2] = [("MAIL__ENABLED", "true"), ("SEALING__KEY", SEALING_KEY)];

pub(crate) const SEALING_KEY: &str = "a sealing key for tests, long enough";

/// Returns the keys that open what a service seals that has [`SEALING_KEY`].
pub(crate) fn sealing() -> SealingKeys {
    SealingKeys::new(&SEALING_KEY.into(), &[]).unwrap()
}

/// Takes all notices out of the outbox, oldest first.
pub(crate) async fn notices(database: &TestDatabase) -> Vec<AccountNotice> {
    let taken = "DELETE FROM outbox WHERE routing_key = 'account.notice' RETURNING payload AS value";
    let taken = format!("WITH taken AS ({taken}) SELECT value FROM taken ORDER BY value::json ->> 'id'");
    let rows = query(database, &taken).await.into_iter();
    rows.map(|json| match AccountMessage::parse(json.as_bytes()).unwrap() {
        AccountMessage::Notice { sealed, .. } => sealing().open(ACCOUNT_NOTICE, &sealed).unwrap(),
        other => panic!("{other:?} is not a notice"),
    })
    .collect()
}

/// Takes the only notice out of the outbox.
pub(crate) async fn only_notice(database: &TestDatabase) -> AccountNotice {
    let mut all = notices(database).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Runs SQL directly on the database.
pub(crate) async fn sql(database: &TestDatabase, statement: &str) {
    database.admin().await.batch_execute(statement).await.unwrap();
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Returns the rows of a query with one column `value`, as text.
pub(crate) async fn query(database: &TestDatabase, statement: &str) -> Vec<String> {
    query_on(&mut database.admin().await, statement).await
}

pub(crate) async fn query_on(conn: &mut AsyncPgConnection, statement: &str) -> Vec<String> {
    let rows: Vec<Row> = diesel::sql_query(statement).load(conn).await.unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

/// Waits until a statement on a database is blocked by a lock.
pub(crate) async fn held_up(database: &TestDatabase) {
    let waiting = "SELECT 1::text AS value FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut conn = database.admin().await;
    until("a statement waits for a lock", async || !query_on(&mut conn, waiting).await.is_empty()).await;
}
