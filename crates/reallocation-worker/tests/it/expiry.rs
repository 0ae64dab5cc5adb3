//! The end of reservations: punctual, never early, after an outage, and with several workers.

use diesel::sql_types::{BigInt, Double};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_test_support::client::Person;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::metric;

/// Creates events with one ticket each, which one account has reserved and another waits for. Returns the events and the two.
async fn reserved_events(system: &System, count: usize) -> (Vec<String>, Person, Person) {
    let (holder, waiting) = (system.user("holder").await, system.user("waiting").await);
    let mut events = Vec::new();
    for _ in 0..count {
        let event = system.event_like(json!({"name": "A test", "totalTickets": 1, "checkoutMinutes": 1, "offerMinutes": 60})).await;
        let event = event["id"].as_str().unwrap().to_owned();
        holder.must_reserve(&event, 1).await;
        waiting.must_wait(&event, 1).await;
        events.push(event);
    }
    (events, holder, waiting)
}

/// Lets the reservations end one after the other, beginning now.
async fn let_end(system: &System, milliseconds_between: u32) {
    let sql = format!(
        "UPDATE bookings b SET expires_at = clock_timestamp() + r.n * interval '{milliseconds_between} milliseconds'
           FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM bookings WHERE status = 'reserved' AND origin = 'direct') r WHERE b.id = r.id"
    );
    system.booking_database.admin().await.batch_execute(&sql).await.unwrap();
}

#[derive(diesel::QueryableByName)]
struct Delay {
    #[diesel(sql_type = Double)]
    seconds: f64,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn count(system: &System, sql: &str) -> i64 {
    let sql = format!("SELECT count(*) AS count FROM {sql}");
    diesel::sql_query(sql).get_result::<Count>(&mut system.booking_database.admin().await).await.unwrap().count
}

/// Returns the times between the end of the reservations and the bookings of the next in line, in ascending order.
async fn delays(system: &System) -> Vec<f64> {
    let sql = "SELECT extract(epoch FROM n.booked_at - b.expires_at)::float8 AS seconds FROM bookings b
                 JOIN bookings n ON n.event_id = b.event_id AND n.origin = 'waitlist' WHERE b.status = 'expired' ORDER BY 1";
    let rows: Vec<Delay> = diesel::sql_query(sql).load(&mut system.booking_database.admin().await).await.unwrap();
    rows.into_iter().map(|row| row.seconds).collect()
}

fn offered(count: usize) -> String {
    format!("(SELECT FROM bookings WHERE status = 'reserved' AND origin = 'waitlist' LIMIT {count}) AS offered")
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_end_on_time_and_their_tickets_go_to_the_next_in_line() {
    let system = Plan::default().workers(2).worker_setting("worker.expiry_interval_ms", "1000").start().await;
    let (events, holder, waiting) = reserved_events(&system, 40).await;
    let_end(&system, 100).await;
    until("all tickets are offered to the next in line", async || count(&system, &offered(40)).await == 40).await;
    let delays = delays(&system).await;
    assert_eq!(delays.len(), 40);
    assert!(delays[0] >= 0.0, "one was ended early: {delays:?}");
    assert!(delays[20] < 1.0, "p50: {delays:?}");
    assert!(delays[39] < 3.0, "p99: {delays:?}");
    system.quiet().await;
    assert_eq!(events.len(), 40);
    assert!(holder.bookings().await.iter().all(|booking| booking["status"] == "expired"));
    let offers = waiting.bookings().await;
    assert!(offers.iter().all(|booking| booking["status"] == "reserved" && booking["origin"] == "waitlist"), "{offers:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_of_the_workers_everything_overdue_is_ended_in_batches() {
    // A transaction ends at most three reservations. Messages and sweep are switched off: the workers pass the tickets on themselves.
    let plan = Plan::default().workers(0).worker_setting("worker.max_promotions", "3").worker_setting("worker.messages", "false");
    let mut system = plan.worker_setting("worker.sweep", "false").start().await;
    let (_, holder, _) = reserved_events(&system, 10).await;
    let busy =
        system.event_like(json!({"name": "Busy", "totalTickets": 20, "checkoutMinutes": 1})).await["id"].as_str().unwrap().to_owned();
    for _ in 0..10 {
        holder.must_reserve(&busy, 2).await;
    }
    let_end(&system, 0).await;
    assert_eq!(count(&system, "bookings WHERE status = 'expired'").await, 0);
    system.add_worker().await;
    until("everything is ended", async || count(&system, "bookings WHERE status = 'expired'").await == 20).await;
    until("all tickets are offered to the next in line", async || count(&system, &offered(20)).await == 10).await;
    assert_eq!(system.counts(&busy).await, (0, 20, 0, 0));
    assert_eq!(metric(&system, "rowlock_reservations_expired_total").await, 20);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_ticket_type_does_not_keep_other_reservations_from_ending() {
    let system = Plan::default().worker_setting("worker.expiry_interval_ms", "1000").start().await;
    let (events, ..) = reserved_events(&system, 3).await;
    let mut somebody = system.booking_database.admin().await;
    let lock = format!("BEGIN; SELECT FROM ticket_types WHERE event_id = '{}' FOR UPDATE", events[0]);
    somebody.batch_execute(&lock).await.unwrap();
    let_end(&system, 0).await;
    until("the others are ended", async || count(&system, "bookings WHERE status = 'expired'").await == 2).await;
    somebody.batch_execute("COMMIT").await.unwrap();
    until("the last one is ended", async || count(&system, "bookings WHERE status = 'expired'").await == 3).await;
    until("all tickets are offered to the next in line", async || count(&system, &offered(3)).await == 3).await;
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_while_reservations_end_leaves_the_rest_to_the_next() {
    let mut system = Plan::default().workers(0).worker_setting("worker.max_promotions", "1").start().await;
    let (_, holder, _) = reserved_events(&system, 5).await;
    let event =
        system.event_like(json!({"name": "Busy", "totalTickets": 30, "checkoutMinutes": 1})).await["id"].as_str().unwrap().to_owned();
    for _ in 0..30 {
        holder.must_reserve(&event, 1).await;
    }
    let_end(&system, 0).await;
    for _ in 0..2 {
        let before = count(&system, "bookings WHERE status = 'expired'").await;
        system.add_worker().await;
        until("some are ended", async || count(&system, "bookings WHERE status = 'expired'").await > before.min(34)).await;
        system.stop_workers().await;
        system.check().await;
    }
    system.add_worker().await;
    until("all are ended", async || count(&system, "bookings WHERE status = 'expired'").await == 35).await;
    system.quiet().await;
    system.stop().await;
}
