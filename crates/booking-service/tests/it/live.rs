//! Live streams of events: the first state, updates, limits, slow clients, and failures of the broker.

use std::collections::BTreeSet;

use reqwest::Method;
use rowlock_test_support::live_stream::{LiveStream, Update};
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::route_table::UNKNOWN;
use crate::support::{cancel_event, change_event, create_event, public_event};

/// Opens a stream of an event.
async fn follow(system: &System, event: &str) -> LiveStream {
    system.visitor().follow(&format!("/api/events/{event}/live"), &[]).await
}

/// Returns whether an update says that so many tickets are booked.
fn booked(count: u64) -> impl Fn(&Update) -> bool {
    move |update| update.json()["bookedTickets"] == count
}

/// Returns the value of a metric of the first booking-service, summed over its labels.
pub(crate) async fn metric(system: &System, name: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", system.booking_management_urls()[0])).await.unwrap().text().await.unwrap();
    let values = text.lines().filter(|line| line.starts_with(name) && line[name.len()..].starts_with(['{', ' ']));
    values.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_the_current_state_and_reports_each_change() {
    let system = System::new().await;
    let event = system.event(3).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let mut stream = follow(&system, &event).await;
    assert_eq!(stream.header("cache-control"), Some("no-store"));
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    let first = stream.next().await.unwrap();
    let mut shown = public_event(&system, &event).await.expect(200);
    shown.as_object_mut().unwrap().remove("description");
    assert_eq!((first.name.as_str(), first.json()), ("availability", shown));

    ada.must_book(&event, 2).await;
    let second = stream.until("two tickets are booked", booked(2)).await;
    ben.must_book(&event, 1).await;
    let third = stream.until("three tickets are booked", booked(3)).await;
    ben.must_wait(&event, 1).await;
    stream.until("one party waits", |update| update.json()["waitlistLength"] == 1).await;
    let version = |update: &Update| -> Vec<i64> { update.id.split('.').map(|part| part.parse().unwrap()).collect() };
    assert!(version(&first) < version(&second) && version(&second) < version(&third));

    change_event(&system, &event, json!({"name": "Renamed"})).await.expect(200);
    let renamed = stream.until("the name changes", |update| update.json()["name"] == "Renamed").await;
    assert!(version(&third)[0] < version(&renamed)[0]);
    assert!(metric(&system, "rowlock_live_updates_total").await >= 4);
    cancel_event(&system, &event).await;
    stream.until("the event is cancelled", |update| update.json()["status"] == "cancelled").await;

    // A client that reconnects gets the current state, whatever it had received before.
    let path = format!("/api/events/{event}/live");
    let mut again = system.visitor().follow(&path, &[("last-event-id", &third.id)]).await;
    assert_eq!(again.next().await.unwrap().json()["status"], "cancelled");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_stream_sends_comments() {
    let system = Plan::default().workers(0).booking_setting("live.heartbeat_ms", "100").start().await;
    let event = system.event(3).await;
    let mut stream = follow(&system, &event).await;
    stream.next().await.unwrap();
    for _ in 0..3 {
        stream.comment().await;
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_at_once_cause_few_updates() {
    let system = Plan::default().workers(0).booking_setting("live.min_interval_ms", "1000").start().await;
    let event = system.event(200).await;
    let mut stream = follow(&system, &event).await;
    stream.next().await.unwrap();
    let users = system.users("fan", 20).await;
    for _ in 0..5 {
        futures_util::future::join_all(users.iter().map(|user| user.must_book(&event, 1))).await;
    }
    let mut updates = 0;
    stream
        .until("all tickets are booked", |update| {
            updates += 1;
            booked(100)(update)
        })
        .await;
    assert!(updates < 100, "{updates} updates for 100 bookings");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_public_events_have_streams() {
    let system = Plan::default().workers(0).start().await;
    let draft = create_event(&system, json!({"name": "A draft", "totalTickets": 1, "status": "draft"})).await;
    for id in [draft.as_str(), UNKNOWN, "x"] {
        system.visitor().get(&format!("/api/events/{id}/live")).await.refused(404, "event-not-found");
    }
    // An event that becomes a draft again ends its streams.
    let event = system.event(1).await;
    let mut stream = follow(&system, &event).await;
    stream.next().await.unwrap();
    change_event(&system, &event, json!({"status": "draft"})).await.expect(200);
    // An event that was public stays visible to those who have its address, until it is deleted.
    let visible = public_event(&system, &event).await.status == 200;
    if visible {
        stream.until("it is a draft", |update| update.json()["status"] == "draft").await;
        system.admin().client.send(Method::DELETE, &format!("/admin/events/{event}"), &[], None).await;
    }
    stream.until("it is gone", |update| update.name == "gone").await;
    assert_eq!(stream.next().await, None);
    system.visitor().get(&format!("/api/events/{event}/live")).await.refused(404, "event-not-found");
    let head = system.visitor().send(Method::HEAD, &format!("/api/events/{event}/live"), &[], None).await;
    assert_eq!(head.status, 404);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_beyond_the_limit_are_rejected_until_another_one_ends() {
    let system =
        Plan::default().workers(0).booking_setting("live.max_streams", "2").booking_setting("live.heartbeat_ms", "100").start().await;
    let event = system.event(1).await;
    let path = format!("/api/events/{event}/live");
    let mut one = follow(&system, &event).await;
    let two = follow(&system, &event).await;
    one.next().await.unwrap();
    assert_eq!(metric(&system, "rowlock_live_streams").await, 2);
    let refusal = system.visitor().get(&path).await;
    refusal.refused(503, "overloaded");
    assert_eq!(refusal.header("retry-after"), Some("5"));
    system.admin().client.get("/api/live").await.refused(503, "overloaded");
    drop(two);
    until("there is room", async || system.visitor().get(&path).await.status == 200).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_dropped() {
    let plan = Plan::default().workers(0).booking_setting("live.min_interval_ms", "10").booking_setting("http.send_timeout_ms", "1000");
    let system = plan.start().await;
    // Long names make long updates, which fill the buffers of the connection sooner.
    let types: Vec<Value> =
        (0..50).map(|number| json!({"name": format!("{number:03}{}", "x".repeat(190)), "totalTickets": 100_000})).collect();
    let event = system.event_like(json!({"name": "Long", "ticketTypes": types})).await;
    let (id, ticket_type) = (event["id"].as_str().unwrap(), event["ticketTypes"][0]["id"].clone());
    let address = system.booking_urls()[0].strip_prefix("http://").unwrap().to_owned();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(address.parse().unwrap()).await.unwrap();
    slow.write_all(format!("GET /api/events/{id}/live HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut beginning = [0; 64];
    slow.read_exact(&mut beginning).await.unwrap();
    assert!(beginning.starts_with(b"HTTP/1.1 200"));
    let ada = system.user("ada").await;
    let booking = tokio::spawn({
        let (body, client) = (json!({"eventId": id, "ticketTypeId": ticket_type}), ada.client.clone());
        async move {
            loop {
                client.post("/api/book", body.clone()).await.expect(201);
            }
        }
    });
    until("the slow client is dropped", async || metric(&system, "rowlock_live_dropped_streams_total").await > 0).await;
    booking.abort();
    until("its stream is closed", async || metric(&system, "rowlock_live_streams").await == 0).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_service_stops() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = follow(&system, &event).await;
        stream.next().await.unwrap();
        streams.push(stream);
    }
    let mut own = system.admin().client.follow("/api/live", &[]).await;
    own.next().await.unwrap();
    let started = std::time::Instant::now();
    system.stop().await;
    for mut stream in streams {
        assert_eq!(stream.next().await, None);
    }
    own.next().await;
    assert_eq!(own.next().await, None);
    assert!(started.elapsed().as_secs() < 10, "before the time for draining is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_connection_to_the_broker_everything_is_read_again() {
    let broker = rowlock_test_support::broker::TestBroker::new();
    let (proxy, _) = Proxy::in_front_of(broker.settings().url.expose_secret()).await;
    let system = Plan::default().workers(0).broker_through(proxy.address()).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let mut stream = follow(&system, &event).await;
    stream.next().await.unwrap();
    ada.must_book(&event, 1).await;
    stream.until("the first booking is seen", booked(1)).await;

    proxy.refuse();
    ada.must_book(&event, 1).await;
    // A new stream reads the database.
    let mut other = follow(&system, &event).await;
    other.until("the second booking is seen", booked(2)).await;
    proxy.pass();
    stream.until("the second booking is seen", booked(2)).await;
    ada.must_book(&event, 1).await;
    for stream in [&mut stream, &mut other] {
        stream.until("the third booking is seen", booked(3)).await;
    }
    system.stop().await;
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_reports_the_changes_made_by_another() {
    let system = Plan::default().workers(0).bookings(2).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let mut streams = Vec::new();
    for url in system.booking_urls() {
        let mut stream = system.visitor().at(url).follow(&format!("/api/events/{event}/live"), &[]).await;
        stream.next().await.unwrap();
        streams.push(stream);
    }
    ada.must_book(&event, 1).await;
    let mut seen = BTreeSet::new();
    for stream in &mut streams {
        seen.insert(stream.until("the booking is seen", booked(1)).await.id);
    }
    assert_eq!(seen.len(), 1, "both report the same version");
    system.stop().await;
}
