//! Sending the links of guests again, and what the service that sends e-mail learns about guests.

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rowlock_domain::states::AdminRole;
use rowlock_test_support::guests::guest_token;
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::{read_all, text};

async fn logged(system: &System) -> Vec<Value> {
    let log = read_all(&system.admin().client, "/admin/auditlog", 10).await;
    log.into_iter().filter(|entry| ["booking.link", "waitlist.link"].map(Value::from).contains(&entry["action"])).collect()
}

fn path(booking: &str) -> String {
    format!("/admin/bookings/{booking}/sendlink")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sends_a_link_again_and_can_replace_it() {
    let system = Plan::default().workers(0).start().await;
    let mut log = system.broker.tap().await;
    let event = system.event(3).await;
    let guest = system.guest(&event, "Grace", 2).await;
    let booking = text(&guest.bookings().await[0]["id"]);
    let admin = &system.administrator(AdminRole::Organiser).await.client;

    let again = json!({"reason": "Asked by phone"});
    let sent = admin.post_with_key(&path(&booking), "again", again.clone()).await;
    assert_eq!((sent.status, sent.text.as_str()), (204, ""));
    let repeated = admin.post_with_key(&path(&booking), "again", again).await;
    assert_eq!((repeated.status, repeated.header("idempotent-replayed")), (204, Some("true")));
    admin.post_with_key(&path(&booking), "again", json!({})).await.refused(422, "idempotency-key-reused");
    guest.client.get("/api/bookings").await.expect(200);

    for _ in 0..2 {
        let response = admin.post_with_key(&path(&booking), "replace", json!({"replace": true})).await;
        assert_eq!(response.status, 204);
    }
    guest.client.get("/api/bookings").await.refused(401, "unauthenticated");
    let with_link = |link| system.visitor().with_guest_token(guest_token(&guest.id, link));
    assert_eq!(with_link(2).get("/api/bookings").await.expect(200)["items"][0]["id"], json!(booking));
    with_link(3).get("/api/bookings").await.refused(401, "unauthenticated");

    let entries = logged(&system).await;
    assert_eq!(entries.len(), 2, "repeats are not in the log: {entries:?}");
    assert_eq!((&entries[0]["subject"], &entries[0]["details"]["replaced"]), (&json!(booking), &json!(true)));
    assert_eq!((&entries[1]["details"]["replaced"], &entries[1]["details"]["reason"]), (&json!(false), &json!("Asked by phone")));
    assert_eq!(entries[1]["details"]["eventId"], json!(event));

    let mut sequences = Vec::new();
    while sequences.len() < 2 {
        let delivery = log.next().await;
        let message: Value = serde_json::from_slice(&delivery.body).unwrap();
        let body = message.to_string();
        assert!(!body.contains("guests.example") && !body.contains("Grace") && !body.contains("sealed"), "{body}");
        if delivery.routing_key == "guest.link_requested" {
            assert_eq!((&message["data"]["bookingId"], &message["data"]["accountId"]), (&json!(booking), &json!(guest.id)));
            assert_eq!((&message["data"]["quantity"], &message["data"]["eventId"]), (&json!(2), &json!(event)));
            sequences.push(text(&message["sequence"]));
        }
    }
    assert_eq!(sequences, ["1", "2"], "the numbers of the links");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_link_to_send_only_for_tickets_of_guests() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    let ada = system.user("ada").await;
    let booked = ada.must_book(&event, 1).await;
    let guest = system.guest(&event, "Grace", 1).await;
    let booking = text(&guest.bookings().await[0]["id"]);
    let admin = &system.admin().client;
    for id in [UNKNOWN, "x"] {
        admin.post(&path(id), json!({})).await.refused(404, "booking-not-found");
    }
    admin.post(&path(&booked), json!({})).await.refused(409, "not-a-guest");
    assert_eq!(admin.post(&path(&booking), json!({"replace": "yes", "reason": ""})).await.bad_fields(), ["reason", "replace"]);
    admin.post(&path(&booking), json!({"email": "other@example.org"})).await.refused(400, "unknown-field");
    ada.client.post(&path(&booking), json!({})).await.refused(403, "forbidden");
    system.administrator(AdminRole::Door).await.client.post(&path(&booking), json!({})).await.refused(403, "forbidden");
    guest.cancel(&booking).await.expect(200);
    admin.post(&path(&booking), json!({"replace": true})).await.refused(409, "booking-cancelled");
    assert_eq!(guest.bookings().await[0]["status"], "cancelled", "the link still works");
    assert!(logged(&system).await.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_guest_who_waits_is_sent_again_and_its_number_survives_the_promotion() {
    let system = System::new().await;
    let event = system.event(1).await;
    let ada = system.user("ada").await;
    let booked = ada.must_book(&event, 1).await;
    let [guest, leaving] = [system.guest(&event, "Grace", 1).await, system.guest(&event, "Joan", 1).await];
    let ben = system.user("ben").await;
    let theirs = ben.must_wait(&event, 1).await.0;
    let admin = &system.administrator(AdminRole::Organiser).await.client;
    let path_of = |entry: &str| format!("/admin/waitlist/{entry}/sendlink");
    let entry = text(&guest.waitlist().await[0]["id"]);
    let waiting = system.status(&event).await["waitlist"]["items"].clone();
    let flags: Vec<_> = waiting.as_array().unwrap().iter().map(|entry| entry["forGuest"].clone()).collect();
    assert_eq!(flags, [json!(true), json!(true), json!(false)]);

    let mut log = system.broker.tap().await;
    for _ in 0..2 {
        let sent = admin.post_with_key(&path_of(&entry), "again", json!({"reason": "Asked by phone"})).await;
        assert_eq!(sent.status, 204);
    }
    guest.client.get("/api/waitlist").await.expect(200);
    assert_eq!(admin.post(&path_of(&entry), json!({"replace": true})).await.status, 204);
    guest.client.get("/api/waitlist").await.refused(401, "unauthenticated");
    let with_link = |link| system.visitor().with_guest_token(guest_token(&guest.id, link));
    assert_eq!(with_link(2).get("/api/waitlist").await.expect(200)["items"][0]["id"], json!(entry));
    let mut sequences = Vec::new();
    while sequences.len() < 2 {
        let delivery = log.next().await;
        if delivery.routing_key == "guest.link_requested" {
            let message: Value = serde_json::from_slice(&delivery.body).unwrap();
            assert_eq!((&message["data"]["waitlistEntryId"], &message["data"]["accountId"]), (&json!(entry), &json!(guest.id)));
            assert_eq!((&message["data"]["bookingId"], &message["data"]["quantity"]), (&Value::Null, &json!(1)));
            sequences.push(text(&message["sequence"]));
        }
    }
    assert_eq!(sequences, ["1", "2"], "the numbers of the links");
    let entries = logged(&system).await;
    assert_eq!(entries.len(), 2, "repeats are not in the log: {entries:?}");
    assert_eq!((&entries[0]["action"], &entries[0]["subject"]), (&json!("waitlist.link"), &json!(entry)));
    assert_eq!(entries[1]["details"]["reason"], "Asked by phone");

    for id in [UNKNOWN, "x"] {
        admin.post(&path_of(id), json!({})).await.refused(404, "waitlist-entry-not-found");
    }
    admin.post(&path_of(&theirs), json!({})).await.refused(409, "not-a-guest");
    let left = text(&leaving.waitlist().await[0]["id"]);
    leaving.client.post("/api/leavewaitlist", json!({"waitlistEntryId": left})).await.expect(200);
    admin.post(&path_of(&left), json!({"replace": true})).await.refused(404, "waitlist-entry-not-found");
    assert_eq!(leaving.waitlist().await[0]["status"], "left", "the link still works");

    // The booking inherits the number of the link, from which the next replacement continues.
    ada.cancel(&booked).await.expect(200);
    system.quiet().await;
    let booking = text(&with_link(2).get("/api/bookings").await.expect(200)["items"][0]["id"]);
    guest.client.get("/api/bookings").await.refused(401, "unauthenticated");
    let promoted = admin.post(&path_of(&entry), json!({})).await.refused(409, "already-promoted");
    assert_eq!(promoted["bookingId"], json!(booking));
    let wanted = json!({"guests": [{"eventId": event, "accountId": guest.id}]});
    assert_eq!(system.visitor().post("/internal/guests", wanted.clone()).await.expect(200)["guests"][0]["link"], 2);
    assert_eq!(admin.post(&path(&booking), json!({"replace": true})).await.status, 204);
    with_link(2).get("/api/bookings").await.refused(401, "unauthenticated");
    assert_eq!(with_link(3).get("/api/bookings").await.expect(200)["items"][0]["id"], json!(booking));
    assert_eq!(system.visitor().post("/internal/guests", wanted).await.expect(200)["guests"][0]["link"], 3);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_learn_the_addresses_and_links_of_guests_only() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let booked = system.guest(&event, "Grace", 1).await;
    let waiting = system.guest(&event, "Joan", 1).await;
    let ada = system.user("ada").await;
    ada.must_wait(&event, 1).await;
    let booking = text(&booked.bookings().await[0]["id"]);
    let replaced = system.admin().client.post(&path(&booking), json!({"replace": true})).await;
    assert_eq!(replaced.status, 204);
    let wanted = |event: &str, account: &str| json!({"eventId": event, "accountId": account});
    let other = system.event(1).await;
    let body = json!({"guests": [
        wanted(&event, &booked.id), wanted(&event, &waiting.id), wanted(&event, &booked.id), wanted(&event, &ada.id),
        wanted(&other, &booked.id), wanted(&event, UNKNOWN),
    ]});
    let found = system.visitor().post("/internal/guests", body).await.expect(200);
    let mut found = found["guests"].as_array().unwrap().clone();
    found.sort_by_key(|guest| text(&guest["name"]));
    let guest = |account: &str, name: &str, email: &str, link: u32| json!({"eventId": event, "accountId": account, "name": name, "email": email, "link": link});
    let expected = [guest(&booked.id, "Grace", "grace@guests.example", 2), guest(&waiting.id, "Joan", "joan@guests.example", 1)];
    assert_eq!(found, expected);

    assert_eq!(system.visitor().post("/internal/guests", json!({"guests": []})).await.expect(200), json!({"guests": []}));
    for (body, fields) in [
        (json!({}), vec!["guests"]),
        (json!({"guests": vec![wanted(&event, UNKNOWN); 501]}), vec!["guests"]),
        (json!({"guests": [{"eventId": "x"}]}), vec!["guests[0].accountId", "guests[0].eventId"]),
    ] {
        let refused = system.visitor().post("/internal/guests", body).await;
        refused.refused(422, "invalid-input");
        assert_eq!(refused.bad_fields(), fields);
    }
    system.stop().await;
}

#[derive(QueryableByName)]
struct LinkRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Integer>)]
    guest_link: Option<i32>,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migration_gives_links_to_the_guests_of_earlier_versions_only() {
    let system = System::new().await;
    let event = system.event(3).await;
    let (booked, ada) = (system.guest(&event, "Grace", 1).await, system.user("ada").await);
    let kept = ada.must_book(&event, 1).await;
    let returned = ada.must_book(&event, 1).await;
    let promoted = system.guest(&event, "Joan", 1).await;
    let by_administrator = json!({"accountId": ada.id});
    ada.cancel(&returned).await.expect(200);
    system.quiet().await;
    system.change_type(&event, json!({"totalTickets": 4})).await.expect(200);
    let given = system.admin().client.post(&format!("/admin/events/{event}/bookings"), by_administrator).await.expect(201);
    let mut guests = [text(&booked.bookings().await[0]["id"]), text(&promoted.bookings().await[0]["id"])];
    guests.sort();
    let mut accounts = [kept, returned, text(&given["booking"]["id"])];
    accounts.sort();

    // Earlier versions booked for guests only, and did not say so.
    let mut conn = system.booking_database.admin().await;
    let before = "ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET details = details - 'forGuest' WHERE details ->> 'forGuest' = 'true';
                  ALTER TABLE audit_log ENABLE TRIGGER USER";
    conn.batch_execute(before).await.unwrap();
    conn.batch_execute(include_str!("../../../../migrations/booking/00000000000021_guest_links/down.sql")).await.unwrap();
    conn.batch_execute(include_str!("../../../../migrations/booking/00000000000021_guest_links/up.sql")).await.unwrap();
    let rows: Vec<LinkRow> = diesel::sql_query("SELECT id::text, guest_link FROM bookings ORDER BY id").load(&mut conn).await.unwrap();
    let with = |link| rows.iter().filter(|row| row.guest_link == link).map(|row| row.id.clone()).collect::<Vec<_>>();
    assert_eq!((with(Some(1)), with(None)), (guests.to_vec(), accounts.to_vec()));
    drop(conn);
    system.stop().await;
}
