//! No request waits forever, and the response is truthful about the outcome.

use std::time::Instant;

use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_has_started_by_its_deadline_may_take_effect_and_a_queued_one_is_dropped() {
    let plan = Plan::default().booking_setting("http.deadline_ms", "400").booking_setting("lanes.max_batch", "1");
    let system =
        plan.booking_setting("database.lock_timeout_ms", "30000").booking_setting("database.statement_timeout_ms", "30000").start().await;
    let event = system.event(5).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let mut conn = system.booking_database.admin().await;
    conn.batch_execute("BEGIN; SELECT FROM ticket_types FOR UPDATE").await.unwrap();

    let started = Instant::now();
    let waiting = tokio::spawn({
        let (ada, event) = (ada.clone(), event.clone());
        async move { ada.client.post_with_key("/api/book", "ada", serde_json::json!({"eventId": event})).await }
    });
    let locked =
        "SELECT (count(*) > 0)::text AS value FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut look = system.booking_database.admin().await;
    until("the first one waits for the row", async || crate::support::value(&mut look, locked).await == "true").await;
    let behind = ben.book(&event, 1).await;
    behind.refused(503, "overloaded");
    assert!(behind.header("retry-after").is_some());
    let first = waiting.await.unwrap();
    let detail = first.refused(503, "outcome-unknown")["detail"].to_string();
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    assert!(started.elapsed().as_secs() < 5, "long before the lock's own limit");

    conn.batch_execute("ROLLBACK").await.unwrap();
    let again = async || ada.client.post_with_key("/api/book", "ada", serde_json::json!({"eventId": event})).await;
    until("the same key tells what became of it", async || again().await.status == 201).await;
    assert_eq!((ada.tickets().await, ben.tickets().await), (1, 0), "booked once, and never what had not begun");
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_exceeds_its_deadline_gets_a_response_with_its_request_id() {
    let plan = Plan::default().booking_setting("http.deadline_ms", "300").booking_setting("database.statement_timeout_ms", "30000");
    let system = plan.booking_setting("database.lock_timeout_ms", "30000").start().await;
    let ada = system.user("ada").await;
    let mut conn = system.booking_database.admin().await;
    conn.batch_execute("BEGIN; LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let answer = ada.client.get("/api/bookings").await;
    answer.refused(503, "unavailable");
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
    conn.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(ada.client.get("/api/bookings").await.status, 200);
    system.stop().await;
}
