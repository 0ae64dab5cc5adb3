//! A broker that is unreachable, stalled or closes connections: no operation hangs, and everything recovers.

use std::time::{Duration, Instant};

use rowlock_domain::Timestamp;
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Consumer, LinkError, LinkMetrics, Publisher, Settlement};
use rowlock_test_support::broker::{AMQP_ENV, TestBroker};
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::wait::{until, until_some};

use crate::support::{released, text};

/// Returns a broker namespace whose settings go through a proxy, with timeouts that are short enough for a test.
async fn behind_a_proxy() -> (TestBroker, Proxy, AmqpSettings) {
    let broker = TestBroker::new();
    let (proxy, url) = Proxy::in_front_of(&std::env::var(AMQP_ENV).unwrap()).await;
    let mut settings = broker.settings_at(&url);
    settings.heartbeat = Duration::from_secs(2);
    settings.connect_timeout = Duration::from_secs(5);
    settings.confirm_timeout = Duration::from_secs(1);
    (broker, proxy, settings)
}

#[tokio::test]
async fn publishing_continues_after_a_lost_connection_without_losing_confirmed_messages() {
    let (broker, proxy, settings) = behind_a_proxy().await;
    let mut log = broker.tap().await;
    let metrics = LinkMetrics::default();
    let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100));
    let mut publisher = None;
    let mut confirmed = Vec::new();
    let mut cuts = 0;
    for n in 0..60 {
        if n % 20 == 10 {
            proxy.cut();
            cuts += 1;
        }
        let settlement = until_some("the message is confirmed", async || {
            let mut link = match publisher.take() {
                Some(link) => link,
                None => Publisher::connect(&settings).await.ok()?.recording(&metrics),
            };
            if let Ok(mut settlements) = link.publish_batch(vec![released(&n.to_string())]).await {
                publisher = Some(link);
                backoff.reset();
                return settlements.pop();
            }
            backoff.wait().await;
            None
        })
        .await;
        assert_eq!(settlement, Settlement::Confirmed);
        confirmed.push(n.to_string());
    }
    assert_eq!(metrics.connects.get(), cuts + 1);
    let mut seen = Vec::new();
    while seen.len() < 60 {
        let body = text(&log.next().await.body);
        if !seen.contains(&body) {
            seen.push(body);
        }
    }
    assert_eq!(seen, confirmed);
    drop(publisher);
    assert_eq!(metrics.up.get(), 0);
    broker.close().await;
}

#[tokio::test]
async fn a_consumer_notices_a_lost_connection_and_its_deliveries_are_redelivered() {
    let (broker, proxy, settings) = behind_a_proxy().await;
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    publisher.publish_batch(vec![released("1"), released("2")]).await.unwrap();
    let mut consumer = Consumer::connect(&settings, 5).await.unwrap();
    let first = consumer.next_batch(1).await.unwrap().remove(0);
    consumer.ack(&[first.tag]).await.unwrap();
    let second = consumer.next_batch(1).await.unwrap().remove(0);
    assert_eq!(text(&second.body), "2");

    proxy.cut();
    let error = consumer.next_batch(5).await.unwrap_err();
    assert!(matches!(error, LinkError::Lost | LinkError::Closed { .. }), "{error}");
    assert!(consumer.ack(&[second.tag]).await.is_err());
    drop(consumer);

    let mut consumer = Consumer::connect(&settings, 5).await.unwrap();
    let again = until_some("the second comes again", async || {
        consumer.next_batch(5).await.unwrap().into_iter().find(|delivery| text(&delivery.body) == "2")
    })
    .await;
    assert!(again.redelivered);
    broker.close().await;
}

#[tokio::test]
async fn a_stalled_broker_blocks_each_operation_only_until_its_timeout() {
    let (broker, proxy, settings) = behind_a_proxy().await;
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    let mut consumer = Consumer::connect(&settings, 5).await.unwrap();
    proxy.pause();

    let begin = Instant::now();
    let error = publisher.publish_batch((0..50).map(|n| released(&n.to_string())).collect()).await.unwrap_err();
    assert!(matches!(error, LinkError::TimedOut { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    publisher.close().await;

    // Two heartbeat intervals and a margin.
    let error = tokio::time::timeout(Duration::from_secs(15), consumer.next_batch(1))
        .await
        .expect("the heartbeat detects the stalled broker")
        .unwrap_err();
    assert_eq!(error, LinkError::Lost);
    drop(consumer);

    let hasty = AmqpSettings { connect_timeout: Duration::from_millis(300), ..settings.clone() };
    let error = Publisher::connect(&hasty).await.unwrap_err();
    assert!(matches!(error, LinkError::TimedOut { doing: "connecting", .. }), "{error}");

    proxy.pass();
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    assert_eq!(publisher.publish_batch(vec![released("1")]).await.unwrap(), [Settlement::Confirmed]);
    broker.close().await;
}

#[tokio::test]
async fn retries_survive_the_loss_of_their_own_connection() {
    let (broker, proxy, settings) = behind_a_proxy().await;
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    publisher.publish_batch(vec![released("1"), released("2")]).await.unwrap();
    let mut consumer = Consumer::connect(&settings, 5).await.unwrap();
    let mut deliveries = consumer.next_batch(2).await.unwrap();
    if deliveries.len() < 2 {
        deliveries.extend(consumer.next_batch(1).await.unwrap());
    }
    consumer.retry(&deliveries[0], "first", Timestamp::default()).await.unwrap();
    proxy.refuse();
    let error = consumer.retry(&deliveries[1], "second", Timestamp::default()).await.unwrap_err();
    assert!(!matches!(error, LinkError::Settings(_)), "{error}");
    proxy.pass();
    drop(consumer);

    let mut consumer = Consumer::connect(&settings, 5).await.unwrap();
    let mut seen = Vec::new();
    until("both come again", async || {
        seen.extend(consumer.next_batch(5).await.unwrap().iter().map(|delivery| text(&delivery.body)));
        seen.contains(&"1".to_owned()) && seen.contains(&"2".to_owned())
    })
    .await;
    broker.close().await;
}

#[tokio::test]
async fn an_unreachable_broker_and_a_rejected_login_fail_at_once() {
    let broker = TestBroker::new();
    let mut url = url::Url::parse(&std::env::var(AMQP_ENV).unwrap()).unwrap();
    url.set_password(Some("wrong")).unwrap();
    let error = Publisher::connect(&broker.settings_at(url.as_str())).await.unwrap_err();
    assert!(matches!(error, LinkError::Connect(_)), "{error}");
    assert!(!error.to_string().contains("wrong"), "the message does not contain the password");

    let (proxy, through) = Proxy::in_front_of(&std::env::var(AMQP_ENV).unwrap()).await;
    proxy.refuse();
    assert!(matches!(Consumer::connect(&broker.settings_at(&through), 1).await.unwrap_err(), LinkError::Connect(_)));
    drop(proxy);
    assert!(matches!(Consumer::connect(&broker.settings_at(&through), 1).await.unwrap_err(), LinkError::Connect(_)));
    broker.close().await;
}
