//! The tickets of bookings for the service that attaches them to e-mail.

use rowlock_sealing::{MAILED_TICKETS, MailedBooking, MailedBookings, SealingKeys};
use rowlock_test_support::system::{Plan, SEALING_KEY, System};
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::{cancel_event, text};
use crate::tickets::{replace, tickets};

/// Reads the tickets of bookings, ordered by booking.
async fn mailed(system: &System, wanted: &[(&str, &str)], max_tickets: u32) -> Vec<MailedBooking> {
    let wanted: Vec<Value> = wanted.iter().map(|(event, id)| json!({"eventId": event, "id": id})).collect();
    let answer = system.visitor().post("/internal/tickets", json!({"bookings": wanted, "maxTickets": max_tickets})).await;
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    let sealed = text(&answer.expect(200)["sealed"]);
    let keys = SealingKeys::new(&SEALING_KEY.into(), &[]).unwrap();
    let MailedBookings { mut items } = keys.open(MAILED_TICKETS, &sealed).unwrap();
    items.sort_by_key(|item| item.booking_id);
    items
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tickets_of_confirmed_bookings_are_the_valid_ones() {
    let system = Plan::default().workers(0).start().await;
    let dated = json!({
        "name": "Chess", "totalTickets": 20, "venue": "The hall", "timeZone": "Europe/Berlin", "startsAt": "2036-08-14T18:00:00Z",
    });
    let event = text(&system.event_like(dated).await["id"]);
    let (undated, called_off) = (system.event(5).await, system.event(5).await);
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 3).await;
    replace(&ada, &booking, 0).await.expect(200);
    ada.cancel_part(&booking, 1).await.expect(200);
    let gone = ben.must_book(&event, 2).await;
    ben.cancel(&gone).await.expect(200);
    let (other, lost) = (ben.must_book(&undated, 1).await, ben.must_book(&called_off, 1).await);
    cancel_event(&system, &called_off).await.expect(200);
    let same = (event.as_str(), booking.as_str());
    let ended = [(event.as_str(), gone.as_str()), (called_off.as_str(), lost.as_str()), (event.as_str(), UNKNOWN)];
    let wanted = [&[same, same, (undated.as_str(), other.as_str())][..], &ended].concat();

    let items = mailed(&system, &wanted, 2).await;

    let [first, second] = &items[..] else { panic!("{items:?}") };
    assert_eq!((first.booking_id.to_string(), second.booking_id.to_string()), (booking.clone(), other.clone()));
    let expected = tickets(&ada, &booking).await;
    let found: Vec<_> = first.tickets.as_ref().unwrap().iter().map(|ticket| (ticket.reference.clone(), ticket.code.clone())).collect();
    let listed: Vec<_> = expected.iter().map(|ticket| (text(&ticket["reference"]), text(&ticket["code"]))).collect();
    assert_eq!((found, first.quantity), (listed, 2), "no void ticket");
    assert_eq!((first.event_name.as_str(), first.time_zone.as_str(), first.venue.as_deref()), ("Chess", "Europe/Berlin", Some("The hall")));
    assert_eq!((first.holder_name.as_str(), first.ticket_type.as_str()), (ada.name.as_str(), "General admission"));
    assert_eq!(first.starts_at, Some("2036-08-14T18:00:00Z".parse().unwrap()));
    let calendar = ada.client.get(&format!("/api/bookings/{booking}/calendar.ics")).await.text;
    assert_eq!(first.calendar.as_deref(), Some(calendar.as_str()));
    assert_eq!((second.calendar.as_deref(), second.tickets.as_ref().unwrap().len()), (None, 1));

    let large = mailed(&system, &[same], 1).await.pop().unwrap();
    assert!(large.tickets.is_none() && large.quantity == 2 && large.calendar.is_some(), "the tickets are left out if there are too many");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_bounded_and_responses_are_sealed() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    let one = json!({"eventId": event, "id": booking});
    for (body, fields) in [
        (json!({"bookings": vec![one.clone(); 101], "maxTickets": 1}), vec!["bookings"]),
        (json!({"bookings": [{"eventId": "x"}], "maxTickets": 1001}), vec!["bookings[0].eventId", "bookings[0].id", "maxTickets"]),
        (json!({}), vec!["bookings", "maxTickets"]),
    ] {
        let refused = system.visitor().post("/internal/tickets", body).await;
        refused.refused(422, "invalid-input");
        assert_eq!(refused.bad_fields(), fields);
    }
    let answer = system.visitor().post("/internal/tickets", json!({"bookings": [one], "maxTickets": 1})).await;
    let code = text(&tickets(&ada, &booking).await[0]["code"]);
    assert_eq!(answer.status, 200);
    assert!(!answer.text.contains(&code) && !answer.text.contains(&ada.name), "{}", answer.text);
    system.stop().await;
}
