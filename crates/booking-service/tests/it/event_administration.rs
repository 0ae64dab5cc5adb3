//! Administration of events that are not on sale: listing, unpublishing and deleting.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use reqwest::Method;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::{cancel_event, create_event, each, fields, in_seconds, read_all, text, value};

async fn delete(client: &Client, event: &str) -> TestResponse {
    client.send(Method::DELETE, &format!("/admin/events/{event}"), &[], None).await
}

async fn withdraw(client: &Client, event: &str) -> TestResponse {
    client.patch(&format!("/admin/events/{event}"), json!({"status": "draft"})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_list_events_of_every_status_by_start() {
    let system = Plan::default().workers(0).start().await;
    let admin = &system.admin().client;
    for (name, status, starts_at, ends_at) in [
        ("draft of long ago", "draft", json!(in_seconds(-9_000)), Value::Null),
        ("over", "published", json!(in_seconds(-8_000)), json!(in_seconds(-7_000))),
        ("draft that would run", "draft", json!(in_seconds(-500)), json!(in_seconds(3_600))),
        ("running", "published", json!(in_seconds(-400)), json!(in_seconds(3_600))),
        ("called off while running", "cancelled", json!(in_seconds(-300)), json!(in_seconds(3_600))),
        ("soon", "published", json!(in_seconds(600)), Value::Null),
        ("draft for later", "draft", json!(in_seconds(900)), Value::Null),
        ("called off", "cancelled", json!(in_seconds(1_200)), Value::Null),
        ("undated", "published", Value::Null, Value::Null),
        ("undated draft", "draft", Value::Null, Value::Null),
    ] {
        let made = if status == "draft" { "draft" } else { "published" };
        let id =
            create_event(&system, json!({"name": name, "status": made, "startsAt": starts_at, "endsAt": ends_at, "totalTickets": 1})).await;
        if status == "cancelled" {
            cancel_event(&system, &id).await.expect(200);
        }
    }
    let all = [
        "draft of long ago",
        "over",
        "draft that would run",
        "running",
        "called off while running",
        "soon",
        "draft for later",
        "called off",
        "undated",
        "undated draft",
    ];
    let cases: [(&str, Vec<&str>); 9] = [
        ("", all.to_vec()),
        ("?status=&when=", all.to_vec()),
        ("?when=all&status=draft,published,cancelled", all.to_vec()),
        ("?when=upcoming", all[2..].to_vec()),
        ("?when=past", vec!["over", "draft of long ago"]),
        ("?status=draft", vec!["draft of long ago", "draft that would run", "draft for later", "undated draft"]),
        ("?status=cancelled,draft&when=upcoming", vec![all[2], all[4], all[6], all[7], all[9]]),
        ("?status=draft&when=past", vec!["draft of long ago"]),
        ("?q=CALLED&when=upcoming", vec!["called off while running", "called off"]),
    ];
    for (query, expected) in cases {
        for limit in [1, 2, 3, 100] {
            let items = read_all(admin, &format!("/admin/events{query}"), limit).await;
            assert_eq!(each(&items, "name"), expected, "{query} in pages of {limit}");
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_event_contains_its_ticket_counts_and_timestamps() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event_like(json!({"name": "Full", "totalTickets": 2})).await;
    let id = text(&event["id"]);
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&id, 2).await;
    ben.must_wait(&id, 2).await;
    ada.cancel_part(&booking, 1).await.expect(200);
    let page = system.admin().client.get("/admin/events").await.expect(200);
    let row = &page["items"][0];
    let public = system.visitor().get(&format!("/api/events/{id}")).await.expect(200);
    let mut expected = fields(&public);
    expected.extend(["createdAt", "heldTickets", "publishedAt", "updatedAt"].map(str::to_owned));
    expected.sort();
    assert_eq!(fields(row), expected);
    let counts = ["totalTickets", "availableTickets", "bookedTickets", "heldTickets", "waitlistLength"].map(|name| row[name].clone());
    assert_eq!(counts, [json!(2), json!(0), json!(1), json!(1), json!(1)]);
    assert_eq!(row["ticketTypes"][0]["heldTickets"], 1);
    assert_eq!((&row["publishedAt"], &row["updatedAt"]), (&row["createdAt"], &row["createdAt"]));

    let draft = create_event(&system, json!({"name": "Draft", "status": "draft", "totalTickets": 1})).await;
    let drafts = system.admin().client.get("/admin/events?status=draft").await.expect(200);
    assert_eq!((&drafts["items"][0]["id"], &drafts["items"][0]["publishedAt"]), (&json!(draft), &Value::Null));
    let alone = system.admin().client.get(&format!("/admin/events/{draft}")).await;
    assert!(alone.header("etag").is_some_and(|etag| etag.starts_with('"')));
    assert_eq!(alone.expect(200), drafts["items"][0]);
    system.admin().client.get(&format!("/admin/events/{UNKNOWN}")).await.refused(404, "event-not-found");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_bookings_or_entries_can_be_deleted_once() {
    let system = Plan::default().workers(0).start().await;
    let admin = &system.admin().client;
    let mut log = system.broker.tap().await;
    let types = json!([{"name": "Stalls", "totalTickets": 2}, {"name": "Balcony", "totalTickets": 3}]);
    let draft = create_event(&system, json!({"name": "Draft", "status": "draft", "ticketTypes": types})).await;
    let on_sale = create_event(&system, json!({"name": "On sale", "ticketTypes": types})).await;
    let off = create_event(&system, json!({"name": "Off", "totalTickets": 1})).await;
    cancel_event(&system, &off).await.expect(200);
    let other = system.event(1).await;

    let mut conn = system.booking_database.admin().await;
    for event in [&on_sale, &other] {
        let key = format!(
            "INSERT INTO idempotency_keys (event_id, account_id, key, operation, request_hash, status, response, created_at)
             VALUES ('{event}', '{}', 'k', 'book', sha256('x'), 201, '', now())",
            system.admin().id
        );
        diesel::sql_query(key).execute(&mut conn).await.unwrap();
    }
    let stale = admin.send(Method::DELETE, &format!("/admin/events/{draft}"), &[("if-match", "\"2.0\"")], None).await;
    stale.refused(412, "precondition-failed");
    for event in [&draft, &on_sale, &off] {
        let answer = delete(admin, event).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        delete(admin, event).await.refused(404, "event-not-found");
        admin.get(&format!("/admin/status/{event}")).await.refused(404, "event-not-found");
        system.visitor().get(&format!("/api/events/{event}")).await.refused(404, "event-not-found");
        admin.post("/api/book", json!({"eventId": event})).await.refused(404, "event-not-found");
        withdraw(admin, event).await.refused(404, "event-not-found");
    }
    let left = "SELECT concat_ws(' ', (SELECT count(*) FROM events), (SELECT count(*) FROM ticket_types), (SELECT count(*) FROM idempotency_keys)) AS value";
    assert_eq!(value(&mut conn, left).await, "1 1 1", "the other event, its type and its key");
    let mut told = Vec::new();
    while told.len() < 3 {
        let delivery = log.next().await;
        let message: Value = serde_json::from_slice(&delivery.body).unwrap();
        if delivery.routing_key == "event.deleted" {
            told.push((text(&message["data"]["eventId"]), text(&message["sequence"])));
        }
    }
    assert_eq!(told, [(draft.clone(), "2".to_owned()), (on_sale, "2".to_owned()), (off.clone(), "3".to_owned())]);
    let audit_log = admin.get("/admin/auditlog").await.expect(200);
    let entries: Vec<_> = audit_log["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "event.delete").collect();
    assert_eq!(entries.len(), 3);
    assert_eq!((&entries[0]["subject"], &entries[0]["details"]), (&json!(off), &json!({"name": "Off", "status": "cancelled"})));
    assert_eq!(entries[2]["actor"]["accountId"], json!(system.admin().id));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_ever_had_a_booking_or_entry_cannot_be_deleted() {
    let system = Plan::default().workers(0).start().await;
    let admin = &system.admin().client;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let [booked, given_back, left] = [system.event(1).await, system.event(2).await, system.event(1).await];
    ada.must_book(&booked, 1).await;
    ben.must_wait(&booked, 1).await;
    let booking = ada.must_book(&given_back, 2).await;
    ada.cancel(&booking).await.expect(200);
    ada.must_book(&left, 1).await;
    ben.must_wait(&left, 1).await;
    ben.client.post("/api/leavewaitlist", json!({"eventId": left})).await.expect(200);
    cancel_event(&system, &left).await.expect(200);
    for (event, bookings, entries) in [(&booked, 1, 1), (&given_back, 1, 0), (&left, 1, 1)] {
        let problem = delete(admin, event).await.refused(409, "event-has-bookings");
        assert_eq!((&problem["bookings"], &problem["waitlistEntries"]), (&json!(bookings), &json!(entries)));
        assert!(text(&problem["detail"]).contains("/cancel"), "{problem}");
        if event != &left {
            withdraw(admin, event).await.refused(409, "event-has-bookings");
            system.visitor().get(&format!("/api/events/{event}")).await.expect(200);
        }
    }
    withdraw(admin, &left).await.refused(409, "event-cancelled");
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_becomes_a_draft_again_is_hidden_immediately() {
    let system = Plan::default().workers(0).booking_setting("reads.keep_ms", "60000").start().await;
    let admin = &system.admin().client;
    let event = system.event(2).await;
    let list = async || each(system.visitor().get("/api/events").await.expect(200)["items"].as_array().unwrap(), "id");
    let path = format!("/api/events/{event}");
    assert_eq!(list().await, std::slice::from_ref(&event));
    system.visitor().get(&path).await.expect(200);

    let drafted = withdraw(admin, &event).await;
    assert_eq!(drafted.expect(200)["status"], "draft");
    assert_eq!(list().await, Vec::<String>::new(), "although the list may be kept for a minute");
    system.visitor().get(&path).await.refused(404, "event-not-found");
    admin.post("/api/book", json!({"eventId": event})).await.refused(404, "event-not-found");
    let row = admin.get("/admin/events?status=draft").await.expect(200)["items"][0].clone();
    assert_eq!((&row["id"], &row["publishedAt"]), (&json!(event), &Value::Null));
    let again = withdraw(admin, &event).await;
    assert_eq!((again.expect(200), again.header("etag")), (drafted.json(), drafted.header("etag")), "a draft stays as it is");

    admin.patch(&format!("/admin/events/{event}"), json!({"status": "published", "name": "Again"})).await.expect(200);
    assert_eq!(list().await, std::slice::from_ref(&event));
    system.user("ada").await.must_book(&event, 1).await;
    withdraw(admin, &event).await.refused(409, "event-has-bookings");
    let changes = admin.get("/admin/auditlog").await.expect(200);
    let status = |index: usize| changes["items"][index]["details"]["status"].clone();
    assert_eq!([status(0), status(1)], [json!({"from": "draft", "to": "published"}), json!({"from": "published", "to": "draft"})]);

    let unsold = system.event(1).await;
    assert_eq!(list().await.len(), 2);
    delete(admin, &unsold).await.expect(204);
    assert_eq!(list().await, [event]);
    system.stop().await;
}

/// Counts the connections that wait for a lock in the booking database.
const WAITING: &str =
    "SELECT count(*)::text AS value FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Makes two requests to two services wait for the row of an event's only ticket type, in this order, and then releases it.
async fn one_behind_the_other(system: &System, event: &str, first: Request, second: Request) -> (TestResponse, TestResponse) {
    let (mut somebody, mut watch) = (system.booking_database.admin().await, system.booking_database.admin().await);
    somebody.batch_execute(&format!("BEGIN; SELECT FROM ticket_types WHERE event_id = '{event}' FOR UPDATE")).await.unwrap();
    let first = tokio::spawn(first.send());
    until("the first waits for the row", async || value(&mut watch, WAITING).await == "1").await;
    let second = tokio::spawn(second.send());
    until("the second waits behind it", async || value(&mut watch, WAITING).await == "2").await;
    somebody.batch_execute("COMMIT").await.unwrap();
    (first.await.unwrap(), second.await.unwrap())
}

/// A prepared request.
struct Request {
    client: Client,
    method: Method,
    path: String,
    body: Value,
}

impl Request {
    async fn send(self) -> TestResponse {
        self.client.send(self.method, &self.path, &[], Some(self.body.to_string().into_bytes())).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_and_the_deletion_of_its_event_are_serialized() {
    let system = Plan::default().workers(0).bookings(2).start().await;
    let urls = system.booking_urls();
    let ada = system.user("ada").await;
    let book = |event: &str| Request {
        client: ada.client.at(&urls[0]),
        method: Method::POST,
        path: "/api/book".to_owned(),
        body: json!({"eventId": event}),
    };
    let remove = |event: &str, method: Method| Request {
        client: system.admin().client.at(&urls[1]),
        method,
        path: format!("/admin/events/{event}"),
        body: json!({"status": "draft"}),
    };
    for (method, done) in [(Method::DELETE, 204), (Method::PATCH, 200)] {
        let event = system.event(5).await;
        let (booked, refused) = one_behind_the_other(&system, &event, book(&event), remove(&event, method.clone())).await;
        booked.expect(201);
        refused.refused(409, "event-has-bookings");
        assert_eq!(system.counts(&event).await, (1, 4, 0, 0));

        let event = system.event(5).await;
        let (removed, refused) = one_behind_the_other(&system, &event, remove(&event, method), book(&event)).await;
        removed.expect(done);
        refused.refused(404, "event-not-found");
    }
    assert_eq!(ada.tickets().await, 2);
    system.check().await;
    system.stop().await;
}
