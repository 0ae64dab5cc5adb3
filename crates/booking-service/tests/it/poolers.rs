//! Services behind PgBouncer.

use futures_util::future::join_all;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::invariants::{broken_invariants, in_flight};
use rowlock_test_support::pgbouncer::PgBouncer;
use rowlock_test_support::system::{AuthTemplate, BookingTemplate, Plan};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

/// In transaction mode, all connections of the services share four connections to the server.
#[tokio::test(flavor = "multi_thread")]
async fn the_services_work_behind_a_pooler() {
    let (auth, booking) = tokio::join!(TestDatabase::new(&AuthTemplate), TestDatabase::new(&BookingTemplate));
    let (auth_url, booking_url) = (auth.service_url(), booking.service_url());
    let pooler = PgBouncer::in_front_of(&[&auth_url, &booking_url]).await;
    let mut plan = Plan::default().bookings(2);
    plan = plan.auth_setting("database.url", &pooler.url(&auth_url)).auth_setting("database.session_url", auth_url.expose_secret());
    for (name, url) in [("database.url", pooler.url(&booking_url).as_str()), ("database.session_url", booking_url.expose_secret())] {
        plan = plan.booking_setting(name, url).worker_setting(name, url);
    }
    let system = plan.start().await;
    let event = system.event(60).await;
    let people = system.users("buyer", 12).await;

    let book = async |person: usize, round: usize| {
        let person = &people[person];
        let client = person.client.at(system.booking_urls().swap_remove(round % 2));
        let body = json!({"eventId": event, "quantity": 1});
        let key = Uuid::new_v4().to_string();
        let first = client.post_with_key("/api/book", &key, body.clone()).await;
        let again = person.client.post_with_key("/api/book", &key, body).await;
        assert_eq!((first.status, &first.text), (again.status, &again.text));
        first
    };
    let booked = join_all((0..60).map(|number| book(number % 12, number / 12))).await;
    let bookings: Vec<_> = booked.iter().map(|response| response.expect(201)["booking"]["id"].clone()).collect();
    // All others wait, and get what the first ones return.
    for response in join_all((0..12).map(|number| book(number, number))).await {
        response.expect(202);
    }
    assert_eq!(system.counts(&event).await, (60, 0, 0, 12));
    let returned = join_all((0..12).map(|number| people[number % 12].cancel(bookings[number].as_str().unwrap()))).await;
    assert!(returned.iter().all(|response| response.status == 200), "{returned:?}");
    until("the returned tickets have been passed on", async || system.counts(&event).await == (60, 0, 0, 0)).await;
    let mut conn = booking.admin().await;
    until("nothing is in flight", async || in_flight(&mut conn).await == 0).await;
    assert_eq!(broken_invariants(&mut conn).await, Vec::<String>::new());
    drop(conn);
    system.stop().await;
    auth.close().await;
    booking.close().await;
    drop(pooler);
}
