//! Creating, listing, changing and cancelling events.

use serde_json::{Value, json};

use crate::fixture::Fixture;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_created_with_all_given_fields() {
    let fixture = Fixture::logged_in().await;
    let output =
        fixture.run(&["events", "create", "Boat race", "--tickets", "20", "--price", "12.50EUR", "--venue", "North bank"]).await.ok();
    assert!(output.starts_with("Boat race is published.") && output.contains("12.50 EUR"), "{output}");

    let balcony = "Balcony=30,price=1500JPY,max-per-booking=4,max-per-account=8";
    let arguments = ["events", "create", "Concert", "--type", balcony, "--type", "Stalls=70", "--starts-at", "2030-12-24T20:00:00+01:00"];
    let more =
        ["--description", "Loud", "--sales-end-at", "2030-12-24", "--ends-at", "2030-12-25", "--time-zone", "Europe/Berlin", "--draft"];
    let event = fixture.json(&[&arguments[..], &more].concat()).await.json();
    let fields = ["name", "status", "description", "timeZone", "startsAt", "endsAt", "salesEndAt", "totalTickets"];
    assert_eq!(
        fields.map(|name| event[name].clone()),
        [
            json!("Concert"),
            json!("draft"),
            json!("Loud"),
            json!("Europe/Berlin"),
            json!("2030-12-24T19:00:00Z"),
            json!("2030-12-25T00:00:00Z"),
            json!("2030-12-24T00:00:00Z"),
            json!(100)
        ]
    );
    let list = fixture.run(&["events", "list", "--status", "draft"]).await.ok();
    assert!(list.contains("2030-12-24 20:00 Europe/Berlin"), "{list}");
    let kind = &event["ticketTypes"][0];
    assert_eq!((&kind["name"], &kind["price"]), (&json!("Balcony"), &json!({"amountMinor": 1500, "currency": "JPY"})));
    assert_eq!((&kind["maxPerBooking"], &kind["maxPerAccount"]), (&json!(4), &json!(8)));

    let file = fixture.home.file("event.json", &json!({"name": "From a file", "totalTickets": 3}).to_string());
    let event = fixture.json(&["events", "create", "--file", file.to_str().unwrap()]).await.json();
    assert_eq!((&event["name"], &event["totalTickets"]), (&json!("From a file"), &json!(3)));
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_events_are_rejected_with_every_invalid_field() {
    let fixture = Fixture::logged_in().await;
    let long = "x".repeat(201);
    let error = fixture.run(&["events", "create", &long, "--tickets", "0"]).await.failed(7, "name: must be at most 200 characters");
    assert!(error.contains("\n  totalTickets: must be from 1"), "{error}");
    let error = fixture.json(&["events", "create", &long, "--tickets", "1"]).await.failed(7, "invalid-input");
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!((&error["error"]["exitCode"], &error["error"]["problem"]["errors"][0]["field"]), (&json!(7), &json!("name")));

    let file = fixture.home.file("event.json", "{\"name\": ");
    fixture.run(&["events", "create", "--file", file.to_str().unwrap()]).await.failed(2, "is not JSON");
    fixture.run(&["events", "create", "--file", "/nowhere/at-all"]).await.failed(2, "Cannot read /nowhere/at-all");
    fixture.run(&["events", "create", "A name", "--tickets", "5", "--price", "5"]).await.failed(2, "12.50EUR");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_of_a_list_are_read() {
    let fixture = Fixture::open().await;
    for number in 0..103 {
        let starts_at = format!("2030-01-01T00:{:02}:{:02}Z", number / 60, number % 60);
        fixture.system.event_like(json!({"name": format!("Event {number}"), "totalTickets": 1, "startsAt": starts_at})).await;
    }
    // The public list needs no login.
    let url = fixture.gateway.url();
    let all = fixture.json(&["events", "list", "--all", "--url", url]).await.lines();
    let expected: Vec<_> = (0..103).map(|number| format!("Event {number}")).collect();
    assert_eq!(all.iter().map(|event| text(&event["name"])).collect::<Vec<_>>(), expected);

    let some = fixture.run(&["events", "list", "--limit", "2", "--url", url]).await;
    assert_eq!((some.code, some.err.as_str()), (0, "The list has more items. Show them with --all, or raise --limit.\n"));
    assert_eq!(some.out.lines().count(), 3, "a header and two events: {}", some.out);
    fixture.json(&["events", "list", "--limit", "103", "--url", url]).await.ok();

    let found = fixture.json(&["events", "list", "--query", "Event 77", "--url", url]).await.lines();
    assert_eq!(found.len(), 1);
    let bounds = ["events", "list", "--from", "2030-01-01T00:01:40Z", "--to", "2030-01-01T01:01:42+01:00", "--url", url];
    let within: Vec<_> = fixture.json(&bounds).await.lines().iter().map(|event| text(&event["name"])).collect();
    assert_eq!(within, ["Event 100", "Event 101", "Event 102"], "both bounds are inclusive");
    assert_eq!(fixture.run(&["events", "list", "--from", "2031-01-01", "--url", url]).await.ok(), "No events match.\n");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_changed_and_published() {
    let fixture = Fixture::logged_in().await;
    let arguments = ["events", "create", "Concert", "--type", "Balcony=30", "--type", "Stalls=70", "--draft"];
    let id = text(&fixture.json(&arguments).await.json()["id"]);
    let change = ["events", "change", &id];
    fixture.run(&change).await.failed(2, "There is nothing to change.");
    fixture.run(&[&change[..], &["--tickets", "5"]].concat()).await.failed(2, "has several ticket types");
    fixture
        .run(&[&change[..], &["--type", "Boxes=5"]].concat())
        .await
        .failed(2, "has no ticket type `Boxes`. Its ticket types are `Balcony`, `Stalls`.");

    let changed = fixture.json(&[&change[..], &["--type", "balcony=35", "--name", "The concert", "--publish"]].concat()).await.json();
    assert_eq!((&changed["name"], &changed["status"], &changed["totalTickets"]), (&json!("The concert"), &json!("published"), &json!(105)));
    let stalls = text(&changed["ticketTypes"][1]["id"]);
    let changed = fixture.json(&[&change[..], &["--type", &format!("{stalls}=5")]].concat()).await.json();
    assert_eq!(changed["totalTickets"], 40);

    let single = text(&fixture.json(&["events", "create", "Single", "--tickets", "5"]).await.json()["id"]);
    fixture.system.user("ada").await.must_book(&single, 4).await;
    fixture.run(&["events", "change", &single, "--tickets", "4"]).await.ok();
    fixture.run(&["events", "change", &single, "--tickets", "3"]).await.failed(7, "booked");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_an_event_needs_confirmation() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(2).await;
    let ada = fixture.system.user("ada").await;
    ada.must_book(&event, 2).await;
    let error = fixture.run(&["events", "cancel", &event]).await.failed(2, "--yes");
    assert!(error.contains("A test has 2 booked tickets and 0 entries on its waiting list."), "{error}");
    assert_eq!(ada.tickets().await, 2);

    let output = fixture.run(&["events", "cancel", &event, "--yes"]).await.ok();
    assert!(output.starts_with("A test and all its bookings are cancelled."), "{output}");
    assert_eq!(ada.tickets().await, 0);
    fixture.run(&["events", "change", &event, "--publish"]).await.failed(7, "cancelled");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_list_events_of_every_status() {
    let fixture = Fixture::logged_in().await;
    fixture.run(&["events", "create", "A draft", "--tickets", "5", "--starts-at", "2035-01-01", "--draft"]).await.ok();
    fixture.run(&["events", "create", "On sale", "--tickets", "5", "--starts-at", "2035-02-01"]).await.ok();
    fixture.run(&["events", "create", "Over", "--tickets", "5", "--starts-at", "2001-02-01"]).await.ok();
    let off = text(&fixture.json(&["events", "create", "Called off", "--tickets", "5", "--starts-at", "2035-03-01"]).await.json()["id"]);
    fixture.run(&["events", "cancel", &off, "--yes"]).await.ok();

    let cases: [(&[&str], &[&str]); 6] = [
        (&["--status", "any"], &["Over", "A draft", "On sale", "Called off"]),
        (&["--status", "draft,cancelled"], &["A draft", "Called off"]),
        (&["--status", "any", "--when", "upcoming", "--search", "SALE"], &["On sale"]),
        (&["--status", "published", "--when", "past"], &["Over"]),
        (&["--when", "all"], &["Over", "On sale"]),
        (&[], &["On sale"]),
    ];
    for (arguments, expected) in cases {
        let listed = fixture.json(&[&["events", "list"], arguments].concat()).await.lines();
        assert_eq!(listed.iter().map(|event| text(&event["name"])).collect::<Vec<_>>(), expected, "{arguments:?}");
    }
    let table = fixture.run(&["events", "list", "--status", "draft"]).await.ok();
    assert!(table.contains("A draft") && table.contains("draft"), "{table}");
    fixture.run(&["events", "list", "--status", "sold"]).await.failed(2, "possible values");
    fixture.run(&["events", "list", "--status", "any", "--from", "2035-01-01"]).await.failed(2, "cannot be used with");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_bookings_can_be_unpublished_and_deleted() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(2).await;
    let output = fixture.run(&["events", "unpublish", &event]).await.ok();
    assert!(output.starts_with("A test is a draft. Publish it again with: rowlockctl events change"), "{output}");

    let error = fixture.run(&["events", "delete", &event]).await.failed(2, "--yes");
    assert!(error.contains("A test is draft. It will be deleted permanently."), "{error}");
    assert_eq!(fixture.run(&["events", "delete", &event, "--yes"]).await.ok(), "A test is deleted.\n");
    fixture.run(&["events", "delete", &event, "--yes"]).await.failed(6, "There is no event with this id.");

    let sold = fixture.system.event(2).await;
    fixture.system.user("ada").await.must_book(&sold, 1).await;
    for command in [&["events", "unpublish", &sold][..], &["events", "delete", &sold, "--yes"]] {
        fixture.run(command).await.failed(7, "The event has or had 1 booking and 0 waiting-list entries");
    }
    let other = fixture.system.event(1).await;
    let deleted = fixture.json(&["events", "delete", &other, "--yes"]).await.json();
    assert_eq!(deleted, json!({"id": other, "name": "A test", "deleted": true}));
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_events_are_reported() {
    let fixture = Fixture::logged_in().await;
    let unknown = "01920000-0000-7000-8000-000000000000";
    for command in [
        &["events", "show", unknown][..],
        &["events", "cancel", unknown, "--yes"],
        &["events", "delete", unknown, "--yes"],
        &["events", "unpublish", unknown],
        &["events", "change", unknown, "--tickets", "5"],
        &["waitlist", unknown],
        &["bookings", "export", unknown],
    ] {
        fixture.run(command).await.failed(6, "There is no event with this id. List the events with: rowlockctl events list");
    }
    fixture.run(&["events", "show", "boat-race"]).await.failed(2, "must be a UUID");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_set_and_removed() {
    let fixture = Fixture::logged_in().await;
    let event = text(&fixture.json(&["events", "create", "Boat race", "--tickets", "20"]).await.json()["id"]);
    let picture = fixture.home.path("race.webp");
    std::fs::write(&picture, rowlock_test_support::PICTURE).unwrap();
    let arguments = ["events", "picture", &event, picture.to_str().unwrap()];
    let output = fixture.run(&arguments).await.ok();
    assert!(output.starts_with("The event has a picture of "), "{output}");
    let document = fixture.json(&arguments).await.json();
    assert!(text(&document["image"]["url"]).starts_with("/api/events/"), "{document}");

    assert_eq!(fixture.run(&["events", "picture", &event, "--remove"]).await.ok(), "The event has no picture.\n");
    fixture.run(&["events", "picture", &event, "--remove"]).await.ok();
    let file = fixture.home.file("race.txt", "not a picture");
    fixture.run(&["events", "picture", &event, file.to_str().unwrap()]).await.failed(2, "is not a PNG, JPEG or WebP picture");
    let damaged = fixture.home.file("race.png", "");
    std::fs::write(&damaged, b"\x89PNG\r\n\x1a\n damaged").unwrap();
    fixture.run(&["events", "picture", &event, damaged.to_str().unwrap()]).await.failed(7, "");
    fixture.run(&["events", "picture", &event]).await.failed(2, "FILE");
    fixture.run(&["events", "picture", &event, "/nothing/there.png"]).await.failed(2, "Cannot read /nothing/there.png");
    fixture.close().await;
}
