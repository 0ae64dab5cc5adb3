//! Requests that name only the event: a repeated request gets the same response and never acts on another booking or entry.

use rowlock_test_support::client::{Person, TestResponse};
use rowlock_test_support::system::System;
use serde_json::{Value, json};

async fn cancel(user: &Person, event: &str) -> TestResponse {
    user.client.post("/api/cancelbooking", json!({"eventId": event})).await
}

async fn leave(user: &Person, event: &str) -> TestResponse {
    user.client.post("/api/leavewaitlist", json!({"eventId": event})).await
}

fn id(answer: &Value, of: &str) -> Value {
    answer[of]["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_cancellation_never_cancels_a_newer_booking() {
    let system = System::new().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    cancel(&ada, &event).await.refused(404, "booking-not-found");
    let first = ada.must_book(&event, 2).await;
    let answer = cancel(&ada, &event).await.expect(200);
    assert_eq!(id(&answer, "booking"), json!(first));
    assert_eq!(cancel(&ada, &event).await.expect(200), answer);

    let second = ada.must_book(&event, 1).await;
    let refused = cancel(&ada, &event).await.refused(409, "ambiguous-booking");
    assert_eq!(refused["bookingIds"], json!([second]));
    assert_eq!(ada.tickets().await, 1);

    // An idempotency key distinguishes a repeated request from a new one.
    let keyed = async |key: &str| ada.client.post_with_key("/api/cancelbooking", key, json!({"eventId": event})).await;
    assert_eq!(id(&keyed("fresh").await.expect(200), "booking"), json!(second));
    // Now both are cancelled. The response shows the one that was cancelled last, and the first can still be named by its id.
    assert_eq!(id(&cancel(&ada, &event).await.expect(200), "booking"), json!(second));
    assert_eq!(id(&ada.cancel(&first).await.expect(200), "booking"), json!(first));

    let [third, fourth] = [ada.must_book(&event, 1).await, ada.must_book(&event, 1).await];
    keyed("fresh").await.expect(200);
    let refused = keyed("other").await.refused(409, "ambiguous-booking");
    assert_eq!(refused["bookingIds"], json!([third, fourth]));
    assert_eq!(ada.tickets().await, 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_within_one_batch_cancel_once() {
    let system = System::new().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    ada.must_book(&event, 2).await;
    let answers = futures_util::future::join_all((0..6).map(|_| cancel(&ada, &event))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text), "{answers:?}");
    let (booked, repeats) = futures_util::join!(ada.book(&event, 1), futures_util::future::join_all((0..6).map(|_| cancel(&ada, &event))));
    booked.expect(201);
    assert!(repeats.iter().all(|answer| matches!(answer.status, 200 | 409)), "{repeats:?}");
    assert_eq!((ada.tickets().await, system.counts(&event).await), (1, (1, 4, 0, 0)));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_leave_or_change_never_affects_a_newer_entry() {
    let system = System::new().await;
    let event = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 2).await;
    leave(&ben, &event).await.refused(404, "waitlist-entry-not-found");
    let (first, _) = ben.must_wait(&event, 2).await;
    let change = json!({"eventId": event, "quantity": 1});
    ben.client.post("/api/changewaitlist", change.clone()).await.expect(200);
    let answer = leave(&ben, &event).await.expect(200);
    assert_eq!((id(&answer, "waitlistEntry"), &answer["waitlistEntry"]["status"]), (json!(first), &json!("left")));
    assert_eq!(leave(&ben, &event).await.expect(200), answer);
    ben.client.post("/api/changewaitlist", change.clone()).await.refused(404, "waitlist-entry-not-found");

    let (second, _) = ben.must_wait(&event, 2).await;
    for refused in [leave(&ben, &event).await, ben.client.post("/api/changewaitlist", change.clone()).await] {
        assert_eq!(refused.refused(409, "ambiguous-waitlist-entry")["waitlistEntryIds"], json!([second]));
    }
    assert_eq!(ben.waitlist().await[0]["quantity"], 2);
    let changed = ben.client.post_with_key("/api/changewaitlist", "fresh", change).await.expect(200);
    assert_eq!((id(&changed, "waitlistEntry"), &changed["waitlistEntry"]["quantity"]), (json!(second), &json!(1)));

    // Once the last entry was promoted, there is nothing to leave; the response names the booking.
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    let refused = leave(&ben, &event).await.refused(409, "already-promoted");
    assert_eq!(refused["bookingId"], ben.bookings().await[0]["id"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_at_an_event_with_several_ticket_types_considers_all_of_them() {
    let system = System::new().await;
    let types = json!([{"name": "Stalls", "totalTickets": 3}, {"name": "Balcony", "totalTickets": 3}]);
    let made = system.event_like(json!({"name": "Two", "ticketTypes": types})).await;
    let event = made["id"].as_str().unwrap().to_owned();
    let ada = system.user("ada").await;
    let book = async |index: usize| {
        let body = json!({"eventId": event, "ticketTypeId": made["ticketTypes"][index]["id"]});
        ada.client.post("/api/book", body).await.expect(201)["booking"]["id"].clone()
    };
    let stalls = book(0).await;
    assert_eq!(id(&cancel(&ada, &event).await.expect(200), "booking"), stalls);
    let balcony = book(1).await;
    assert_eq!(cancel(&ada, &event).await.refused(409, "ambiguous-booking")["bookingIds"], json!([balcony]));
    system.stop().await;
}
