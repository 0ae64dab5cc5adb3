//! Retries and dead letters with a healthy broker.

use std::time::{Duration, Instant};

use rowlock_messaging::amqp::{
    Consumer, Disposition, Exchange, LinkMetrics, OutboundMessage, Publisher, Topology, dead_letters, delete_queue,
};
use rowlock_test_support::broker::TestBroker;
use rowlock_test_support::wait::until;

use crate::support::{event, now, released, take, text};

#[tokio::test]
async fn a_failed_delivery_is_retried_with_growing_delays_and_ends_as_a_replayable_dead_letter() {
    let broker = TestBroker::new();
    let settings = broker.settings();
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    let metrics = LinkMetrics::default();
    let mut consumer = Consumer::connect(&settings, 10).await.unwrap().recording(&metrics);
    let message = released("the body");
    publisher.publish_batch(vec![message.clone()]).await.unwrap();

    let mut delivery = take(&mut consumer, 1).await.remove(0);
    for (attempt, delay) in [(1, 100), (2, 200)] {
        assert_eq!(delivery.attempt, attempt);
        let begin = Instant::now();
        let after = Duration::from_millis(delay);
        let disposition = consumer.retry(&delivery, &format!("reason {attempt}"), now()).await.unwrap();
        assert_eq!(disposition, Disposition::Retried { after });
        delivery = take(&mut consumer, 1).await.remove(0);
        assert!(begin.elapsed() >= after, "came back after {:?}", begin.elapsed());
    }
    let last = delivery;
    assert_eq!(last.attempt, 3);
    assert_eq!(last.reason.as_deref(), Some("reason 2"));
    assert_eq!(last.body, message.body);
    assert_eq!(last.message_id.as_deref(), Some(message.message_id.as_str()));
    assert_eq!(last.routing_key, "tickets.released");
    assert_eq!(consumer.retry(&last, "the last reason", now()).await.unwrap(), Disposition::DeadLettered);

    for _ in 0..3 {
        let letters = dead_letters::list(&settings, &Topology::new(&settings), 10).await.unwrap();
        assert_eq!(letters.len(), 1, "listing does not remove the dead letter");
        assert_eq!(letters[0].message_id.as_deref(), Some(message.message_id.as_str()));
        assert_eq!(letters[0].reason, "the last reason");
        assert_eq!(letters[0].attempts, 3);
        assert_eq!(letters[0].failed_at, Some(now()));
        assert_eq!(letters[0].body_start, "the body");
        assert_eq!(letters[0].routing_key, "tickets.released");
    }
    assert_eq!(metrics.retried.get(), 2);
    assert_eq!(metrics.dead_lettered.get(), 1);

    assert_eq!(dead_letters::replay(&settings, &Topology::new(&settings)).await.unwrap(), dead_letters::Replayed { moved: 1, kept: 0 });
    let replayed = take(&mut consumer, 1).await.remove(0);
    assert_eq!((replayed.attempt, replayed.reason), (1, None));
    consumer.ack(&[replayed.tag]).await.unwrap();
    assert_eq!(dead_letters::list(&settings, &Topology::new(&settings), 10).await.unwrap(), []);
    broker.close().await;
}

#[tokio::test]
async fn a_message_can_be_dead_lettered_at_once_and_many_dead_letters_can_be_replayed() {
    let broker = TestBroker::new();
    let settings = broker.settings();
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    publisher.publish_batch((0..120).map(|n| released(&n.to_string())).collect()).await.unwrap();
    let mut consumer = Consumer::connect(&settings, 200).await.unwrap();
    for delivery in take(&mut consumer, 120).await {
        consumer.dead_letter(&delivery, &format!("hopeless {}", text(&delivery.body)), now()).await.unwrap();
    }
    assert_eq!(consumer.unacked(), 0);

    let letters = dead_letters::list(&settings, &Topology::new(&settings), 7).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.body_start.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(letters[3].reason, "hopeless 3");

    assert_eq!(dead_letters::replay(&settings, &Topology::new(&settings)).await.unwrap(), dead_letters::Replayed { moved: 120, kept: 0 });
    assert_eq!(take(&mut consumer, 120).await.len(), 120);
    assert_eq!(dead_letters::replay(&settings, &Topology::new(&settings)).await.unwrap(), dead_letters::Replayed::default());
    broker.close().await;
}

#[tokio::test]
async fn the_broker_dead_letters_a_message_that_crashes_its_consumers_and_it_can_be_replayed() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let mut deadly = released("deadly");
    deadly.headers.insert("traceparent".to_owned(), "00-abc".to_owned());
    publisher.publish_batch(vec![deadly]).await.unwrap();
    for round in 0..21 {
        let mut consumer = Consumer::connect(&broker.settings(), 1).await.unwrap();
        let delivery = take(&mut consumer, 1).await.remove(0);
        assert_eq!(delivery.redelivered, round > 0);
        consumer.close().await;
    }
    until("the broker dead-letters the message", async || broker.depth(&broker.topology().dead_queue).await == Some(1)).await;

    let letter = dead_letters::list(&broker.settings(), &broker.topology(), 1).await.unwrap().remove(0);
    assert_eq!(letter.reason, "the broker dead-lettered the message: delivery_limit");
    assert_eq!((letter.attempts, letter.failed_at), (1, None));
    dead_letters::replay(&broker.settings(), &broker.topology()).await.unwrap();
    let mut consumer = Consumer::connect(&broker.settings(), 1).await.unwrap();
    let replayed = take(&mut consumer, 1).await.remove(0);
    assert_eq!((replayed.reason, text(&replayed.body).as_str()), (None, "deadly"));
    assert_eq!(replayed.headers["traceparent"], "00-abc");
    broker.close().await;
}

#[tokio::test]
async fn listing_dead_letters_loses_none_however_often_it_is_repeated() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let queue = broker.topology().dead_queue;
    let message = OutboundMessage { exchange: Exchange::Default, mandatory: true, ..event(&queue, "1") };
    publisher.publish_batch(vec![message]).await.unwrap();
    // More often than the default delivery limit of RabbitMQ 4.
    for _ in 0..25 {
        assert_eq!(dead_letters::list(&broker.settings(), &broker.topology(), 5).await.unwrap().len(), 1);
    }
    broker.close().await;
}

#[tokio::test]
async fn a_deleted_retry_queue_is_declared_again_without_losing_a_retry() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    publisher.publish_batch(vec![released("1"), released("2")]).await.unwrap();
    let mut consumer = Consumer::connect(&broker.settings(), 5).await.unwrap();
    let deliveries = take(&mut consumer, 2).await;
    consumer.retry(&deliveries[0], "first", now()).await.unwrap();
    delete_queue(&broker.settings(), &broker.topology().retry_queues[0].queue).await.unwrap();
    consumer.retry(&deliveries[1], "second", now()).await.unwrap();
    // The first message may have been lost with the deleted queue; the second must arrive.
    until("the second comes back", async || {
        consumer.next_batch(5).await.unwrap().iter().any(|delivery| text(&delivery.body) == "2" && delivery.attempt == 2)
    })
    .await;
    broker.close().await;
}
