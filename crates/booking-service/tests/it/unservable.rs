//! Requests that exceed the limits of a ticket type: rejected when new, counted when a limit is lowered below a waiting entry.

use rowlock_test_support::system::System;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_more_than_the_total_is_rejected() {
    let system = System::new().await;
    let event = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let wrong = |refused: &Value| refused["errors"].clone();
    let expected = json!([{"field": "quantity", "message": "must be at most 2, because there are 2 tickets of this type in total"}]);
    for join in [true, false] {
        let body = json!({"eventId": event, "quantity": 3, "joinWaitlist": join});
        assert_eq!(wrong(&ada.client.post("/api/book", body).await.refused(422, "invalid-input")), expected);
    }
    ada.must_book(&event, 2).await;
    assert_eq!(wrong(&ben.book(&event, 5).await.refused(422, "invalid-input")), expected);
    let (entry, _) = ben.must_wait(&event, 2).await;
    let change = json!({"waitlistEntryId": entry, "quantity": 3});
    assert_eq!(wrong(&ben.client.post("/api/changewaitlist", change).await.refused(422, "invalid-input")), expected);
    let guest = json!({"name": "Gus", "email": "gus@example.org", "quantity": 3});
    let refused = system.admin().client.post(&format!("/admin/events/{event}/bookings"), guest).await.refused(422, "invalid-input");
    assert_eq!(wrong(&refused), expected);
    assert_eq!((ada.tickets().await, ben.waitlist().await.len(), system.counts(&event).await), (2, 1, (2, 0, 0, 1)));

    let single = system.event(1).await;
    let refused = ada.book(&single, 2).await.refused(422, "invalid-input");
    assert_eq!(refused["errors"][0]["message"], "must be 1, because there is 1 ticket of this type in total");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_above_a_lowered_limit_are_counted_and_served_when_it_is_raised() {
    let system = System::new().await;
    let made = system.event_like(json!({"name": "Few", "totalTickets": 6, "maxPerBooking": 6})).await;
    let (event, id) = (made["id"].as_str().unwrap().to_owned(), made["ticketTypes"][0]["id"].clone());
    let [ada, ben, cid, dan] = [system.user("ada").await, system.user("ben").await, system.user("cid").await, system.user("dan").await];
    let booking = ada.must_book(&event, 6).await;
    for (person, quantity) in [(&ben, 5), (&cid, 2), (&dan, 3)] {
        person.must_wait(&event, quantity).await;
    }
    let change = async |field: &str, value: u32| {
        let body = json!({"ticketTypes": [{"id": id, field: value}]});
        let changed = system.admin().client.patch(&format!("/admin/events/{event}"), body).await.expect(200);
        assert_eq!(changed["unservableEntries"], changed["ticketTypes"][0]["unservableEntries"]);
        changed["unservableEntries"].as_u64().unwrap_or_default()
    };
    let servable = async || {
        let status = system.status(&event).await;
        let items = status["waitlist"]["items"].as_array().unwrap().clone();
        let flags: Vec<_> = items.iter().map(|entry| entry["servable"].as_bool().unwrap()).collect();
        let unservable = flags.iter().filter(|servable| !**servable).count();
        assert_eq!(
            (&status["unservableEntries"], &status["ticketTypes"][0]["unservableEntries"]),
            (&json!(unservable), &json!(unservable))
        );
        flags
    };
    assert_eq!(change("maxPerBooking", 6).await, 0);
    assert_eq!(servable().await, [true, true, true]);
    assert_eq!(change("maxPerBooking", 2).await, 2);
    assert_eq!(servable().await, [false, true, false]);

    // The entries that can be served are promoted; tickets that no waiting entry can use go on sale.
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, cid.tickets().await, dan.tickets().await), (0, 2, 0));
    assert_eq!(system.counts(&event).await, (2, 4, 0, 2));

    // The lower of the capacity and the limit per booking counts.
    assert_eq!(change("totalTickets", 4).await, 2);
    assert_eq!(change("maxPerBooking", 6).await, 1);
    system.quiet().await;
    assert_eq!((ben.tickets().await, dan.tickets().await), (0, 0), "two are left, and three are wanted");
    assert_eq!(servable().await, [false, true]);
    assert_eq!(change("totalTickets", 8).await, 0);
    system.quiet().await;
    assert_eq!((ben.tickets().await, dan.tickets().await), (5, 0), "the one who came first");
    assert_eq!(servable().await, [true]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raising_max_per_booking_serves_waiting_entries_from_available_tickets() {
    let system = System::new().await;
    let made = system.event_like(json!({"name": "Few", "totalTickets": 4, "maxPerBooking": 4})).await;
    let (event, id) = (made["id"].as_str().unwrap().to_owned(), made["ticketTypes"][0]["id"].clone());
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 4).await;
    ben.must_wait(&event, 4).await;
    let limit = async |max: u32| {
        let body = json!({"ticketTypes": [{"id": id, "maxPerBooking": max}]});
        system.admin().client.patch(&format!("/admin/events/{event}"), body).await.expect(200);
        system.quiet().await;
    };
    limit(3).await;
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    assert_eq!(system.counts(&event).await, (0, 4, 0, 1));
    limit(4).await;
    assert_eq!((system.counts(&event).await, ben.tickets().await), ((4, 0, 0, 0), 4));
    system.stop().await;
}
