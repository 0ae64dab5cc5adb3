//! A single relay: order, rejections, notifications, and servers that become unavailable and recover.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use rowlock_domain::messages::Urgency;
use rowlock_messaging::amqp::{Consumer, delete_queue};
use rowlock_messaging::outbox::{OutboxNotifier, failed};
use rowlock_test_support::broker::{AMQP_ENV, TestBroker};
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::support::{Outbox, RunningRelay, relay_settings, text};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn rows_are_published_in_order_and_deleted() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    outbox.write("booking.confirmed", "", 1_000).await;
    let ids = outbox.words("SELECT message_id FROM outbox ORDER BY id").await;
    let mut settings = relay_settings(&outbox, broker.settings());
    settings.batch_size = 90;
    let relay = RunningRelay::start(settings);

    let seen = log.take(1_000).await;
    assert_eq!(seen.iter().map(|d| text(&d.body)).collect::<Vec<_>>(), (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(seen.iter().map(|d| d.message_id.clone().unwrap()).collect::<Vec<_>>(), ids);
    assert_eq!(seen[0].routing_key, "booking.confirmed");
    assert!(seen[0].occurred_at.is_some());
    outbox.drained().await;
    until("all are counted", async || relay.metrics.published.get() == 1_000).await;
    until("the depth is measured", async || relay.metrics.depth.get() == 0 && relay.metrics.oldest_age.get() == 0.0).await;

    outbox.write("booking.cancelled", "later ", 2).await;
    assert_eq!(text(&log.next().await.body), "later 0");
    assert_eq!(text(&log.next().await.body), "later 1");
    assert_eq!(log.next_within(Duration::from_millis(300)).await.map(|d| text(&d.body)), None, "nothing comes twice");
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_long_transaction_is_not_overtaken_by_rows_that_are_written_after_its_commit() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let relay = RunningRelay::start(relay_settings(&outbox, broker.settings()));
    let insert = |payload: &str| {
        format!(
            "INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at) VALUES (gen_random_uuid(), gen_random_uuid(), 'a.b', '{payload}', now())"
        )
    };
    let mut slow = outbox.database.admin().await;
    slow.batch_execute(&format!("BEGIN; {}", insert("slow 0"))).await.unwrap();
    // Longer than the relay takes to advance its watermark.
    let started = Instant::now();
    let mut passed = 0;
    while started.elapsed() < Duration::from_millis(3_500) {
        outbox.write("a.b", &format!("{passed} "), 1).await;
        assert_eq!(text(&log.next().await.body), format!("{passed} 0"), "others are not held up");
        passed += 1;
    }
    slow.batch_execute(&format!("{}; COMMIT", insert("slow 1"))).await.unwrap();
    outbox.write("a.b", "behind ", 1).await;
    for expected in ["slow 0", "slow 1", "behind 0"] {
        assert_eq!(text(&log.next().await.body), expected, "after {passed} others");
    }
    outbox.drained().await;
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_notification_wakes_the_relay() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let mut settings = relay_settings(&outbox, broker.settings());
    settings.poll_interval = HOUR;
    settings.observe_interval = HOUR;
    let stop = CancellationToken::new();
    let notifier = OutboxNotifier::start(outbox.database.service_url(), stop.clone());
    let relay = RunningRelay::start(settings);
    outbox.write("a.b", "first ", 1).await;
    // The relay finds this row when it acquires the lock or starts to listen.
    assert_eq!(text(&log.next().await.body), "first 0");
    let listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'
                     AND application_name = 'rowlock relay listener' AND query ILIKE '%occurred_at%'";
    until("the relay listens", async || outbox.number(listeners).await == 1).await;
    let listener = outbox
        .words("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rowlock relay listener'")
        .await;
    outbox.drained().await;

    for n in 0..5 {
        outbox.write("a.b", &format!("{n} "), 1).await;
        for _ in 0..100 {
            notifier.notify();
        }
        assert_eq!(text(&log.next().await.body), format!("{n} 0"));
    }

    let still = outbox
        .words("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rowlock relay listener'")
        .await;
    assert_eq!(listener, still, "the same listener served all notifications");

    // The connections of the notifier and of the listener are lost and opened again.
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name IN ('rowlock notifier', 'rowlock relay listener')";
    outbox.conn.batch_execute(kill).await.unwrap();
    outbox.write("a.b", "after ", 1).await;
    notifier.notify();
    assert_eq!(text(&log.next().await.body), "after 0");
    stop.cancel();
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn notifying_does_not_wait_for_an_unavailable_database() {
    let outbox = Outbox::new().await;
    let (proxy, url) = Proxy::in_front_of(outbox.database.service_url().expose_secret()).await;
    proxy.refuse();
    let mut listener = outbox.database.admin().await;
    listener.batch_execute("LISTEN rowlock_outbox").await.unwrap();
    let stop = CancellationToken::new();
    let notifier = OutboxNotifier::start(url.into(), stop.clone());
    for _ in 0..10_000 {
        notifier.notify();
    }
    proxy.pass();
    let mut notifications = std::pin::pin!(listener.notifications_stream());
    let mut hear = async || {
        let heard = tokio::time::timeout(Duration::from_secs(20), futures_util::StreamExt::next(&mut notifications)).await;
        let notification = heard.unwrap().unwrap().unwrap();
        (notification.channel, notification.payload)
    };
    let routine = ("rowlock_outbox".to_owned(), String::new());
    assert_eq!(hear().await, routine);
    notifier.notify_of(Urgency::Urgent);
    // The last of the routine requests may have led to a notification of its own.
    let next = hear().await;
    let urgent = if next == routine { hear().await } else { next };
    assert_eq!(urgent, ("rowlock_outbox".to_owned(), "urgent".to_owned()));
    stop.cancel();
    outbox.close().await;
}

#[tokio::test]
async fn a_rejected_row_does_not_block_others_and_is_kept_until_an_operator_replays_it() {
    let (mut outbox, mut broker) = (Outbox::new().await, TestBroker::new());
    let full = broker.full_queue("poison.*", 0).await;
    let mut log = broker.tap().await;
    outbox.write("poison.a", "poison ", 2).await;
    outbox.write("booking.confirmed", "good ", 3).await;
    let relay = RunningRelay::start(relay_settings(&outbox, broker.settings()));

    // Each attempt also reaches the tap, because a rejection by one queue does not affect the others.
    let mut good = Vec::new();
    while good.len() < 3 {
        let body = text(&log.next().await.body);
        if body.starts_with("good") {
            good.push(body);
        }
    }
    assert_eq!(good, ["good 0", "good 1", "good 2"]);
    until("both rows are moved to outbox_failed", async || relay.metrics.set_aside.get() == 2).await;
    assert_eq!(outbox.depth().await, 0);
    assert_eq!(relay.metrics.refused.get(), 10);

    let mut operator = outbox.database.admin().await;
    let rows = failed::list(&mut operator, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.payload.as_str()).collect::<Vec<_>>(), ["poison 0", "poison 1"]);
    assert_eq!(rows[0].attempts, 5);
    assert!(rows[0].reason.contains("nack"), "{}", rows[0].reason);

    delete_queue(&broker.settings(), &full).await.unwrap();
    assert_eq!(failed::replay(&mut operator).await.unwrap(), 2);
    outbox.drained().await;
    until("both are published", async || relay.metrics.published.get() == 5).await;
    assert!(failed::list(&mut operator, 10).await.unwrap().is_empty());
    assert_eq!(failed::replay(&mut operator).await.unwrap(), 0);
    relay.stopped().await;
    drop(operator);
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_deleted_work_queue_is_declared_again_and_its_message_arrives() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let relay = RunningRelay::start(relay_settings(&outbox, broker.settings()));
    relay.leading().await;
    delete_queue(&broker.settings(), &broker.topology().work_queue).await.unwrap();
    outbox.write("tickets.released", "release ", 1).await;
    outbox.drained().await;
    assert_eq!(relay.metrics.set_aside.get(), 0);
    let mut consumer = Consumer::connect(&broker.settings(), 1).await.unwrap();
    assert_eq!(text(&consumer.next_batch(1).await.unwrap()[0].body), "release 0");
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn rows_stay_in_the_outbox_until_the_broker_is_available_again() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let (proxy, url) = Proxy::in_front_of(&std::env::var(AMQP_ENV).unwrap()).await;
    proxy.refuse();
    outbox.write("a.b", "early ", 1).await;
    let relay = RunningRelay::start(relay_settings(&outbox, broker.settings_at(&url)));
    until("the depth is measured", async || relay.metrics.depth.get() == 1).await;
    until("the relay tries to connect to the broker", async || relay.metrics.restarts.get() > 1).await;
    assert!(outbox.leaders().await.is_empty(), "a relay without a broker connection does not hold the lock");
    proxy.pass();
    assert_eq!(text(&log.next().await.body), "early 0");
    outbox.drained().await;

    proxy.refuse();
    until("the relay releases the lock", async || outbox.leaders().await.is_empty() && !relay.leads()).await;
    assert_eq!(relay.metrics.link.up.get(), 0);
    outbox.write("a.b", "late ", 3).await;
    proxy.pass();
    for n in 0..3 {
        assert_eq!(text(&log.next().await.body), format!("late {n}"));
    }
    outbox.drained().await;
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn no_row_is_lost_when_the_broker_stalls_during_a_batch() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let (proxy, url) = Proxy::in_front_of(&std::env::var(AMQP_ENV).unwrap()).await;
    let mut amqp = broker.settings_at(&url);
    amqp.confirm_timeout = Duration::from_millis(500);
    amqp.connect_timeout = Duration::from_secs(3);
    let relay = RunningRelay::start(relay_settings(&outbox, amqp));
    relay.leading().await;
    proxy.pause();
    outbox.write("a.b", "", 10).await;
    until("the confirm times out", async || relay.metrics.restarts.get() > 0).await;
    assert_eq!(outbox.depth().await, 10);
    proxy.cut();
    proxy.pass();
    outbox.drained().await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 10 {
        seen.insert(text(&log.next().await.body));
    }
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn the_relay_recovers_without_a_restart_when_the_database_is_back() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let (proxy, url) = Proxy::in_front_of(outbox.database.service_url().expose_secret()).await;
    proxy.refuse();
    let mut settings = relay_settings(&outbox, broker.settings());
    settings.database_url = url.into();
    let relay = RunningRelay::start(settings);
    until("the relay tries to connect to the database", async || relay.metrics.restarts.get() > 1).await;
    proxy.pass();
    relay.leading().await;
    proxy.refuse();
    until("the relay notices that it lost the lock", async || !relay.leads()).await;
    outbox.write("a.b", "", 3).await;
    proxy.pass();
    assert_eq!(log.take(3).await.len(), 3);
    outbox.drained().await;
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_lost_response_to_a_delete_does_no_harm() {
    let (mut outbox, broker) = (Outbox::new().await, TestBroker::new());
    let mut log = broker.tap().await;
    let (proxy, url) = Proxy::in_front_of(outbox.database.service_url().expose_secret()).await;
    let mut settings = relay_settings(&outbox, broker.settings());
    settings.database_url = url.into();
    let sprung = proxy.cut_after_response_to("DELETE");
    let relay = RunningRelay::start(settings);
    outbox.write("a.b", "", 3).await;
    sprung.wait().await;
    outbox.drained().await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 3 {
        seen.insert(text(&log.next().await.body));
    }
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}
