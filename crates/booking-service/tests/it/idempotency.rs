//! Repeated requests with an idempotency key have one effect and get the identical response.

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use rowlock_test_support::system::{Plan, System};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_key_on_two_instances_take_effect_once() {
    let system = Plan::default().bookings(2).start().await;
    let event = system.event(20).await;
    let ada = system.user("ada").await;
    let urls = system.booking_urls();
    let body = json!({"eventId": event, "quantity": 2});

    let answers = join_all((0..12).map(|index| {
        let client = ada.client.at(urls[index % 2].clone());
        let body = body.clone();
        async move { client.post_with_key("/api/book", "once", body).await }
    }))
    .await;

    let first = &answers[0];
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == first.text), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed") == Some("true")).count(), 11);
    assert_eq!(system.counts(&event).await, (2, 18, 0, 0));
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_first_response_verbatim() {
    let system = System::new().await;
    let event = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booked = ada.client.post_with_key("/api/book", "b", json!({"eventId": event, "quantity": 2})).await;
    let waiting = ben.client.post_with_key("/api/book", "b", json!({"eventId": event})).await;
    booked.expect(201);
    waiting.expect(202);
    assert_eq!(booked.header("idempotent-replayed"), None);
    let id = booked.json()["booking"]["id"].as_str().unwrap().to_owned();
    ada.cancel_part(&id, 1).await.expect(200);
    system.quiet().await;
    assert_eq!(ben.waitlist().await[0]["status"], "promoted");

    let booked_again = ada.client.post_with_key("/api/book", "b", json!({"eventId": event, "quantity": 2})).await;
    let waiting_again = ben.client.post_with_key("/api/book", "b", json!({"eventId": event})).await;
    assert_eq!((booked_again.status, &booked_again.text), (201, &booked.text));
    assert_eq!((waiting_again.status, &waiting_again.text), (202, &waiting.text));
    assert_eq!(waiting_again.header("idempotent-replayed"), Some("true"));
    assert_eq!(system.counts(&event).await, (2, 0, 0, 0));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reused_for_another_body_or_operation_is_rejected() {
    let system = System::new().await;
    let [event, other] = [system.event(5).await, system.event(5).await];
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.client.post_with_key("/api/book", "k", json!({"eventId": event, "quantity": 1})).await.expect(201);
    ada.client.post_with_key("/api/book", "k", json!({"eventId": event, "quantity": 2})).await.refused(422, "idempotency-key-reused");
    ada.client.post_with_key("/api/cancelbooking", "k", json!({"eventId": event})).await.refused(422, "idempotency-key-reused");
    // The scope of a key is the account and the event.
    ada.client.post_with_key("/api/book", "k", json!({"eventId": other, "quantity": 2})).await.expect(201);
    ben.client.post_with_key("/api/book", "k", json!({"eventId": event, "quantity": 2})).await.expect(201);
    assert_eq!(system.counts(&event).await, (3, 2, 0, 0));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_return_repeated_with_its_key_takes_effect_once() {
    let system = Plan::default().bookings(2).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 5).await;
    let body = json!({"bookingId": booking, "quantity": 2});
    let urls = system.booking_urls();
    let answers = join_all((0..6).map(|index| {
        let (client, body) = (ada.client.at(urls[index % 2].clone()), body.clone());
        async move { client.post_with_key("/api/cancelbooking", "part", body).await }
    }))
    .await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text), "{answers:?}");
    assert_eq!(system.counts(&event).await, (3, 2, 0, 0));
    // Without a key, each request returns another ticket.
    ada.client.post("/api/cancelbooking", body).await.expect(200);
    assert_eq!(system.counts(&event).await, (1, 4, 0, 0));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_by_event_is_replayed_even_if_no_booking_is_left() {
    let system = System::new().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 1).await;
    ben.must_wait(&event, 1).await;
    let left = ben.client.post_with_key("/api/leavewaitlist", "l", json!({"eventId": event})).await;
    let cancelled = ada.client.post_with_key("/api/cancelbooking", "c", json!({"eventId": event})).await;
    left.expect(200);
    cancelled.expect(200);
    assert_eq!(ben.client.post_with_key("/api/leavewaitlist", "l", json!({"eventId": event})).await.text, left.text);
    assert_eq!(ada.client.post_with_key("/api/cancelbooking", "c", json!({"eventId": event})).await.text, cancelled.text);
    // With another key, there is no confirmed booking left either; the response shows the booking that was cancelled last.
    for key in ["d", "e"] {
        assert_eq!(ada.client.post_with_key("/api/cancelbooking", key, json!({"eventId": event})).await.text, cancelled.text);
    }
    assert_eq!(ada.client.post("/api/cancelbooking", json!({"eventId": event})).await.text, cancelled.text);
    assert_eq!(ben.client.post("/api/leavewaitlist", json!({"eventId": event})).await.text, left.text);
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_not_stored_and_a_retry_can_succeed() {
    let system = System::new().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 1).await;
    let body = json!({"eventId": event, "joinWaitlist": false});
    ben.client.post_with_key("/api/book", "k", body.clone()).await.refused(409, "sold-out");
    ada.cancel(&booking).await.expect(200);
    ben.client.post_with_key("/api/book", "k", body).await.expect(201);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_expires_after_a_day() {
    let system = System::new().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    ada.client.post_with_key("/api/book", "k", json!({"eventId": event, "quantity": 1})).await.expect(201);
    let mut admin = system.booking_database.admin().await;
    admin.batch_execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'").await.unwrap();
    let second = ada.client.post_with_key("/api/book", "k", json!({"eventId": event, "quantity": 2})).await;
    second.expect(201);
    assert_eq!(second.header("idempotent-replayed"), None);
    // The key is stored again.
    let repeated = ada.client.post_with_key("/api/book", "k", json!({"eventId": event, "quantity": 2})).await;
    assert_eq!((repeated.header("idempotent-replayed"), &repeated.text), (Some("true"), &second.text));
    assert_eq!(system.counts(&event).await, (3, 2, 0, 0));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_created_once_per_key() {
    let system = Plan::default().bookings(2).start().await;
    let admin = &system.admin().client;
    let urls = system.booking_urls();
    let body = json!({"name": "A concert", "totalTickets": 5});
    let answers = join_all((0..6).map(|index| {
        let (client, body) = (admin.at(urls[index % 2].clone()), body.clone());
        async move { client.post_with_key("/admin/initialize", "once", body).await }
    }))
    .await;
    let first = &answers[0];
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &first.text));
        assert_eq!((answer.header("etag"), answer.header("location")), (first.header("etag"), first.header("location")));
    }
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed") == Some("true")).count(), 5);
    let count = async || system.visitor().get("/api/events?limit=100").await.expect(200)["items"].as_array().unwrap().len();
    let mut other = body.clone();
    other["totalTickets"] = 6.into();
    admin.post_with_key("/admin/initialize", "once", other.clone()).await.refused(422, "idempotency-key-reused");
    admin.post_with_key("/admin/initialize", "bad key", body.clone()).await.refused(422, "invalid-input");
    admin.post_with_key("/admin/initialize", "other", other).await.expect(201);
    admin.post("/admin/initialize", body.clone()).await.expect(201);
    admin.post("/admin/initialize", body).await.expect(201);
    rowlock_test_support::wait::until("four events are listed", async || count().await == 4).await;
    system.stop().await;
}
