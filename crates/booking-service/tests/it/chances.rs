//! The chances of waiting-list entries, through HTTP.

use chrono::DateTime;
use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::client::Person;
use rowlock_test_support::returns::returned_before;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::live_accounts::{follow, newest};
use crate::support::{change_event, create_event, in_seconds, value};

const DAY: i64 = 86_400;

/// Starts a system with a sold-out event of 10 tickets that begins in 10 days.
async fn sold_out() -> (System, String) {
    let system = Plan::default().booking_setting("reads.keep_ms", "0").start().await;
    let event = create_event(&system, json!({"name": "Boat race", "totalTickets": 10, "startsAt": in_seconds(10 * DAY)})).await;
    system.user("ada").await.must_book(&event, 10).await;
    (system, event)
}

async fn chance(person: &Person) -> Value {
    person.waitlist().await[0]["chance"].clone()
}

/// Returns the ends of a range.
fn range(chance: &Value) -> (u64, u64) {
    (chance["low"].as_u64().unwrap_or_default(), chance["high"].as_u64().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chance_follows_from_the_returns_the_place_and_the_time() {
    let (system, event) = sold_out().await;
    let [ben, cid, dan] = [system.user("ben").await, system.user("cid").await, system.user("dan").await];
    ben.must_wait(&event, 1).await;
    cid.must_wait(&event, 2).await;
    let waits = json!({"eventId": event, "quantity": 2, "minQuantity": 1});
    let joined = dan.client.post("/api/book", waits).await.expect(202);
    assert_eq!(joined["waitlistEntry"]["chance"], Value::Null, "no request waits for an estimate");
    assert_eq!(chance(&ben).await, Value::Null, "there is no history");

    returned_before(&system, &event, 20, 1).await;
    let first = chance(&ben).await;
    assert_eq!((range(&first), &first["returnedTickets"], &first["days"]), ((95, 99), &json!(20), &json!(20)));
    let starts_at = system.visitor().get(&format!("/api/events/{event}")).await.expect(200)["startsAt"].clone();
    let time = |value: &Value| DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    assert_eq!(time(&first["until"]), time(&starts_at));
    assert_eq!(range(&chance(&cid).await), (1, 5), "two tickets never came back together");
    assert!(range(&chance(&dan).await).0 >= 90);

    let soon = in_seconds(DAY / 2);
    change_event(&system, &event, json!({"cancelUntil": soon})).await.expect(200);
    let first = chance(&ben).await;
    assert_eq!(time(&first["until"]), time(&json!(soon)), "nothing comes back after that");
    assert!(range(&first).1 <= 60, "{first}");
    change_event(&system, &event, json!({"cancelUntil": in_seconds(-60)})).await.expect(200);
    assert_eq!(chance(&ben).await, Value::Null);
    change_event(&system, &event, json!({"cancelUntil": null, "startsAt": null})).await.expect(200);
    assert_eq!(chance(&ben).await, Value::Null, "without an end, there is no time that is left");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_history_gives_no_chance() {
    let (system, event) = sold_out().await;
    let ben = system.user("ben").await;
    ben.must_wait(&event, 1).await;
    returned_before(&system, &event, 4, 1).await;
    assert_eq!(chance(&ben).await, Value::Null, "four tickets");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_stream_reports_the_chance_with_the_position() {
    let (system, event) = sold_out().await;
    let [ben, eve] = [system.user("ben").await, system.user("eve").await];
    ben.must_wait(&event, 1).await;
    eve.must_wait(&event, 1).await;
    returned_before(&system, &event, 28, 1).await;
    change_event(&system, &event, json!({"startsAt": in_seconds(2 * DAY)})).await.expect(200);
    let mut live = follow(&eve).await;
    let second = live.until("eve is second", newest("waitlist", "position", 2)).await.json();
    ben.client.post("/api/leavewaitlist", json!({"eventId": event})).await.expect(200);
    let first = live.until("eve is first", newest("waitlist", "position", 1)).await.json();
    assert_eq!(first["items"][0]["chance"], chance(&eve).await);
    let (second, first) = (range(&second["items"][0]["chance"]), range(&first["items"][0]["chance"]));
    assert!(second.0 > 0 && first.0 > second.0, "{second:?} {first:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chances_at_several_ticket_types_are_estimated_at_the_same_time() {
    // With a cache, so that two entries of one ticket type share a forecast.
    let system = Plan::default().workers(0).booking_setting("reads.keep_ms", "60000").start().await;
    let names = ["A", "B", "C", "D", "E", "F"];
    let types: Vec<_> = names.iter().map(|name| json!({"name": name, "totalTickets": 10})).collect();
    let event = system.event_like(json!({"name": "Regatta", "startsAt": in_seconds(10 * DAY), "ticketTypes": types})).await;
    let id = event["id"].as_str().unwrap();
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    for ticket_type in event["ticketTypes"].as_array().unwrap() {
        let of = |quantity: u32| json!({"eventId": id, "ticketTypeId": ticket_type["id"], "quantity": quantity});
        ada.client.post("/api/book", of(10)).await.expect(201);
        ben.client.post("/api/book", of(1)).await.expect(202);
    }
    returned_before(&system, id, 20, 1).await;

    let mut conn = system.booking_database.admin().await;
    conn.batch_execute("BEGIN; LOCK TABLE sales_minutes").await.unwrap();
    let listing = tokio::spawn(async move { ben.waitlist().await });
    let reading = "SELECT count(*)::text AS value FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM sales_minutes%'";
    let mut observer = system.booking_database.admin().await;
    until("four forecasts are made", async || value(&mut observer, reading).await == "4").await;
    conn.batch_execute("ROLLBACK").await.unwrap();

    let entries = listing.await.unwrap();
    assert_eq!(entries.len(), names.len());
    for entry in &entries {
        assert_eq!(range(&entry["chance"]), (95, 99), "{entry}");
    }
    system.stop().await;
}
