//! The end of an event: its cancellation and its start.

use diesel_async::RunQueryDsl;
use rowlock_test_support::client::Person;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{cancel_event, change_event, create_event, event_names, fields, in_seconds, public_event, text};

/// Changes an event directly in the database.
async fn update_event(system: &System, event: &str, change: &str) {
    let sql = format!("UPDATE events SET {change} WHERE id = '{event}'");
    assert_eq!(diesel::sql_query(sql).execute(&mut system.booking_database.admin().await).await, Ok(1));
}

/// Creates one held ticket and an entry that waits for it, with no worker to promote the entry.
async fn hold_ticket(system: &System, event: &str) -> [Person; 2] {
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(event, 1).await;
    ben.must_wait(event, 1).await;
    ada.cancel(&booking).await.expect(200);
    assert_eq!(system.counts(event).await, (0, 0, 1, 1));
    [ada, ben]
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_an_event_cancels_its_bookings_and_closes_its_entries() {
    // Chunks of two, so that several are needed, and no worker, so that the request itself has to cancel everything.
    let system = Plan::default().workers(0).booking_setting("booking.cancel_chunk", "2").start().await;
    let types = json!([{"name": "A", "totalTickets": 3}, {"name": "B", "totalTickets": 1}]);
    let event = system.event_like(json!({"name": "Off", "ticketTypes": types})).await;
    let id = text(&event["id"]);
    let people = system.users("fan", 6).await;
    let mut asked = Vec::new();
    for person in &people {
        for ticket_type in event["ticketTypes"].as_array().unwrap() {
            asked.push(person.client.post("/api/book", json!({"eventId": id, "ticketTypeId": ticket_type["id"]})).await.status);
        }
    }
    assert_eq!(asked.iter().filter(|status| **status == 201).count(), 4);
    people[0].client.post("/api/cancelbooking", json!({"bookingId": people[0].bookings().await[0]["id"]})).await.expect(200);
    assert_eq!(system.status(&id).await["heldTickets"], 1, "held when the event is called off");

    let off = cancel_event(&system, &id).await;
    let body = off.expect(200);
    assert_eq!((&body["status"], &body["bookedTickets"], &body["waitlistLength"]), (&json!("cancelled"), &json!(0), &json!(0)));
    assert_eq!(fields(&body), fields(&event));
    system.check().await;
    assert_eq!(system.status(&id).await["heldTickets"], 0);
    for person in &people {
        assert!(person.bookings().await.iter().all(|booking| booking["status"] == "cancelled" && booking["cancelledAt"].is_string()));
        for entry in person.waitlist().await {
            assert_eq!((&entry["status"], &entry["position"], &entry["bookingId"]), (&json!("closed"), &Value::Null, &Value::Null));
        }
    }

    let first = &event["ticketTypes"][0]["id"];
    let book = json!({"eventId": id, "ticketTypeId": first});
    people[5].client.post("/api/book", book).await.refused(409, "event-cancelled");
    let again = cancel_event(&system, &id).await;
    assert_eq!((again.expect(200), again.header("etag")), (body.clone(), off.header("etag")), "again: the same");
    for change in [
        json!({"startsAt": null}),
        json!({"name": "x", "cancelUntil": null}),
        json!({"status": "published"}),
        json!({"ticketTypes": [{"id": first, "totalTickets": 9}]}),
    ] {
        change_event(&system, &id, change).await.refused(409, "event-cancelled");
    }
    assert_eq!(public_event(&system, &id).await.expect(200), body, "it is shown to those who have its address");
    assert_eq!(event_names(&system, "").await, Vec::<String>::new(), "and no longer listed");

    // Returning tickets that the cancellation has taken, and leaving a closed waiting list, change nothing.
    let booking = &people[1].bookings().await[0];
    let answer = people[1].client.post("/api/cancelbooking", json!({"bookingId": booking["id"]})).await.expect(200);
    assert_eq!(&answer["booking"], booking);
    let entry = &people[5].waitlist().await[0];
    let answer = people[5].client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry["id"]})).await.expect(200);
    assert_eq!(&answer["waitlistEntry"], entry);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_completes_an_interrupted_cancellation() {
    let mut system = Plan::default().workers(0).worker_setting("worker.sweep_interval_ms", "50").start().await;
    let id = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&id, 2).await;
    ben.must_wait(&id, 1).await;
    // Simulates a process that died right after it had set the status.
    update_event(&system, &id, "status = 'cancelled'").await;
    ada.book(&id, 1).await.refused(409, "event-cancelled");
    system.add_worker().await;
    until("all is cancelled and closed", async || system.counts(&id).await == (0, 2, 0, 0)).await;
    assert_eq!((&ada.bookings().await[0]["status"], &ben.waitlist().await[0]["status"]), (&json!("cancelled"), &json!("closed")));
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_the_start_to_the_past_closes_the_waiting_list() {
    let mut system = Plan::default().workers(0).worker_setting("worker.sweep_interval_ms", "50").start().await;
    let id = system.event(1).await;
    let [ada, ben] = hold_ticket(&system, &id).await;
    let changed = change_event(&system, &id, json!({"startsAt": in_seconds(-1), "closeWaitlist": true})).await.expect(200);
    assert_eq!(changed["availableTickets"], 1, "what was held is for everybody at once");
    ada.book(&id, 1).await.refused(409, "sales-closed");
    system.add_worker().await;
    until("the waiting list is closed", async || system.counts(&id).await == (0, 1, 0, 0)).await;
    let entry = &ben.waitlist().await[0];
    assert_eq!((&entry["status"], &entry["position"]), (&json!("closed"), &Value::Null));
    assert_eq!(ben.tickets().await, 0);
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_list_closes_when_the_event_starts() {
    let mut system = Plan::default().workers(0).worker_setting("worker.sweep_interval_ms", "50").start().await;
    let id = create_event(&system, json!({"name": "Soon", "totalTickets": 1, "startsAt": in_seconds(3600)})).await;
    let [ada, ben] = hold_ticket(&system, &id).await;
    // Simulates that the hour has passed.
    update_event(&system, &id, "starts_at = starts_at - interval '1 hour'").await;
    ada.book(&id, 1).await.refused(409, "sales-closed");
    assert_eq!(system.counts(&id).await, (0, 0, 1, 1));
    // Nothing is promoted, although a ticket is held and a message about it is queued.
    system.add_worker().await;
    until("what was held is available and nobody waits", async || system.counts(&id).await == (0, 1, 0, 0)).await;
    assert_eq!((ben.tickets().await, &ben.waitlist().await[0]["status"]), (0, &json!("closed")));
    system.quiet().await;
    system.stop().await;
}
