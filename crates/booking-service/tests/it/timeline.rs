//! The sales timeline, as administrators read it.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowlock_platform::clock::Clock;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::{until, until_some};
use serde_json::{Value, json};

use crate::live::metric;
use crate::support::{cancel_event, create_event, text, value};

fn checked_every(check_interval: &str) -> Plan {
    Plan::default().worker_setting("worker.sweep_interval_ms", "50").booking_setting("timeline.check_interval_ms", check_interval)
}

fn plan(check_interval: &str) -> Plan {
    checked_every(check_interval).booking_setting("timeline.from_messages", "true")
}

/// A system that counts stored bookings, without messages.
pub(crate) fn stored() -> Plan {
    checked_every("50")
}

/// A system whose timelines are repaired within a fraction of a second.
pub(crate) fn quick() -> Plan {
    plan("50")
}

/// A system whose timelines are never repaired, so that only messages are counted.
pub(crate) fn unrepaired() -> Plan {
    plan("3600000")
}

/// Starts a system, and waits until it receives messages about sales.
pub(crate) async fn counting(plan: Plan) -> System {
    let system = plan.start().await;
    until("messages are counted", async || metric(&system, "rowlock_sales_amqp_links_up").await > 0).await;
    system
}

pub(crate) async fn read(system: &System, event: &str, query: &str) -> Value {
    system.admin().client.get(&format!("/admin/events/{event}/timeline{query}")).await.expect(200)
}

/// Waits until the timeline of an event contains everything, and returns it.
pub(crate) async fn complete(system: &System, event: &str) -> Value {
    system.quiet().await;
    until_some("the timeline is complete", async || Some(read(system, event, "").await).filter(|timeline| timeline["upToDate"] == true))
        .await
}

pub(crate) fn numbers(counts: &Value) -> [u64; 9] {
    ["booked", "returned", "promoted", "promotions", "joined", "left", "sold", "waiting", "capacity"]
        .map(|name| counts[name].as_u64().unwrap_or_else(|| panic!("{name} of {counts}")))
}

/// Checks that the timeline of an event agrees with its counters, and that its buckets add up.
pub(crate) async fn agrees(system: &System, event: &str, timeline: &Value) {
    let (booked, _, _, waiting) = system.counts(event).await;
    assert_eq!((timeline["totals"]["sold"].as_u64(), timeline["totals"]["waiting"].as_u64()), (Some(booked), Some(waiting)), "{timeline}");
    let types = timeline["ticketTypes"].as_array().unwrap().iter();
    for part in types.chain([timeline]) {
        let buckets = part["buckets"].as_array().unwrap();
        let (mut sold, mut waiting) = (0, 0);
        for bucket in buckets {
            let [booked, returned, promoted, promotions, joined, left, sold_then, waiting_then, _] = numbers(bucket);
            sold = sold + booked + promoted - returned;
            waiting = waiting + joined - promotions - left;
            assert_eq!((sold, waiting), (sold_then, waiting_then), "{bucket}");
        }
        assert_eq!((sold, waiting), (part["totals"]["sold"].as_u64().unwrap(), part["totals"]["waiting"].as_u64().unwrap()));
    }
    system.check().await;
}

/// Books, joins, returns, promotes, leaves and changes the capacity.
pub(crate) async fn do_everything(system: &System, event: &str) {
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let booking = ada.must_book(event, 3).await;
    ben.must_wait(event, 1).await;
    cid.must_wait(event, 2).await;
    ada.cancel_part(&booking, 1).await.expect(200);
    system.quiet().await;
    cid.client.post("/api/leavewaitlist", json!({"eventId": event})).await.expect(200);
    system.change_type(event, json!({"totalTickets": 5})).await.expect(200);
    cid.must_book(event, 2).await;
    ada.cancel(&booking).await.expect(200);
}

/// The figures after `do_everything`.
pub(crate) const EVERYTHING: [u64; 9] = [5, 3, 1, 1, 2, 1, 3, 0, 5];

#[tokio::test(flavor = "multi_thread")]
async fn stored_bookings_are_counted_without_messages() {
    let system = stored().start().await;
    let event = system.event(3).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 3).await;
    let timeline = complete(&system, &event).await;
    assert_eq!(numbers(&timeline["totals"]), [3, 0, 0, 0, 0, 0, 3, 0, 3]);

    // The booking shrinks, but what was counted before stays counted.
    ada.cancel_part(&booking, 1).await.expect(200);
    let timeline = complete(&system, &event).await;
    agrees(&system, &event, &timeline).await;
    assert_eq!(numbers(&timeline["totals"]), [3, 1, 0, 0, 0, 0, 2, 0, 3]);

    ben.must_book(&event, 1).await;
    ada.must_wait(&event, 1).await;
    complete(&system, &event).await;
    ada.cancel(&booking).await.expect(200);
    let timeline = complete(&system, &event).await;
    agrees(&system, &event, &timeline).await;
    assert_eq!(numbers(&timeline["totals"]), [4, 3, 1, 1, 1, 0, 2, 0, 3]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_before_the_timeline_existed_is_counted_with_its_times() {
    // No message may arrive after the timeline was deleted, because the messages know more than the bookings.
    let system = stored().start().await;
    let event = system.event(3).await;
    do_everything(&system, &event).await;
    let before = complete(&system, &event).await;
    let mut conn = system.booking_database.admin().await;
    conn.batch_execute(&format!(
        "DELETE FROM sales_progress;
         UPDATE bookings SET booked_at = now() - interval '2 days' WHERE event_id = '{event}';
         UPDATE waitlist_entries SET joined_at = now() - interval '2 days' WHERE event_id = '{event}'"
    ))
    .await
    .unwrap();
    let after = complete(&system, &event).await;
    agrees(&system, &event, &after).await;
    // The partial return of the booking that was returned in full later is not known any more.
    assert_eq!(numbers(&after["totals"]), [4, 2, 1, 1, 2, 1, 3, 0, 5], "{before} {after}");
    assert_eq!(after["bucket"], "hour", "two days");
    let first = &after["buckets"][0];
    assert_eq!((first["booked"].as_u64(), first["joined"].as_u64(), first["returned"].as_u64()), (Some(4), Some(2), Some(0)), "{first}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_gets_the_timeline_of_its_rows() {
    let system = counting(quick()).await;
    let event = system.event(3).await;
    system.user("ada").await.must_book(&event, 2).await;
    complete(&system, &event).await;
    // As if messages of changes had been counted that the restored database does not contain.
    let ahead = "UPDATE sales_progress SET sequence = sequence + 10; UPDATE sales_minutes SET booked = booked + 7";
    let mut conn = system.booking_database.admin().await;
    conn.batch_execute(ahead).await.unwrap();
    until("the timeline is that of the rows", async || numbers(&read(&system, &event, "").await["totals"])[0] == 2).await;
    agrees(&system, &event, &complete(&system, &event).await).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_has_its_own_figures_and_buckets_are_cut_where_asked() {
    let system = counting(unrepaired()).await;
    let types = json!([{"name": "Stalls", "totalTickets": 5}, {"name": "Balcony", "totalTickets": 2}]);
    let created = system.event_like(json!({"name": "Two types", "ticketTypes": types})).await;
    let (event, stalls, balcony) = (text(&created["id"]), text(&created["ticketTypes"][0]["id"]), text(&created["ticketTypes"][1]["id"]));
    let ada = system.user("ada").await;
    for (ticket_type, quantity) in [(&stalls, 3), (&balcony, 2)] {
        ada.client.post("/api/book", json!({"eventId": event, "ticketTypeId": ticket_type, "quantity": quantity})).await.expect(201);
    }
    let ben = system.user("ben").await;
    ben.client.post("/api/book", json!({"eventId": event, "ticketTypeId": balcony})).await.expect(202);
    let timeline = complete(&system, &event).await;
    agrees(&system, &event, &timeline).await;
    assert_eq!(numbers(&timeline["totals"]), [5, 0, 0, 0, 1, 0, 5, 1, 7]);
    let parts = timeline["ticketTypes"].as_array().unwrap();
    assert_eq!((&parts[0]["name"], numbers(&parts[0]["totals"])), (&json!("Stalls"), [3, 0, 0, 0, 0, 0, 3, 0, 5]));
    assert_eq!((&parts[1]["name"], numbers(&parts[1]["totals"])), (&json!("Balcony"), [2, 0, 0, 0, 1, 0, 2, 1, 2]));

    // Moved across a minute, an hour and a day, the changes are in the buckets of their times.
    let mut conn = system.booking_database.admin().await;
    let minutes = ["2026-03-01 23:58+00", "2026-03-01 23:59+00", "2026-03-02 00:00+00"];
    for (minute, booked) in minutes.iter().zip([1, 2, 4]) {
        let insert = format!(
            "INSERT INTO sales_minutes (event_id, ticket_type_id, minute, booked, returned, promoted, promotions, joined, withdrawn)
             VALUES ('{event}', '{stalls}', '{minute}', {booked}, 0, 0, 0, 0, 0)"
        );
        conn.batch_execute(&insert).await.unwrap();
    }
    let buckets = async |query: &str| {
        let timeline = read(&system, &event, query).await;
        let buckets = timeline["ticketTypes"][0]["buckets"].as_array().unwrap().clone();
        buckets.iter().map(|bucket| (text(&bucket["start"]), numbers(bucket)[0], numbers(bucket)[6])).collect::<Vec<_>>()
    };
    let entry = |start: &str, booked, sold| (start.to_owned(), booked, sold);
    assert_eq!(
        buckets("?bucket=minute&from=2026-03-01T23:57:59Z&to=2026-03-02T00:00:01Z").await,
        [
            entry("2026-03-01T23:57:00Z", 0, 0),
            entry("2026-03-01T23:58:00Z", 1, 1),
            entry("2026-03-01T23:59:00Z", 2, 3),
            entry("2026-03-02T00:00:00Z", 4, 7)
        ]
    );
    assert_eq!(
        buckets("?bucket=hour&from=2026-03-01T23:00:00Z&to=2026-03-02T01:00:00Z").await,
        [entry("2026-03-01T23:00:00Z", 3, 3), entry("2026-03-02T00:00:00Z", 4, 7)]
    );
    assert_eq!(
        buckets("?bucket=day&from=2026-03-01T12:00:00%2B01:00&to=2026-03-03T00:00:00Z").await,
        [entry("2026-03-01T00:00:00Z", 3, 3), entry("2026-03-02T00:00:00Z", 4, 7)]
    );
    let later = read(&system, &event, "?bucket=day&from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z").await;
    assert_eq!((numbers(&later["totals"])[0], numbers(&later["totals"])[6]), (4, 7), "what was sold before counts as sold");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_event_has_returned_everything_and_a_deleted_one_leaves_nothing() {
    let system = counting(quick()).await;
    let event = create_event(&system, json!({"name": "Called off", "totalTickets": 3})).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 3).await;
    ben.must_wait(&event, 1).await;
    cancel_event(&system, &event).await.expect(200);
    until("everything is closed", async || system.counts(&event).await == (0, 3, 0, 0)).await;
    let timeline = complete(&system, &event).await;
    agrees(&system, &event, &timeline).await;
    assert_eq!(numbers(&timeline["totals"]), [3, 3, 0, 0, 1, 1, 0, 0, 3]);

    let unwanted = system.event(1).await;
    let admin = &system.admin().client;
    system.change_type(&unwanted, json!({"totalTickets": 2})).await.expect(200);
    assert_eq!(numbers(&complete(&system, &unwanted).await["totals"])[8], 2);
    admin.patch(&format!("/admin/events/{unwanted}"), json!({"status": "draft"})).await.expect(200);
    admin.send(Method::DELETE, &format!("/admin/events/{unwanted}"), &[], None).await.expect(204);
    admin.get(&format!("/admin/events/{unwanted}/timeline")).await.refused(404, "event-not-found");
    let mut conn = system.booking_database.admin().await;
    let left = format!("SELECT count(*)::text AS value FROM sales_progress WHERE event_id = '{unwanted}'");
    until("nothing is left of the deleted event", async || value(&mut conn, &left).await == "0").await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_period_of_an_event_without_sales_is_not_empty() {
    let system = counting(unrepaired().workers(0)).await;
    let now: DateTime<Utc> = Clock::system().now();
    for change in [json!({}), json!({"salesStartAt": now + TimeDelta::days(3)}), json!({"status": "draft"})] {
        let mut body = json!({"name": "Later", "totalTickets": 3});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let timeline = read(&system, &create_event(&system, body).await, "").await;
        assert_eq!((timeline["upToDate"].as_bool(), numbers(&timeline["totals"])), (Some(true), [0, 0, 0, 0, 0, 0, 0, 0, 3]), "{timeline}");
        assert!(!timeline["buckets"].as_array().unwrap().is_empty());
    }
    let past = json!({"name": "Over", "totalTickets": 3, "startsAt": now + TimeDelta::hours(1)});
    let event = create_event(&system, past).await;
    let sql =
        format!("UPDATE events SET published_at = now() - interval '3 days', starts_at = now() - interval '1 day' WHERE id = '{event}'");
    system.booking_database.admin().await.batch_execute(&sql).await.unwrap();
    let timeline = read(&system, &event, "").await;
    let to: DateTime<Utc> = text(&timeline["to"]).parse().unwrap();
    assert!(to < now, "the timeline of a past event ends with it: {to}");
    system.stop().await;
}
