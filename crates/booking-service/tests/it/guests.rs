//! Guests without an account: what the token of a link shows and returns, and what it does not open.

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowlock_domain::ids::AccountId;
use rowlock_sealing::{GUEST_LINK, GuestToken, SealingKeys, UNSUBSCRIBE};
use rowlock_test_support::client::Client;
use rowlock_test_support::guests::guest_token;
use rowlock_test_support::system::{Plan, SEALING_KEY, System};
use serde_json::{Value, json};

use crate::route_table::{ROUTES, UNKNOWN, Who, at, method};
use crate::support::{cancel_event, text};
use crate::tickets::{numbers, tickets};

#[tokio::test(flavor = "multi_thread")]
async fn the_link_alone_shows_and_returns_the_tickets_and_the_next_in_line_gets_them() {
    let system = System::new().await;
    let event = text(&system.event_like(json!({"name": "Chess", "totalTickets": 3, "startsAt": "2099-01-01T18:00:00Z"})).await["id"]);
    let guest = system.guest(&event, "Grace", 3).await;
    let ben = system.user("ben").await;
    ben.must_wait(&event, 1).await;

    let [booking] = &guest.bookings().await[..] else { panic!("one booking") };
    assert_eq!((&booking["status"], &booking["quantity"], &booking["eventId"]), (&json!("confirmed"), &json!(3), &json!(event)));
    assert!(guest.waitlist().await.is_empty());
    let booking = text(&booking["id"]);
    let all = tickets(&guest, &booking).await;
    assert_eq!((numbers(&all), &all[0]["holderName"]), (vec![0, 1, 2], &json!("Grace")));
    for (file, media_type) in [
        ("tickets/0.svg", "image/svg+xml"),
        ("tickets.pdf", "application/pdf"),
        ("calendar.ics", "text/calendar; charset=utf-8; method=PUBLISH"),
    ] {
        let response = guest.client.get(&format!("/api/bookings/{booking}/{file}")).await;
        assert_eq!((response.status, response.header("content-type")), (200, Some(media_type)), "{file}");
        assert_eq!(response.header("cache-control"), Some("private, no-store"));
    }

    let part = json!({"bookingId": booking, "quantity": 1});
    let reduced = guest.client.post_with_key("/api/cancelbooking", "part", part.clone()).await;
    assert_eq!(reduced.expect(200)["booking"]["quantity"], 2);
    let again = guest.client.post_with_key("/api/cancelbooking", "part", part).await;
    assert_eq!((again.status, &again.text, again.header("idempotent-replayed")), (200, &reduced.text, Some("true")));
    assert_eq!(guest.client.post("/api/cancelbooking", json!({"bookingId": booking, "quantity": 9})).await.bad_fields(), ["quantity"]);
    system.quiet().await;
    assert_eq!((guest.tickets().await, ben.tickets().await), (2, 1));

    guest.client.post("/api/cancelbooking", json!({"eventId": event})).await.expect(200);
    system.quiet().await;
    assert_eq!(system.counts(&event).await, (1, 2, 0, 0));
    // The link shows what became of the booking.
    assert_eq!(guest.bookings().await[0]["status"], "cancelled");
    assert!(tickets(&guest, &booking).await.is_empty());
    guest.cancel(&booking).await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_for_returning_are_those_of_accounts() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(9).await;
    let admin = &system.admin().client;
    let guest = system.guest(&event, "Grace", 2).await;
    let booking = text(&guest.bookings().await[0]["id"]);
    let code = tickets(&guest, &booking).await[0]["code"].clone();
    admin.post(&format!("/admin/events/{event}/checkins"), json!({"code": code})).await.expect(201);
    assert_eq!(guest.cancel(&booking).await.refused(409, "already-checked-in")["returnable"], 1);
    let change = async |sql: &str| {
        let sql = format!("UPDATE events SET {sql} WHERE id = '{event}'");
        system.booking_database.admin().await.batch_execute(&sql).await.unwrap();
    };
    change("cancel_until = now() - interval '1 minute'").await;
    guest.cancel_part(&booking, 1).await.refused(409, "cancellation-closed");
    change("cancel_until = NULL, starts_at = now() - interval '1 minute'").await;
    guest.cancel_part(&booking, 1).await.refused(409, "event-begun");

    let off = system.event(2).await;
    let guest = system.guest(&off, "Joan", 1).await;
    cancel_event(&system, &off).await;
    assert_eq!(guest.bookings().await[0]["status"], "cancelled", "the link shows that the event was called off");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_waits_sees_the_place_and_later_the_tickets_with_the_same_link() {
    let system = System::new().await;
    // The tickets of this event are offered, but a guest cannot accept an offer.
    let event = text(&system.event_like(json!({"name": "Go", "totalTickets": 1, "offerMinutes": 10})).await["id"]);
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    let [guest, leaving] = [system.guest(&event, "Grace", 1).await, system.guest(&event, "Joan", 1).await];
    assert_eq!((&guest.waitlist().await[0]["position"], &leaving.waitlist().await[0]["position"]), (&json!(1), &json!(2)));
    assert!(guest.bookings().await.is_empty());
    let entry = |own: &Value| json!({"waitlistEntryId": own["id"]});
    let own = leaving.waitlist().await.swap_remove(0);
    guest.client.post("/api/leavewaitlist", entry(&own)).await.refused(404, "waitlist-entry-not-found");
    leaving.client.post("/api/leavewaitlist", entry(&own)).await.expect(200);
    assert_eq!(leaving.waitlist().await[0]["status"], "left");

    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    let [promoted] = &guest.bookings().await[..] else { panic!("one booking") };
    assert_eq!((&promoted["status"], &promoted["origin"]), (&json!("confirmed"), &json!("waitlist")));
    assert_eq!(tickets(&guest, &text(&promoted["id"])).await.len(), 1);
    let held = system.admin().client.get(&format!("/admin/events/{event}/bookings")).await.expect(200);
    let flags: Vec<_> = held["items"].as_array().unwrap().iter().map(|booking| booking["forGuest"].clone()).collect();
    assert_eq!(flags, [json!(false), json!(true)]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_one_booking_never_opens_another() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(20).await;
    let ada = system.user("ada").await;
    let mut holders = vec![ada];
    for n in 0..4 {
        holders.push(system.guest(&event, &format!("Guest{n}"), 1).await);
    }
    let mut owned = Vec::new();
    for holder in &holders[1..] {
        let [booking] = &holder.bookings().await[..] else { panic!("one booking") };
        owned.push(text(&booking["id"]));
    }
    owned.insert(0, holders[0].must_book(&event, 1).await);
    for (n, holder) in holders.iter().enumerate() {
        for (m, booking) in owned.iter().chain([&UNKNOWN.to_owned()]).enumerate() {
            for file in ["tickets", "tickets/0.svg", "tickets.pdf"] {
                let response = holder.client.get(&format!("/api/bookings/{booking}/{file}")).await;
                if n == m { assert_eq!(response.status, 200) } else { drop(response.refused(404, "booking-not-found")) }
            }
            if n != m {
                holder.cancel(booking).await.refused(404, "booking-not-found");
            }
        }
    }

    let keys = SealingKeys::new(&SEALING_KEY.into(), &[]).unwrap();
    let other_keys = SealingKeys::new(&"0123456789abcdef0123456789abcdef".into(), &[]).unwrap();
    let id: AccountId = holders[1].id.parse().unwrap();
    let token = GuestToken { guest: id, link: 1 };
    let good = keys.seal(GUEST_LINK, &token).unwrap();
    let mut changed = good.clone().into_bytes();
    changed[50] = if changed[50] == b'A' { b'B' } else { b'A' };
    let wrong = [
        String::new(),
        "-".to_owned(),
        "x".repeat(3000),
        good[..good.len() - 2].to_owned(),
        String::from_utf8(changed).unwrap(),
        keys.seal(UNSUBSCRIBE, &token).unwrap(),
        keys.seal(GUEST_LINK, &json!({"guest": id})).unwrap(),
        other_keys.seal(GUEST_LINK, &token).unwrap(),
        // Links that are not the present one.
        guest_token(&holders[1].id, 0),
        guest_token(&holders[1].id, 2),
    ];
    let mut answers = std::collections::BTreeSet::new();
    for token in wrong {
        let client = system.visitor().with_guest_token(token);
        for booking in [&owned[1], &UNKNOWN.to_owned()] {
            let response = client.get(&format!("/api/bookings/{booking}/tickets")).await;
            response.refused(401, "unauthenticated");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
            answers.insert(response.text);
        }
        client.post("/api/cancelbooking", json!({"bookingId": owned[1]})).await.refused(401, "unauthenticated");
    }
    assert_eq!(answers.len(), 1, "the same answer whatever is wrong: {answers:?}");
    // Authentic tokens of an account and of an id that nobody has, for which there is no booking of a guest.
    for nobody in [&holders[0].id, UNKNOWN] {
        let client = system.visitor().with_guest_token(guest_token(nobody, 1));
        client.get(&format!("/api/bookings/{}/tickets", owned[0])).await.refused(404, "link-not-found");
        client.post("/api/cancelbooking", json!({"bookingId": owned[0]})).await.refused(404, "link-not-found");
    }
    assert_eq!(holders[1].bookings().await[0]["status"], "confirmed");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_opens_only_the_routes_about_its_own_tickets() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    let guest = system.guest(&event, "Grace", 1).await;
    let signed_in = Client::clone(&system.user("ada").await.client);
    let open = [
        "GET /api/bookings",
        "GET /api/waitlist",
        "GET /api/bookings/{bookingId}/tickets",
        "GET /api/bookings/{bookingId}/tickets/{file}",
        "GET /api/bookings/{bookingId}/tickets.pdf",
        "GET /api/bookings/{bookingId}/calendar.ics",
        "POST /api/cancelbooking",
        "POST /api/leavewaitlist",
    ];
    let mut opened = Vec::new();
    for (name, pattern, _) in ROUTES.into_iter().filter(|(_, _, who)| *who != Who::Anyone) {
        let body = (name != "GET").then(|| b"{".to_vec());
        let response = guest.client.send(method(name), &at(pattern, UNKNOWN), &[], body).await;
        if response.status == 401 {
            response.refused(401, "unauthenticated");
        } else {
            opened.push(format!("{name} {pattern}"));
        }
    }
    opened.sort();
    let mut open = open.map(str::to_owned);
    open.sort();
    assert_eq!(opened, open);

    // The link counts, whoever is signed in.
    let token = guest_token(&guest.id, 1);
    let both = signed_in.with_guest_token(&token).get("/api/bookings").await.expect(200);
    assert_eq!(both["items"], Value::from(guest.bookings().await));
    signed_in.with_guest_token("-").send(Method::GET, "/api/bookings", &[], None).await.refused(401, "unauthenticated");
    system.stop().await;
}
