//! The worker with a real PostgreSQL and a real RabbitMQ: messages that come twice, late or never, and those that
//! nobody can read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

use std::time::Duration;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_platform::amqp::{OutboundMessage, Publisher, dead_letters};
use rowlock_test_support::client::Person;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::json;

/// An event of three tickets, booked by one, with five waiting for one each; then all three come back.
async fn three_come_back(system: &System) -> (String, Vec<Person>) {
    let event = system.event(3).await;
    let holder = system.user("holder").await;
    let booking = holder.must_book(&event, 3).await;
    let waiting = system.users("waiting", 5).await;
    for person in &waiting {
        person.must_wait(&event, 1).await;
    }
    holder.cancel(&booking).await.expect(200);
    (event, waiting)
}

async fn tickets(people: &[Person]) -> Vec<u64> {
    let mut tickets = Vec::new();
    for person in people {
        tickets.push(person.tickets().await);
    }
    tickets
}

async fn released_message(system: &System, event: &str) -> String {
    let shown = system.status(event).await;
    let ticket_type = shown["ticketTypes"][0]["id"].as_str().unwrap().to_owned();
    json!({
        "specversion": "1.0", "id": "0192f0c1-2345-7abc-8def-0123456789ab", "type": "tickets.released", "source": "/a/test", "subject": "x",
        "time": "2026-01-01T00:00:00Z", "sequence": "1", "datacontenttype": "application/json", "dataschema": "urn:rowlock:schema:tickets.released:1",
        "data": {"eventId": event, "ticketTypeId": ticket_type},
    })
    .to_string()
}

async fn publish(system: &System, bodies: Vec<String>) {
    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    let messages = bodies
        .into_iter()
        .enumerate()
        .map(|(index, body)| OutboundMessage::event("tickets.released", format!("id-{index}"), body))
        .collect();
    publisher.publish_batch(messages).await.unwrap();
    publisher.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_sweep_off_the_message_alone_brings_the_ticket_to_its_new_holder() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let (event, waiting) = three_come_back(&system).await;
    system.quiet().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    assert_eq!(system.counts(&event).await, (3, 0, 0, 2));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_messages_off_the_sweep_alone_does() {
    let system = Plan::default().worker_setting("worker.messages", "false").worker_setting("worker.sweep_interval_ms", "50").start().await;
    let (event, waiting) = three_come_back(&system).await;
    system.quiet().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    assert_eq!(system.counts(&event).await, (3, 0, 0, 2));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_times_and_out_of_order_is_the_same_as_once() {
    // With two messages at a time per worker, the queue only gets empty if they are acknowledged.
    let mut system =
        Plan::default().workers(0).booking_setting("outbox.relay", "false").worker_setting("worker.prefetch", "2").start().await;
    let (event, waiting) = three_come_back(&system).await;
    let other = system.event(1).await;
    // The message itself never comes: five copies of it do, between others that have nothing to say.
    let (this, that) = (released_message(&system, &event).await, released_message(&system, &other).await);
    publish(&system, vec![that.clone(), this.clone(), this.clone(), that, this.clone(), this.clone(), this]).await;
    system.add_worker().await;
    system.add_worker().await;
    until("the tickets are handed on", async || system.counts(&event).await == (3, 0, 0, 2)).await;
    let work = system.broker.topology().work_queue.clone();
    until("all messages are taken", async || system.broker.depth(&work).await == Some(0)).await;
    system.stop_workers().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_a_dead_letter_with_its_reason_and_stops_nothing() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let event = system.event(1).await;
    let good = released_message(&system, &event).await;
    let poison = [
        "not json".to_owned(),
        "{}".to_owned(),
        good.replace("tickets.released\"", "tickets.eaten\""),
        good.replace("released:1", "released:7"),
        "x".repeat(1_000_000),
    ];
    publish(&system, poison.to_vec()).await;
    let (_, waiting) = three_come_back(&system).await;
    system.quiet().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0], "others are handed on all the same");

    let dead = system.broker.topology().dead_queue.clone();
    until("all are dead letters", async || system.broker.depth(&dead).await == Some(5)).await;
    let letters = dead_letters::list(&system.broker.settings(), &system.broker.topology(), 10).await.unwrap();
    let reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert!(
        reasons.iter().all(|reason| reason.contains("envelope") || reason.contains("type") || reason.contains("schema")),
        "{reasons:?}"
    );
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_an_unknown_type_is_tried_again_later() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let event = system.event(1).await;
    let body = released_message(&system, &event).await.replace(&event, "0192f0c1-2345-7abc-8def-0123456789ab");
    publish(&system, vec![body]).await;
    let topology = system.broker.topology();
    let first_retry = topology.retry_after(1).unwrap().queue.clone();
    let second_retry = topology.retry_after(2).unwrap().queue.clone();
    until("it waits in a retry queue", async || {
        system.broker.depth(&first_retry).await.unwrap_or_default() + system.broker.depth(&second_retry).await.unwrap_or_default() > 0
    })
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_elsewhere_holds_up_no_other() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let (stuck, _) = {
        let event = system.event(1).await;
        (event.clone(), system.user("nobody").await)
    };
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&stuck, 1).await;
    ben.must_wait(&stuck, 1).await;
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    let mut somebody = system.booking_database.admin().await;
    let lock = format!("BEGIN; SELECT FROM ticket_types WHERE event_id = '{stuck}' FOR UPDATE");
    somebody.batch_execute(&lock).await.unwrap();
    publish(&system, vec![released_message(&system, &stuck).await]).await;

    let (event, waiting) = three_come_back(&system).await;
    // Long before the lock time-out of the stuck row.
    let handed_on = until("the others are handed on", async || system.counts(&event).await == (3, 0, 0, 2));
    tokio::time::timeout(Duration::from_secs(10), handed_on).await.unwrap();
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    somebody.batch_execute("COMMIT").await.unwrap();
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_event_has_begun_nobody_is_promoted_and_the_list_is_closed() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 1).await;
    ben.must_wait(&event, 1).await;
    ada.cancel(&booking).await.expect(200);
    let mut admin = system.booking_database.admin().await;
    diesel::sql_query("UPDATE events SET starts_at = now() - interval '1 minute'").execute(&mut admin).await.unwrap();
    let mut system = system;
    system.add_worker().await;
    until("the list is closed", async || ben.waitlist().await[0]["status"] == "closed").await;
    assert_eq!(system.counts(&event).await, (0, 1, 0, 0));
    assert_eq!(ben.tickets().await, 0);
    system.quiet().await;
    system.stop().await;
}
