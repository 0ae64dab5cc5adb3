//! Creation, publication and changes of an event, as administrators and the public see it.

use reqwest::Method;
use rowlock_test_support::client::TestResponse;
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::support::{cancel_event, change_event, create_event, each, event_names, fields, in_seconds, public_event, text};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

async fn change_event_if(system: &System, event: &str, tag: &str, change: Value) -> TestResponse {
    let path = format!("/admin/events/{event}");
    system.admin().client.send(Method::PATCH, &path, &[("if-match", tag)], Some(change.to_string().into_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_can_be_created_with_one_or_several_ticket_types() {
    let system = Plan::default().workers(0).start().await;
    let answer = system.admin().client.post("/admin/initialize", json!({"name": "Plain", "totalTickets": 7})).await;
    let plain = answer.expect(201);
    let id = text(&plain["id"]);
    assert_eq!(answer.header("location"), Some(format!("/api/events/{id}").as_str()));
    let ticket_type = json!({"id": plain["ticketTypes"][0]["id"], "name": "General admission", "price": {"amountMinor": 0, "currency": "EUR"},
        "totalTickets": 7, "availableTickets": 7, "bookedTickets": 0, "reservedTickets": 0, "waitlistLength": 0, "maxPerBooking": 10, "maxPerAccount": null});
    assert_eq!(
        plain,
        json!({"id": id, "name": "Plain", "description": null, "venue": null, "image": null, "timeZone": "UTC", "startsAt": null, "endsAt": null,
            "salesStartAt": null, "salesEndAt": null, "waitlistUntil": "start", "cancelUntil": null, "checkoutMinutes": null, "offerMinutes": null,
            "status": "published", "totalTickets": 7, "availableTickets": 7, "bookedTickets": 0, "reservedTickets": 0, "waitlistLength": 0,
            "ticketTypes": [ticket_type]})
    );
    let seen = public_event(&system, &id).await;
    assert_eq!((seen.expect(200), seen.header("etag")), (plain, answer.header("etag")));
    assert!(answer.header("etag").is_some_and(|tag| tag.starts_with('"') && tag.ends_with('"')));

    let limits = json!({"name": "Limits", "totalTickets": 7, "price": {"amountMinor": 1250, "currency": "CHF"}, "maxPerBooking": 3, "maxPerAccount": 4,
        "description": "d", "venue": "v", "timeZone": "europe/berlin", "startsAt": "2035-06-01T20:00:00.123456789+02:00", "endsAt": "2035-06-01T20:00:00Z",
        "salesStartAt": "2024-01-01T00:00:00Z", "salesEndAt": "2035-01-01T00:00:00Z", "status": "published"});
    let event = system.event_like(limits).await;
    assert_eq!(event["startsAt"], "2035-06-01T18:00:00.123456Z", "UTC, to the microsecond");
    assert_eq!(event["timeZone"], "Europe/Berlin", "as the database spells it");
    assert_eq!((&event["endsAt"], &event["salesEndAt"]), (&json!("2035-06-01T20:00:00Z"), &json!("2035-01-01T00:00:00Z")));
    let made = &event["ticketTypes"][0];
    assert_eq!(made["price"], json!({"amountMinor": 1250, "currency": "CHF"}));
    assert_eq!((&made["maxPerBooking"], &made["maxPerAccount"]), (&json!(3), &json!(4)));
    assert_eq!(public_event(&system, &text(&event["id"])).await.expect(200), event);

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
async fn an_event_with_several_ticket_types_is_booked_by_type() {
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
    let seen = public_event(&system, &id).await.expect(200);
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
async fn a_draft_is_invisible_to_the_public_until_it_is_published() {
    let system = Plan::default().workers(0).start().await;
    let draft = system.event_like(json!({"name": "Secret", "totalTickets": 2, "status": "draft"})).await;
    let [id, ticket_type] = [text(&draft["id"]), text(&draft["ticketTypes"][0]["id"])];
    assert_eq!(draft["status"], "draft");
    let ada = system.user("ada").await;
    let unknown_to_the_public = async || {
        for client in [&system.visitor(), &ada.client, &system.admin().client] {
            client.get(&format!("/api/events/{id}")).await.refused(404, "event-not-found");
        }
        assert_eq!(event_names(&system, "?q=secret").await, Vec::<String>::new());
        for body in
            [json!({"eventId": id}), json!({"eventId": id, "ticketTypeId": ticket_type}), json!({"eventId": id, "ticketTypeId": UNKNOWN})]
        {
            ada.client.post("/api/book", body).await.refused(404, "event-not-found");
        }
    };
    unknown_to_the_public().await;
    assert_eq!(system.status(&id).await["status"], "draft");
    let changed = change_event(&system, &id, json!({"name": "Secret no more", "ticketTypes": [{"id": ticket_type, "totalTickets": 3}]}))
        .await
        .expect(200);
    assert_eq!((&changed["status"], &changed["totalTickets"]), (&json!("draft"), &json!(3)));
    unknown_to_the_public().await;

    let published = change_event(&system, &id, json!({"status": "published"})).await.expect(200);
    assert_eq!(published["status"], "published");
    assert_eq!(event_names(&system, "?q=secret").await, ["Secret no more"]);
    ada.must_book(&id, 3).await;
    let answer = change_event(&system, &id, json!({"status": "published"})).await;
    assert_eq!(answer.expect(200)["status"], "published", "again: no change");
    let answer = change_event(&system, &id, json!({"status": "draft"})).await;
    answer.refused(409, "event-has-bookings");

    // An event that was never public stays hidden after it is cancelled.
    let second = system.event_like(json!({"name": "Never", "totalTickets": 2, "status": "draft"})).await;
    let never = text(&second["id"]);
    assert_eq!(cancel_event(&system, &never).await.expect(200)["status"], "cancelled");
    public_event(&system, &never).await.refused(404, "event-not-found");
    for body in [json!({"eventId": never}), json!({"eventId": never, "ticketTypeId": second["ticketTypes"][0]["id"]})] {
        ada.client.post("/api/book", body).await.refused(404, "event-not-found");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_changes_clears_or_keeps_fields() {
    let system = Plan::default().workers(0).start().await;
    let event = system
        .event_like(json!({"name": "Before", "totalTickets": 2, "description": "d", "venue": "v", "startsAt": "2035-06-01T20:00:00Z",
            "endsAt": "2035-06-01T22:00:00Z", "salesStartAt": "2024-01-01T00:00:00Z", "salesEndAt": "2035-01-01T00:00:00Z", "maxPerAccount": 5}))
        .await;
    let id = text(&event["id"]);
    let same = change_event(&system, &id, json!({})).await;
    assert_eq!(same.expect(200), event);
    assert_eq!(same.header("etag"), public_event(&system, &id).await.header("etag"), "no change, no new version");

    let change = json!({"name": "After", "venue": "w", "timeZone": "America/New_York", "startsAt": "2035-07-01T20:00:00+02:00", "endsAt": "2035-07-01T18:00:00Z",
        "ticketTypes": [{"id": event["ticketTypes"][0]["id"], "name": "All", "maxPerBooking": 1, "maxPerAccount": null, "totalTickets": 1}]});
    let changed = change_event(&system, &id, change).await.expect(200);
    let mut expected = event.clone();
    for (field, value) in [
        ("/name", json!("After")),
        ("/venue", json!("w")),
        ("/timeZone", json!("America/New_York")),
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
    assert_eq!(change_event(&system, &id, nothing).await.expect(200), expected);
    assert_eq!(public_event(&system, &id).await.expect(200), expected);

    // Times must be in order, together with the ones stored before. A rejected change has no effect.
    change_event(&system, &id, json!({"startsAt": "2035-06-01T20:00:00Z", "salesStartAt": "2034-01-01T00:00:00Z"})).await.expect(200);
    let before = public_event(&system, &id).await;
    for (change, bad) in [
        (json!({"name": "x", "endsAt": "2035-06-01T19:59:59Z"}), vec!["endsAt"]),
        (json!({"name": "x", "startsAt": null, "endsAt": "2035-06-01T21:00:00Z"}), vec!["endsAt"]),
        (json!({"name": "x", "salesEndAt": "2034-01-01T00:00:00Z"}), vec!["salesEndAt"]),
        (json!({"endsAt": "2034-01-01T00:00:00Z", "salesEndAt": "2033-01-01T00:00:00Z"}), vec!["endsAt", "salesEndAt"]),
    ] {
        let answer = change_event(&system, &id, change).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), bad);
    }
    assert_eq!(public_event(&system, &id).await.text, before.text);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_a_stale_etag_is_rejected() {
    let system = Plan::default().workers(0).start().await;
    let id = system.event(3).await;
    let seen = text(&json!(public_event(&system, &id).await.header("etag")));
    let changed = change_event_if(&system, &id, &seen, json!({"name": "First"})).await;
    changed.expect(200);
    let newer = text(&json!(changed.header("etag")));
    assert_ne!(newer, seen);
    for stale in [seen.as_str(), "\"999.0\"", "\"\"", "x", "\"0\"", "W/\"1.0\""] {
        change_event_if(&system, &id, stale, json!({"name": "Second"})).await.refused(412, "precondition-failed");
        let path = format!("/admin/events/{id}/cancel");
        system.admin().client.send(Method::POST, &path, &[("if-match", stale)], None).await.refused(412, "precondition-failed");
    }
    assert_eq!(public_event(&system, &id).await.expect(200)["name"], "First");

    // A sold ticket changes the content and therefore the ETag, but it does not invalidate an administrator's change.
    system.user("ada").await.must_book(&id, 1).await;
    let after = text(&json!(public_event(&system, &id).await.header("etag")));
    assert_ne!(after, newer);
    change_event_if(&system, &id, &newer, json!({"name": "Second"})).await.expect(200);
    change_event_if(&system, &id, "*", json!({"name": "Third"})).await.expect(200);
    let status = system.admin().client.get(&format!("/admin/status/{id}")).await;
    let tag = text(&json!(status.header("etag")));
    change_event_if(&system, &id, &tag, json!({"name": ""})).await.refused(422, "invalid-input");
    change_event_if(&system, UNKNOWN, &tag, json!({"name": "x"})).await.refused(404, "event-not-found");

    // Of two concurrent changes with the same ETag, one succeeds.
    let [one, two] =
        [change_event_if(&system, &id, &tag, json!({"name": "One"})), change_event_if(&system, &id, &tag, json!({"name": "Two"}))];
    let (one, two) = tokio::join!(one, two);
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let tag = text(&json!(public_event(&system, &id).await.header("etag")));
    let path = format!("/admin/events/{id}/cancel");
    system.admin().client.send(Method::POST, &path, &[("if-match", tag.as_str())], None).await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tickets_are_sold_outside_the_sales_window() {
    let system = Plan::default().workers(0).start().await;
    let ada = system.user("ada").await;
    let early = create_event(&system, json!({"name": "Early", "totalTickets": 5, "salesStartAt": in_seconds(3600)})).await;
    let late = create_event(
        &system,
        json!({"name": "Late", "totalTickets": 5, "salesStartAt": in_seconds(-3600), "salesEndAt": in_seconds(-1800)}),
    )
    .await;
    let begun =
        create_event(&system, json!({"name": "StartedBatch", "totalTickets": 5, "startsAt": in_seconds(-60), "endsAt": in_seconds(3600)}))
            .await;
    for event in [&early, &late, &begun] {
        ada.book(event, 1).await.refused(409, "sales-closed");
        ada.client.post("/api/book", json!({"eventId": event, "joinWaitlist": false})).await.refused(409, "sales-closed");
        assert!(
            event_names(&system, "?when=all").await.contains(&text(&public_event(&system, event).await.expect(200)["name"])),
            "it is shown all the same"
        );
    }
    // Sales may continue after the start if `salesEndAt` says so.
    change_event(&system, &begun, json!({"salesEndAt": in_seconds(60)})).await.expect(200);
    ada.must_book(&begun, 1).await;

    change_event(&system, &early, json!({"salesStartAt": null})).await.expect(200);
    let booking = ada.must_book(&early, 2).await;
    change_event(&system, &late, json!({"salesEndAt": in_seconds(3600)})).await.expect(200);
    ada.must_book(&late, 1).await;
    change_event(&system, &early, json!({"salesEndAt": in_seconds(-1)})).await.expect(200);
    ada.book(&early, 1).await.refused(409, "sales-closed");
    // Booked tickets can still be returned.
    ada.cancel(&booking).await.expect(200);
    assert_eq!(system.counts(&early).await, (0, 5, 0, 0));
    system.check().await;
    system.stop().await;
}
