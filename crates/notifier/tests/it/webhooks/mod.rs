//! Webhooks, and the routes for mails: a notifier, a real receiver, and administrators with tokens of a real auth-service.

mod audit_log;
mod delivering;
mod mails;
mod official;
mod receiver;
mod resending;
mod routes;
mod schema;
mod switching_off;
mod targets;

use rowlock_domain::states::AdminRole;
use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use rowlock_test_support::broker::TestBroker;
use rowlock_test_support::client::Client;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::{BOOTSTRAP_TOKEN, PASSWORD, ready, start_auth};
use rowlock_test_support::templates::AuthTemplate;
use rowlock_test_support::wait::until;
use rowlock_test_support::webhook_receiver::{ReceivedWebhook, Reply, WebhookReceiver};
use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::smtp_server::SmtpServer;

/// An auth-service with an owner.
struct Auth {
    database: TestDatabase,
    running: Running,
    url: String,
    owner: Option<Client>,
}

impl Auth {
    async fn start(broker: &TestBroker) -> Self {
        let database = TestDatabase::new(&AuthTemplate).await;
        let running = start_auth(&database, broker, &[]);
        ready(running.management_addr()).await;
        let url = format!("http://{}", running.http_addr().unwrap());
        let mut auth = Self { database, running, url, owner: None };
        auth.owner = Some(auth.administrator(AdminRole::Owner).await.1);
        auth
    }

    /// Creates an administrator, and returns the id of the account and a client with its token.
    async fn administrator(&self, role: AdminRole) -> (String, Client) {
        let name = format!("{role}-{}", Clock::system().uuid().simple());
        let email = format!("{name}@example.org");
        let account = json!({"name": name, "username": name, "email": email, "password": PASSWORD, "adminRole": role.as_str()});
        let client = self.owner.clone().unwrap_or_else(|| Client::new(&self.url));
        let body = Some(account.to_string().into_bytes());
        let created = client.send(reqwest::Method::POST, "/admin/createaccount", &[("x-bootstrap-token", BOOTSTRAP_TOKEN)], body).await;
        let login = client.post("/admin/loginaccount", json!({"email": email, "password": PASSWORD})).await.expect(200);
        (created.expect(201)["id"].as_str().unwrap().to_owned(), client.with_token(login["token"].as_str().unwrap()))
    }
}

/// Everything that a test of webhooks needs.
pub(crate) struct Setup {
    fixture: Fixture,
    auth: Auth,
    smtp: SmtpServer,
    receiver: WebhookReceiver,
    notifier: Running,
    /// The owner's client of the notifier.
    admin: Client,
}

impl Setup {
    /// Starts a receiver that asks `script` with the path and the number of earlier requests to it, and a notifier.
    async fn new(script: impl Fn(&str, usize) -> Reply + Send + Sync + 'static, more: &[(&str, &str)]) -> Self {
        let fixture = Fixture::new().await;
        let auth = Auth::start(&fixture.broker).await;
        let (smtp, receiver) = (SmtpServer::start(), WebhookReceiver::start(script).await);
        let notifier = start(&fixture, &auth, &smtp, more).await;
        let admin = auth.owner.as_ref().unwrap().at(format!("http://{}", notifier.http_addr().unwrap()));
        let setup = Self { fixture, auth, smtp, receiver, notifier, admin };
        until("the notifier has the keys of access tokens", async || setup.admin.get("/admin/webhooks").await.status == 200).await;
        setup
    }

    /// Creates a webhook for a path of the receiver and returns it with its secret.
    async fn create(&self, path: &str, more: Value) -> Value {
        let mut body = json!({"url": self.receiver.url(path)});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.admin.post("/admin/webhooks", body).await.expect(201)
    }

    async fn get(&self, webhook: &Value) -> Value {
        self.admin.get(&format!("/admin/webhooks/{}", id(webhook))).await.expect(200)
    }

    /// Sends a request about a webhook.
    async fn post(&self, webhook: &Value, action: &str, body: Value) -> Value {
        self.admin.post(&format!("/admin/webhooks/{}/{action}", id(webhook)), body).await.expect(200)
    }

    /// Returns the deliveries of a webhook, newest first.
    async fn deliveries(&self, webhook: &Value) -> Vec<Value> {
        let page = self.admin.get(&format!("/admin/webhooks/{}/deliveries?limit=100", id(webhook))).await.expect(200);
        page["items"].as_array().unwrap().clone()
    }

    /// Waits until the only delivery of a webhook has a status, and returns it.
    async fn settled(&self, webhook: &Value, status: &str) -> Value {
        let mut last = Vec::new();
        until(&format!("the delivery is {status}"), async || {
            last = self.deliveries(webhook).await;
            matches!(&last[..], [delivery] if delivery["status"] == status)
        })
        .await;
        last.swap_remove(0)
    }

    /// Waits until a path of the receiver has got this many requests, and returns them.
    async fn received(&self, path: &str, count: usize) -> Vec<ReceivedWebhook> {
        until(&format!("{path} got {count} requests"), async || self.receiver.received(path).len() >= count).await;
        self.receiver.received(path)
    }

    /// Replaces the notifier by one with other settings.
    async fn restarted(self, more: &[(&str, &str)]) -> Self {
        self.notifier.stop().await.unwrap();
        let notifier = start(&self.fixture, &self.auth, &self.smtp, more).await;
        Self { notifier, ..self }
    }

    async fn stop(self) {
        self.notifier.stop().await.unwrap();
        self.auth.running.stop().await.unwrap();
        self.auth.database.close().await;
        self.fixture.close().await;
    }
}

/// Starts a notifier that accepts the tokens of an auth-service.
async fn start(fixture: &Fixture, auth: &Auth, smtp: &SmtpServer, more: &[(&str, &str)]) -> Running {
    let (jwks, revocations) = (format!("{}/.well-known/jwks.json", auth.url), format!("{}/internal/revocations", auth.url));
    let tokens = [("tokens.jwks_url", jwks.as_str()), ("tokens.revocations_url", &revocations), ("limits.webhooks_per_account", "0")];
    // The first value of a setting counts.
    fixture.start(smtp.address, &[more, &tokens].concat()).await
}

/// Returns the id of a webhook or delivery.
fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}
