//! Routes with which users read, cancel and leave their own bookings and waiting-list entries.

use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::support::{each, fields, read_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn own_bookings_and_entries_are_paged_newest_first() {
    let system = Plan::default().workers(0).start().await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let first = system.event_like(json!({"name": "First", "totalTickets": 5})).await;
    let second = system.event_like(json!({"name": "Second", "totalTickets": 5})).await;
    let [one, two] = [text(&first["id"]), text(&second["id"])];
    let mut bookings = Vec::new();
    for event in [&one, &two, &one, &two, &one] {
        bookings.insert(0, ada.must_book(event, 1).await);
    }
    ben.must_book(&one, 2).await;
    ben.must_book(&two, 3).await;
    let mut entries = Vec::new();
    for (event, place) in [(&one, 1), (&two, 1), (&one, 2), (&two, 1), (&one, 2)] {
        // An account can have one open entry per ticket type, so the previous entry has to end first.
        if let Some(before) = ada.waitlist().await.iter().find(|entry| entry["eventId"] == **event && entry["status"] == "waiting") {
            ada.client.post("/api/leavewaitlist", json!({"waitlistEntryId": before["id"]})).await.expect(200);
        }
        let (entry, position) = ada.must_wait(event, 2).await;
        entries.insert(0, entry);
        assert_eq!(position, place);
        if entries.len() == 1 {
            assert_eq!(ben.must_wait(&one, 1).await.1, 2);
        }
    }
    for limit in [1, 2, 5, 100] {
        assert_eq!(each(&read_all(&ada.client, "/api/bookings", limit).await, "id"), bookings, "in pages of {limit}");
        assert_eq!(each(&read_all(&ada.client, "/api/waitlist", limit).await, "id"), entries, "in pages of {limit}");
    }
    let newest = &ada.bookings().await[0];
    assert_eq!(
        fields(newest),
        ["bookedAt", "cancelledAt", "eventId", "eventName", "expiresAt", "id", "origin", "quantity", "status", "ticketTypeId"],
        "no more than there should be"
    );
    assert_eq!((&newest["eventName"], &newest["eventId"], &newest["quantity"]), (&json!("First"), &json!(one), &json!(1)));
    assert_eq!((&newest["status"], &newest["origin"], &newest["cancelledAt"]), (&json!("confirmed"), &json!("direct"), &Value::Null));
    assert_eq!(newest["ticketTypeId"], first["ticketTypes"][0]["id"]);
    assert!(text(&newest["bookedAt"]).ends_with('Z'));
    let newest = &ada.waitlist().await[0];
    assert_eq!(
        fields(newest),
        [
            "bookingId",
            "chance",
            "eventId",
            "eventName",
            "id",
            "joinedAt",
            "minQuantity",
            "number",
            "position",
            "preference",
            "quantity",
            "status",
            "ticketTypeId",
            "wishId"
        ]
    );
    assert_eq!((&newest["status"], &newest["position"], &newest["quantity"]), (&json!("waiting"), &json!(2), &json!(2)));
    assert!(text(&newest["joinedAt"]).ends_with('Z'));

    // The position is the current one.
    ben.client.post("/api/leavewaitlist", json!({"eventId": one})).await.expect(200);
    let places: Vec<_> = ada.waitlist().await.iter().map(|entry| entry["position"].clone()).collect();
    assert_eq!(places, [json!(1), json!(1), Value::Null, Value::Null, Value::Null]);
    // Ended entries are still listed, without a position.
    ada.client.post("/api/leavewaitlist", json!({"waitlistEntryId": entries[1]})).await.expect(200);
    let shown = ada.waitlist().await;
    assert_eq!((&shown[1]["status"], &shown[1]["position"], &shown[0]["position"]), (&json!("left"), &Value::Null, &json!(1)));
    assert_eq!(system.user("cid").await.bookings().await, Vec::<Value>::new());
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_and_entries_of_other_accounts_are_not_found() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let [ada, ben, eve] = [system.user("ada").await, system.user("ben").await, system.user("eve").await];
    let booking = ada.must_book(&event, 1).await;
    let (entry, _) = ben.must_wait(&event, 1).await;
    for stranger in [&eve.client, &system.admin().client] {
        stranger.post("/api/cancelbooking", json!({"bookingId": booking})).await.refused(404, "booking-not-found");
        stranger.post("/api/leavewaitlist", json!({"waitlistEntryId": entry})).await.refused(404, "waitlist-entry-not-found");
        stranger.post("/api/cancelbooking", json!({"eventId": event})).await.refused(404, "booking-not-found");
        stranger.post("/api/leavewaitlist", json!({"eventId": event})).await.refused(404, "waitlist-entry-not-found");
    }
    // An id of one kind is never accepted as an id of another kind.
    ada.client.post("/api/cancelbooking", json!({"bookingId": event})).await.refused(404, "booking-not-found");
    ben.client.post("/api/cancelbooking", json!({"bookingId": entry})).await.refused(404, "booking-not-found");
    assert_eq!(system.counts(&event).await, (1, 0, 0, 1));
    assert_eq!((eve.bookings().await, eve.waitlist().await), (vec![], vec![]));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_booking_or_entry_at_an_event_can_be_named_by_the_event() {
    let system = Plan::default().workers(0).start().await;
    let types = json!([{"name": "A", "totalTickets": 3}, {"name": "B", "totalTickets": 1}]);
    let event = system.event_like(json!({"name": "Two types", "ticketTypes": types})).await;
    let id = text(&event["id"]);
    let other = system.event(9).await;
    let ada = system.user("ada").await;
    let book = async |index: usize, quantity: u32| {
        let body = json!({"eventId": id, "ticketTypeId": event["ticketTypes"][index]["id"], "quantity": quantity});
        ada.client.post("/api/book", body).await.json()
    };
    let cancel = async |quantity: Value| ada.client.post("/api/cancelbooking", json!({"eventId": id, "quantity": quantity})).await;
    let leave = async || ada.client.post("/api/leavewaitlist", json!({"eventId": id})).await;

    ada.must_book(&other, 1).await;
    cancel(Value::Null).await.refused(404, "booking-not-found");
    leave().await.refused(404, "waitlist-entry-not-found");

    // The bookings of all types count. A booking that was cancelled while another was confirmed cannot have been meant.
    let one = text(&book(0, 2).await["booking"]["id"]);
    let two = text(&book(1, 1).await["booking"]["id"]);
    let refused = cancel(Value::Null).await.refused(409, "ambiguous-booking");
    assert_eq!(refused["bookingIds"], json!([one, two]));
    ada.cancel(&two).await.expect(200);
    let too_many = cancel(json!(3)).await;
    too_many.refused(422, "invalid-input");
    assert_eq!(too_many.bad_fields(), ["quantity"]);
    let part = cancel(json!(1)).await.expect(200);
    assert_eq!(
        (&part["booking"]["id"], &part["booking"]["quantity"], &part["booking"]["status"]),
        (&json!(one), &json!(1), &json!("confirmed"))
    );
    let whole = cancel(Value::Null).await.expect(200);
    assert_eq!((&whole["booking"]["id"], &whole["booking"]["status"]), (&json!(one), &json!("cancelled")));
    assert_eq!(cancel(Value::Null).await.expect(200), whole, "a repeat");
    assert_eq!(ada.cancel(&one).await.expect(200), whole, "by its id it is still known");

    // The same rules apply to waiting-list entries.
    let holder = system.user("holder").await;
    for (index, quantity) in [(0, 3), (1, 1)] {
        let body = json!({"eventId": id, "ticketTypeId": event["ticketTypes"][index]["id"], "quantity": quantity});
        holder.client.post("/api/book", body).await.expect(201);
    }
    let one = text(&book(0, 2).await["waitlistEntry"]["id"]);
    let two = text(&book(1, 1).await["waitlistEntry"]["id"]);
    let refused = leave().await.refused(409, "ambiguous-waitlist-entry");
    let mut ids: Vec<_> = refused["waitlistEntryIds"].as_array().unwrap().iter().map(text).collect();
    ids.sort();
    let mut expected = vec![one.clone(), two.clone()];
    expected.sort();
    assert_eq!(ids, expected);
    ada.client.post("/api/leavewaitlist", json!({"waitlistEntryId": two})).await.expect(200);
    let left = leave().await.expect(200);
    assert_eq!((&left["waitlistEntry"]["id"], &left["waitlistEntry"]["status"]), (&json!(one), &json!("left")));
    assert_eq!(leave().await.expect(200), left, "a repeat");
    assert_eq!(ada.tickets().await, 1, "at the other event");
    system.check().await;
    system.stop().await;
}
