//! The dashboard and the alerts, against the metrics of all services.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue reports the cause by panicking")]

use std::collections::BTreeSet;

use rowlock_test_support::system::Plan;

use crate::support::Web;

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
    let event = system.event(1).await;
    system.user("ada").await.must_book(&event, 1).await;
    let mut offered = BTreeSet::new();
    let places = [
        system.booking_management_urls(),
        system.worker_management_urls(),
        vec![system.auth_management_url(), web.management_url(), system.notifier().await.management_url()],
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
    web.stop().await;
}
