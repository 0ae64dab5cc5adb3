//! A running service on a database of its own, and words to talk to it.

use std::path::Path;

use auth_service::{AuthSettings, MIGRATIONS, Running, start};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use rowlock_platform::clock::Clock;
use rowlock_postgres::migrate;
use rowlock_test_support::database::{Template, TestDatabase, fingerprint};
use rowlock_test_support::description;
use rowlock_test_support::wait::until;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const ENCRYPTION_KEY: &str = "an encryption key for tests, long enough";
pub(crate) const BOOTSTRAP_TOKEN: &str = "a bootstrap token for tests";

/// A database with the schema of `rowlock_auth`.
pub(crate) struct Migrated;

/// A database with the roles and nothing else.
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

/// The settings of a service for tests, with changes.
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
        // Most of these tests have no broker and come from one address.
        ("OUTBOX__RELAY", "false"),
        ("LIMITS__LOG_IN_PER_ADDRESS", "0"),
        ("LIMITS__LOG_IN_PER_ACCOUNT", "0"),
        ("LIMITS__CREATE_ACCOUNT_PER_ADDRESS", "0"),
        ("LIMITS__CREATE_ACCOUNT_PER_EMAIL", "0"),
        ("LIMITS__WRONG_PASSWORD_WAIT_MS", "0"),
    ];
    let unchanged = defaults.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    unchanged.chain(changes).map(|(name, value)| (format!("ROWLOCK__{name}"), (*value).to_owned())).collect()
}

/// A service, started.
pub(crate) struct Service {
    running: Running,
    client: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Service {
    /// Starts a service; it may not be ready yet.
    pub(crate) fn launch(database_url: &SecretString, changes: &[(&str, &str)], clock: Clock) -> Self {
        let settings = AuthSettings::load(None, environment(database_url, changes)).unwrap();
        let running = start(settings, clock).unwrap();
        // An idle connection would hold up the draining.
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

    /// What the management port says about readiness.
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

    /// Makes an account named after a handle; returns it.
    pub(crate) async fn create_account(&self, handle: &str) -> Value {
        self.post("/api/createaccount", &person(handle)).await.expect(201)
    }

    /// Logs the account of a handle in; returns `{token, refreshToken, …}`.
    pub(crate) async fn log_in(&self, handle: &str) -> Value {
        self.post("/api/loginaccount", &credentials(handle)).await.expect(200)
    }

    /// Makes an account and logs it in; returns its access token.
    pub(crate) async fn user(&self, handle: &str) -> String {
        self.create_account(handle).await;
        text(&self.log_in(handle).await["token"])
    }

    /// Makes the first administrator and logs it in; returns its access token.
    pub(crate) async fn first_admin(&self) -> String {
        self.bootstrap(BOOTSTRAP_TOKEN, &person("root")).await.expect(201);
        text(&self.log_in("root").await["token"])
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Answer {
        self.post("/api/refreshtoken", &json!({"refreshToken": token})).await
    }

    /// Drains the service.
    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The problem document, if it is one with this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        body
    }

    /// The names of the bad fields, sorted, if the input is not valid.
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

/// A database and a service on it.
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

/// Runs SQL behind the service's back.
pub(crate) async fn sql(database: &TestDatabase, statement: &str) {
    database.admin().await.batch_execute(statement).await.unwrap();
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// The rows of a query of one column named `value`, as text.
pub(crate) async fn query(database: &TestDatabase, statement: &str) -> Vec<String> {
    query_on(&mut database.admin().await, statement).await
}

pub(crate) async fn query_on(conn: &mut AsyncPgConnection, statement: &str) -> Vec<String> {
    let rows: Vec<Row> = diesel::sql_query(statement).load(conn).await.unwrap();
    rows.into_iter().map(|row| row.value).collect()
}
