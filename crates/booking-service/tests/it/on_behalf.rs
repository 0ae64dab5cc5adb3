//! Commands of administrators on behalf of others: cancel a booking, book for a guest, remove a waiting-list entry.

use rowlock_test_support::system::System;
use serde_json::{Value, json};

use crate::support::{read_all, text};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

async fn logged(system: &System, action: &str) -> Vec<Value> {
    let log = read_all(&system.admin().client, "/admin/auditlog", 10).await;
    log.into_iter().filter(|entry| entry["action"] == action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_cancels_a_booking_and_the_next_entry_is_promoted() {
    let system = System::new().await;
    let event = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 2).await;
    ben.must_wait(&event, 1).await;
    let admin = &system.admin().client;
    let path = format!("/admin/bookings/{booking}/cancel");

    ada.client.post(&path, json!({})).await.refused(403, "forbidden");
    admin.post(&format!("/admin/bookings/{UNKNOWN}/cancel"), json!({})).await.refused(404, "booking-not-found");
    admin.post("/admin/bookings/nonsense/cancel", json!({})).await.refused(404, "booking-not-found");
    assert_eq!(admin.post(&path, json!({"quantity": 3})).await.bad_fields(), ["quantity"]);
    assert_eq!(admin.post(&path, json!({"quantity": 0, "reason": ""})).await.bad_fields(), ["quantity", "reason"]);
    assert!(logged(&system, "booking.cancel").await.is_empty(), "a refusal is not in the log");

    let part = json!({"quantity": 1, "reason": "Refunded at the desk"});
    let reduced = admin.post_with_key(&path, "part", part.clone()).await;
    assert_eq!((&reduced.expect(200)["booking"]["quantity"], &reduced.json()["booking"]["status"]), (&json!(1), &json!("confirmed")));
    let again = admin.post_with_key(&path, "part", part).await;
    assert_eq!((again.status, &again.text, again.header("idempotent-replayed")), (200, &reduced.text, Some("true")));
    admin.post_with_key(&path, "part", json!({})).await.refused(422, "idempotency-key-reused");
    system.quiet().await;
    assert_eq!((ada.tickets().await, ben.tickets().await), (1, 1));

    let whole = admin.post(&path, json!({})).await.expect(200);
    assert_eq!(whole["booking"]["status"], "cancelled");
    assert_eq!(admin.post(&path, json!({})).await.expect(200), whole, "a cancelled booking stays as it is");
    let log = logged(&system, "booking.cancel").await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!((&log[1]["subject"], &log[1]["details"]["returned"]), (&json!(booking), &json!(1)));
    assert_eq!((&log[1]["details"]["reason"], &log[1]["details"]["eventId"]), (&json!("Refunded at the desk"), &json!(event)));
    assert_eq!(log[1]["actor"]["accountId"], system.admin().id);
    system.quiet().await;
    assert_eq!(system.counts(&event).await, (1, 1, 0, 0));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_for_users_also_apply_to_guests() {
    let system = System::new().await;
    let event = system.event(2).await;
    let admin = &system.admin().client;
    let path = format!("/admin/events/{event}/bookings");
    let guest = |name: &str, quantity: u32| json!({"name": name, "email": "guest@example.org", "quantity": quantity});
    system.user("ada").await.client.post(&path, guest("Grace", 1)).await.refused(403, "forbidden");
    admin.post(&format!("/admin/events/{UNKNOWN}/bookings"), guest("Grace", 1)).await.refused(404, "event-not-found");
    assert_eq!(admin.post(&path, json!({"email": "nobody", "quantity": 0})).await.bad_fields(), ["email", "name", "quantity"]);

    for (field, value) in [
        ("name", "\u{200b}"),
        ("name", "Grace\u{2060}"),
        ("name", "\u{3164}"),
        ("name", "\u{2800}"),
        ("name", "Gra\u{fffe}ce"),
        ("email", "guest@localhost"),
        ("email", "gue\u{200b}st@example.org"),
        ("email", "guest@exa\u{ad}mple.org"),
        ("reason", "\u{200b}"),
        ("reason", "\u{fdd0}"),
    ] {
        let mut body = guest("Grace", 1);
        body[field] = value.into();
        assert_eq!(admin.post(&path, body).await.bad_fields(), [field], "{value:?}");
    }

    let booked = admin.post_with_key(&path, "grace", guest("Grace", 2)).await;
    assert_eq!(booked.expect(201)["booking"]["origin"], "direct");
    assert_eq!(admin.post_with_key(&path, "grace", guest("Grace", 2)).await.text, booked.text);
    admin.post_with_key(&path, "grace", guest("Grace", 1)).await.refused(422, "idempotency-key-reused");
    let mut at_once = guest("Joan", 1);
    at_once["joinWaitlist"] = false.into();
    admin.post(&path, at_once).await.refused(409, "sold-out");
    let ben = system.user("ben").await;
    ben.must_wait(&event, 1).await;
    let waiting = admin.post(&path, guest("Joan", 1)).await.expect(202);
    assert_eq!(waiting["waitlistEntry"]["position"], 2, "an administrator's guest has no precedence");
    let held = read_all(admin, &path, 10).await;
    assert_eq!((held.len(), &held[0]["account"]["name"], &held[0]["account"]["email"]), (1, &json!("Grace"), &json!("guest@example.org")));
    let own = read_all(&admin.clone(), "/api/bookings", 10).await;
    assert!(own.is_empty() && held[0]["account"]["id"] != system.admin().id, "the booking is the guest's");

    let booking = text(&booked.json()["booking"]["id"]);
    admin.post(&format!("/admin/bookings/{booking}/cancel"), json!({})).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, system.counts(&event).await), (1, (2, 0, 0, 0)));
    assert_eq!(logged(&system, "booking.create").await.len(), 2);
    assert!(!logged(&system, "booking.create").await.iter().any(|entry| entry.to_string().contains("example.org")), "nothing personal");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_removes_an_entry_from_a_waiting_list() {
    let system = System::new().await;
    let event = system.event(1).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let booking = ada.must_book(&event, 1).await;
    let (entry, _) = ben.must_wait(&event, 1).await;
    let (last, _) = cid.must_wait(&event, 1).await;
    let admin = &system.admin().client;
    let path = format!("/admin/waitlist/{entry}/remove");
    ada.client.post(&path, json!({})).await.refused(403, "forbidden");
    admin.post(&format!("/admin/waitlist/{UNKNOWN}/remove"), json!({})).await.refused(404, "waitlist-entry-not-found");

    let removed = admin.post_with_key(&path, "k", json!({"reason": "Asked by phone"})).await;
    assert_eq!(removed.expect(200)["waitlistEntry"]["status"], "left");
    assert_eq!(admin.post_with_key(&path, "k", json!({"reason": "Asked by phone"})).await.text, removed.text);
    // The body is the same, but the entry in the path differs.
    let other = format!("/admin/waitlist/{last}/remove");
    admin.post_with_key(&other, "k", json!({"reason": "Asked by phone"})).await.refused(422, "idempotency-key-reused");
    admin.post(&path, json!({})).await.expect(200);
    let log = logged(&system, "waitlist.remove").await;
    assert_eq!((log.len(), &log[0]["subject"], &log[0]["details"]["reason"]), (1, &json!(entry), &json!("Asked by phone")));
    assert_eq!(cid.waitlist().await[0]["position"], 1);
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, cid.tickets().await), (0, 1));
    admin.post(&other, json!({})).await.refused(409, "already-promoted");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_books_for_an_account_as_if_it_had_booked_itself() {
    let system = System::new().await;
    let limited = json!({"name": "Limited", "totalTickets": 4, "maxPerAccount": 3, "checkoutMinutes": 10, "offerMinutes": 10});
    let event = text(&system.event_like(limited).await["id"]);
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let admin = &system.admin().client;
    let path = format!("/admin/events/{event}/bookings");
    let account = |id: &str, quantity: u32| json!({"accountId": id, "quantity": quantity, "reason": "Won a prize"});

    let booked = admin.post_with_key(&path, "prize", account(&ada.id, 2)).await;
    let booking = booked.expect(201)["booking"].clone();
    assert_eq!((&booking["status"], &booking["origin"]), (&json!("confirmed"), &json!("direct")), "there is nothing to confirm");
    assert_eq!(admin.post_with_key(&path, "prize", account(&ada.id, 2)).await.text, booked.text);
    assert_eq!(ada.bookings().await, [booking]);
    let held = read_all(admin, &path, 10).await;
    assert_eq!(
        (&held[0]["account"], &held[0]["forGuest"]),
        (&json!({"id": ada.id, "name": "ada", "email": "ada@example.org"}), &json!(false))
    );
    assert_eq!(admin.post(&path, account(&ada.id, 2)).await.refused(409, "account-limit")["maxPerAccount"], 3);
    admin.post(&path, account(&ben.id, 2)).await.expect(201);
    let [cid, dan] = [system.user("cid").await, system.user("dan").await];
    let waiting = admin.post(&path, account(&cid.id, 1)).await.expect(202)["waitlistEntry"].clone();
    assert_eq!(cid.waitlist().await, [waiting]);
    admin.post(&path, account(&cid.id, 1)).await.refused(409, "already-waiting");
    assert_eq!(logged(&system, "booking.create").await.len(), 3);
    // The account can accept an offer, so it gets one.
    ada.cancel_part(&text(&ada.bookings().await[0]["id"]), 1).await.expect(200);
    system.quiet().await;
    assert_eq!(cid.bookings().await[0]["status"], "reserved");

    admin.post(&path, account(UNKNOWN, 1)).await.refused(404, "account-not-found");
    assert_eq!(admin.post(&path, account("x", 1)).await.bad_fields(), ["accountId"]);
    for extra in ["name", "email"] {
        let mut both = account(&dan.id, 1);
        both[extra] = "dan@example.org".into();
        admin.post(&path, both).await.refused(400, "unknown-field");
    }
    assert_eq!(admin.post(&path, json!({"quantity": 1})).await.bad_fields(), ["email", "name"]);
    let auth = admin.at(system.auth_url());
    auth.post(&format!("/admin/accounts/{}/disable", dan.id), json!({})).await.expect(200);
    admin.post(&path, account(&dan.id, 1)).await.refused(404, "account-not-found");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_auth_service_administrators_can_still_book_for_guests() {
    let plan = rowlock_test_support::system::Plan::default().workers(0);
    let system = plan.booking_setting("accounts.contacts_url", "http://127.0.0.1:9/internal/contacts").start().await;
    let event = system.event(2).await;
    let ada = system.user("ada").await;
    let path = format!("/admin/events/{event}/bookings");
    system.admin().client.post(&path, json!({"accountId": ada.id})).await.refused(503, "unavailable");
    system.guest(&event, "Grace", 1).await;
    assert_eq!(system.counts(&event).await, (1, 1, 0, 0));
    system.stop().await;
}
