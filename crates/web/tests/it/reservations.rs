//! Reservations and offers on the pages of buyers. A stand-in takes the place of booking-service.

use chrono::{SecondsFormat, TimeDelta};
use rowlock_platform::clock::Clock;
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::stand_in::StandIn;
use crate::support::{Answer, Browser, Web};

const EVENT: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7003";
const TYPE: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7004";
const BOOKING: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7005";
const ENTRY: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7006";

/// Returns the time in so many seconds, as the API writes it.
fn from_now(seconds: i64) -> String {
    (Clock::system().now() + TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn event(available: i64) -> Value {
    json!({
        "id": EVENT, "name": "Boat race", "description": null, "venue": "North bank", "startsAt": "2099-07-10T18:00:00Z", "endsAt": null,
        "timeZone": "Europe/Berlin", "salesStartAt": null, "salesEndAt": null, "waitlistUntil": "start", "cancelUntil": "2000-01-01T00:00:00Z",
        "status": "published", "availableTickets": available, "waitlistLength": 0, "checkoutMinutes": 10, "offerMinutes": 1440,
        "ticketTypes": [{
            "id": TYPE, "name": "Stalls", "price": {"amountMinor": 1250, "currency": "EUR"}, "totalTickets": 5,
            "availableTickets": available, "waitlistLength": 0, "maxPerBooking": 4, "maxPerAccount": null
        }]
    })
}

fn booking(status: &str, origin: &str, seconds: i64) -> Value {
    let expires_at = if matches!(status, "reserved" | "expired") { Some(from_now(seconds)) } else { None };
    let cancelled_at = if status == "cancelled" { Some("2026-11-01T09:00:00Z") } else { None };
    json!({
        "id": BOOKING, "eventId": EVENT, "eventName": "Boat race", "ticketTypeId": TYPE, "quantity": 2, "status": status, "origin": origin,
        "bookedAt": "2026-11-01T08:00:00Z", "cancelledAt": cancelled_at, "expiresAt": expires_at
    })
}

fn entry(status: &str, booking: Option<&str>) -> Value {
    json!({
        "id": ENTRY, "eventId": EVENT, "eventName": "Boat race", "ticketTypeId": TYPE, "quantity": 2, "position": null, "status": status,
        "joinedAt": "2026-11-01T07:00:00Z", "bookingId": booking
    })
}

fn list<const N: usize>(items: [Value; N]) -> Value {
    json!({"items": Vec::from(items), "nextCursor": null})
}

/// Starts a site with a stand-in that has the event, and a browser in which a buyer is signed in.
async fn site() -> (Web, StandIn, Browser) {
    let api = StandIn::start();
    api.respond(format!("GET /api/events/{EVENT}"), 200, event(5));
    api.respond("GET /api/bookings", 200, list([]));
    api.respond("GET /api/waitlist", 200, list([]));
    let web = Web::with(Plan::default().workers(0), &[("api.booking_url", &api.url)]).await;
    let browser = web.signed_in("ada").await;
    (web, api, browser)
}

fn confirm_path() -> String {
    format!("/tickets/{BOOKING}/confirm")
}

/// Asserts that a page contains all of these texts.
#[track_caller]
fn contains(page: &Answer, status: u16, texts: &[&str]) {
    for text in texts {
        assert!(page.expect(status).contains(text), "{text} is not in {}", page.text);
    }
}

#[tokio::test]
async fn a_buyer_reserves_and_then_confirms() {
    let (web, api, mut ada) = site().await;
    let held = "Reserved tickets are held for you for 10 minutes.";
    let page = ada.get(&format!("/events/{EVENT}")).await;
    contains(&page, 200, &[held, "Reserve {n} tickets"]);
    let path = format!("/events/{EVENT}/book");
    let summary = ada.open(&format!("{path}?quantity=2")).await;
    contains(&summary, 200, &["Check and reserve", held, ">Reserve 2 tickets<"]);
    api.respond("POST /api/book", 201, json!({"status": "reserved", "booking": booking("reserved", "direct", 600)}));
    api.respond("GET /api/bookings", 200, list([booking("reserved", "direct", 600)]));
    assert_eq!(ada.submit(&summary, &path, &[]).await.location(), confirm_path());

    let page = ada.get(&confirm_path()).await;
    contains(
        &page,
        200,
        &["Confirm your tickets", "Held for you until", "Berlin time</time>", "data-seconds=\"59", "role=\"timer\"", "€25.00"],
    );
    contains(&page, 200, &[&format!("data-live=\"{}/live\"", confirm_path()), &format!("href=\"/tickets/{BOOKING}/return\"")]);
    contains(&ada.get("/tickets").await, 200, &["Held for you until", "Confirm 2 tickets", "2 more tickets are held for you."]);

    api.take_changes();
    api.respond("POST /api/confirmbooking", 200, json!({"booking": booking("confirmed", "direct", 0)}));
    api.respond("GET /api/bookings", 200, list([booking("confirmed", "direct", 0)]));
    let done = ada.submit(&page, &confirm_path(), &[]).await.location();
    let [sent] = api.take_changes().try_into().unwrap();
    let key = page.form(&confirm_path()).into_iter().find(|(name, _)| name == "key").map(|(_, key)| key);
    assert!(key.is_some() && sent.key == key, "{sent:?}");
    assert_eq!(sent.body, json!({"bookingId": BOOKING}));
    contains(&ada.get(&done).await, 200, &["Booked: 2 tickets for Boat race. They are yours."]);
    contains(&ada.get(&confirm_path()).await, 200, &["These tickets are yours", "href=\"/tickets\""]);
    // Confirming needs the token of the visitor's own form.
    ada.post(&confirm_path(), &[], &[("sec-fetch-site", "same-origin")]).await.expect(403);
    web.stop().await;
}

#[tokio::test]
async fn a_buyer_who_is_too_late_reads_when_the_reservation_ended_and_can_try_again() {
    let (web, api, mut ada) = site().await;
    api.respond("GET /api/bookings", 200, list([booking("reserved", "direct", 600)]));
    let page = ada.get(&confirm_path()).await;
    api.refuse("POST /api/confirmbooking", 409, "reservation-expired", &[]);
    let again = format!("href=\"/events/{EVENT}/book?type={TYPE}&#38;quantity=2\"");
    let late = ada.submit(&page, &confirm_path(), &[]).await;
    let ended = ["The reservation has ended", "The reservation ended ", "next in line or back on sale", &again, "Try again"];
    contains(&late, 409, &ended);
    assert!(!late.text.contains("data-countdown"));

    // The worker has not ended it yet, and then it has.
    for status in ["reserved", "expired"] {
        api.respond("GET /api/bookings", 200, list([booking(status, "direct", -30)]));
        contains(&ada.get(&confirm_path()).await, 200, &ended);
        let tickets = ada.get("/tickets").await;
        contains(&tickets, 200, &["No tickets yet", "History (1)", "The reservation ended"]);
        assert!(!tickets.text.contains("Given back") && !tickets.text.contains("Confirm 2 tickets"));
    }
    contains(&ada.get(&format!("/tickets?returned={BOOKING}")).await, 200, &["The time for Boat race had run out already."]);
    for (code, text) in [("event-over", "The event is over"), ("event-cancelled", "This event has been called off.")] {
        api.refuse("POST /api/confirmbooking", 409, code, &[]);
        contains(&ada.submit(&page, &confirm_path(), &[]).await, 409, &["There is a problem", text]);
    }
    api.respond("GET /api/bookings", 200, list([booking("cancelled", "direct", 0)]));
    contains(&ada.get(&confirm_path()).await, 200, &["You do not have these tickets any more", "Given back"]);
    api.respond("GET /api/bookings", 200, list([]));
    ada.get(&confirm_path()).await.expect(404);
    web.browser().get(&confirm_path()).await.location();
    web.stop().await;
}

#[tokio::test]
async fn an_offer_is_accepted_or_declined_in_my_queue() {
    let (web, api, mut ada) = site().await;
    api.respond(format!("GET /api/events/{EVENT}"), 200, event(0));
    let waits = "When it is your turn, the tickets are offered to you, and you have 1 day to accept.";
    contains(&ada.get(&format!("/events/{EVENT}")).await, 200, &[waits]);
    let summary = ada.open(&format!("/events/{EVENT}/book?quantity=2")).await;
    contains(&summary, 200, &["they are offered to you, and you have 1 day to accept."]);
    api.respond("GET /api/waitlist", 200, list([entry("waiting", None)]));
    contains(&ada.get("/queue").await, 200, &[waits]);

    api.respond("GET /api/waitlist", 200, list([entry("promoted", Some(BOOKING))]));
    api.respond("GET /api/bookings", 200, list([booking("reserved", "waitlist", 7_200)]));
    let queue = ada.get("/queue").await;
    contains(&queue, 200, &["2 tickets are offered to you", "Offered to you until", "Accept 2 tickets", ">Decline<", "data-seconds=\"719"]);
    contains(&ada.get(&confirm_path()).await, 200, &["It is your turn", "Accept 2 tickets"]);
    api.respond("POST /api/confirmbooking", 200, json!({"booking": booking("confirmed", "waitlist", 0)}));
    assert_eq!(ada.submit(&queue, &confirm_path(), &[]).await.location(), format!("/tickets?booked={BOOKING}"));

    let path = format!("/tickets/{BOOKING}/return");
    let form = ada.get(&path).await;
    contains(&form, 200, &["<h1>Decline the offer</h1>", "Decline {n} tickets", "Offered to you until"]);
    api.respond("POST /api/cancelbooking", 200, json!({"booking": booking("cancelled", "waitlist", 0)}));
    let declined = ada.submit(&form, &path, &[("quantity", "2")]).await.location();
    api.respond("GET /api/waitlist", 200, list([entry("left", Some(BOOKING))]));
    contains(&ada.get(&declined).await, 200, &["Declined. The tickets for Boat race go to the next in line.", "You declined the offer"]);

    // The offer is over before the worker has ended it, and afterwards.
    for (status, entry_status) in [("reserved", "promoted"), ("expired", "expired")] {
        api.respond("GET /api/bookings", 200, list([booking(status, "waitlist", -5)]));
        api.respond("GET /api/waitlist", 200, list([entry(entry_status, Some(BOOKING))]));
        let queue = ada.get("/queue").await;
        contains(&queue, 200, &["You are in no queue", "The offer ended"]);
        assert!(!queue.text.contains("Accept 2 tickets"));
        contains(&ada.get(&confirm_path()).await, 200, &["The offer has ended", "The tickets have gone to the next in line."]);
    }
    api.respond("GET /api/bookings", 200, list([booking("confirmed", "waitlist", 0)]));
    api.respond("GET /api/waitlist", 200, list([entry("promoted", Some(BOOKING))]));
    contains(&ada.get("/queue").await, 200, &["You got tickets"]);
    web.stop().await;
}

#[tokio::test]
async fn a_part_of_a_reservation_is_given_back_after_the_deadline_of_the_event() {
    let (web, api, mut ada) = site().await;
    api.respond("GET /api/bookings", 200, list([booking("reserved", "direct", 600)]));
    let path = format!("/tickets/{BOOKING}/return");
    let form = ada.get(&path).await;
    contains(&form, 200, &["Give tickets back", "Held for you until", &format!("href=\"{}\"", confirm_path())]);
    api.take_changes();
    api.respond("POST /api/cancelbooking", 200, json!({"booking": booking("reserved", "direct", 600)}));
    assert_eq!(ada.submit(&form, &path, &[("quantity", "1")]).await.location(), format!("/tickets?returned={BOOKING}"));
    let [sent] = api.take_changes().try_into().unwrap();
    assert_eq!(sent.body, json!({"bookingId": BOOKING, "quantity": 1}));
    // A confirmed booking can no longer be given back.
    api.respond("GET /api/bookings", 200, list([booking("confirmed", "direct", 0)]));
    contains(&ada.get(&path).await, 200, &["cannot be given back any more"]);
    web.stop().await;
}

#[tokio::test]
async fn reservations_are_explained_in_german() {
    let (web, api, mut ada) = site().await;
    ada.language = "de";
    contains(&ada.get(&format!("/events/{EVENT}")).await, 200, &["Reservierte Tickets werden 10 Minuten für"]);
    api.respond("GET /api/bookings", 200, list([booking("reserved", "direct", 600)]));
    contains(&ada.get(&confirm_path()).await, 200, &["Tickets bestätigen", "reserviert bis", "2 Tickets bestätigen"]);
    api.respond("GET /api/bookings", 200, list([booking("expired", "direct", -86_400)]));
    contains(&ada.get(&confirm_path()).await, 200, &["Die Reservierung endete am "]);
    api.respond("GET /api/bookings", 200, list([booking("reserved", "waitlist", 600)]));
    api.respond("GET /api/waitlist", 200, list([entry("promoted", Some(BOOKING))]));
    contains(
        &ada.get("/queue").await,
        200,
        &["2 Tickets werden Ihnen angeboten", "Ihnen angeboten bis", "2 Tickets annehmen", ">Ablehnen<"],
    );
    web.stop().await;
}
