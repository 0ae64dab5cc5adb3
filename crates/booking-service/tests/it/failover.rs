//! A primary that crashes, and a standby that takes its place.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use rowlock_postgres::{ConnectionLimits, connect};
use rowlock_test_support::client::Person;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::invariants::{broken_invariants, in_flight};
use rowlock_test_support::postgres_server::PostgresServer;
use rowlock_test_support::system::{BookingTemplate, Plan};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

/// The bookings that one person was promised, by their id, and whether they were returned.
type Promises = BTreeMap<String, bool>;

/// Sends a request until its outcome is known, with the same key each time, and returns the body. It pauses between attempts, as clients
/// have to, so that it does not take the processors from the servers.
async fn settle(person: &Person, path: &str, body: Value) -> Value {
    let key = Uuid::new_v4().to_string();
    loop {
        let response = person.client.post_with_key(path, &key, body.clone()).await;
        match response.status {
            200 | 201 => return response.json(),
            503 => tokio::time::sleep(Duration::from_millis(20)).await,
            status => panic!("{status}: {}", response.text),
        }
    }
}

/// Books tickets, and returns every third, until `stop`.
async fn buy(person: &Person, event: &str, promises: &Mutex<Promises>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let booked = settle(person, "/api/book", json!({"eventId": event})).await;
        let booking = booked["booking"]["id"].as_str().unwrap().to_owned();
        let count = {
            let mut promises = promises.lock().unwrap();
            promises.insert(booking.clone(), false);
            promises.len()
        };
        if count % 3 == 0 {
            settle(person, "/api/cancelbooking", json!({"bookingId": booking})).await;
            promises.lock().unwrap().insert(booking, true);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_keeps_every_promise() {
    let mut primary = PostgresServer::start(&[], &[]).await;
    let database = TestDatabase::create(&primary.url("postgres"), &BookingTemplate).await.unwrap();
    let standby = primary.standby(&[]).await;
    primary.wait_for_standby_at_each_commit().await;
    let both = format!("{},{}", primary.address(), standby.address());
    let url = database.service_url().expose_secret().replace(&primary.address(), &both);
    assert!(url.contains(&both), "{url}");
    let system = Plan::default().booking_setting("database.url", &url).worker_setting("database.url", &url).start().await;
    let event = system.event(100_000).await;
    let people = system.users("buyer", 6).await;
    let promises: Vec<_> = people.iter().map(|_| Mutex::new(Promises::new())).collect();
    let count = || promises.iter().map(|promises| promises.lock().unwrap().len()).collect::<Vec<_>>();
    let stop = AtomicBool::new(false);

    let buying = join_all(people.iter().zip(&promises).map(|(person, promises)| buy(person, &event, promises, &stop)));
    let crashing = async {
        until("everybody has some tickets", async || count().into_iter().all(|count| count >= 10)).await;
        primary.kill();
        let (crashed, before) = (Instant::now(), count());
        standby.promote();
        until("everybody has further tickets", async || {
            // The first booking may have been in flight.
            count().iter().zip(&before).all(|(now, before)| *now >= before + 2)
        })
        .await;
        let outage = crashed.elapsed();
        until("everybody has many further tickets", async || count().iter().zip(&before).all(|(now, before)| *now >= before + 10)).await;
        stop.store(true, Ordering::Relaxed);
        outage
    };
    let (_, outage) = tokio::join!(buying, crashing);
    assert!(outage < Duration::from_secs(10), "the outage took {outage:?}");

    for (person, promises) in people.iter().zip(promises) {
        let found: Promises = person
            .bookings()
            .await
            .iter()
            .map(|booking| (booking["id"].as_str().unwrap().to_owned(), booking["status"] == "cancelled"))
            .collect();
        assert_eq!(found, promises.into_inner().unwrap(), "{}", person.name);
    }
    let url = standby.url(database.name()).into();
    let mut conn = connect(&url, ConnectionLimits::default(), "a test").await.unwrap();
    until("nothing is in flight", async || in_flight(&mut conn).await == 0).await;
    assert_eq!(broken_invariants(&mut conn).await, Vec::<String>::new());
    database.abandon();
    system.stop().await;
}
