//! Requests of all quantities, and which waiting-list entry gets returned tickets.

use rowlock_test_support::system::{Plan, System};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_ticket_goes_to_the_first_waiting_entry_not_to_the_public() {
    let system = System::new().await;
    let event = system.event(1).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let booking = ada.must_book(&event, 1).await;
    assert_eq!(ben.must_wait(&event, 1).await.1, 1);
    assert_eq!(cid.must_wait(&event, 1).await.1, 2);

    let answer = ada.cancel(&booking).await.expect(200);
    assert_eq!(answer["booking"]["status"], "cancelled");
    system.quiet().await;

    let got = ben.bookings().await;
    assert_eq!((got.len(), &got[0]["origin"], &got[0]["status"]), (1, &json!("waitlist"), &json!("confirmed")));
    let entry = &ben.waitlist().await[0];
    assert_eq!((&entry["status"], &entry["bookingId"], &entry["position"]), (&json!("promoted"), &got[0]["id"], &json!(null)));
    assert_eq!(cid.waitlist().await[0]["position"], 1);
    assert_eq!(cid.tickets().await, 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_too_large_to_serve_blocks_no_other_and_keeps_its_position() {
    let system = System::new().await;
    let event = system.event(4).await;
    let [ada, big, small] = [system.user("ada").await, system.user("big").await, system.user("small").await];
    let booking = ada.must_book(&event, 4).await;
    big.must_wait(&event, 4).await;
    small.must_wait(&event, 2).await;

    ada.cancel_part(&booking, 3).await.expect(200);
    system.quiet().await;

    assert_eq!((big.tickets().await, small.tickets().await), (0, 2));
    assert_eq!(big.waitlist().await[0]["position"], 1);
    assert_eq!(system.counts(&event).await, (3, 1, 0, 1), "the one left over is for everybody");

    // The leftover ticket is sold, and the large entry still waits for its full quantity.
    let eve = system.user("eve").await;
    eve.must_book(&event, 1).await;
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    assert_eq!(big.tickets().await, 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn available_tickets_are_reallocated_together_with_returned_ones() {
    // Two tickets are available, an entry for three waits, one ticket is returned, and a stranger asks for two. The worker has
    // not run yet, and the stranger must still get nothing.
    let mut system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let [ada, party, stranger] = [system.user("ada").await, system.user("party").await, system.user("stranger").await];
    let booking = ada.must_book(&event, 3).await;
    assert_eq!(party.must_wait(&event, 3).await.1, 1);
    assert_eq!(system.counts(&event).await, (3, 2, 0, 1));

    ada.cancel_part(&booking, 1).await.expect(200);
    assert_eq!(system.counts(&event).await, (2, 0, 3, 1), "held, and invisible to the public");
    let shown = system.visitor().get(&format!("/api/events/{event}")).await.expect(200);
    assert_eq!(shown["availableTickets"], 0);
    assert_eq!(stranger.must_wait(&event, 2).await.1, 2);
    system.check().await;

    system.add_worker().await;
    system.quiet().await;
    assert_eq!((party.tickets().await, stranger.tickets().await), (3, 0));
    assert_eq!(system.counts(&event).await, (5, 0, 0, 1));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn part_of_a_booking_can_be_returned() {
    let system = System::new().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 5).await;

    let answer = ada.cancel_part(&booking, 2).await.expect(200);
    assert_eq!((&answer["booking"]["quantity"], &answer["booking"]["status"]), (&json!(3), &json!("confirmed")));
    assert_eq!(system.counts(&event).await, (3, 2, 0, 0));
    ada.cancel_part(&booking, 4).await.refused(422, "invalid-input");
    let answer = ada.cancel_part(&booking, 3).await.expect(200);
    assert_eq!((&answer["booking"]["quantity"], &answer["booking"]["status"]), (&json!(3), &json!("cancelled")));
    assert_eq!(ada.cancel(&booking).await.expect(200), answer, "again: the same");
    assert_eq!(system.counts(&event).await, (0, 5, 0, 0));
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_tickets_become_available_when_the_last_entry_leaves() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 1).await;
    let (entry, _) = ben.must_wait(&event, 1).await;
    ada.cancel(&booking).await.expect(200);
    assert_eq!(system.counts(&event).await, (0, 0, 1, 1));

    let left = ben.client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry})).await.expect(200);
    assert_eq!((&left["waitlistEntry"]["status"], &left["waitlistEntry"]["position"]), (&json!("left"), &json!(null)));
    assert_eq!(system.counts(&event).await, (0, 1, 0, 0));
    let again = ben.client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry})).await.expect(200);
    assert_eq!(again, left);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_entry_cannot_be_left_and_the_response_names_its_booking() {
    let system = System::new().await;
    let event = system.event(1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 1).await;
    let (entry, _) = ben.must_wait(&event, 1).await;
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    let refused = ben.client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry})).await.refused(409, "already-promoted");
    assert_eq!(refused["bookingId"], ben.bookings().await[0]["id"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raised_capacity_is_allocated_like_a_return_and_capacity_cannot_go_below_booked_tickets() {
    let system = System::new().await;
    let event = system.event(3).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    ada.must_book(&event, 3).await;
    ben.must_wait(&event, 3).await;
    cid.must_wait(&event, 1).await;

    system.change_type(&event, json!({"totalTickets": 5})).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, cid.tickets().await), (0, 1), "two came: the party of three does not fit, the next does");
    assert_eq!(system.counts(&event).await, (4, 1, 0, 1));

    let shown = system.change_type(&event, json!({"totalTickets": 4})).await.expect(200);
    assert_eq!((&shown["totalTickets"], &shown["availableTickets"]), (&json!(4), &json!(0)));
    let refused = system.change_type(&event, json!({"totalTickets": 3})).await.refused(409, "capacity-below-booked");
    assert_eq!(refused["bookedTickets"], 4);
    system.change_type(&event, json!({"totalTickets": 7})).await.expect(200);
    system.quiet().await;
    assert_eq!(ben.tickets().await, 3);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_limit_counts_bookings_and_entries_together() {
    let system = System::new().await;
    let event = system.event_like(json!({"name": "Few", "totalTickets": 3, "maxPerAccount": 4})).await["id"].as_str().unwrap().to_owned();
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 3).await;
    ada.book(&event, 2).await.refused(409, "account-limit");
    ada.must_wait(&event, 1).await;
    ada.book(&event, 1).await.refused(409, "account-limit");
    ben.must_wait(&event, 3).await;
    ada.cancel_part(&booking, 2).await.expect(200);
    system.quiet().await;
    assert_eq!(ada.tickets().await, 2, "one kept, one promoted");
    ada.must_book(&event, 1).await;
    ada.book(&event, 2).await.refused(409, "account-limit");
    system.change_type(&event, json!({"maxPerAccount": 1})).await.expect(200);
    assert_eq!(ada.tickets().await, 3, "lowering touches nothing that exists");
    ada.book(&event, 1).await.refused(409, "account-limit");
    system.change_type(&event, json!({"maxPerAccount": null})).await.expect(200);
    ada.must_wait(&event, 1).await;
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allocation_pass_longer_than_one_transaction_continues_by_messages_alone() {
    let system = Plan::default().worker_setting("worker.max_promotions", "3").worker_setting("worker.sweep", "false").start().await;
    let event = system.event(10).await;
    let holder = system.user("holder").await;
    let booking = holder.must_book(&event, 10).await;
    let waiting = system.users("waiting", 12).await;
    for person in &waiting {
        person.must_wait(&event, 1).await;
    }
    holder.cancel(&booking).await.expect(200);
    system.quiet().await;
    assert_eq!(system.counts(&event).await, (10, 0, 0, 2));
    for (index, person) in waiting.iter().enumerate() {
        assert_eq!(person.tickets().await, u64::from(index < 10), "place {}", index + 1);
    }
    system.stop().await;
}
