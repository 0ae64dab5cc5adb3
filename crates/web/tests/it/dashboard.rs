//! The dashboard and the alerts, against the metrics of all services.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue reports the cause by panicking")]

use std::collections::BTreeSet;

use notifier::NotifierSettings;
use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use rowlock_postgres::migrate;
use rowlock_test_support::database::{Template, TestDatabase, fingerprint};
use rowlock_test_support::system::{Plan, SEALING_KEY, System, environment, ready};
use secrecy::{ExposeSecret, SecretString};

use crate::support::Web;

/// The schema of `rowlock_notifier`.
struct NotifierTemplate;

impl Template for NotifierTemplate {
    fn name(&self) -> &'static str {
        "notifier"
    }

    fn fingerprint(&self) -> String {
        fingerprint([include_str!("../../../../migrations/notifier/00000000000001_deliveries/up.sql")])
    }

    async fn migrate(&self, owner_url: &SecretString, service_url: &SecretString) -> Result<(), String> {
        migrate(owner_url, service_url, notifier::MIGRATIONS).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Starts a notifier of a system, which writes mails into a folder that does not exist, because there are none.
async fn start_notifier(system: &System, database: &TestDatabase) -> Running {
    let broker = system.broker.settings();
    let settings = [
        ("management.listen", "127.0.0.1:0".to_owned()),
        ("database.url", database.service_url().expose_secret().to_owned()),
        ("amqp.url", broker.url.expose_secret().to_owned()),
        ("amqp.prefix", broker.prefix),
        ("sealing.key", SEALING_KEY.to_owned()),
        ("api.auth_url", system.auth_url()),
        ("api.booking_url", system.booking_urls().swap_remove(0)),
        ("mail.folder", "/dev/null/mails".to_owned()),
    ];
    let settings = NotifierSettings::load(None, environment(&settings, &[])).unwrap();
    let running = notifier::start(settings, Clock::system()).unwrap();
    ready(running.management_addr()).await;
    running
}

/// Returns all metric names with the prefix `rowlock_` in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("rowlock_")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_dashboard_and_the_alerts_exists() {
    // The metrics of the consumer of sales messages exist only where it runs.
    let web = Web::with(Plan::default().booking_setting("timeline.from_messages", "true"), &[]).await;
    let system = &web.system;
    let database = TestDatabase::new(&NotifierTemplate).await;
    let notifier = start_notifier(system, &database).await;
    let event = system.event(1).await;
    system.user("ada").await.must_book(&event, 1).await;
    let mut offered = BTreeSet::new();
    let places = [
        system.booking_management_urls(),
        system.worker_management_urls(),
        vec![system.auth_management_url(), web.management_url(), format!("http://{}", notifier.management_addr())],
    ];
    for place in places.concat() {
        let text = reqwest::get(format!("{place}/metrics")).await.unwrap().text().await.unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        // The names include the suffixes of counters and histograms, as queries use them.
        offered
            .extend(text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned));
    }
    for (file, text) in [
        ("dashboards/rowlock.json", include_str!("../../../../deploy/grafana/dashboards/rowlock.json")),
        ("alerts.yml", include_str!("../../../../deploy/prometheus/alerts.yml")),
    ] {
        let wanted = names_in(text);
        assert!(wanted.len() > 5, "{file} names {wanted:?} only");
        let missing: Vec<_> = wanted.difference(&offered).collect();
        assert!(missing.is_empty(), "{file} reads {missing:?}, which no service has; they have {offered:#?}");
    }
    notifier.stop().await.unwrap();
    database.close().await;
    web.stop().await;
}
