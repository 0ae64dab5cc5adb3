//! Reserved bookings: how they begin, and how they are confirmed, cancelled or refused.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::SimpleAsyncConnection;
use rowlock_test_support::client::Person;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::{cancel_event, read_all};
use crate::timeline::{complete, counting, numbers, stored, unrepaired};

/// Creates an event whose bookings are reserved for ten minutes.
pub(crate) async fn checkout_event(system: &System, tickets: u32) -> String {
    event_with(system, json!({"totalTickets": tickets, "checkoutMinutes": 10})).await
}

pub(crate) async fn event_with(system: &System, mut body: Value) -> String {
    body["name"] = "A test".into();
    system.event_like(body).await["id"].as_str().unwrap().to_owned()
}

/// Changes the time at which a reservation ends to an SQL expression.
pub(crate) async fn set_end(system: &System, booking: &str, end: &str) {
    let sql = format!("UPDATE bookings SET expires_at = {end} WHERE id = '{booking}' AND status = 'reserved'");
    system.booking_database.admin().await.batch_execute(&sql).await.unwrap();
}

/// A system whose worker does not end reservations.
pub(crate) fn without_expiry() -> Plan {
    Plan::default().worker_setting("worker.expiry", "false")
}

/// Returns the numbers of available, reserved, booked and held tickets.
pub(crate) async fn tickets(system: &System, event: &str) -> [u64; 4] {
    let status = system.status(event).await;
    ["availableTickets", "reservedTickets", "bookedTickets", "heldTickets"].map(|name| status[name].as_u64().unwrap())
}

pub(crate) async fn only_booking(person: &Person) -> Value {
    let [booking] = person.bookings().await.try_into().unwrap();
    booking
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_reserved_until_it_is_confirmed() {
    let system = System::new().await;
    let event = checkout_event(&system, 3).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let shown = system.visitor().get(&format!("/api/events/{event}")).await.expect(200);
    assert_eq!((&shown["checkoutMinutes"], &shown["offerMinutes"]), (&json!(10), &Value::Null));

    let booking = ada.must_reserve(&event, 2).await;
    let reserved = only_booking(&ada).await;
    assert_eq!(time(&reserved["expiresAt"]) - time(&reserved["bookedAt"]), TimeDelta::minutes(10));
    assert_eq!((&reserved["origin"], &reserved["cancelledAt"]), (&json!("direct"), &Value::Null));
    assert_eq!(tickets(&system, &event).await, [1, 2, 0, 0]);
    assert_eq!(ada.tickets().await, 0, "reserved tickets are not sold");
    ben.must_wait(&event, 2).await;

    let confirmed = ada.confirm(&booking).await.expect(200);
    assert_eq!((&confirmed["booking"]["status"], &confirmed["booking"]["expiresAt"]), (&json!("confirmed"), &Value::Null));
    assert_eq!(confirmed["booking"]["bookedAt"], reserved["bookedAt"]);
    assert_eq!(ada.confirm(&booking).await.expect(200), confirmed, "confirming again changes nothing");
    assert_eq!(only_booking(&ada).await, confirmed["booking"]);
    assert_eq!(tickets(&system, &event).await, [1, 0, 2, 0]);
    let shown = system.status(&event).await;
    assert_eq!((&shown["ticketTypes"][0]["reservedTickets"], &shown["ticketTypes"][0]["bookedTickets"]), (&json!(0), &json!(2)));
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_a_reservation_is_over_although_the_worker_has_not_ended_it() {
    let system = without_expiry().start().await;
    let event = checkout_event(&system, 1).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_reserve(&event, 1).await;
    ben.must_wait(&event, 1).await;
    set_end(&system, &booking, "now()").await;

    let refused = ada.confirm(&booking).await.refused(409, "reservation-expired");
    assert_eq!(time(&refused["expiresAt"]), time(&only_booking(&ada).await["expiresAt"]));
    assert_eq!(only_booking(&ada).await["status"], "reserved", "a refusal changes nothing");
    // Giving it up ends it as the worker would have.
    let ended = ada.cancel(&booking).await.expect(200);
    assert_eq!((&ended["booking"]["status"], &ended["booking"]["cancelledAt"]), (&json!("expired"), &Value::Null));
    assert_eq!(ended["booking"]["expiresAt"], refused["expiresAt"]);
    assert_eq!(ada.cancel(&booking).await.expect(200), ended, "an expired booking stays as it is");
    assert_eq!(ada.client.post("/api/cancelbooking", json!({"eventId": event})).await.expect(200), ended);
    ada.confirm(&booking).await.refused(409, "reservation-expired");
    system.quiet().await;
    assert_eq!(only_booking(&ben).await["status"], "confirmed", "an event without offer minutes confirms promoted entries at once");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_confirmed_is_refused_with_the_reason() {
    let system = without_expiry().workers(0).start().await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let event = checkout_event(&system, 9).await;
    let [cancelled, open] = [ada.must_reserve(&event, 1).await, ada.must_reserve(&event, 1).await];

    ada.confirm(UNKNOWN).await.refused(404, "booking-not-found");
    ben.confirm(&open).await.refused(404, "booking-not-found");
    assert_eq!(ada.client.post("/api/confirmbooking", json!({"bookingId": "x"})).await.bad_fields(), ["bookingId"]);
    ada.cancel(&cancelled).await.expect(200);
    ada.confirm(&cancelled).await.refused(409, "booking-cancelled");

    // After sales have closed and after the start, but before the end.
    let sql = |set: &str| format!("UPDATE events SET {set} WHERE id = '{event}'");
    let mut database = system.booking_database.admin().await;
    let begun = "starts_at = now() - interval '1 hour', ends_at = now() + interval '1 hour', sales_end_at = now() - interval '2 hours'";
    database.batch_execute(&sql(begun)).await.unwrap();
    ada.book(&event, 1).await.refused(409, "sales-closed");
    let late = ada.confirm(&open).await.expect(200);
    assert_eq!(late["booking"]["status"], "confirmed");

    let [over, called_off] = [checkout_event(&system, 2).await, checkout_event(&system, 2).await];
    let [too_late, off] = [ada.must_reserve(&over, 1).await, ada.must_reserve(&called_off, 1).await];
    let sql = format!("UPDATE events SET starts_at = now() - interval '1 second' WHERE id = '{over}'");
    database.batch_execute(&sql).await.unwrap();
    ada.confirm(&too_late).await.refused(409, "event-over");
    // Its bookings have not been cancelled yet.
    let sql = format!("UPDATE events SET status = 'cancelled' WHERE id = '{called_off}'");
    database.batch_execute(&sql).await.unwrap();
    ada.confirm(&off).await.refused(409, "event-cancelled");
    cancel_event(&system, &called_off).await.expect(200);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_can_be_given_up_in_part_and_after_the_deadline_for_returns() {
    let system = System::new().await;
    let ada = system.user("ada").await;
    let event = event_with(
        &system,
        json!({"totalTickets": 5, "checkoutMinutes": 10, "startsAt": "2036-12-31T20:00:00Z", "cancelUntil": "2024-01-01T00:00:00Z"}),
    )
    .await;
    let [sold, booking] = [ada.must_reserve(&event, 1).await, ada.must_reserve(&event, 3).await];
    ada.confirm(&sold).await.expect(200);
    ada.cancel(&sold).await.refused(409, "cancellation-closed");
    ada.client.post("/api/cancelbooking", json!({"eventId": event})).await.refused(409, "ambiguous-booking");

    let reduced = ada.cancel_part(&booking, 1).await.expect(200);
    assert_eq!((&reduced["booking"]["status"], &reduced["booking"]["quantity"]), (&json!("reserved"), &json!(2)));
    assert_eq!(ada.cancel_part(&booking, 3).await.bad_fields(), ["quantity"]);
    assert_eq!(tickets(&system, &event).await, [2, 2, 1, 0]);
    let cancelled = ada.cancel(&booking).await.expect(200);
    assert_eq!((&cancelled["booking"]["status"], &cancelled["booking"]["expiresAt"]), (&json!("cancelled"), &Value::Null));
    assert_eq!(tickets(&system, &event).await, [4, 0, 1, 0]);
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_tickets_count_for_the_limit_per_account_and_for_the_capacity() {
    let system = without_expiry().start().await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let event = event_with(&system, json!({"totalTickets": 6, "checkoutMinutes": 10, "maxPerAccount": 3})).await;
    let booking = ada.must_reserve(&event, 2).await;
    ada.book(&event, 2).await.refused(409, "account-limit");
    ada.must_reserve(&event, 1).await;
    let sold = ben.must_reserve(&event, 2).await;
    ben.confirm(&sold).await.expect(200);

    let refused = system.change_type(&event, json!({"totalTickets": 4})).await.refused(409, "capacity-below-booked");
    assert_eq!((&refused["bookedTickets"], &refused["reservedTickets"]), (&json!(2), &json!(3)));
    system.change_type(&event, json!({"totalTickets": 5})).await.expect(200);
    assert_eq!(tickets(&system, &event).await, [0, 3, 2, 0]);

    // Once the time is over, the account can book again as soon as the reservation has been ended.
    set_end(&system, &booking, "now()").await;
    ada.cancel(&booking).await.expect(200);
    ada.must_reserve(&event, 2).await;
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_settings_never_changes_a_reservation_that_exists() {
    let system = System::new().await;
    let admin = &system.admin().client;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let event = checkout_event(&system, 5).await;
    let path = format!("/admin/events/{event}");
    let booking = ada.must_reserve(&event, 1).await;
    let before = only_booking(&ada).await;

    let changed = admin.patch(&path, json!({"checkoutMinutes": 1, "offerMinutes": 10_080})).await.expect(200);
    assert_eq!((&changed["checkoutMinutes"], &changed["offerMinutes"]), (&json!(1), &json!(10_080)));
    assert_eq!(only_booking(&ada).await, before);
    admin.patch(&path, json!({"name": "Renamed"})).await.expect(200);
    let cleared = admin.patch(&path, json!({"checkoutMinutes": null})).await.expect(200);
    assert_eq!((&cleared["checkoutMinutes"], &cleared["offerMinutes"]), (&Value::Null, &json!(10_080)));
    assert_eq!(only_booking(&ada).await["expiresAt"], before["expiresAt"]);
    ben.must_book(&event, 1).await;
    ada.confirm(&booking).await.expect(200);

    for (field, max) in [("checkoutMinutes", 1_440), ("offerMinutes", 10_080)] {
        for wrong in [json!(0), json!(max + 1), json!("10"), json!(1.5)] {
            let refused = admin.patch(&path, json!({field: wrong})).await;
            assert_eq!((refused.status, refused.bad_fields()), (422, vec![field.to_owned()]), "{wrong}");
        }
        let created = admin.post("/admin/initialize", json!({"name": "A test", "totalTickets": 1, field: 0})).await;
        assert_eq!(created.bad_fields(), [field]);
    }
    let log = read_all(admin, "/admin/auditlog", 10).await;
    let change = log.iter().find(|entry| entry["details"]["offerMinutes"] != Value::Null).unwrap();
    assert_eq!(change["details"]["checkoutMinutes"], json!({"from": 10, "to": 1}));
    assert_eq!(change["details"]["offerMinutes"], json!({"from": null, "to": 10_080}));
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calling_off_an_event_cancels_its_reservations() {
    let system = System::new().await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let event = checkout_event(&system, 3).await;
    ada.must_reserve(&event, 2).await;
    let sold = ben.must_reserve(&event, 1).await;
    ben.confirm(&sold).await.expect(200);
    system.admin().client.patch(&format!("/admin/events/{event}"), json!({"status": "draft"})).await.refused(409, "event-has-bookings");
    cancel_event(&system, &event).await.expect(200);
    until("all bookings are cancelled", async || tickets(&system, &event).await == [3, 0, 0, 0]).await;
    for person in [&ada, &ben] {
        let booking = only_booking(person).await;
        assert_eq!((&booking["status"], &booking["expiresAt"]), (&json!("cancelled"), &Value::Null));
    }
    system.admin().client.patch(&format!("/admin/events/{event}"), json!({"checkoutMinutes": 5})).await.refused(409, "event-cancelled");
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bookings_of_guests_are_confirmed_at_once() {
    let system = System::new().await;
    let event = event_with(&system, json!({"totalTickets": 1, "checkoutMinutes": 10, "offerMinutes": 10})).await;
    let path = format!("/admin/events/{event}/bookings");
    let book = async |name: &str| system.admin().client.post(&path, json!({"name": name, "email": "guest@example.org"})).await;
    let booked = book("Grace").await.expect(201);
    assert_eq!((&booked["status"], &booked["booking"]["expiresAt"]), (&json!("confirmed"), &Value::Null));
    book("Joan").await.expect(202);
    let ada = system.user("ada").await;
    ada.must_wait(&event, 1).await;
    // The guest who waits cannot accept an offer, and gets the ticket; the account that waits is offered the next one.
    let id = booked["booking"]["id"].as_str().unwrap();
    system.admin().client.post(&format!("/admin/bookings/{id}/cancel"), json!({})).await.expect(200);
    system.quiet().await;
    assert_eq!(tickets(&system, &event).await, [0, 0, 1, 0]);
    system.change_type(&event, json!({"totalTickets": 2})).await.expect(200);
    system.quiet().await;
    assert_eq!(tickets(&system, &event).await, [0, 1, 1, 0]);
    assert_eq!(only_booking(&ada).await["status"], "reserved");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_can_be_repeated_with_its_key() {
    let system = System::new().await;
    let event = checkout_event(&system, 2).await;
    let ada = system.user("ada").await;
    let [first, second] = [ada.must_reserve(&event, 1).await, ada.must_reserve(&event, 1).await];
    let confirm = async |booking: &str| ada.client.post_with_key("/api/confirmbooking", "k", json!({"bookingId": booking})).await;
    let confirmed = confirm(&first).await;
    ada.cancel(&first).await.expect(200);
    let again = confirm(&first).await;
    assert_eq!((again.status, &again.text, again.header("idempotent-replayed")), (200, &confirmed.text, Some("true")));
    confirm(&second).await.refused(422, "idempotency-key-reused");
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sales_timeline_counts_reserved_tickets_when_they_are_confirmed() {
    let system = counting(unrepaired()).await;
    let event = event_with(&system, json!({"totalTickets": 4, "checkoutMinutes": 10, "offerMinutes": 10})).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let [kept, left] = [ada.must_reserve(&event, 2).await, ben.must_reserve(&event, 2).await];
    cid.must_wait(&event, 2).await;
    assert_eq!(numbers(&complete(&system, &event).await["totals"]), [0, 0, 0, 0, 1, 0, 0, 1, 4]);
    ada.confirm(&kept).await.expect(200);
    ben.cancel_part(&left, 1).await.expect(200);
    ben.cancel(&left).await.expect(200);
    assert_eq!(numbers(&complete(&system, &event).await["totals"]), [2, 0, 0, 1, 1, 0, 2, 0, 4]);
    let offered = only_booking(&cid).await["id"].as_str().unwrap().to_owned();
    cid.confirm(&offered).await.expect(200);
    ada.cancel_part(&kept, 1).await.expect(200);
    assert_eq!(numbers(&complete(&system, &event).await["totals"]), [2, 1, 2, 1, 1, 0, 3, 0, 4]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_of_stored_bookings_agrees_with_the_counters() {
    let system = stored().start().await;
    let event = event_with(&system, json!({"totalTickets": 4, "checkoutMinutes": 10, "offerMinutes": 10})).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let [kept, left] = [ada.must_reserve(&event, 2).await, ben.must_reserve(&event, 2).await];
    cid.must_wait(&event, 2).await;
    ada.confirm(&kept).await.expect(200);
    ben.cancel(&left).await.expect(200);
    system.quiet().await;
    let offered = only_booking(&cid).await["id"].as_str().unwrap().to_owned();
    let of = |totals: &Value| ["sold", "promoted", "promotions", "waiting"].map(|name| totals[name].as_u64().unwrap());
    assert_eq!(of(&complete(&system, &event).await["totals"]), [2, 0, 1, 0]);
    cid.confirm(&offered).await.expect(200);
    ada.cancel_part(&kept, 1).await.expect(200);
    assert_eq!(of(&complete(&system, &event).await["totals"]), [3, 2, 1, 0]);
    // Everything is counted anew.
    system.booking_database.admin().await.batch_execute("DELETE FROM sales_progress").await.unwrap();
    assert_eq!(of(&complete(&system, &event).await["totals"]), [3, 2, 1, 0]);
    system.check().await;
    system.stop().await;
}
