//! One open waiting-list entry per account and ticket type, and changes of its quantity.

use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_join_is_rejected_but_available_tickets_can_still_be_booked() {
    let system = System::new().await;
    let event = system.event(3).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let booking = ada.must_book(&event, 2).await;
    ben.must_wait(&event, 3).await;
    let (entry, _) = cid.must_wait(&event, 2).await;

    let refused = cid.book(&event, 2).await.refused(409, "already-waiting");
    assert_eq!((&refused["waitlistEntryId"], &refused["quantity"], &refused["position"]), (&json!(entry), &json!(2), &json!(2)));
    cid.must_book(&event, 1).await;
    cid.book(&event, 1).await.refused(409, "already-waiting");
    let sold_out = json!({"eventId": event, "joinWaitlist": false});
    cid.client.post("/api/book", sold_out).await.refused(409, "sold-out");
    assert_eq!(cid.waitlist().await.len(), 1);

    // Once the entry no longer waits, the account may join again.
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    assert_eq!(cid.tickets().await, 3);
    cid.must_wait(&event, 1).await;
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_concurrent_joins_create_one_entry() {
    let system = System::new().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 1).await;
    let answers = futures_util::future::join_all((0..8).map(|_| ben.book(&event, 1))).await;
    let joined = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!((joined, ben.waitlist().await.len()), (1, 1));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_shrinks_keeps_its_position_and_one_that_grows_moves_to_the_end() {
    let system = System::new().await;
    let event = system.event_like(json!({"name": "Few", "totalTickets": 6, "maxPerBooking": 5, "maxPerAccount": 5})).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let dan = system.user("dan").await;
    let booking = ada.must_book(&event, 5).await;
    dan.must_book(&event, 1).await;
    let (entry, _) = ben.must_wait(&event, 3).await;
    cid.must_wait(&event, 2).await;
    let change = async |body: Value| ben.client.post("/api/changewaitlist", body).await;

    let smaller = change(json!({"waitlistEntryId": entry, "quantity": 2})).await.expect(200);
    let shown = |answer: &Value| (answer["waitlistEntry"]["quantity"].clone(), answer["waitlistEntry"]["position"].clone());
    assert_eq!(shown(&smaller), (json!(2), json!(1)));
    assert_eq!(change(json!({"waitlistEntryId": entry, "quantity": 2})).await.expect(200), smaller, "a repeat changes nothing");
    let larger = change(json!({"eventId": event, "quantity": 4})).await.expect(200);
    assert_eq!(shown(&larger), (json!(4), json!(2)));
    assert_eq!(cid.waitlist().await[0]["position"], 1);

    change(json!({"waitlistEntryId": entry, "quantity": 6})).await.refused(422, "invalid-input");
    change(json!({"quantity": 0})).await.refused(422, "invalid-input");
    cid.client.post("/api/changewaitlist", json!({"waitlistEntryId": entry, "quantity": 1})).await.refused(404, "waitlist-entry-not-found");
    system.change_type(&event, json!({"maxPerAccount": 4})).await.expect(200);
    change(json!({"waitlistEntryId": entry, "quantity": 5})).await.refused(409, "account-limit");

    ada.cancel_part(&booking, 4).await.expect(200);
    system.quiet().await;
    assert_eq!((cid.tickets().await, ben.tickets().await), (2, 0));
    change(json!({"waitlistEntryId": entry, "quantity": 2})).await.expect(200);
    system.quiet().await;
    assert_eq!(ben.tickets().await, 2, "a party that shrinks to what is available gets it");
    let promoted = change(json!({"waitlistEntryId": entry, "quantity": 1})).await.refused(409, "already-promoted");
    assert_eq!(promoted["bookingId"], ben.bookings().await[0]["id"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_a_key_happens_once_and_messages_alone_reallocate_what_it_frees() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let event = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 1).await;
    ben.must_wait(&event, 2).await;
    let body = json!({"eventId": event, "quantity": 1});
    let first = ben.client.post_with_key("/api/changewaitlist", "k", body.clone()).await.expect(200);
    system.quiet().await;
    assert_eq!(ben.tickets().await, 1);
    assert_eq!(ben.client.post_with_key("/api/changewaitlist", "k", body).await.expect(200), first);
    ben.client
        .post_with_key("/api/changewaitlist", "k", json!({"eventId": event, "quantity": 2}))
        .await
        .refused(422, "idempotency-key-reused");
    system.stop().await;
}
