//! The worker with a real PostgreSQL and a real RabbitMQ: messages that arrive twice, late or never, and unreadable ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod expiry;

use std::time::Duration;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_messaging::amqp::{Exchange, OutboundMessage, Publisher, Settlement, dead_letters};
use rowlock_test_support::client::Person;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::json;

/// Creates an event with three tickets, which one account books while five others wait for one ticket each. Then cancels the
/// booking, which returns all three tickets. Returns the event and those who wait.
async fn return_three_tickets(system: &System) -> (String, Vec<Person>) {
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
async fn without_the_sweep_messages_alone_reallocate_returned_tickets() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let (event, waiting) = return_three_tickets(&system).await;
    system.quiet().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    assert_eq!(system.counts(&event).await, (3, 0, 0, 2));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_messages_the_sweep_alone_reallocates_returned_tickets() {
    let system = Plan::default().worker_setting("worker.messages", "false").worker_setting("worker.sweep_interval_ms", "50").start().await;
    let (event, waiting) = return_three_tickets(&system).await;
    system.quiet().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    assert_eq!(system.counts(&event).await, (3, 0, 0, 2));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_and_reordered_messages_reallocate_each_ticket_once() {
    // With a prefetch of two, the queue only becomes empty if the messages are acknowledged.
    let mut system =
        Plan::default().workers(0).booking_setting("outbox.relay", "false").worker_setting("worker.prefetch", "2").start().await;
    let (event, waiting) = return_three_tickets(&system).await;
    let other = system.event(1).await;
    // The original message is never relayed. Five copies of it arrive among messages about an event with nothing to reallocate.
    let (this, that) = (released_message(&system, &event).await, released_message(&system, &other).await);
    publish(&system, vec![that.clone(), this.clone(), this.clone(), that, this.clone(), this.clone(), this]).await;
    system.add_worker().await;
    system.add_worker().await;
    until("the tickets are reallocated", async || system.counts(&event).await == (3, 0, 0, 2)).await;
    let work = system.broker.topology().work_queue.clone();
    until("all messages are consumed", async || system.broker.depth(&work).await == Some(0)).await;
    system.stop_workers().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    system.check().await;
    system.stop().await;
}

/// Returns the value of a metric of the only worker.
async fn metric(system: &System, name: &str) -> u64 {
    let [url] = system.worker_management_urls().try_into().unwrap();
    let shown = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_else(|| panic!("no {name} in {shown}"));
    line.parse().unwrap()
}

/// Checks that the worker moves the messages of `poison` to the dead letters with a reason that contains `reason`, counts them,
/// and processes the messages before and after them over the same link.
async fn assert_dead_lettered_without_blocking_others(poison: impl AsyncFnOnce(&System, &str) -> Vec<OutboundMessage>, reason: &str) {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 1).await;
    ben.must_wait(&event, 1).await;
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    assert_eq!(ben.tickets().await, 1, "the ticket before the poison is reallocated");
    let connects = metric(&system, "rowlock_amqp_connects_total").await;

    let poison = poison(&system, &event).await;
    let count = u32::try_from(poison.len()).unwrap();
    let bodies: Vec<_> = poison.iter().map(|message| message.body.clone()).collect();
    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    let settlements = publisher.publish_batch(poison).await.unwrap();
    assert!(settlements.iter().all(|settlement| *settlement == Settlement::Confirmed), "{settlements:?}");
    publisher.close().await;
    let (_, waiting) = return_three_tickets(&system).await;
    system.quiet().await;
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0], "the tickets after the poison are reallocated");

    let topology = system.broker.topology();
    until("all are dead letters", async || system.broker.depth(&topology.dead_queue).await == Some(count)).await;
    until("nothing is left in the work queue", async || system.broker.depth(&topology.work_queue).await == Some(0)).await;
    assert_eq!(metric(&system, "rowlock_amqp_dead_lettered_messages_total").await, u64::from(count));
    // The first dead letter opens the link that publishes copies. No link was lost.
    assert_eq!(metric(&system, "rowlock_amqp_connects_total").await, connects + 1);
    let letters = dead_letters::list(&system.broker.settings(), &topology, 10).await.unwrap();
    for (letter, body) in letters.iter().zip(&bodies) {
        assert!(letter.reason.contains(reason), "{}", letter.reason);
        assert!(letter.reason.chars().count() <= 1_001, "{} characters", letter.reason.chars().count());
        assert_eq!((letter.routing_key.as_str(), letter.attempts), ("tickets.released", 1));
        assert!(letter.failed_at.is_some());
        assert!(String::from_utf8_lossy(body).starts_with(&letter.body_start));
    }
    system.stop().await;
}

fn poisoned(body: impl Into<Vec<u8>>) -> OutboundMessage {
    OutboundMessage::event("tickets.released", "0192f0c1-2345-7abc-8def-0123456789ab", body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_json_becomes_a_dead_letter() {
    let poison = async |_: &System, _: &str| [&b"not json"[..], b"", b"\xff\xfe", b"{\"specversion\":"].map(poisoned).to_vec();
    assert_dead_lettered_without_blocking_others(poison, "not a CloudEvents envelope of the expected shape").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_wrong_shape_becomes_a_dead_letter() {
    let poison = async |system: &System, event: &str| {
        let good = released_message(system, event).await;
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let bodies = [
            "{}".to_owned(),
            "[]".to_owned(),
            good.replace("eventId", "event"),
            good.replace(event, "no id"),
            good.replace("\"1.0\"", "1.0"),
            deep,
        ];
        bodies.map(poisoned).to_vec()
    };
    assert_dead_lettered_without_blocking_others(poison, "not a CloudEvents envelope of the expected shape").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_unknown_type_becomes_a_dead_letter() {
    let poison = async |system: &System, event: &str| {
        let good = released_message(system, event).await;
        let long = format!("\"{}\"", "tickets.eaten ".repeat(70_000));
        [good.replace("\"tickets.released\"", "\"tickets.eaten\""), good.replace("\"tickets.released\"", &long)].map(poisoned).to_vec()
    };
    assert_dead_lettered_without_blocking_others(poison, "unexpected message type `1.0 tickets.eaten").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_an_unknown_schema_version_becomes_a_dead_letter() {
    let poison = async |system: &System, event: &str| {
        let good = released_message(system, event).await;
        ["released:7", "released:0", "released:", "released:1x"].map(|version| poisoned(good.replace("released:1", version))).to_vec()
    };
    assert_dead_lettered_without_blocking_others(poison, "unsupported schema `urn:rowlock:schema:tickets.released:").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_message_becomes_a_dead_letter() {
    let poison = async |system: &System, _: &str| {
        // Messages that are larger than a service publishes can only come from elsewhere, directly into the queue.
        let queue = system.broker.topology().work_queue.clone();
        let oversized = |length: usize| OutboundMessage {
            exchange: Exchange::Default,
            routing_key: queue.clone(),
            headers: [("rowlock-routing-key".to_owned(), "tickets.released".to_owned())].into(),
            ..poisoned(vec![b'x'; length])
        };
        vec![poisoned(vec![b'x'; 1_000_000]), oversized(1_100_000), oversized(5_000_000)]
    };
    assert_dead_lettered_without_blocking_others(poison, "not a CloudEvents envelope of the expected shape").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_headers_do_not_fit_on_a_copy_becomes_a_dead_letter() {
    let poison = async |_: &System, _: &str| {
        // Just below the limit for a message to publish, and above it together with the headers that a copy gets.
        let headers = [("a".to_owned(), "x".repeat(16_300))];
        vec![OutboundMessage { headers: headers.into(), ..poisoned("not json") }, poisoned("not json either")]
    };
    assert_dead_lettered_without_blocking_others(poison, "not a CloudEvents envelope of the expected shape").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_an_unknown_ticket_type_is_retried() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let event = system.event(1).await;
    let body = released_message(&system, &event).await.replace(&event, "0192f0c1-2345-7abc-8def-0123456789ab");
    publish(&system, vec![body]).await;
    let topology = system.broker.topology();
    let first_retry = topology.retry_after(1).unwrap().queue.clone();
    let second_retry = topology.retry_after(2).unwrap().queue.clone();
    until("the message is in a retry queue", async || {
        system.broker.depth(&first_retry).await.unwrap_or_default() + system.broker.depth(&second_retry).await.unwrap_or_default() > 0
    })
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_does_not_delay_other_ticket_types() {
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

    let (event, waiting) = return_three_tickets(&system).await;
    // Well before the lock timeout of the locked row.
    let reallocated = until("the other tickets are reallocated", async || system.counts(&event).await == (3, 0, 0, 2));
    tokio::time::timeout(Duration::from_secs(10), reallocated).await.unwrap();
    assert_eq!(tickets(&waiting).await, [1, 1, 1, 0, 0]);
    somebody.batch_execute("COMMIT").await.unwrap();
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_event_has_started_the_waiting_list_is_closed_without_promotions() {
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
    until("the waiting list is closed", async || ben.waitlist().await[0]["status"] == "closed").await;
    assert_eq!(system.counts(&event).await, (0, 1, 0, 0));
    assert_eq!(ben.tickets().await, 0);
    system.quiet().await;
    system.stop().await;
}
