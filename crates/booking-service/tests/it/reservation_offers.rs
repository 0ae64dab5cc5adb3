//! Offers: promoted waiting-list entries whose bookings are reserved until they are accepted.

use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::client::Person;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::reservations::{event_with, only_booking, set_end, tickets};

/// Creates an event with one ticket, which a person has booked and others wait for in their order, and returns the ticket.
async fn offer_to(system: &System, waiting: &[&Person]) -> String {
    let event = event_with(system, json!({"totalTickets": 1, "offerMinutes": 60})).await;
    let holder = system.admin();
    let booking = holder.must_book(&event, 1).await;
    for person in waiting {
        person.must_wait(&event, 1).await;
    }
    holder.cancel(&booking).await.expect(200);
    system.quiet().await;
    event
}

async fn only_entry(person: &Person) -> Value {
    let [entry] = person.waitlist().await.try_into().unwrap();
    entry
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_entry_is_offered_the_tickets_and_its_holder_accepts() {
    let system = System::new().await;
    let ada = system.user("ada").await;
    let event = offer_to(&system, &[&ada]).await;
    let booking = only_booking(&ada).await;
    assert_eq!((&booking["status"], &booking["origin"]), (&json!("reserved"), &json!("waitlist")));
    assert_ne!(booking["expiresAt"], Value::Null);
    let entry = only_entry(&ada).await;
    assert_eq!((&entry["status"], &entry["bookingId"], &entry["position"]), (&json!("promoted"), &booking["id"], &Value::Null));
    let refused = ada.client.post("/api/leavewaitlist", json!({"eventId": event})).await.refused(409, "already-promoted");
    assert_eq!(refused["bookingId"], booking["id"]);
    assert_eq!(tickets(&system, &event).await, [0, 1, 0, 0]);

    let accepted = ada.confirm(id(&booking)).await.expect(200);
    assert_eq!((&accepted["booking"]["status"], &accepted["booking"]["origin"]), (&json!("confirmed"), &json!("waitlist")));
    assert_eq!(only_entry(&ada).await, entry);
    ada.cancel(id(&booking)).await.expect(200);
    assert_eq!(only_entry(&ada).await["status"], "promoted", "returning a ticket later is no refusal of the offer");
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_offer_goes_to_the_next_in_line_and_a_lapsed_one_too() {
    let system = Plan::default().worker_setting("worker.expiry_interval_ms", "1000").start().await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let event = offer_to(&system, &[&ada, &ben, &cid]).await;

    let declined = ada.cancel(id(&only_booking(&ada).await)).await.expect(200);
    assert_eq!((&declined["booking"]["status"], &declined["booking"]["expiresAt"]), (&json!("cancelled"), &Value::Null));
    let entry = only_entry(&ada).await;
    assert_eq!((&entry["status"], &entry["bookingId"]), (&json!("left"), &declined["booking"]["id"]));
    let left = ada.client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry["id"]})).await.expect(200);
    assert_eq!(left["waitlistEntry"], entry, "an entry that has ended stays as it is");
    system.quiet().await;

    let lapsing = only_booking(&ben).await;
    assert_eq!(lapsing["status"], "reserved");
    set_end(&system, id(&lapsing), "now()").await;
    until("the next in line has the offer", async || !cid.bookings().await.is_empty()).await;
    let expired = only_booking(&ben).await;
    assert_eq!((&expired["status"], &expired["cancelledAt"]), (&json!("expired"), &Value::Null));
    let entry = only_entry(&ben).await;
    assert_eq!((&entry["status"], &entry["bookingId"]), (&json!("expired"), &expired["id"]));
    ben.confirm(id(&expired)).await.refused(409, "reservation-expired");
    let left = ben.client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry["id"]})).await.expect(200);
    assert_eq!(left["waitlistEntry"], entry);
    ben.client
        .post("/api/changewaitlist", json!({"waitlistEntryId": entry["id"], "quantity": 1}))
        .await
        .refused(404, "waitlist-entry-not-found");

    // Both may join again, at the end.
    let (_, position) = ben.must_wait(&event, 1).await;
    assert_eq!((position, ada.must_wait(&event, 1).await.1), (1, 2));
    cid.cancel(id(&only_booking(&cid).await)).await.expect(200);
    system.quiet().await;
    assert_eq!(ben.bookings().await[0]["status"], "reserved");
    assert_eq!(tickets(&system, &event).await, [0, 1, 0, 0]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_an_offer_can_be_given_back() {
    let system = System::new().await;
    let event = event_with(&system, json!({"totalTickets": 3, "offerMinutes": 60})).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let holder = system.admin().must_book(&event, 3).await;
    ada.must_wait(&event, 3).await;
    ben.must_wait(&event, 1).await;
    system.admin().cancel(&holder).await.expect(200);
    system.quiet().await;
    let offered = only_booking(&ada).await;
    ada.cancel_part(id(&offered), 1).await.expect(200);
    system.quiet().await;
    assert_eq!(only_entry(&ada).await["status"], "promoted", "the rest is still offered");
    assert_eq!((only_booking(&ben).await["quantity"].clone(), only_booking(&ben).await["status"].clone()), (json!(1), json!("reserved")));
    assert_eq!(ada.confirm(id(&offered)).await.expect(200)["booking"]["quantity"], 2);
    assert_eq!(tickets(&system, &event).await, [0, 1, 2, 0]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_lapses_after_the_start_makes_the_tickets_available() {
    let system = Plan::default().worker_setting("worker.expiry_interval_ms", "1000").start().await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let event = offer_to(&system, &[&ada, &ben]).await;
    let sql =
        format!("UPDATE events SET starts_at = now() - interval '1 minute', ends_at = now() + interval '1 hour' WHERE id = '{event}'");
    system.booking_database.admin().await.batch_execute(&sql).await.unwrap();
    set_end(&system, id(&only_booking(&ada).await), "now()").await;
    until("the ticket is available", async || tickets(&system, &event).await == [1, 0, 0, 0]).await;
    until("the waiting list is closed", async || only_entry(&ben).await["status"] == "closed").await;
    assert_eq!(only_entry(&ada).await["status"], "expired");
    system.quiet().await;
    system.stop().await;
}
