//! Several relays on one outbox: exactly one is active, and another takes over when it fails.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::broker::{AMQP_ENV, TestBroker};
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;

use crate::support::{Outbox, RunningRelay, relay_settings, text};

#[tokio::test]
async fn exactly_one_relay_is_active_and_another_takes_over_when_its_connection_is_killed() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let settings = relay_settings(&outbox, broker.settings());
    let relays = [RunningRelay::start(settings.clone()), RunningRelay::start(settings)];
    until("one relay is active", async || relays.iter().any(RunningRelay::leads)).await;

    let mut seen = Vec::new();
    for round in 0..4 {
        let leaders = outbox.leaders().await;
        assert!(leaders.len() <= 1, "{leaders:?}");
        for pid in leaders {
            outbox.conn.batch_execute(&format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
        }
        outbox.write("a.b", &format!("{round} "), 50).await;
        outbox.drained().await;
        while seen.len() < (round + 1) * 50 {
            let body = text(&log.next().await.body);
            if !seen.contains(&body) {
                seen.push(body);
            }
        }
    }
    let expected: Vec<_> = (0..4).flat_map(|round| (0..50).map(move |n| format!("{round} {n}"))).collect();
    assert_eq!(seen, expected, "rows are published in order across relays");
    for relay in relays {
        relay.stopped().await;
    }
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_stalled_relay_loses_the_lock_within_seconds() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let (proxy, url) = Proxy::in_front_of(outbox.database.service_url().expose_secret()).await;
    let mut settings = relay_settings(&outbox, broker.settings());
    settings.lease_timeout = Duration::from_secs(2);
    let mut frozen = settings.clone();
    frozen.database_url = url.into();
    let first = RunningRelay::start(frozen);
    first.leading().await;
    let second = RunningRelay::start(settings);
    outbox.write("a.b", "before ", 1).await;
    assert_eq!(text(&log.next().await.body), "before 0");
    outbox.drained().await;
    assert!(!second.leads());

    let begin = Instant::now();
    proxy.pause();
    second.leading().await;
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    outbox.write("a.b", "after ", 1).await;
    assert_eq!(text(&log.next().await.body), "after 0");
    until("the stalled relay notices that it lost the lock", async || !first.leads()).await;

    // After it resumes, it stands by.
    proxy.pass();
    outbox.write("a.b", "thawed ", 1).await;
    assert_eq!(text(&log.next().await.body), "thawed 0");
    assert_eq!(outbox.leaders().await.len(), 1);
    first.stopped().await;
    second.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_relay_whose_broker_link_fails_releases_the_lock_for_another() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let (proxy, url) = Proxy::in_front_of(&std::env::var(AMQP_ENV).unwrap()).await;
    let first = RunningRelay::start(relay_settings(&outbox, broker.settings_at(&url)));
    first.leading().await;
    let second = RunningRelay::start(relay_settings(&outbox, broker.settings()));
    proxy.refuse();
    second.leading().await;
    assert!(!first.leads());
    outbox.write("a.b", "", 1).await;
    assert_eq!(text(&log.next().await.body), "0");
    first.stopped().await;
    second.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_stopped_relay_finishes_its_batch_and_releases_the_lock() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let settings = relay_settings(&outbox, broker.settings());
    let first = RunningRelay::start(settings.clone());
    first.leading().await;
    let second = RunningRelay::start(settings);
    outbox.write("a.b", "", 2_000).await;
    let mut seen = vec![text(&log.next().await.body)];
    first.stopped().await;
    second.leading().await;
    outbox.drained().await;
    while seen.len() < 2_000 {
        seen.push(text(&log.next().await.body));
    }
    assert_eq!(seen, (0..2_000).map(|n| n.to_string()).collect::<Vec<_>>(), "each once, in order");
    second.stopped().await;
    outbox.close().await;
    broker.close().await;
}
