//! The tickets of a booking: codes, files, and codes that are replaced.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use rowlock_test_support::client::{Person, TestResponse};
use rowlock_test_support::system::{Plan, System};
use rowlock_tickets::{CodeError, PublicTicketKey, verify};
use serde_json::{Value, json};

use crate::support::{cancel_event, change_event, text, value};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

/// Returns the tickets of a booking.
pub(crate) async fn tickets(holder: &Person, booking: &str) -> Vec<Value> {
    holder.client.get(&format!("/api/bookings/{booking}/tickets")).await.expect(200)["items"].as_array().unwrap().clone()
}

/// Returns the numbers of tickets.
pub(crate) fn numbers(tickets: &[Value]) -> Vec<u64> {
    tickets.iter().map(|ticket| ticket["number"].as_u64().unwrap()).collect()
}

/// Has the code of a ticket replaced.
pub(crate) async fn replace(holder: &Person, booking: &str, number: u64) -> TestResponse {
    holder.client.send(Method::POST, &format!("/api/bookings/{booking}/tickets/{number}/replace"), &[], None).await
}

async fn keys(system: &System) -> Vec<PublicTicketKey> {
    let set = system.visitor().get("/.well-known/ticket-keys.json").await.expect(200);
    let key = |key: &Value| PublicTicketKey::from_bytes(&URL_SAFE_NO_PAD.decode(text(&key["x"])).unwrap()).unwrap();
    set["keys"].as_array().unwrap().iter().map(key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_has_a_signed_ticket_for_each_place() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 3).await;

    let items = tickets(&ada, &booking).await;

    assert_eq!(numbers(&items), [0, 1, 2]);
    let keys = keys(&system).await;
    assert_eq!(keys.len(), 1);
    let end = booking.replace('-', "").to_uppercase()[24..].to_owned();
    for (number, item) in items.iter().enumerate() {
        assert_eq!((&item["holderName"], &item["status"], &item["usedAt"]), (&json!(ada.name), &json!("valid"), &Value::Null));
        assert_eq!(item["reference"], format!("{end}-{number}"));
        let ticket = verify(&text(&item["code"]), event.parse().unwrap(), &keys).unwrap();
        assert_eq!((ticket.booking.to_string(), usize::from(ticket.number.get())), (booking.clone(), number));
        assert_eq!(verify(&text(&item["code"]), UNKNOWN.parse().unwrap(), &keys), Err(CodeError::OtherEvent));
    }
    assert_eq!(tickets(&ada, &booking).await, items, "the codes are the same each time");
    for path in
        [format!("/api/bookings/{booking}/tickets"), "/api/bookings/x/tickets".to_owned(), format!("/api/bookings/{UNKNOWN}/tickets")]
    {
        ben.client.get(&path).await.refused(404, "booking-not-found");
    }
    ada.cancel(&booking).await.expect(200);
    assert_eq!(tickets(&ada, &booking).await, Vec::<Value>::new());
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_need_the_first_key_at_once_agree_on_it() {
    let system = Plan::default().workers(0).bookings(3).start().await;
    let event = system.event(1).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    let clients: Vec<_> = system.booking_urls().into_iter().map(|url| ada.client.at(url)).collect();
    let path = format!("/api/bookings/{booking}/tickets");
    let listing: Vec<_> = (0..12)
        .map(|index| {
            let (client, path) = (clients[index % 3].clone(), path.clone());
            tokio::spawn(async move { text(&client.get(&path).await.expect(200)["items"][0]["code"]) })
        })
        .collect();
    let mut codes = BTreeSet::new();
    for code in listing {
        codes.insert(code.await.unwrap());
    }
    assert_eq!(codes.len(), 1);
    let mut conn = system.booking_database.admin().await;
    assert_eq!(value(&mut conn, "SELECT count(*)::text AS value FROM ticket_keys").await, "1");
    // A replica that starts later signs with the same key, but not with another sealing key.
    let stranger = system.start_booking_with(&[("sealing.key", "another key that has 32 characters")]);
    rowlock_test_support::system::ready(stranger.management_addr()).await;
    let client = ada.client.at(format!("http://{}", stranger.http_addr().unwrap()));
    client.get(&path).await.refused(503, "unavailable");
    // It verifies codes all the same.
    let door = system.admin().client.at(format!("http://{}", stranger.http_addr().unwrap()));
    let scan = json!({"code": codes.first().unwrap()});
    door.post(&format!("/admin/events/{event}/checkins"), scan).await.expect(201);
    stranger.stop().await.unwrap();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_code_is_void_and_its_number_is_not_used_again() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 2).await;
    let before = tickets(&ada, &booking).await;

    let replaced = replace(&ada, &booking, 0).await.expect(200);

    let after = replaced["items"].as_array().unwrap();
    assert_eq!(numbers(after), [1, 2]);
    assert_eq!((&after[0], tickets(&ada, &booking).await == *after), (&before[1], true), "the other ticket is unchanged");
    replace(&ada, &booking, 0).await.refused(404, "ticket-not-found");
    replace(&ada, &booking, 7).await.refused(404, "ticket-not-found");
    replace(&ben, &booking, 1).await.refused(404, "booking-not-found");
    let nonsense = format!("/api/bookings/{booking}/tickets/first/replace");
    ada.client.send(Method::POST, &nonsense, &[], None).await.refused(404, "ticket-not-found");

    // A returned number is not used again either.
    ada.cancel_part(&booking, 1).await.expect(200);
    assert_eq!(numbers(&tickets(&ada, &booking).await), [1], "the highest number is given back");
    assert_eq!(numbers(replace(&ada, &booking, 1).await.expect(200)["items"].as_array().unwrap()), [3]);
    let mut conn = system.booking_database.admin().await;
    let stored = "SELECT issued || ' ' || void_numbers::text || ' ' || void_reasons::text AS value FROM bookings";
    assert_eq!(value(&mut conn, stored).await, "4 {0,1,2} {replaced,replaced,returned}");
    ada.cancel(&booking).await.expect(200);
    replace(&ada, &booking, 3).await.refused(409, "ticket-cancelled");
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_cannot_be_replaced_forever() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(2).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    let mut conn = system.booking_database.admin().await;
    let nearly_all = "UPDATE bookings SET issued = 1000, void_numbers = array(SELECT generate_series(0, 998)), void_reasons = array_fill('replaced'::text, ARRAY[999])";
    diesel_async::RunQueryDsl::execute(diesel::sql_query(nearly_all), &mut conn).await.unwrap();
    assert_eq!(numbers(&tickets(&ada, &booking).await), [999]);
    replace(&ada, &booking, 999).await.refused(409, "replacement-limit");
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_files_to_show_and_to_print() {
    let system = Plan::default().workers(0).start().await;
    let body = json!({
        "name": "Große Nacht; Teil 1, \"live\"", "totalTickets": 5, "venue": "Halle Nord", "timeZone": "Europe/Berlin",
        "startsAt": "2036-08-14T18:00:00Z", "endsAt": "2036-08-14T21:00:00Z",
    });
    let event = text(&system.event_like(body).await["id"]);
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 2).await;
    let path = |file: &str| format!("/api/bookings/{booking}/{file}");

    for (file, media_type, beginning) in [
        ("tickets/0.svg", "image/svg+xml", "<svg "),
        ("tickets/1.png", "image/png", "\u{fffd}PNG"),
        ("tickets.pdf", "application/pdf", "%PDF-"),
        ("calendar.ics", "text/calendar; charset=utf-8; method=PUBLISH", "BEGIN:VCALENDAR\r\n"),
    ] {
        let answer = ada.client.get(&path(file)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{file}");
        assert_eq!(answer.header("cache-control"), Some("private, no-store"), "{file}");
        assert!(answer.text.starts_with(beginning), "{file}: {:?}", answer.text.chars().take(40).collect::<String>());
        ben.client.get(&path(file)).await.refused(404, "booking-not-found");
        ada.client.get(&format!("/api/bookings/{UNKNOWN}/{file}")).await.refused(404, "booking-not-found");
    }
    for file in ["2.svg", "01.svg", "0.gif", "0", ".svg", "0.svg.png", "x.png", "99999.png"] {
        ada.client.get(&path(&format!("tickets/{file}"))).await.refused(404, "ticket-not-found");
    }
    let german = ada.client.send(Method::GET, &path("tickets.pdf"), &[("accept-language", "de")], None).await;
    assert_ne!(german.text, ada.client.get(&path("tickets.pdf")).await.text, "the file is in the language of the reader");
    let calendar = ada.client.get(&path("calendar.ics")).await.text;
    for line in [&format!("UID:{booking}@rowlock"), "DTSTART;TZID=Europe/Berlin:20360814T200000", "DESCRIPTION:2 × General admission"] {
        assert!(calendar.contains(line), "{calendar}");
    }
    assert!(calendar.contains("SUMMARY:Große Nacht\\; Teil 1\\, \"live\"\r\n"), "{calendar}");
    let sequence = |calendar: &str| calendar.lines().find_map(|line| line.strip_prefix("SEQUENCE:")).unwrap().parse::<i64>().unwrap();
    change_event(&system, &event, json!({"venue": null})).await.expect(200);
    let moved = ada.client.get(&path("calendar.ics")).await.text;
    assert!(sequence(&moved) > sequence(&calendar) && !moved.contains("LOCATION"), "{moved}");
    ada.cancel(&booking).await.expect(200);
    let cancelled = ada.client.get(&path("calendar.ics")).await.text;
    assert!(cancelled.contains("STATUS:CANCELLED") && sequence(&cancelled) > sequence(&moved), "{cancelled}");
    for file in ["tickets/0.svg", "tickets.pdf"] {
        ada.client.get(&path(file)).await.refused(404, "ticket-not-found");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_date_is_in_no_calendar() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    ada.client.get(&format!("/api/bookings/{booking}/calendar.ics")).await.refused(409, "event-undated");
    assert!(ada.client.get(&format!("/api/bookings/{booking}/tickets.pdf")).await.text.starts_with("%PDF-"));
    cancel_event(&system, &event).await.expect(200);
    system.stop().await;
}
