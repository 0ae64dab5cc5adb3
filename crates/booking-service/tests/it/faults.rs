//! Database servers and connections that fail at the worst moment.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use rowlock_test_support::database::DATABASE_ENV;
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::system::{Plan, ready};
use rowlock_test_support::wait::until;
use serde_json::json;
use uuid::Uuid;

use crate::queue_log::verified;

pub(crate) async fn proxy_of(variable: &str) -> Proxy {
    let url = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `make test`"));
    Proxy::in_front_of(&url).await.0
}

/// The id as PostgreSQL's clients send it. It tells the transaction of a request from those of the service's background work.
pub(crate) fn id_bytes(id: &str) -> Vec<u8> {
    id.parse::<Uuid>().unwrap().into_bytes().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_response_is_resolved_without_booking_twice() {
    let proxy = proxy_of(DATABASE_ENV).await;
    let system = Plan::default().workers(0).booking_setting("outbox.relay", "false").database_through(proxy.address()).start().await;
    let event = system.event(3).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];

    let sprung = proxy.cut_before_response("COMMIT", id_bytes(&ada.id));
    let answer = ada.client.post_with_key("/api/book", "k", json!({"eventId": event})).await;
    sprung.wait().await;
    // The transaction was committed, and the service detected that while holding the row lock.
    let booked = answer.expect(201);
    assert_eq!(system.counts(&event).await, (1, 2, 0, 0));
    assert_eq!(ada.bookings().await[0]["id"], booked["booking"]["id"]);
    let again = ada.client.post_with_key("/api/book", "k", json!({"eventId": event})).await;
    assert_eq!((again.status, &again.text), (201, &answer.text));

    // The same for a return, which writes no new row except its commit marker.
    let booking = booked["booking"]["id"].as_str().unwrap();
    let sprung = proxy.cut_before_response("COMMIT", id_bytes(booking));
    let returned = ada.cancel(booking).await.expect(200);
    sprung.wait().await;
    assert_eq!(returned["booking"]["status"], "cancelled");
    assert_eq!(system.counts(&event).await, (0, 3, 0, 0));

    ben.must_book(&event, 3).await;

    // An entry that joined is in the log of the queue once.
    let sprung = proxy.cut_before_response("COMMIT", id_bytes(&ada.id));
    let waiting = ada.client.post_with_key("/api/book", "j", json!({"eventId": event})).await.expect(202);
    sprung.wait().await;
    ada.client.post_with_key("/api/book", "j", json!({"eventId": event})).await.expect(202);
    let report = verified(&system.visitor(), &event, &waiting["waitlistEntry"]["ticketTypeId"], 100).await;
    assert_eq!((report.records, report.entries, report.waiting), (1, 1, 1));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unresolvable_outcome_is_reported_as_unknown_and_a_retry_with_the_key_is_safe() {
    let proxy = proxy_of(DATABASE_ENV).await;
    let system = Plan::default()
        .workers(0)
        .booking_setting("outbox.relay", "false")
        .booking_setting("booking.resolve_timeout_ms", "300")
        .database_through(proxy.address())
        .start()
        .await;
    let event = system.event(3).await;
    let ada = system.user("ada").await;
    let body = json!({"eventId": event, "quantity": 2});

    // The database becomes unavailable at the moment at which it has committed.
    ada.must_book(&event, 1).await;
    let sprung = proxy.refuse_before_response("COMMIT", id_bytes(&ada.id));
    let answer = ada.client.post_with_key("/api/book", "k", body.clone()).await;
    sprung.wait().await;
    answer.refused(503, "outcome-unknown");
    assert!(answer.header("retry-after").is_some());
    proxy.pass();
    until("the retry gets its answer", async || ada.client.post_with_key("/api/book", "k", body.clone()).await.status == 201).await;
    assert_eq!(system.counts(&event).await, (3, 0, 0, 0));
    assert_eq!(ada.bookings().await.len(), 2);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_down_responses_are_503_and_the_service_recovers_by_itself() {
    let proxy = proxy_of(DATABASE_ENV).await;
    let system = Plan::default().worker_setting("worker.sweep_interval_ms", "100").database_through(proxy.address()).start().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 1).await;
    ben.must_wait(&event, 1).await;

    proxy.refuse();
    proxy.cut();
    for answer in [ada.cancel(&booking).await, ada.client.get("/api/bookings").await, ada.client.get("/api/events").await] {
        answer.refused(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    let http = reqwest::Client::new();
    for management in system.booking_management_urls().into_iter().chain(system.worker_management_urls()) {
        let readiness = http.get(format!("{management}/health/ready")).send().await.unwrap();
        assert_eq!(readiness.status(), 503);
        assert!(readiness.text().await.unwrap().contains("database"), "says which part");
        assert_eq!(http.get(format!("{management}/health/live")).send().await.unwrap().status(), 200);
    }
    let topology = system.broker.topology();
    for queue in topology.retry_queues.iter().map(|retry| &retry.queue).chain([&topology.dead_queue]) {
        assert_eq!(system.broker.depth(queue).await, Some(0), "no try was used up: {queue}");
    }

    proxy.pass();
    until("the cancellation goes through", async || ada.cancel(&booking).await.status == 200).await;
    system.quiet().await;
    assert_eq!(ben.tickets().await, 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stops_responding_causes_503_and_blocks_nothing_afterwards() {
    let proxy = proxy_of(DATABASE_ENV).await;
    let system = Plan::default()
        .workers(0)
        .booking_setting("database.lock_timeout_ms", "100")
        .booking_setting("database.statement_timeout_ms", "200")
        .booking_setting("database.connect_timeout_ms", "300")
        .booking_setting("booking.resolve_timeout_ms", "300")
        .database_through(proxy.address())
        .start()
        .await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    ada.must_book(&event, 1).await;
    proxy.pause();
    // The connection is neither closed nor refused but stalls. The service has to give up on it by itself.
    let (booked, listed) = tokio::join!(ada.book(&event, 1), ada.client.get("/api/bookings"));
    assert_eq!((booked.status, listed.status), (503, 503), "{booked:?} {listed:?}");
    proxy.pass();
    until("bookings go on", async || ada.book(&event, 1).await.status == 201).await;
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_down_requests_succeed_and_messages_stay_in_the_outbox() {
    let proxy = proxy_of("ROWLOCK_TEST_AMQP_URL").await;
    let system = Plan::default().worker_setting("worker.sweep", "false").broker_through(proxy.address()).start().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];

    proxy.refuse();
    proxy.cut();
    let booking = ada.must_book(&event, 1).await;
    ben.must_wait(&event, 1).await;
    ada.cancel(&booking).await.expect(200);
    assert_eq!(system.counts(&event).await, (0, 0, 1, 1), "held, until a worker hears of it");
    let http = reqwest::Client::new();
    for management in system.booking_management_urls().into_iter().chain(system.worker_management_urls()) {
        assert_eq!(http.get(format!("{management}/health/ready")).send().await.unwrap().status(), 200, "ready without the broker");
    }

    proxy.pass();
    system.quiet().await;
    assert_eq!(ben.tickets().await, 1, "nobody was restarted");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_disconnects_leaves_no_partial_changes_and_no_locks() {
    let system = Plan::default().start().await;
    let event = system.event(30).await;
    let people = system.users("impatient", 30).await;
    let url = system.booking_urls().swap_remove(0);
    join_all(people.iter().enumerate().map(|(index, person)| {
        let (url, event, client) = (url.clone(), event.clone(), person.client.clone());
        // The client disconnects after between zero and a few milliseconds.
        let patience = Duration::from_micros(u64::try_from(index).unwrap() * 300);
        async move {
            let _ = tokio::time::timeout(patience, client.at(url).post("/api/book", json!({"eventId": event}))).await;
        }
    }))
    .await;
    let last = system.user("last").await;
    let answer = last.book(&event, 1).await;
    assert!(matches!(answer.status, 201 | 202), "{answer:?}");
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_service_finishes_accepted_requests() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(100).await;
    let people = system.users("fan", 8).await;
    let extra = system.start_booking();
    ready(extra.management_addr()).await;
    let url = format!("http://{}", extra.http_addr().unwrap());

    // The row stays locked, so all requests are in flight when the service is told to stop.
    let mut somebody = system.booking_database.admin().await;
    somebody.batch_execute("BEGIN; SELECT FROM ticket_types FOR UPDATE").await.unwrap();
    let requests = people.iter().map(|person| {
        let (client, event) = (person.client.at(url.clone()), event.clone());
        tokio::spawn(async move { client.post("/api/book", json!({"eventId": event})).await.status })
    });
    let requests: Vec<_> = requests.collect();
    let (http, metrics) = (reqwest::Client::new(), format!("http://{}/metrics", extra.management_addr()));
    until("all requests have been taken", async || {
        let shown = http.get(&metrics).send().await.unwrap().text().await.unwrap();
        shown.contains("rowlock_lane_waiting_commands 8\n")
    })
    .await;
    let stopping = tokio::spawn(extra.stop());
    somebody.batch_execute("COMMIT").await.unwrap();

    for request in requests {
        assert_eq!(request.await.unwrap(), 201);
    }
    stopping.await.unwrap().unwrap();
    assert_eq!(system.counts(&event).await, (8, 92, 0, 0));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stays_locked_causes_503() {
    let system = Plan::default().workers(0).booking_setting("database.lock_timeout_ms", "50").start().await;
    let event = system.event(1).await;
    let ada = system.user("ada").await;
    let mut somebody = system.booking_database.admin().await;
    somebody.batch_execute("BEGIN; SELECT FROM ticket_types FOR UPDATE").await.unwrap();
    let refused = ada.book(&event, 1).await;
    refused.refused(503, "overloaded");
    assert!(refused.header("retry-after").is_some());
    somebody.batch_execute("COMMIT").await.unwrap();
    ada.must_book(&event, 1).await;
    system.stop().await;
}
