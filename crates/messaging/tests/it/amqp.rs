//! Publishing and consuming with a healthy broker.

use std::time::Duration;

use rowlock_domain::messages::TICKETS_RELEASED;
use rowlock_messaging::amqp::{
    Consumer, Exchange, LinkError, OutboundMessage, Publisher, QueueDeclaration, Received, Settlement, Tap, Topology, dead_letters,
    declare_queue, delete_queue, queue_depth,
};
use rowlock_test_support::broker::TestBroker;
use rowlock_test_support::wait::until;

use crate::support::{bind, event, now, released, take, text};

#[tokio::test]
async fn published_messages_are_confirmed_and_arrive_unchanged_in_order() {
    let broker = TestBroker::new();
    let mut log = broker.tap().await;
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let mut messages: Vec<_> = (0..3_000).map(|n| event("booking.confirmed", n.to_string())).collect();
    messages[0].headers.insert("traceparent".to_owned(), "00-abc".to_owned());
    messages[0].occurred_at = Some(now());
    let first = messages[0].clone();

    let settlements = publisher.publish_batch(messages).await.unwrap();

    assert_eq!(settlements, vec![Settlement::Confirmed; 3_000]);
    let seen = log.take(3_000).await;
    assert_eq!(seen.iter().map(|d| text(&d.body)).collect::<Vec<_>>(), (0..3_000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(seen[0].message_id.as_deref(), Some(first.message_id.as_str()));
    assert_eq!(seen[0].routing_key, "booking.confirmed");
    assert_eq!(seen[0].headers, first.headers);
    assert_eq!(seen[0].occurred_at, Some(now()));
    assert_eq!(seen[0].attempt, 1);
    broker.close().await;
}

#[tokio::test]
async fn a_declared_queue_keeps_its_events_until_they_are_read() {
    let broker = TestBroker::new();
    let settings = broker.settings();
    let name = format!("{}.listener", settings.prefix);
    let queue = QueueDeclaration { name: name.clone(), binding_keys: vec!["#".to_owned()], max_length: None, quorum: true };
    declare_queue(&settings, &queue).await.unwrap();
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    publisher.publish_batch(vec![event("booking.confirmed", "1"), event("waitlist.left", "2")]).await.unwrap();

    let mut tap = Tap::of_queue(&settings, &name).await.unwrap();

    let first = (tap.next().await.unwrap(), tap.next().await.unwrap());
    assert_eq!((text(&first.0.body), text(&first.1.body)), ("1".to_owned(), "2".to_owned()));
    until("events that were read are removed from the queue", async || queue_depth(&settings, &name).await.unwrap() == Some(0)).await;
    delete_queue(&settings, &name).await.unwrap();
    broker.close().await;
}

#[tokio::test]
async fn a_mandatory_message_without_a_queue_is_returned_and_any_other_is_confirmed() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let lost = OutboundMessage { mandatory: true, ..event("nobody.listens", "{}") };

    let batch = vec![event("nobody.listens", "{}"), lost.clone(), released("{}"), lost];
    let settlements = publisher.publish_batch(batch).await.unwrap();

    assert_eq!(settlements[0], Settlement::Confirmed);
    assert!(matches!(&settlements[1], Settlement::Returned { reason } if reason.contains("NO_ROUTE")), "{settlements:?}");
    assert_eq!(settlements[2], Settlement::Confirmed);
    assert!(matches!(&settlements[3], Settlement::Returned { .. }));
    broker.close().await;
}

#[tokio::test]
async fn a_full_queue_rejects_a_message_and_the_publisher_continues() {
    let mut broker = TestBroker::new();
    broker.full_queue("poison.*", 1).await;
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();

    let first = publisher.publish_batch(vec![event("poison.a", "1")]).await.unwrap();
    assert_eq!(first, [Settlement::Confirmed]);
    let batch = vec![event("poison.a", "2"), event("booking.confirmed", "3"), event("poison.b", "4")];
    let settlements = publisher.publish_batch(batch).await.unwrap();

    assert!(matches!(&settlements[0], Settlement::Refused { .. }), "{settlements:?}");
    assert_eq!(settlements[1], Settlement::Confirmed);
    assert!(matches!(&settlements[2], Settlement::Refused { .. }));
    assert_eq!(publisher.publish_batch(vec![event("booking.confirmed", "5")]).await.unwrap(), [Settlement::Confirmed]);
    broker.close().await;
}

#[tokio::test]
async fn an_invalid_message_is_rejected_without_affecting_the_rest_of_its_batch() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let batch = vec![event(&"x".repeat(300), "{}"), released("{}"), event("a.b", vec![b'x'; 2 * 1024 * 1024])];

    let settlements = publisher.publish_batch(batch).await.unwrap();

    assert!(matches!(&settlements[0], Settlement::Refused { reason } if reason.contains("routing key")));
    assert_eq!(settlements[1], Settlement::Confirmed);
    assert!(matches!(&settlements[2], Settlement::Refused { reason } if reason.contains("body")));
    broker.close().await;
}

#[tokio::test]
async fn a_batch_contains_the_deliveries_that_arrived_but_no_more_than_the_prefetch_window() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    publisher.publish_batch((0..30).map(|n| released(&n.to_string())).collect()).await.unwrap();
    let mut consumer = Consumer::connect(&broker.settings(), 10).await.unwrap();

    let first = take(&mut consumer, 10).await;
    assert_eq!(consumer.unacked(), 10);
    let more = tokio::time::timeout(Duration::from_millis(200), consumer.next_batch(10)).await;
    assert!(more.is_err(), "the window is full");

    // Acknowledging a delivery twice must not close the channel.
    consumer.ack(&[first[1].tag, first[3].tag]).await.unwrap();
    consumer.ack(&[first[1].tag]).await.unwrap();
    consumer.ack_all_up_to(first[9].tag).await.unwrap();
    consumer.ack_all_up_to(first[9].tag).await.unwrap();
    let rest = take(&mut consumer, 20 - 10).await;
    assert_eq!(text(&rest[0].body), "10");
    consumer.ack_all_up_to(rest[9].tag).await.unwrap();
    assert_eq!(text(&take(&mut consumer, 10).await[9].body), "29");
    broker.close().await;
}

#[tokio::test]
async fn deliveries_count_as_waiting_until_they_are_received() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let mut consumer = Consumer::connect(&broker.settings(), 2).await.unwrap();
    publisher.publish_batch((0..5).map(|n| released(&n.to_string())).collect()).await.unwrap();

    // Two arrive at the consumer, and three stay in the queue.
    until("all deliveries wait", async || consumer.depth().await.unwrap() == 5).await;
    let first = take(&mut consumer, 2).await;
    assert_eq!((consumer.depth().await.unwrap(), consumer.received().deliveries), (3, 2));
    consumer.ack_all_up_to(first[1].tag).await.unwrap();
    take(&mut consumer, 1).await;
    until("the others wait", async || consumer.depth().await.unwrap() == 2).await;
    broker.close().await;
}

#[tokio::test]
async fn the_messages_of_a_batch_are_settled_one_by_one_and_delivered_again_until_all_are() {
    let broker = TestBroker::new();
    let settings = broker.settings();
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    let batch = OutboundMessage::event(TICKETS_RELEASED, "a", r#"[{"id": "a"}, 7, {"id": "c"}]"#);
    publisher.publish_batch(vec![batch, released("alone")]).await.unwrap();

    let mut consumer = Consumer::connect(&settings, 10).await.unwrap();
    let seen = take(&mut consumer, 4).await;
    let bodies: Vec<String> = seen.iter().map(|delivery| text(&delivery.body)).collect();
    assert_eq!(bodies, [r#"{"id": "a"}"#, "7", r#"{"id": "c"}"#, "alone"]);
    assert_eq!(seen[2].message_id.as_deref(), Some("c"));
    assert_eq!((consumer.unacked(), consumer.received()), (2, Received { deliveries: 2, messages: 4 }));
    consumer.ack(&[seen[0].tag, seen[3].tag, seen[0].tag]).await.unwrap();
    assert_eq!(consumer.unacked(), 1, "the batch has unsettled messages");
    consumer.close().await;

    let mut consumer = Consumer::connect(&settings, 10).await.unwrap();
    let again = take(&mut consumer, 3).await;
    assert!(again.iter().all(|delivery| delivery.redelivered));
    consumer.dead_letter(&again[1], "poisoned", now()).await.unwrap();
    consumer.ack(&[again[2].tag]).await.unwrap();
    assert_eq!(consumer.unacked(), 1);
    consumer.ack(&[again[0].tag]).await.unwrap();
    assert_eq!(consumer.unacked(), 0);
    consumer.close().await;
    let work = &broker.topology().work_queue;
    until("the batch is acknowledged", async || broker.depth(work).await == Some(0)).await;
    let letters = dead_letters::list(&settings, &Topology::new(&settings), 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.body_start.as_str()).collect::<Vec<_>>(), ["7"], "only the poisoned message");
    broker.close().await;
}

#[tokio::test]
async fn a_batch_that_cannot_be_taken_apart_is_one_message() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let bodies = ["[", "[]", "[{}"].map(|body| OutboundMessage::event(TICKETS_RELEASED, body, body));
    publisher.publish_batch(bodies.to_vec()).await.unwrap();
    let mut consumer = Consumer::connect(&broker.settings(), 10).await.unwrap();
    let seen = take(&mut consumer, 3).await;
    assert_eq!(seen.iter().map(|delivery| text(&delivery.body)).collect::<Vec<_>>(), ["[", "[]", "[{}"]);
    broker.close().await;
}

#[tokio::test]
async fn a_paused_consumer_receives_nothing_and_keeps_its_unacknowledged_deliveries() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    publisher.publish_batch(vec![released("held"), released("buffered")]).await.unwrap();
    let mut consumer = Consumer::connect(&broker.settings(), 5).await.unwrap();
    let held = take(&mut consumer, 1).await.remove(0);

    consumer.pause().await.unwrap();
    consumer.pause().await.unwrap();
    assert!(consumer.is_paused());
    publisher.publish_batch(vec![released("new")]).await.unwrap();
    let buffered = take(&mut consumer, 1).await;
    assert_eq!(text(&buffered[0].body), "buffered");
    let nothing = tokio::time::timeout(Duration::from_millis(200), consumer.next_batch(5)).await;
    assert!(nothing.is_err(), "paused");
    assert_eq!(broker.depth(&broker.topology().work_queue).await, Some(1));

    consumer.ack(&[held.tag, buffered[0].tag]).await.unwrap();
    consumer.resume().await.unwrap();
    let new = take(&mut consumer, 1).await.remove(0);
    assert_eq!(text(&new.body), "new");
    assert!(!new.redelivered);
    broker.close().await;
}

#[tokio::test]
async fn unacknowledged_deliveries_of_a_disconnected_consumer_are_redelivered() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    publisher.publish_batch(vec![released("1")]).await.unwrap();
    let mut first = Consumer::connect(&broker.settings(), 5).await.unwrap();
    take(&mut first, 1).await;
    first.close().await;

    let mut second = Consumer::connect(&broker.settings(), 5).await.unwrap();
    let again = take(&mut second, 1).await.remove(0);
    assert!(again.redelivered);
    assert_eq!(again.attempt, 1, "a lost connection does not count as a failed attempt");
    broker.close().await;
}

#[tokio::test]
async fn a_deleted_queue_ends_the_consumer_and_is_declared_by_the_next_connection() {
    let broker = TestBroker::new();
    let work_queue = broker.topology().work_queue;
    let mut consumer = Consumer::connect(&broker.settings(), 5).await.unwrap();
    delete_queue(&broker.settings(), &work_queue).await.unwrap();
    assert_eq!(consumer.next_batch(1).await.unwrap_err(), LinkError::ConsumerCancelled);
    assert!(consumer.next_batch(1).await.is_err(), "once ended, always ended");
    drop(consumer);

    let mut consumer = Consumer::connect(&broker.settings(), 5).await.unwrap();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    assert_eq!(publisher.publish_batch(vec![released("1")]).await.unwrap(), [Settlement::Confirmed]);
    assert_eq!(take(&mut consumer, 1).await.len(), 1);
    broker.close().await;
}

#[tokio::test]
async fn many_clients_can_connect_and_declare_concurrently() {
    let broker = TestBroker::new();
    let settings = broker.settings();
    let connecting: Vec<_> = (0..8)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { Publisher::connect(&settings).await.map(drop) })
        })
        .collect();
    for connected in connecting {
        connected.await.unwrap().unwrap();
    }
    broker.close().await;
}

#[tokio::test]
async fn a_missing_exchange_ends_the_link_with_the_brokers_reason() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    Topology::delete(&broker.settings()).await.unwrap();
    let error = publisher.publish_batch(vec![event("a.b", "1")]).await.unwrap_err();
    assert!(matches!(&error, LinkError::Closed { code: 404, .. }), "{error}");
    assert!(publisher.publish_batch(vec![event("a.b", "1")]).await.is_err(), "once ended, always ended");

    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    assert_eq!(publisher.publish_batch(vec![released("1")]).await.unwrap(), [Settlement::Confirmed]);
    broker.close().await;
}

#[tokio::test]
async fn a_cancelled_batch_ends_the_link() {
    let broker = TestBroker::new();
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let batch = (0..200).map(|n| event("a.b", n.to_string())).collect();
    let given_up = tokio::time::timeout(Duration::ZERO, publisher.publish_batch(batch)).await;
    assert!(given_up.is_err());
    assert_eq!(publisher.publish_batch(vec![event("a.b", "1")]).await.unwrap_err(), LinkError::Abandoned);
    broker.close().await;
}

#[tokio::test]
async fn a_message_can_be_published_directly_to_a_queue() {
    let mut broker = TestBroker::new();
    let queue = broker.full_queue("unused", 10).await;
    let mut publisher = Publisher::connect(&broker.settings()).await.unwrap();
    let message = OutboundMessage { exchange: Exchange::Default, mandatory: true, ..event(&queue, "1") };
    assert_eq!(publisher.publish_batch(vec![message]).await.unwrap(), [Settlement::Confirmed]);
    assert_eq!(broker.depth(&queue).await, Some(1));
    assert_eq!(broker.depth("no-such-queue-here").await, None);
    broker.close().await;
}

#[tokio::test]
async fn the_notifications_of_an_earlier_version_end_up_in_the_new_queues() {
    let broker = TestBroker::new();
    let settings = broker.settings();
    Topology::bind_notifications(&settings).await.unwrap();
    let (urgent, others) = (broker.urgent_notifications().work_queue, broker.notifications().work_queue);
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    let keys = ["booking.confirmed", "waitlist.joined", "waitlist.promoted", "event.updated", "account.notice", "account.disabled"];
    let mut publish = async || {
        let settlements = publisher.publish_batch(keys.map(|key| event(key, "{}")).to_vec()).await.unwrap();
        assert_eq!(settlements, vec![Settlement::Confirmed; keys.len()]);
    };
    let depths_are = async |expected: [u32; 2]| {
        until(&format!("the queues contain {expected:?} messages"), async || {
            [broker.depth(&urgent).await, broker.depth(&others).await] == expected.map(Some)
        })
        .await;
    };
    publish().await;
    depths_are([3, 2]).await;

    // The bindings of the earlier version: one queue gets everything.
    bind(&settings, &others, &["booking.*", "waitlist.*", "event.*", "account.*"]).await;
    publish().await;
    depths_are([6, 8]).await;

    Topology::bind_notifications(&settings).await.unwrap();
    publish().await;
    depths_are([9, 10]).await;
    broker.close().await;
}
