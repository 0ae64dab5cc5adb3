//! Starts notifiers for tests.

#![allow(clippy::expect_used, reason = "a test cannot continue without its system and reports the cause by panicking")]

use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::auth::ready;
use crate::broker::TestBroker;
use crate::database::TestDatabase;
use crate::system::{SEALING_KEY, environment};
use crate::templates::NotifierTemplate;
use crate::wait::until;

/// A notifier that writes mails into a folder, with a database of its own.
#[derive(Debug)]
pub struct TestNotifier {
    /// Its database.
    pub database: TestDatabase,
    running: Running,
    /// Deleted with the value.
    _mails: TempDir,
}

impl TestNotifier {
    /// Starts a notifier and waits until it is ready.
    pub async fn start(broker: &TestBroker, auth_url: &str) -> Self {
        let database = TestDatabase::new(&NotifierTemplate).await;
        let mails = tempfile::tempdir().expect("a temporary folder can be created");
        let settings = [
            ("http.listen", "127.0.0.1:0".to_owned()),
            ("management.listen", "127.0.0.1:0".to_owned()),
            ("database.url", database.service_url().expose_secret().to_owned()),
            ("amqp.url", broker.settings().url.expose_secret().to_owned()),
            ("amqp.prefix", broker.settings().prefix),
            (
                "amqp.retry_delays_ms",
                broker.settings().retry_delays.iter().map(|delay| delay.as_millis().to_string()).collect::<Vec<_>>().join(","),
            ),
            ("sealing.key", SEALING_KEY.to_owned()),
            ("mail.folder", mails.path().display().to_string()),
            ("api.auth_url", auth_url.to_owned()),
            ("tokens.jwks_url", format!("{auth_url}/.well-known/jwks.json")),
            ("tokens.revocations_url", format!("{auth_url}/internal/revocations")),
            ("limits.webhooks_per_account", "0".to_owned()),
        ];
        let settings = notifier::NotifierSettings::load(None, environment(&settings, &[])).expect("the settings are valid");
        let running = notifier::start(settings, Clock::system()).expect("the notifier starts");
        ready(running.management_addr()).await;
        let notifier = Self { database, running, _mails: mails };
        let (http, url) = (reqwest::Client::new(), format!("{}/admin/webhooks", notifier.url()));
        // Without the keys of access tokens, the response would be 503.
        until("the notifier can verify access tokens", async || {
            http.get(&url).bearer_auth("x").send().await.is_ok_and(|response| response.status() == 401)
        })
        .await;
        notifier
    }

    /// Returns the base URL of its management port.
    pub fn management_url(&self) -> String {
        format!("http://{}", self.running.management_addr())
    }

    /// Returns the base URL of its routes.
    pub fn url(&self) -> String {
        format!("http://{}", self.running.http_addr().expect("the notifier has a public port"))
    }

    /// Stops the notifier and deletes its database.
    pub async fn stop(self) {
        self.running.stop().await.expect("the notifier stops");
        self.database.close().await;
    }
}
