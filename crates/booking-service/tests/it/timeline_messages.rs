//! The sales timeline counts every change once, whatever happens to its message.

use std::collections::BTreeMap;

use diesel_async::SimpleAsyncConnection;
use rowlock_messaging::amqp::{Exchange, OutboundMessage, Publisher};
use rowlock_test_support::system::ready;
use rowlock_test_support::wait::{until, until_some};
use serde_json::json;

use crate::support::value;
use crate::timeline::{EVERYTHING, agrees, complete, counting, do_everything, numbers, quick, read, unrepaired};

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_counted_once_even_if_all_messages_are_replayed() {
    let system = counting(unrepaired()).await;
    let event = system.event(3).await;
    let mut log = system.broker.tap().await;
    do_everything(&system, &event).await;
    let timeline = complete(&system, &event).await;
    assert_eq!(numbers(&timeline["totals"]), EVERYTHING, "{timeline}");
    agrees(&system, &event, &timeline).await;

    let last = system.event(1).await;
    let mut replayed = Vec::new();
    loop {
        let delivery = log.next().await;
        if delivery.routing_key == "event.created" && String::from_utf8_lossy(&delivery.body).contains(&last) {
            break;
        }
        replayed.push(OutboundMessage {
            exchange: Exchange::Events,
            routing_key: delivery.routing_key,
            message_id: delivery.message_id.unwrap(),
            body: delivery.body,
            headers: delivery.headers,
            mandatory: false,
            occurred_at: delivery.occurred_at,
        });
    }
    assert!(replayed.len() > 10, "{}", replayed.len());
    replayed.reverse();
    Publisher::connect(&system.broker.settings()).await.unwrap().publish_batch(replayed).await.unwrap();
    // A booking after the replay: once it is counted, the replayed messages have been handled.
    system.user("dan").await.must_book(&event, 1).await;
    let after = complete(&system, &event).await;
    assert_eq!(numbers(&after["totals"]), [6, 3, 1, 1, 2, 1, 4, 0, 5]);
    let mut conn = system.booking_database.admin().await;
    assert_eq!(value(&mut conn, "SELECT count(*)::text AS value FROM sales_pending").await, "0");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_messages_are_recounted_from_the_bookings() {
    let system = counting(quick().booking_setting("outbox.relay", "false")).await;
    let event = system.event(3).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let mut conn = system.booking_database.admin().await;
    // The messages of the first changes are lost, those of the next ones arrive, and the last ones are lost again.
    let booking = ada.must_book(&event, 3).await;
    ada.cancel_part(&booking, 1).await.expect(200);
    conn.batch_execute("DELETE FROM outbox").await.unwrap();
    let relay = system.start_booking_with(&[("outbox.relay", "true")]);
    ready(relay.management_addr()).await;
    ben.must_book(&event, 1).await;
    until("the message is published", async || value(&mut conn, "SELECT count(*)::text AS value FROM outbox").await == "0").await;
    relay.stop().await.unwrap();
    let timeline =
        until_some("the gap is mended", async || Some(read(&system, &event, "").await).filter(|timeline| timeline["upToDate"] == true))
            .await;
    assert_eq!(numbers(&timeline["totals"])[6..], [3, 0, 3]);
    agrees(&system, &event, &timeline).await;

    ada.cancel(&booking).await.expect(200);
    system.change_type(&event, json!({"totalTickets": 7})).await.expect(200);
    conn.batch_execute("DELETE FROM outbox").await.unwrap();
    let timeline =
        until_some("the end is mended", async || Some(read(&system, &event, "").await).filter(|timeline| timeline["upToDate"] == true))
            .await;
    assert_eq!(numbers(&timeline["totals"])[6..], [1, 0, 7]);
    agrees(&system, &event, &timeline).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_replica_takes_over_and_nothing_is_counted_twice() {
    let system = counting(unrepaired().bookings(2)).await;
    let event = system.event(100).await;
    let people = system.users("fan", 10).await;
    let mut extra = Some(system.start_booking());
    ready(extra.as_ref().unwrap().management_addr()).await;
    for (index, person) in people.iter().enumerate() {
        let booking = person.must_book(&event, 3).await;
        person.cancel_part(&booking, 1).await.expect(200);
        if index == 5 {
            extra.take().unwrap().stop().await.unwrap();
        }
    }
    let timeline = complete(&system, &event).await;
    assert_eq!(numbers(&timeline["totals"]), [30, 10, 0, 0, 0, 0, 20, 0, 100]);
    agrees(&system, &event, &timeline).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_becomes_a_dead_letter_and_holds_up_nothing() {
    let system = counting(unrepaired()).await;
    let event = system.event(3).await;
    let poison = |routing_key: &str, body: &[u8]| OutboundMessage {
        exchange: Exchange::Events,
        routing_key: routing_key.to_owned(),
        message_id: "poison".to_owned(),
        body: body.to_vec(),
        headers: BTreeMap::new(),
        mandatory: true,
        occurred_at: None,
    };
    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    publisher.publish_batch(vec![poison("booking.confirmed", b"not json"), poison("waitlist.left", b"{}")]).await.unwrap();
    system.user("ada").await.must_book(&event, 2).await;
    let timeline = complete(&system, &event).await;
    assert_eq!(numbers(&timeline["totals"])[0], 2);
    let dead = system.broker.sales().dead_queue;
    until("both are dead letters", async || system.broker.depth(&dead).await == Some(2)).await;
    system.stop().await;
}
