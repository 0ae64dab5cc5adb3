//! Starts a complete Rowlock system for one test: databases, a broker namespace and all services, in this process and on free
//! ports.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test cannot continue without its system and reports the cause by panicking"
)]

use futures_util::future::join_all;
use rowlock_domain::states::AdminRole;
use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub use crate::auth::{ready, start_auth};
use crate::broker::TestBroker;
use crate::client::{Client, Person};
use crate::database::TestDatabase;
use crate::invariants::{broken_invariants, in_flight};
use crate::notifier::TestNotifier;
pub use crate::plan::Plan;
pub use crate::templates::{AuthTemplate, BookingTemplate};
use crate::wait::until;

/// Converts dotted setting names to environment variables. A setting in `more` overrides the one of the same name in
/// `settings`.
pub fn environment(settings: &[(&str, String)], more: &[(String, String)]) -> Vec<(String, String)> {
    let variable = |name: &str| rowlock_platform::settings::env_name(name);
    // The settings loader uses the first value of a variable.
    more.iter()
        .map(|(name, value)| (variable(name), value.clone()))
        .chain(settings.iter().map(|(name, value)| (variable(name), value.clone())))
        .collect()
}

/// A running Rowlock system for one test. End it with [`System::stop`].
#[derive(Debug)]
pub struct System {
    /// Database of auth-service.
    pub auth_database: TestDatabase,
    /// Database of booking-service.
    pub booking_database: TestDatabase,
    /// Broker namespace.
    pub broker: TestBroker,
    auth: Running,
    /// Another auth-service, which publishes notices for the service that sends e-mail.
    mail_auth: OnceCell<Running>,
    notifier: OnceCell<TestNotifier>,
    bookings: Vec<Running>,
    workers: Vec<Running>,
    plan: Plan,
    admin: Option<Person>,
}

/// Token that authorizes the creation of the first administrator.
pub const BOOTSTRAP_TOKEN: &str = "the-bootstrap-token-of-a-test";

/// Key that seals what auth-service hands to the service that sends e-mail.
pub const SEALING_KEY: &str = "fedcba9876543210fedcba9876543210";

/// Password of every account.
pub const PASSWORD: &str = "correct horse battery";

impl System {
    /// Starts a system with one instance of each service.
    pub async fn new() -> Self {
        Plan::default().start().await
    }

    pub(crate) async fn start(plan: Plan) -> Self {
        let (auth_database, booking_database) = tokio::join!(TestDatabase::new(&AuthTemplate), TestDatabase::new(&BookingTemplate));
        let broker = TestBroker::new();
        let auth = start_auth(&auth_database, &broker, &plan.auth_settings);
        let mut system = Self {
            auth_database,
            booking_database,
            broker,
            auth,
            mail_auth: OnceCell::new(),
            notifier: OnceCell::new(),
            bookings: Vec::new(),
            workers: Vec::new(),
            plan,
            admin: None,
        };
        for _ in 0..system.plan.bookings {
            system.bookings.push(system.start_booking());
        }
        for _ in 0..system.plan.workers {
            system.workers.push(system.start_worker());
        }
        let management_ports: Vec<_> =
            system.bookings.iter().chain(&system.workers).chain([&system.auth]).map(Running::management_addr).collect();
        join_all(management_ports.into_iter().map(ready)).await;
        system.admin = Some(system.create_admin().await);
        system
    }

    fn via_proxy(url: &SecretString, proxy: Option<&String>) -> String {
        let mut url = url::Url::parse(url.expose_secret()).expect("the URL is valid");
        if let Some((host, port)) = proxy.and_then(|proxy| proxy.split_once(':')) {
            url.set_host(Some(host)).expect("the host can be replaced");
            url.set_port(port.parse().ok()).expect("the port can be replaced");
        }
        url.into()
    }

    fn shared_settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("management.listen", "127.0.0.1:0".to_owned()),
            ("database.url", Self::via_proxy(&self.booking_database.service_url(), self.plan.booking_database.as_ref())),
            ("amqp.url", Self::via_proxy(&self.broker.settings().url, self.plan.broker.as_ref())),
            ("amqp.prefix", self.broker.settings().prefix),
            (
                "amqp.retry_delays_ms",
                self.broker.settings().retry_delays.iter().map(|delay| delay.as_millis().to_string()).collect::<Vec<_>>().join(","),
            ),
        ]
    }

    /// Starts another booking-service without waiting until it is ready.
    pub fn start_booking(&self) -> Running {
        self.start_booking_with(&[])
    }

    /// Starts another booking-service with further settings, by their dotted names. They override those of the plan.
    pub fn start_booking_with(&self, more: &[(&str, &str)]) -> Running {
        let mut settings = self.shared_settings();
        settings.push(("http.listen", "127.0.0.1:0".to_owned()));
        // Tests read immediately what they have written, so public reads must not be cached.
        settings.push(("reads.keep_ms", "0".to_owned()));
        settings.push(("tokens.jwks_url", format!("{}/.well-known/jwks.json", self.auth_url())));
        settings.push(("tokens.revocations_url", format!("{}/internal/revocations", self.auth_url())));
        settings.push(("accounts.contacts_url", format!("{}/internal/contacts", self.auth_url())));
        settings.push(("limits.book_per_account", "0".to_owned()));
        settings.push(("sealing.key", SEALING_KEY.to_owned()));
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let more: Vec<_> = more.chain(self.plan.booking_settings.iter().cloned()).collect();
        let settings = booking_service::BookingSettings::load(None, environment(&settings, &more)).expect("the settings are valid");
        booking_service::start(settings, Clock::system()).expect("booking-service starts")
    }

    /// Starts another worker without waiting until it is ready.
    pub fn start_worker(&self) -> Running {
        let settings = reallocation_worker::WorkerSettings::load(None, environment(&self.shared_settings(), &self.plan.worker_settings))
            .expect("the settings are valid");
        reallocation_worker::start(settings, Clock::system()).expect("the worker starts")
    }

    /// Adds a worker and waits until it is ready.
    pub async fn add_worker(&mut self) {
        let worker = self.start_worker();
        ready(worker.management_addr()).await;
        self.workers.push(worker);
    }

    /// Stops all workers.
    pub async fn stop_workers(&mut self) {
        for worker in self.workers.drain(..) {
            worker.stop().await.expect("the worker stops");
        }
    }

    /// Returns the base URL of auth-service.
    pub fn auth_url(&self) -> String {
        format!("http://{}", self.auth.http_addr().expect("auth-service has a public port"))
    }

    /// Returns the base URL of another auth-service, which has the setting `mail.enabled`. The first call starts it.
    pub async fn mail_auth_url(&self) -> String {
        let start = async || {
            let enabled = ("mail.enabled".to_owned(), "true".to_owned());
            let running = start_auth(&self.auth_database, &self.broker, &[&[enabled], &self.plan.auth_settings[..]].concat());
            ready(running.management_addr()).await;
            running
        };
        let running = self.mail_auth.get_or_init(start).await;
        format!("http://{}", running.http_addr().expect("auth-service has a public port"))
    }

    /// Returns the notifier. The first call starts it.
    pub async fn notifier(&self) -> &TestNotifier {
        self.notifier.get_or_init(async || TestNotifier::start(&self.broker, &self.auth_url()).await).await
    }

    /// Returns the base URL of auth-service's management port.
    pub fn auth_management_url(&self) -> String {
        format!("http://{}", self.auth.management_addr())
    }

    /// Returns the base URLs of the booking-services.
    pub fn booking_urls(&self) -> Vec<String> {
        self.bookings.iter().filter_map(Running::http_addr).map(|address| format!("http://{address}")).collect()
    }

    /// Returns the base URLs of the booking-services' management ports.
    pub fn booking_management_urls(&self) -> Vec<String> {
        self.bookings.iter().map(|running| format!("http://{}", running.management_addr())).collect()
    }

    /// Returns the base URLs of the workers' management ports.
    pub fn worker_management_urls(&self) -> Vec<String> {
        self.workers.iter().map(|running| format!("http://{}", running.management_addr())).collect()
    }

    /// Returns a client of the first booking-service without a token.
    pub fn visitor(&self) -> Client {
        Client::new(self.booking_urls().swap_remove(0))
    }

    async fn create_admin(&self) -> Person {
        let auth = Client::new(self.auth_url());
        let account = json!({"name": "Admin", "username": "admin", "email": "admin@example.org", "password": PASSWORD});
        let created = auth
            .send(
                reqwest::Method::POST,
                "/admin/createaccount",
                &[("x-bootstrap-token", BOOTSTRAP_TOKEN)],
                Some(account.to_string().into_bytes()),
            )
            .await
            .expect(201);
        let login = auth.post("/admin/loginaccount", json!({"email": "admin@example.org", "password": PASSWORD})).await.expect(200);
        self.person("admin", &created, &login)
    }

    fn person(&self, name: &str, account: &Value, login: &Value) -> Person {
        Person {
            id: account["id"].as_str().expect("an account has an id").to_owned(),
            name: name.to_owned(),
            client: self.visitor().with_token(login["token"].as_str().expect("a login has a token")),
        }
    }

    /// Returns the administrator.
    pub fn admin(&self) -> &Person {
        self.admin.as_ref().expect("the administrator exists")
    }

    /// Creates an account and logs it in.
    pub async fn user(&self, name: &str) -> Person {
        let auth = Client::new(self.auth_url());
        let email = format!("{name}@example.org");
        let account = json!({"name": name, "username": name, "email": email, "password": PASSWORD});
        let created = auth.post("/api/createaccount", account).await;
        // With e-mail, the response is 202 without the account.
        assert!(matches!(created.status, 201 | 202), "{}", created.text);
        let login = auth.post("/api/loginaccount", json!({"email": email, "password": PASSWORD})).await.expect(200);
        self.person(name, &login["account"], &login)
    }

    /// Creates an administrator with this role and logs in. Each call creates another account.
    pub async fn administrator(&self, role: AdminRole) -> Person {
        let auth = Client::new(self.auth_url());
        let name = format!("{role}-{}", Clock::system().uuid().simple());
        let email = format!("{name}@example.org");
        let account = json!({"name": name, "username": name, "email": email, "password": PASSWORD, "adminRole": role.as_str()});
        let created = self.admin().client.at(self.auth_url()).post("/admin/createaccount", account).await.expect(201);
        let login = auth.post("/admin/loginaccount", json!({"email": email, "password": PASSWORD})).await.expect(200);
        self.person(&name, &created, &login)
    }

    /// Creates the accounts `PREFIX-0`, `PREFIX-1`, … and logs them in.
    pub async fn users(&self, prefix: &str, count: usize) -> Vec<Person> {
        let mut users = Vec::with_capacity(count);
        // In chunks, because auth-service rejects more concurrent logins than its queue holds.
        for first in (0..count).step_by(25) {
            let chunk = (first..count.min(first + 25)).map(|index| async move { self.user(&format!("{prefix}-{index}")).await });
            users.extend(join_all(chunk).await);
        }
        users
    }

    /// Creates a published event with one ticket type and returns its id.
    pub async fn event(&self, tickets: u32) -> String {
        self.event_like(json!({"name": "A test", "totalTickets": tickets})).await["id"].as_str().expect("an event has an id").to_owned()
    }

    /// Creates an event from a request body and returns the response body.
    pub async fn event_like(&self, body: Value) -> Value {
        self.admin().client.post("/admin/initialize", body).await.expect(201)
    }

    /// Sets [`crate::PICTURE`] as the picture of an event, and returns what the event says about it.
    pub async fn set_picture(&self, event: &str) -> Value {
        let path = format!("/admin/events/{event}/image");
        self.admin().client.put_file(&path, "image/webp", crate::PICTURE.to_vec()).await.expect(200)
    }

    /// Returns the event status that administrators see.
    pub async fn status(&self, event: &str) -> Value {
        self.admin().client.get(&format!("/admin/status/{event}?limit=100")).await.expect(200)
    }

    /// Returns the numbers of booked, available and held tickets, and the length of the waiting list.
    pub async fn counts(&self, event: &str) -> (u64, u64, u64, u64) {
        let status = self.status(event).await;
        let count = |name: &str| status[name].as_u64().expect("a count is a number");
        (count("bookedTickets"), count("availableTickets"), count("heldTickets"), count("waitlistLength"))
    }

    /// Changes the only ticket type of an event.
    pub async fn change_type(&self, event: &str, change: Value) -> crate::client::TestResponse {
        let status = self.admin().client.get(&format!("/admin/status/{event}")).await.expect(200);
        let mut change = change;
        change["id"] = status["ticketTypes"][0]["id"].clone();
        self.admin().client.patch(&format!("/admin/events/{event}"), json!({"ticketTypes": [change]})).await
    }

    /// Waits until nothing is in flight, that is, no ticket is held and the outbox is empty, and then checks the invariants.
    pub async fn quiet(&self) {
        let mut conn = self.booking_database.admin().await;
        until("nothing is in flight", async || in_flight(&mut conn).await == 0).await;
        self.check().await;
    }

    /// Checks the invariants of the booking database, which hold at every commit.
    ///
    /// # Panics
    ///
    /// Panics if an invariant is violated; the message lists the violations.
    pub async fn check(&self) {
        let violations = broken_invariants(&mut self.booking_database.admin().await).await;
        assert!(violations.is_empty(), "the booking database violates its invariants: {violations:?}");
    }

    /// Stops all services and deletes the databases and the broker namespace.
    pub async fn stop(self) {
        for running in self.bookings.into_iter().chain(self.workers) {
            running.stop().await.expect("the service stops");
        }
        if let Some(mail_auth) = self.mail_auth.into_inner() {
            mail_auth.stop().await.expect("auth-service stops");
        }
        if let Some(notifier) = self.notifier.into_inner() {
            notifier.stop().await;
        }
        self.auth.stop().await.expect("auth-service stops");
        self.broker.close().await;
        self.auth_database.close().await;
        self.booking_database.close().await;
    }
}
