//! Life cycle of an event, as administrators and the public see it.

use chrono::{TimeDelta, Utc};
use diesel_async::RunQueryDsl;
use reqwest::Method;
use rowlock_platform::clock::Clock;
use rowlock_test_support::client::{Person, TestResponse};
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{each, fields, text, walk};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

/// Returns the time that many seconds from now.
fn in_seconds(seconds: i64) -> String {
    let time: chrono::DateTime<Utc> = Clock::system().now() + TimeDelta::seconds(seconds);
    time.to_rfc3339()
}

async fn patch(system: &System, event: &str, change: Value) -> TestResponse {
    system.admin().client.patch(&format!("/admin/events/{event}"), change).await
}

async fn patch_if(system: &System, event: &str, tag: &str, change: Value) -> TestResponse {
    let path = format!("/admin/events/{event}");
    system.admin().client.send(Method::PATCH, &path, &[("if-match", tag)], Some(change.to_string().into_bytes())).await
}

async fn call_off(system: &System, event: &str) -> TestResponse {
    system.admin().client.send(Method::POST, &format!("/admin/events/{event}/cancel"), &[], None).await
}

async fn shown(system: &System, event: &str) -> TestResponse {
    system.visitor().get(&format!("/api/events/{event}")).await
}

async fn names(system: &System, query: &str) -> Vec<String> {
    each(&walk(&system.visitor(), &format!("/api/events{query}"), 100).await, "name")
}

async fn make(system: &System, body: Value) -> String {
    text(&system.event_like(body).await["id"])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_list_goes_by_start_then_by_creation_and_shows_what_is_public() {
    let system = Plan::default().workers(0).start().await;
    let made = [
        ("May", json!("2035-05-01T20:00:00Z")),
        ("undated", Value::Null),
        ("January", json!("2035-01-01T20:00:00Z")),
        ("January too", json!("2035-01-01T22:00:00+02:00")),
        ("undated too", Value::Null),
        ("past", json!("2001-01-01T00:00:00Z")),
        ("February", json!("2035-02-01T20:00:00Z")),
    ];
    for (name, starts_at) in made {
        make(&system, json!({"name": name, "startsAt": starts_at, "totalTickets": 1})).await;
    }
    make(&system, json!({"name": "draft", "status": "draft", "totalTickets": 1})).await;
    let cancelled = make(&system, json!({"name": "cancelled", "totalTickets": 1})).await;
    call_off(&system, &cancelled).await.expect(200);

    let order = ["past", "January", "January too", "February", "May", "undated", "undated too"];
    for limit in [1, 2, 3, 7, 100] {
        let items = walk(&system.visitor(), "/api/events?when=all", limit).await;
        assert_eq!(each(&items, "name"), order, "in pages of {limit}");
    }
    for item in walk(&system.visitor(), "/api/events?when=all", 4).await {
        assert_eq!(shown(&system, &text(&item["id"])).await.expect(200), item, "the list shows whole events");
    }

    // Both bounds are inclusive. An event without a date may still take place after `from`, but it is unknown whether before
    // `to`.
    let undated = ["undated", "undated too"];
    assert_eq!(names(&system, "?from=2035-01-01T20:00:00Z").await, [&["January", "January too", "February", "May"][..], &undated].concat());
    assert_eq!(names(&system, "?to=2035-02-01T20:00:00Z").await, ["past", "January", "January too", "February"]);
    assert_eq!(names(&system, "?to=2035-02-01T19:59:59.999999Z").await, ["past", "January", "January too"]);
    assert_eq!(names(&system, "?from=2035-01-01T22:00:01+02:00&to=2035-05-01T20:00:00Z").await, ["February", "May"]);
    assert_eq!(names(&system, "?from=2035-02-01T00:00:00Z&to=2035-01-01T00:00:00Z&when=all").await, Vec::<String>::new());
    let items = walk(&system.visitor(), "/api/events?q=Too&from=2035-01-01T00:00:00Z&to=2036-01-01T00:00:00Z", 1).await;
    assert_eq!(each(&items, "name"), ["January too"]);

    // An event that is created between two requests does not shift the following pages.
    let page = system.visitor().get("/api/events?limit=2&when=all").await.expect(200);
    make(&system, json!({"name": "earlier", "startsAt": "2030-01-01T00:00:00Z", "totalTickets": 1})).await;
    let next = system.visitor().get(&format!("/api/events?limit=100&when=all&cursor={}", text(&page["nextCursor"]))).await.expect(200);
    assert_eq!(each(next["items"].as_array().unwrap(), "name"), order[2..]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_what_is_upcoming_or_running_unless_it_is_asked_for_the_past() {
    let system = Plan::default().workers(0).start().await;
    let made = [
        ("over for long", json!(in_seconds(-9_000)), json!(in_seconds(-8_000))),
        ("just over", json!(in_seconds(-7_000)), json!(in_seconds(-1))),
        ("running", json!(in_seconds(-8_500)), json!(in_seconds(3_600))),
        ("running too", json!(in_seconds(-60)), json!(in_seconds(3_600))),
        ("begun without an end", json!(in_seconds(-30)), Value::Null),
        ("tomorrow", json!(in_seconds(86_400)), Value::Null),
        ("soon", json!(in_seconds(600)), json!(in_seconds(700))),
        ("undated", Value::Null, Value::Null),
    ];
    for (name, starts_at, ends_at) in made {
        make(&system, json!({"name": name, "startsAt": starts_at, "endsAt": ends_at, "totalTickets": 1})).await;
    }
    let upcoming = ["running", "running too", "soon", "tomorrow", "undated"];
    let past = ["begun without an end", "just over", "over for long"];
    let all = ["over for long", "running", "just over", "running too", "begun without an end", "soon", "tomorrow", "undated"];
    for limit in [1, 2, 3, 100] {
        for (query, expected) in
            [("", &upcoming[..]), ("?when=", &upcoming), ("?when=upcoming", &upcoming), ("?when=past", &past), ("?when=all", &all)]
        {
            let items = walk(&system.visitor(), &format!("/api/events{query}"), limit).await;
            assert_eq!(each(&items, "name"), expected, "{query} in pages of {limit}");
        }
    }
    let now = in_seconds(0).replace('+', "%2B");
    assert_eq!(names(&system, &format!("?from={now}")).await, upcoming, "what runs has not ended");
    assert_eq!(names(&system, &format!("?to={now}")).await, all[..5]);
    assert_eq!(names(&system, &format!("?to={now}&when=upcoming")).await, ["running", "running too"]);
    assert_eq!(names(&system, &format!("?from={}&when=past", in_seconds(-2).replace('+', "%2B"))).await, ["just over"]);
    let answer = system.visitor().get("/api/events?when=soon").await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["when"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_was_typed_and_nothing_else() {
    let system = Plan::default().workers(0).start().await;
    make(&system, json!({"name": "50% off_now", "totalTickets": 1})).await;
    make(&system, json!({"name": "50 percent offXnow", "totalTickets": 1})).await;
    make(&system, json!({"name": "back\\slash", "venue": "The Old Mill", "totalTickets": 1})).await;
    make(&system, json!({"name": "it's", "description": "with a QUARTET\nand more", "totalTickets": 1})).await;
    let cases: [(&str, &[&str]); 14] = [
        ("50%25", &["50% off_now"]),
        ("off_now", &["50% off_now"]),
        ("%25", &["50% off_now"]),
        ("_", &["50% off_now"]),
        ("OFF", &["50% off_now", "50 percent offXnow"]),
        ("PERCENT+OFFx", &["50 percent offXnow"]),
        ("%5C", &["back\\slash"]),
        ("back%5Cslash", &["back\\slash"]),
        ("old+mill", &["back\\slash"]),
        ("%27", &["it's"]),
        ("quartet", &["it's"]),
        ("%20quartet%20", &["it's"]),
        ("50.*", &[]),
        ("", &["50% off_now", "50 percent offXnow", "back\\slash", "it's"]),
    ];
    for (term, found) in cases {
        assert_eq!(names(&system, &format!("?q={term}")).await, found, "{term}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_made_in_either_form_and_shown_whole() {
    let system = Plan::default().workers(0).start().await;
    let answer = system.admin().client.post("/admin/initialize", json!({"name": "Plain", "totalTickets": 7})).await;
    let plain = answer.expect(201);
    let id = text(&plain["id"]);
    assert_eq!(answer.header("location"), Some(format!("/api/events/{id}").as_str()));
    let ticket_type = json!({"id": plain["ticketTypes"][0]["id"], "name": "General admission", "price": {"amountMinor": 0, "currency": "EUR"},
        "totalTickets": 7, "availableTickets": 7, "bookedTickets": 0, "waitlistLength": 0, "maxPerBooking": 10, "maxPerAccount": null});
    assert_eq!(
        plain,
        json!({"id": id, "name": "Plain", "description": null, "venue": null, "startsAt": null, "endsAt": null, "salesStartAt": null,
            "salesEndAt": null, "waitlistUntil": "start", "cancelUntil": null, "status": "published", "totalTickets": 7, "availableTickets": 7, "bookedTickets": 0, "waitlistLength": 0,
            "ticketTypes": [ticket_type]})
    );
    let seen = shown(&system, &id).await;
    assert_eq!((seen.expect(200), seen.header("etag")), (plain, answer.header("etag")));
    assert!(answer.header("etag").is_some_and(|tag| tag.starts_with('"') && tag.ends_with('"')));

    let limits = json!({"name": "Limits", "totalTickets": 7, "price": {"amountMinor": 1250, "currency": "CHF"}, "maxPerBooking": 3, "maxPerAccount": 4,
        "description": "d", "venue": "v", "startsAt": "2035-06-01T20:00:00.123456789+02:00", "endsAt": "2035-06-01T20:00:00Z",
        "salesStartAt": "2024-01-01T00:00:00Z", "salesEndAt": "2035-01-01T00:00:00Z", "status": "published"});
    let event = system.event_like(limits).await;
    assert_eq!(event["startsAt"], "2035-06-01T18:00:00.123456Z", "UTC, to the microsecond");
    assert_eq!((&event["endsAt"], &event["salesEndAt"]), (&json!("2035-06-01T20:00:00Z"), &json!("2035-01-01T00:00:00Z")));
    let made = &event["ticketTypes"][0];
    assert_eq!(made["price"], json!({"amountMinor": 1250, "currency": "CHF"}));
    assert_eq!((&made["maxPerBooking"], &made["maxPerAccount"]), (&json!(3), &json!(4)));
    assert_eq!(shown(&system, &text(&event["id"])).await.expect(200), event);

    // Several types keep the order in which they were listed. Their sum may be given as well.
    let types = json!([{"name": "Stalls", "totalTickets": 2, "price": {"amountMinor": 1, "currency": "JPY"}}, {"name": "Balcony", "totalTickets": 3},
        {"name": "Arena", "totalTickets": 4, "maxPerBooking": 100, "maxPerAccount": 1}]);
    let event = system.event_like(json!({"name": "Several", "ticketTypes": types, "totalTickets": 9})).await;
    assert_eq!(each(event["ticketTypes"].as_array().unwrap(), "name"), ["Stalls", "Balcony", "Arena"]);
    assert_eq!((&event["totalTickets"], &event["availableTickets"]), (&json!(9), &json!(9)));
    let without = system.event_like(json!({"name": "Several", "ticketTypes": types, "totalTickets": null, "venue": null})).await;
    assert_eq!(without["totalTickets"], 9);
    let one = system.event_like(json!({"name": "One", "ticketTypes": [{"name": "Only", "totalTickets": 1}]})).await;
    assert_eq!(one["ticketTypes"][0]["name"], "Only");
    let disagreeing = json!({"name": "Several", "ticketTypes": types, "totalTickets": 10});
    let answer = system.admin().client.post("/admin/initialize", disagreeing).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["totalTickets"]);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_several_types_is_booked_by_type() {
    let system = Plan::default().workers(0).start().await;
    let types = json!([{"name": "Stalls", "totalTickets": 2}, {"name": "Balcony", "totalTickets": 3, "maxPerBooking": 2}]);
    let event = system.event_like(json!({"name": "Several", "ticketTypes": types})).await;
    let id = text(&event["id"]);
    let balcony = text(&event["ticketTypes"][1]["id"]);
    let other = system.event_like(json!({"name": "Other", "totalTickets": 1})).await;
    let ada = system.user("ada").await;
    for (ticket_type, field) in
        [(Value::Null, "ticketTypeId"), (json!(UNKNOWN), "ticketTypeId"), (other["ticketTypes"][0]["id"].clone(), "ticketTypeId")]
    {
        let answer = ada.client.post("/api/book", json!({"eventId": id, "ticketTypeId": ticket_type})).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), [field]);
    }
    let booked = ada.client.post("/api/book", json!({"eventId": id, "ticketTypeId": balcony, "quantity": 2})).await.expect(201);
    assert_eq!(fields(&booked), ["booking", "status"]);
    assert_eq!((&booked["booking"]["ticketTypeId"], &booked["booking"]["quantity"]), (&json!(balcony), &json!(2)));
    let answer = ada.client.post("/api/book", json!({"eventId": id, "ticketTypeId": balcony, "quantity": 3})).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["quantity"], "more than one booking of this type may have");
    let seen = shown(&system, &id).await.expect(200);
    assert_eq!(
        (&seen["bookedTickets"], &seen["ticketTypes"][0]["bookedTickets"], &seen["ticketTypes"][1]["bookedTickets"]),
        (&json!(2), &json!(0), &json!(2))
    );
    assert_eq!((&seen["availableTickets"], &seen["ticketTypes"][1]["availableTickets"]), (&json!(3), &json!(1)));
    // One ticket is left, which is not enough for two: that request joins the waiting list only if it wants to.
    let want = |join| json!({"eventId": id, "ticketTypeId": balcony, "quantity": 2, "joinWaitlist": join});
    ada.client.post("/api/book", want(false)).await.refused(409, "sold-out");
    assert_eq!(ada.client.post("/api/book", want(true)).await.expect(202)["waitlistEntry"]["position"], 1);
    ada.client.post("/api/book", json!({"eventId": id, "ticketTypeId": balcony, "joinWaitlist": false})).await.expect(201);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_does_not_exist_for_the_public_until_it_is_published() {
    let system = Plan::default().workers(0).start().await;
    let draft = system.event_like(json!({"name": "Secret", "totalTickets": 2, "status": "draft"})).await;
    let [id, ticket_type] = [text(&draft["id"]), text(&draft["ticketTypes"][0]["id"])];
    assert_eq!(draft["status"], "draft");
    let ada = system.user("ada").await;
    let unknown_to_the_public = async || {
        for client in [&system.visitor(), &ada.client, &system.admin().client] {
            client.get(&format!("/api/events/{id}")).await.refused(404, "event-not-found");
        }
        assert_eq!(names(&system, "?q=secret").await, Vec::<String>::new());
        for body in
            [json!({"eventId": id}), json!({"eventId": id, "ticketTypeId": ticket_type}), json!({"eventId": id, "ticketTypeId": UNKNOWN})]
        {
            ada.client.post("/api/book", body).await.refused(404, "event-not-found");
        }
    };
    unknown_to_the_public().await;
    assert_eq!(system.status(&id).await["status"], "draft");
    let changed =
        patch(&system, &id, json!({"name": "Secret no more", "ticketTypes": [{"id": ticket_type, "totalTickets": 3}]})).await.expect(200);
    assert_eq!((&changed["status"], &changed["totalTickets"]), (&json!("draft"), &json!(3)));
    unknown_to_the_public().await;

    let published = patch(&system, &id, json!({"status": "published"})).await.expect(200);
    assert_eq!(published["status"], "published");
    assert_eq!(names(&system, "?q=secret").await, ["Secret no more"]);
    ada.must_book(&id, 3).await;
    let answer = patch(&system, &id, json!({"status": "published"})).await;
    assert_eq!(answer.expect(200)["status"], "published", "again: no change");
    let answer = patch(&system, &id, json!({"status": "draft"})).await;
    answer.refused(409, "event-has-bookings");

    // An event that was never public stays hidden after it is cancelled.
    let second = system.event_like(json!({"name": "Never", "totalTickets": 2, "status": "draft"})).await;
    let never = text(&second["id"]);
    assert_eq!(call_off(&system, &never).await.expect(200)["status"], "cancelled");
    shown(&system, &never).await.refused(404, "event-not-found");
    for body in [json!({"eventId": never}), json!({"eventId": never, "ticketTypeId": second["ticketTypes"][0]["id"]})] {
        ada.client.post("/api/book", body).await.refused(404, "event-not-found");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn details_are_changed_cleared_or_left_alone() {
    let system = Plan::default().workers(0).start().await;
    let event = system
        .event_like(json!({"name": "Before", "totalTickets": 2, "description": "d", "venue": "v", "startsAt": "2035-06-01T20:00:00Z",
            "endsAt": "2035-06-01T22:00:00Z", "salesStartAt": "2024-01-01T00:00:00Z", "salesEndAt": "2035-01-01T00:00:00Z", "maxPerAccount": 5}))
        .await;
    let id = text(&event["id"]);
    let same = patch(&system, &id, json!({})).await;
    assert_eq!(same.expect(200), event);
    assert_eq!(same.header("etag"), shown(&system, &id).await.header("etag"), "no change, no new version");

    let change = json!({"name": "After", "venue": "w", "startsAt": "2035-07-01T20:00:00+02:00", "endsAt": "2035-07-01T18:00:00Z",
        "ticketTypes": [{"id": event["ticketTypes"][0]["id"], "name": "All", "maxPerBooking": 1, "maxPerAccount": null, "totalTickets": 1}]});
    let changed = patch(&system, &id, change).await.expect(200);
    let mut expected = event.clone();
    for (field, value) in [
        ("/name", json!("After")),
        ("/venue", json!("w")),
        ("/startsAt", json!("2035-07-01T18:00:00Z")),
        ("/endsAt", json!("2035-07-01T18:00:00Z")),
        ("/totalTickets", json!(1)),
        ("/availableTickets", json!(1)),
        ("/ticketTypes/0/name", json!("All")),
        ("/ticketTypes/0/totalTickets", json!(1)),
        ("/ticketTypes/0/availableTickets", json!(1)),
        ("/ticketTypes/0/maxPerBooking", json!(1)),
        ("/ticketTypes/0/maxPerAccount", Value::Null),
    ] {
        *expected.pointer_mut(field).unwrap() = value;
    }
    assert_eq!(changed, expected);

    let nothing = json!({"description": null, "venue": null, "startsAt": null, "endsAt": null, "salesStartAt": null, "salesEndAt": null});
    for field in ["description", "venue", "startsAt", "endsAt", "salesStartAt", "salesEndAt"] {
        expected[field] = Value::Null;
    }
    assert_eq!(patch(&system, &id, nothing).await.expect(200), expected);
    assert_eq!(shown(&system, &id).await.expect(200), expected);

    // Times must be in order, together with the ones stored before. A rejected change has no effect.
    patch(&system, &id, json!({"startsAt": "2035-06-01T20:00:00Z", "salesStartAt": "2034-01-01T00:00:00Z"})).await.expect(200);
    let before = shown(&system, &id).await;
    for (change, bad) in [
        (json!({"name": "x", "endsAt": "2035-06-01T19:59:59Z"}), vec!["endsAt"]),
        (json!({"name": "x", "startsAt": null, "endsAt": "2035-06-01T21:00:00Z"}), vec!["endsAt"]),
        (json!({"name": "x", "salesEndAt": "2034-01-01T00:00:00Z"}), vec!["salesEndAt"]),
        (json!({"endsAt": "2034-01-01T00:00:00Z", "salesEndAt": "2033-01-01T00:00:00Z"}), vec!["endsAt", "salesEndAt"]),
    ] {
        let answer = patch(&system, &id, change).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), bad);
    }
    assert_eq!(shown(&system, &id).await.text, before.text);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_was_seen_is_refused_when_somebody_else_changed_it() {
    let system = Plan::default().workers(0).start().await;
    let id = system.event(3).await;
    let seen = text(&json!(shown(&system, &id).await.header("etag")));
    let changed = patch_if(&system, &id, &seen, json!({"name": "First"})).await;
    changed.expect(200);
    let newer = text(&json!(changed.header("etag")));
    assert_ne!(newer, seen);
    for stale in [seen.as_str(), "\"999.0\"", "\"\"", "x", "\"0\"", "W/\"1.0\""] {
        patch_if(&system, &id, stale, json!({"name": "Second"})).await.refused(412, "precondition-failed");
        let path = format!("/admin/events/{id}/cancel");
        system.admin().client.send(Method::POST, &path, &[("if-match", stale)], None).await.refused(412, "precondition-failed");
    }
    assert_eq!(shown(&system, &id).await.expect(200)["name"], "First");

    // A sold ticket changes the content and therefore the ETag, but it does not invalidate an administrator's change.
    system.user("ada").await.must_book(&id, 1).await;
    let after = text(&json!(shown(&system, &id).await.header("etag")));
    assert_ne!(after, newer);
    patch_if(&system, &id, &newer, json!({"name": "Second"})).await.expect(200);
    patch_if(&system, &id, "*", json!({"name": "Third"})).await.expect(200);
    let status = system.admin().client.get(&format!("/admin/status/{id}")).await;
    let tag = text(&json!(status.header("etag")));
    patch_if(&system, &id, &tag, json!({"name": ""})).await.refused(422, "invalid-input");
    patch_if(&system, UNKNOWN, &tag, json!({"name": "x"})).await.refused(404, "event-not-found");

    // Of two concurrent changes with the same ETag, one succeeds.
    let [one, two] = [patch_if(&system, &id, &tag, json!({"name": "One"})), patch_if(&system, &id, &tag, json!({"name": "Two"}))];
    let (one, two) = tokio::join!(one, two);
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let tag = text(&json!(shown(&system, &id).await.header("etag")));
    let path = format!("/admin/events/{id}/cancel");
    system.admin().client.send(Method::POST, &path, &[("if-match", tag.as_str())], None).await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_outside_the_sales_window() {
    let system = Plan::default().workers(0).start().await;
    let ada = system.user("ada").await;
    let early = make(&system, json!({"name": "Early", "totalTickets": 5, "salesStartAt": in_seconds(3600)})).await;
    let late =
        make(&system, json!({"name": "Late", "totalTickets": 5, "salesStartAt": in_seconds(-3600), "salesEndAt": in_seconds(-1800)})).await;
    let begun = make(&system, json!({"name": "Begun", "totalTickets": 5, "startsAt": in_seconds(-60), "endsAt": in_seconds(3600)})).await;
    for event in [&early, &late, &begun] {
        ada.book(event, 1).await.refused(409, "sales-closed");
        ada.client.post("/api/book", json!({"eventId": event, "joinWaitlist": false})).await.refused(409, "sales-closed");
        assert!(
            names(&system, "?when=all").await.contains(&text(&shown(&system, event).await.expect(200)["name"])),
            "it is shown all the same"
        );
    }
    // Sales may continue after the start if `salesEndAt` says so.
    patch(&system, &begun, json!({"salesEndAt": in_seconds(60)})).await.expect(200);
    ada.must_book(&begun, 1).await;

    patch(&system, &early, json!({"salesStartAt": null})).await.expect(200);
    let booking = ada.must_book(&early, 2).await;
    patch(&system, &late, json!({"salesEndAt": in_seconds(3600)})).await.expect(200);
    ada.must_book(&late, 1).await;
    patch(&system, &early, json!({"salesEndAt": in_seconds(-1)})).await.expect(200);
    ada.book(&early, 1).await.refused(409, "sales-closed");
    // Booked tickets can still be returned.
    ada.cancel(&booking).await.expect(200);
    assert_eq!(system.counts(&early).await, (0, 5, 0, 0));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_event_ends_all_that_was_booked_and_waited_for() {
    // Chunks of two, so that several are needed, and no worker, so that the request itself has to cancel everything.
    let system = Plan::default().workers(0).booking_setting("booking.cancel_chunk", "2").start().await;
    let types = json!([{"name": "A", "totalTickets": 3}, {"name": "B", "totalTickets": 1}]);
    let event = system.event_like(json!({"name": "Off", "ticketTypes": types})).await;
    let id = text(&event["id"]);
    let people = system.users("fan", 6).await;
    let mut asked = Vec::new();
    for person in &people {
        for ticket_type in event["ticketTypes"].as_array().unwrap() {
            asked.push(person.client.post("/api/book", json!({"eventId": id, "ticketTypeId": ticket_type["id"]})).await.status);
        }
    }
    assert_eq!(asked.iter().filter(|status| **status == 201).count(), 4);
    people[0].client.post("/api/cancelbooking", json!({"bookingId": people[0].bookings().await[0]["id"]})).await.expect(200);
    assert_eq!(system.status(&id).await["heldTickets"], 1, "held when the event is called off");

    let off = call_off(&system, &id).await;
    let body = off.expect(200);
    assert_eq!((&body["status"], &body["bookedTickets"], &body["waitlistLength"]), (&json!("cancelled"), &json!(0), &json!(0)));
    assert_eq!(fields(&body), fields(&event));
    system.check().await;
    assert_eq!(system.status(&id).await["heldTickets"], 0);
    for person in &people {
        assert!(person.bookings().await.iter().all(|booking| booking["status"] == "cancelled" && booking["cancelledAt"].is_string()));
        for entry in person.waitlist().await {
            assert_eq!((&entry["status"], &entry["position"], &entry["bookingId"]), (&json!("closed"), &Value::Null, &Value::Null));
        }
    }

    let first = &event["ticketTypes"][0]["id"];
    let book = json!({"eventId": id, "ticketTypeId": first});
    people[5].client.post("/api/book", book).await.refused(409, "event-cancelled");
    let again = call_off(&system, &id).await;
    assert_eq!((again.expect(200), again.header("etag")), (body.clone(), off.header("etag")), "again: the same");
    for change in [
        json!({"startsAt": null}),
        json!({"name": "x", "cancelUntil": null}),
        json!({"status": "published"}),
        json!({"ticketTypes": [{"id": first, "totalTickets": 9}]}),
    ] {
        patch(&system, &id, change).await.refused(409, "event-cancelled");
    }
    assert_eq!(shown(&system, &id).await.expect(200), body, "it is shown to those who have its address");
    assert_eq!(names(&system, "").await, Vec::<String>::new(), "and no longer listed");

    // Returning tickets that the cancellation has taken, and leaving a closed waiting list, change nothing.
    let booking = &people[1].bookings().await[0];
    let answer = people[1].client.post("/api/cancelbooking", json!({"bookingId": booking["id"]})).await.expect(200);
    assert_eq!(&answer["booking"], booking);
    let entry = &people[5].waitlist().await[0];
    let answer = people[5].client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry["id"]})).await.expect(200);
    assert_eq!(&answer["waitlistEntry"], entry);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_left_undone_of_a_cancelled_event_is_done_by_the_sweep() {
    let mut system = Plan::default().workers(0).worker_setting("worker.sweep_interval_ms", "50").start().await;
    let id = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&id, 2).await;
    ben.must_wait(&id, 1).await;
    // Simulates a process that died right after it had set the status.
    set(&system, &id, "status = 'cancelled'").await;
    ada.book(&id, 1).await.refused(409, "event-cancelled");
    system.add_worker().await;
    until("all is cancelled and closed", async || system.counts(&id).await == (0, 2, 0, 0)).await;
    assert_eq!((&ada.bookings().await[0]["status"], &ben.waitlist().await[0]["status"]), (&json!("cancelled"), &json!("closed")));
    system.quiet().await;
    system.stop().await;
}

/// Changes an event directly in the database.
async fn set(system: &System, event: &str, change: &str) {
    let sql = format!("UPDATE events SET {change} WHERE id = '{event}'");
    assert_eq!(diesel::sql_query(sql).execute(&mut system.booking_database.admin().await).await, Ok(1));
}

/// Creates one held ticket and an entry that waits for it, with no worker to promote the entry.
async fn held(system: &System, event: &str) -> [Person; 2] {
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(event, 1).await;
    ben.must_wait(event, 1).await;
    ada.cancel(&booking).await.expect(200);
    assert_eq!(system.counts(event).await, (0, 0, 1, 1));
    [ada, ben]
}

#[tokio::test(flavor = "multi_thread")]
async fn when_an_event_is_set_to_have_begun_nobody_waits_any_more() {
    let mut system = Plan::default().workers(0).worker_setting("worker.sweep_interval_ms", "50").start().await;
    let id = system.event(1).await;
    let [ada, ben] = held(&system, &id).await;
    let changed = patch(&system, &id, json!({"startsAt": in_seconds(-1), "closeWaitlist": true})).await.expect(200);
    assert_eq!(changed["availableTickets"], 1, "what was held is for everybody at once");
    ada.book(&id, 1).await.refused(409, "sales-closed");
    system.add_worker().await;
    until("the waiting list is closed", async || system.counts(&id).await == (0, 1, 0, 0)).await;
    let entry = &ben.waitlist().await[0];
    assert_eq!((&entry["status"], &entry["position"]), (&json!("closed"), &Value::Null));
    assert_eq!(ben.tickets().await, 0);
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_time_of_an_event_comes_nobody_waits_any_more() {
    let mut system = Plan::default().workers(0).worker_setting("worker.sweep_interval_ms", "50").start().await;
    let id = make(&system, json!({"name": "Soon", "totalTickets": 1, "startsAt": in_seconds(3600)})).await;
    let [ada, ben] = held(&system, &id).await;
    // Simulates that the hour has passed.
    set(&system, &id, "starts_at = starts_at - interval '1 hour'").await;
    ada.book(&id, 1).await.refused(409, "sales-closed");
    assert_eq!(system.counts(&id).await, (0, 0, 1, 1));
    // Nothing is promoted, although a ticket is held and a message about it is queued.
    system.add_worker().await;
    until("what was held is available and nobody waits", async || system.counts(&id).await == (0, 1, 0, 0)).await;
    assert_eq!((ben.tickets().await, &ben.waitlist().await[0]["status"]), (0, &json!("closed")));
    system.quiet().await;
    system.stop().await;
}
