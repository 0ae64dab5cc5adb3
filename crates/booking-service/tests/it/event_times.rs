//! The times of an event: what they allow and reject, and which changes would close its waiting list.

use diesel_async::RunQueryDsl;
use rowlock_test_support::client::{Person, TestResponse};
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{change_event, in_seconds, text};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

async fn initialize(system: &System, times: Value) -> TestResponse {
    let mut body = json!({"name": "Timed", "totalTickets": 5});
    body.as_object_mut().unwrap().extend(times.as_object().cloned().unwrap());
    system.admin().client.post("/admin/initialize", body).await
}

async fn sql(system: &System, statement: &str) {
    let mut conn = system.booking_database.admin().await;
    diesel::sql_query(statement).execute(&mut conn).await.unwrap();
}

/// Sells the only ticket to the first person and puts the others on the waiting list in their order. Returns the booking's id.
async fn sold_out_with_queue(event: &str, people: &[Person]) -> String {
    let booking = people[0].must_book(event, 1).await;
    for person in &people[1..] {
        person.book(event, 1).await.expect(202);
    }
    booking
}

/// Returns the status and position of a person's only waiting-list entry.
async fn entry(person: &Person) -> (String, Value) {
    let entries = person.waitlist().await;
    assert_eq!(entries.len(), 1);
    (text(&entries[0]["status"]), entries[0]["position"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_must_start_before_they_end_and_end_by_the_end_of_the_event() {
    let system = Plan::default().workers(0).start().await;
    let refused: [(Value, &[&str]); 7] = [
        (
            json!({"startsAt": "2020-01-01T20:00:00Z", "endsAt": "2020-01-01T23:00:00Z", "salesEndAt": "2030-01-01T00:00:00Z"}),
            &["salesEndAt"],
        ),
        (json!({"startsAt": in_seconds(DAY), "endsAt": in_seconds(DAY + HOUR), "salesEndAt": in_seconds(DAY + HOUR + 1)}), &["salesEndAt"]),
        (json!({"startsAt": in_seconds(DAY), "salesEndAt": in_seconds(DAY + 1)}), &["salesEndAt"]),
        (json!({"startsAt": "2035-01-01T20:00:00Z", "salesStartAt": "2035-01-01T20:00:00Z"}), &["salesStartAt"]),
        (json!({"startsAt": in_seconds(DAY), "endsAt": in_seconds(2 * DAY), "salesStartAt": in_seconds(DAY + HOUR)}), &["salesStartAt"]),
        (json!({"salesStartAt": "2035-01-01T20:00:00Z", "salesEndAt": "2035-01-01T20:00:00Z"}), &["salesEndAt"]),
        (json!({"startsAt": in_seconds(DAY), "cancelUntil": in_seconds(DAY + 1)}), &["cancelUntil"]),
    ];
    for (times, fields) in refused {
        let answer = initialize(&system, times).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), fields);
    }
    for times in [
        json!({"startsAt": "2035-01-01T20:00:00Z", "endsAt": "2035-01-01T23:00:00Z", "salesEndAt": "2035-01-01T23:00:00Z"}),
        json!({"startsAt": "2035-01-01T20:00:00Z", "salesEndAt": "2035-01-01T20:00:00Z", "cancelUntil": "2035-01-01T20:00:00Z"}),
        json!({"startsAt": "2035-01-01T20:00:00Z", "salesStartAt": "2035-01-01T19:59:59Z"}),
        json!({"startsAt": "2035-01-01T20:00:00Z", "endsAt": "2035-01-01T23:00:00Z", "salesStartAt": "2035-01-01T20:00:00Z",
            "salesEndAt": "2035-01-01T22:00:00Z"}),
        json!({"salesStartAt": in_seconds(DAY), "salesEndAt": in_seconds(2 * DAY), "cancelUntil": in_seconds(3 * DAY)}),
        json!({"startsAt": "2020-01-01T20:00:00Z"}),
    ] {
        initialize(&system, times).await.expect(201);
    }

    // The rules apply to the times after the change, whichever of them is changed.
    let times = json!({"startsAt": "2035-01-01T20:00:00Z", "endsAt": "2035-01-01T23:00:00Z", "salesEndAt": "2035-01-01T22:00:00Z"});
    let event = text(&initialize(&system, times).await.expect(201)["id"]);
    for (change, field) in [
        (json!({"endsAt": "2035-01-01T21:00:00Z"}), "salesEndAt"),
        (json!({"endsAt": null}), "salesEndAt"),
        (json!({"startsAt": "2034-01-01T20:00:00Z", "endsAt": "2034-01-01T23:00:00Z"}), "salesEndAt"),
        (json!({"salesStartAt": "2035-01-01T22:00:00Z"}), "salesEndAt"),
        (json!({"salesEndAt": null, "salesStartAt": "2035-01-01T20:00:00Z"}), "salesStartAt"),
        (json!({"cancelUntil": "2035-01-01T20:00:01Z"}), "cancelUntil"),
    ] {
        let answer = change_event(&system, &event, change).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), [field]);
    }
    change_event(&system, &event, json!({"endsAt": null, "salesEndAt": null})).await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_has_ended_sells_no_tickets_and_promotes_no_entries() {
    let system = System::new().await;
    let people = system.users("fan", 3).await;
    let times = json!({"startsAt": in_seconds(DAY), "endsAt": in_seconds(2 * DAY)});
    let event = text(&initialize(&system, times).await.expect(201)["id"]);
    let id = system.visitor().get(&format!("/api/events/{event}")).await.expect(200)["ticketTypes"][0]["id"].clone();
    change_event(&system, &event, json!({"ticketTypes": [{"id": id, "totalTickets": 1}]})).await.expect(200);
    let booking = sold_out_with_queue(&event, &people).await;
    // Such a sales window could be stored before sales had to end with the event.
    sql(
        &system,
        "UPDATE events SET starts_at = now() - interval '2 days', ends_at = now() - interval '1 second', sales_end_at = now() + interval '1 year'",
    )
    .await;
    people[2].book(&event, 1).await.refused(409, "sales-closed");
    people[0].cancel(&booking).await.refused(409, "event-begun");
    change_event(&system, &event, json!({"description": "The times of this event do not hinder a new text."})).await.expect(200);
    change_event(&system, &event, json!({"ticketTypes": [{"id": id, "totalTickets": 9}]})).await.expect(200);
    until("the list is closed", async || entry(&people[1]).await.0 == "closed").await;
    assert_eq!((entry(&people[2]).await, people[1].bookings().await.len()), (("closed".to_owned(), Value::Null), 0));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_would_close_the_waiting_list_needs_confirmation_and_can_be_undone() {
    let system = System::new().await;
    let people = system.users("fan", 5).await;
    let event = text(&system.event_like(json!({"name": "Slip", "totalTickets": 1, "startsAt": in_seconds(DAY)})).await["id"]);
    let booking = sold_out_with_queue(&event, &people).await;

    let last_year = json!({"startsAt": in_seconds(-365 * DAY), "name": "Slipped"});
    let refused = change_event(&system, &event, last_year.clone()).await;
    let problem = refused.refused(409, "waitlist-would-close");
    assert_eq!((&problem["waitlistEntries"], &problem["heldTickets"]), (&json!(4), &json!(0)));
    assert_eq!(system.visitor().get(&format!("/api/events/{event}")).await.expect(200)["name"], "Slip", "nothing was changed");
    assert_eq!(entry(&people[1]).await, ("waiting".to_owned(), json!(1)));
    // The end of sales does not end the waiting list, unless the event says so.
    change_event(&system, &event, json!({"salesEndAt": in_seconds(-1)})).await.expect(200);
    change_event(&system, &event, json!({"waitlistUntil": "salesEnd"})).await.refused(409, "waitlist-would-close");
    change_event(&system, &event, json!({"salesEndAt": null, "waitlistUntil": "salesEnd"})).await.expect(200);
    change_event(&system, &event, json!({"salesEndAt": in_seconds(-1)})).await.refused(409, "waitlist-would-close");

    let mut meant = last_year;
    meant["closeWaitlist"] = json!(true);
    change_event(&system, &event, meant).await.expect(200);
    until("all entries are closed", async || entry(&people[1]).await.0 == "closed" && entry(&people[4]).await.0 == "closed").await;
    system.check().await;
    // An entry of an account that was disabled meanwhile does not return to the waiting list.
    sql(
        &system,
        "INSERT INTO account_states (account_id, version, state, received_at, settled_at)
         SELECT account_id, 99, 'disabled', now(), now() FROM waitlist_entries WHERE number = 2",
    )
    .await;

    change_event(&system, &event, json!({"startsAt": in_seconds(DAY)})).await.expect(200);
    for (person, state) in
        [(1, ("waiting", json!(1))), (2, ("closed", Value::Null)), (3, ("waiting", json!(2))), (4, ("waiting", json!(3)))]
    {
        assert_eq!(entry(&people[person]).await, (state.0.to_owned(), state.1), "fan {person}");
    }
    system.check().await;
    people[0].cancel(&booking).await.expect(200);
    until("the first in the old order gets the ticket", async || people[1].bookings().await.len() == 1).await;
    assert_eq!(entry(&people[3]).await, ("waiting".to_owned(), json!(1)));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_returned_after_the_start_go_to_the_waiting_list_when_the_event_is_postponed() {
    let system = System::new().await;
    let people = system.users("fan", 3).await;
    let event = text(&system.event_like(json!({"name": "Postponed", "totalTickets": 1, "startsAt": in_seconds(DAY)})).await["id"]);
    sold_out_with_queue(&event, &people).await;
    change_event(&system, &event, json!({"startsAt": in_seconds(-1), "closeWaitlist": true})).await.expect(200);
    until("all entries are closed", async || entry(&people[2]).await.0 == "closed").await;
    let id = system.visitor().get(&format!("/api/events/{event}")).await.expect(200)["ticketTypes"][0]["id"].clone();
    let change = json!({"startsAt": in_seconds(DAY), "ticketTypes": [{"id": id, "totalTickets": 2}]});
    change_event(&system, &event, change).await.expect(200);
    until("the added ticket goes to the first", async || people[1].bookings().await.len() == 1).await;
    assert_eq!(entry(&people[2]).await, ("waiting".to_owned(), json!(1)));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_list_is_served_until_the_start_or_until_sales_end() {
    let system = System::new().await;
    let people = system.users("fan", 3).await;
    for (waitlist_until, promoted) in [("start", true), ("salesEnd", false)] {
        let body = json!({"name": waitlist_until, "totalTickets": 1, "startsAt": in_seconds(DAY), "waitlistUntil": waitlist_until});
        let event = text(&system.event_like(body).await["id"]);
        assert_eq!(system.visitor().get(&format!("/api/events/{event}")).await.expect(200)["waitlistUntil"], waitlist_until);
        let booking = people[0].must_book(&event, 1).await;
        people[1].book(&event, 1).await.expect(202);
        change_event(&system, &event, json!({"salesEndAt": in_seconds(-1), "closeWaitlist": true})).await.expect(200);
        people[2].book(&event, 1).await.refused(409, "sales-closed");
        people[0].cancel(&booking).await.expect(200);
        let expected = if promoted { "promoted" } else { "closed" };
        until("the entry has ended", async || {
            people[1].waitlist().await.iter().any(|entry| entry["eventId"] == json!(event) && entry["status"] == json!(expected))
        })
        .await;
    }
    let answer = initialize(&system, json!({"waitlistUntil": "never"})).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["waitlistUntil"]);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_can_be_returned_until_the_deadline_or_the_start() {
    let system = Plan::default().workers(0).start().await;
    let ada = system.user("ada").await;
    let event = text(&system.event_like(json!({"name": "Deadline", "totalTickets": 5, "startsAt": in_seconds(DAY)})).await["id"]);
    let booking = ada.must_book(&event, 3).await;
    let part = |quantity: u32| ada.client.post("/api/cancelbooking", json!({"bookingId": booking, "quantity": quantity}));
    part(1).await.expect(200);

    let deadline = in_seconds(-1);
    let changed = change_event(&system, &event, json!({"cancelUntil": deadline})).await.expect(200);
    assert!(changed["cancelUntil"].is_string());
    let refused = part(1).await;
    assert_eq!(refused.refused(409, "cancellation-closed")["cancelUntil"], changed["cancelUntil"]);
    ada.client.post("/api/cancelbooking", json!({"eventId": event})).await.refused(409, "cancellation-closed");
    change_event(&system, &event, json!({"cancelUntil": in_seconds(HOUR)})).await.expect(200);
    part(1).await.expect(200);

    change_event(&system, &event, json!({"startsAt": in_seconds(-1), "cancelUntil": null})).await.expect(200);
    part(1).await.refused(409, "event-begun");
    ada.cancel(&booking).await.refused(409, "event-begun");
    change_event(&system, &event, json!({"startsAt": null})).await.expect(200);
    let returned = ada.cancel(&booking).await.expect(200);
    change_event(&system, &event, json!({"startsAt": in_seconds(-1)})).await.expect(200);
    assert_eq!(ada.cancel(&booking).await.expect(200), returned, "a repeat is answered as before");
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_texts_of_a_cancelled_event_can_be_changed() {
    let system = Plan::default().workers(0).start().await;
    let event = text(&system.event_like(json!({"name": "Off", "totalTickets": 2, "startsAt": in_seconds(DAY)})).await["id"]);
    system.admin().client.post(&format!("/admin/events/{event}/cancel"), json!({})).await.expect(200);
    let texts = json!({"name": "Off (cancelled)", "description": "Refunds at the desk.", "venue": null, "timeZone": "Europe/Berlin"});
    let changed = change_event(&system, &event, texts).await.expect(200);
    assert_eq!((&changed["status"], &changed["description"]), (&json!("cancelled"), &json!("Refunds at the desk.")));
    let id = changed["ticketTypes"][0]["id"].clone();
    for field in ["startsAt", "endsAt", "salesStartAt", "salesEndAt", "cancelUntil"] {
        change_event(&system, &event, json!({field: null, "name": "x"})).await.refused(409, "event-cancelled");
    }
    for change in [json!({"status": "published"}), json!({"waitlistUntil": "start"}), json!({"ticketTypes": [{"id": id, "name": "x"}]})] {
        change_event(&system, &event, change).await.refused(409, "event-cancelled");
    }
    assert_eq!(system.visitor().get(&format!("/api/events/{event}")).await.expect(200), changed);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capacities_and_currencies_obey_the_same_rules_on_creation_and_on_change() {
    let system = Plan::default().workers(0).start().await;
    let priced = |currency: &str| json!({"name": currency, "totalTickets": 1, "price": {"amountMinor": 100, "currency": currency}});
    for currency in ["ZZZ", "XXX", "HRK", "XAU"] {
        let answer = system.admin().client.post("/admin/initialize", priced(currency)).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), ["price.currency"]);
    }
    let two = json!({"name": "Two", "ticketTypes": [priced("EUR"), priced("USD")]});
    let answer = system.admin().client.post("/admin/initialize", two).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["ticketTypes"]);
    let one = json!({"name": "One", "ticketTypes": [{"name": "free", "totalTickets": 1}, priced("USD")]});
    let event = system.admin().client.post("/admin/initialize", one).await.expect(201);
    for ticket_type in event["ticketTypes"].as_array().unwrap() {
        assert_eq!(ticket_type["price"]["currency"], "USD", "a free type has the currency of the others");
    }

    let (id, free) = (text(&event["id"]), event["ticketTypes"][0]["id"].clone());
    let total = |tickets: u32| change_event(&system, &id, json!({"ticketTypes": [{"id": free, "totalTickets": tickets}]}));
    let answer = total(0).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["ticketTypes[0].totalTickets"]);
    total(3).await.expect(200);
    let book = |quantity: u32| json!({"eventId": id, "ticketTypeId": free, "quantity": quantity});
    let ada = system.user("ada").await;
    ada.client.post("/api/book", book(2)).await.expect(201);
    assert!(
        total(1).await.refused(409, "capacity-below-booked")["detail"].as_str().unwrap().starts_with("2 tickets of this type are booked")
    );
    ada.client.post("/api/cancelbooking", json!({"eventId": id})).await.expect(200);
    ada.client.post("/api/book", book(1)).await.expect(201);
    total(1).await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_what_an_account_would_lose_if_it_were_disabled() {
    let system = Plan::default().workers(0).start().await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let over = text(&system.event_like(json!({"name": "Over", "totalTickets": 5, "startsAt": in_seconds(DAY)})).await["id"]);
    ada.must_book(&over, 1).await;
    change_event(&system, &over, json!({"startsAt": in_seconds(-1)})).await.expect(200);
    let event = system.event(5).await;
    ada.must_book(&event, 2).await;
    ada.must_book(&event, 3).await;
    ada.must_wait(&event, 1).await;
    let holdings = async |id: &str| system.admin().client.get(&format!("/admin/holdings/{id}")).await;
    assert_eq!(holdings(&ada.id).await.expect(200), json!({"bookings": 2, "tickets": 5, "waitlistEntries": 1}));
    assert_eq!(holdings(&ben.id).await.expect(200), json!({"bookings": 0, "tickets": 0, "waitlistEntries": 0}));
    holdings("nobody").await.refused(404, "account-not-found");
    ada.client.get(&format!("/admin/holdings/{}", ada.id)).await.refused(403, "forbidden");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_a_time_zone_for_its_readers() {
    let system = Plan::default().workers(0).start().await;
    let unknown = initialize(&system, json!({"timeZone": "Mars/Olympus", "name": ""})).await;
    unknown.refused(422, "invalid-input");
    assert_eq!(unknown.bad_fields(), ["name", "timeZone"]);
    let message = text(&unknown.json()["errors"][1]["message"]);
    assert!(message.contains("Europe/Berlin") && message.contains("Mars/Olympus"), "{message}");

    let times = json!({"timeZone": "Asia/Kathmandu", "startsAt": "2035-06-01T20:00:00+05:45"});
    let event = initialize(&system, times).await.expect(201);
    let id = text(&event["id"]);
    assert_eq!((&event["timeZone"], &event["startsAt"]), (&json!("Asia/Kathmandu"), &json!("2035-06-01T14:15:00Z")));
    let changed = change_event(&system, &id, json!({"timeZone": "Europe/London"})).await.expect(200);
    assert_eq!((&changed["timeZone"], &changed["startsAt"]), (&json!("Europe/London"), &event["startsAt"]), "instants do not move");
    change_event(&system, &id, json!({"timeZone": null})).await.refused(422, "invalid-input");
    let admin = system.admin();
    let status = admin.client.get(&format!("/admin/status/{id}")).await.expect(200);
    assert_eq!((&status["timeZone"], &status["startsAt"]), (&json!("Europe/London"), &event["startsAt"]));
    for path in ["/api/events", "/admin/events"] {
        assert_eq!(admin.client.get(path).await.expect(200)["items"][0]["timeZone"], "Europe/London", "{path}");
    }
    let log = admin.client.get("/admin/auditlog").await.expect(200);
    assert_eq!(log["items"][0]["details"], json!({"timeZone": {"from": "Asia/Kathmandu", "to": "Europe/London"}}));
    // A name that a newer version has stored, and that this version does not know, blocks neither readers nor buyers.
    sql(&system, "UPDATE events SET time_zone = 'Europe/Atlantis'").await;
    system.user("ada").await.must_book(&id, 1).await;
    assert_eq!(change_event(&system, &id, json!({"name": "Timeless"})).await.expect(200)["timeZone"], "Europe/Atlantis");
    system.stop().await;
}
