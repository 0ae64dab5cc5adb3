//! Parties that take fewer tickets than they ask for, through HTTP.

use rowlock_test_support::client::{Person, TestResponse};
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

async fn ask(person: &Person, event: &str, quantity: u32, min_quantity: u32) -> TestResponse {
    person.client.post("/api/book", json!({"eventId": event, "quantity": quantity, "minQuantity": min_quantity})).await
}

/// Returns the quantity, the minimum and the position of an entry.
fn shown(entry: &Value) -> (u64, u64, Option<u64>) {
    (entry["quantity"].as_u64().unwrap(), entry["minQuantity"].as_u64().unwrap(), entry["position"].as_u64())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_ticket_goes_to_the_first_party_that_takes_so_few() {
    let system = System::new().await;
    let event = system.event(6).await;
    let [ada, ben, cid, dan] = [system.user("ada").await, system.user("ben").await, system.user("cid").await, system.user("dan").await];
    let booking = ada.must_book(&event, 6).await;
    let waiting = ben.book(&event, 4).await.expect(202);
    assert_eq!(shown(&waiting["waitlistEntry"]), (4, 4, Some(1)), "all or none");
    assert_eq!(shown(&ask(&cid, &event, 4, 2).await.expect(202)["waitlistEntry"]), (4, 2, Some(2)));
    ask(&dan, &event, 2, 1).await.expect(202);

    ada.cancel_part(&booking, 3).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, cid.tickets().await, dan.tickets().await), (0, 3, 0));
    let entry = &cid.waitlist().await[0];
    assert_eq!((shown(entry), entry["status"].clone()), ((4, 2, None), json!("promoted")), "the rest is given up");
    ada.cancel_part(&booking, 1).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, dan.tickets().await), (0, 1));
    let items = system.status(&event).await["waitlist"]["items"].clone();
    assert_eq!((&items[0]["quantity"], &items[0]["minQuantity"], items[1].clone()), (&json!(4), &json!(4), Value::Null));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_fewer_gets_what_is_left_and_a_repeat_gets_the_same() {
    let system = System::new().await;
    let event = system.event(5).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 3).await;
    let body = json!({"eventId": event, "quantity": 4, "minQuantity": 2, "joinWaitlist": false});
    let booked = ben.client.post_with_key("/api/book", "few", body.clone()).await.expect(201);
    assert_eq!((&booked["booking"]["quantity"], &booked["status"]), (&json!(2), &json!("confirmed")));
    assert_eq!(ben.client.post_with_key("/api/book", "few", body.clone()).await.expect(201), booked);
    ben.client.post("/api/book", body).await.refused(409, "sold-out");
    assert_eq!(system.counts(&event).await, (5, 0, 0, 0));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minimum_above_the_quantity_is_rejected() {
    let system = System::new().await;
    let event = system.event(3).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let errors = |refused: Value| refused["errors"].clone();
    let above = json!([{"field": "minQuantity", "message": "must be at most quantity"}]);
    for (quantity, min_quantity) in [(json!(2), 3), (Value::Null, 2)] {
        let body = json!({"eventId": event, "quantity": quantity, "minQuantity": min_quantity});
        assert_eq!(errors(ada.client.post("/api/book", body).await.refused(422, "invalid-input")), above);
    }
    let answer = ada.client.post("/api/book", json!({"eventId": event, "quantity": 0, "minQuantity": 101})).await;
    assert_eq!(answer.bad_fields(), ["minQuantity", "quantity"]);
    ada.must_book(&event, 3).await;
    let (entry, _) = ben.must_wait(&event, 2).await;
    let change = async |mut body: Value| {
        body["waitlistEntryId"] = json!(entry);
        ben.client.post("/api/changewaitlist", body).await
    };
    assert_eq!(errors(change(json!({"quantity": 2, "minQuantity": 3})).await.refused(422, "invalid-input")), above);
    let above = json!([{"field": "minQuantity", "message": "must be at most 2, the quantity of the entry"}]);
    assert_eq!(errors(change(json!({"minQuantity": 3})).await.refused(422, "invalid-input")), above);
    assert_eq!(change(json!({})).await.bad_fields(), ["minQuantity", "quantity"]);
    assert_eq!(shown(&ben.waitlist().await[0]), (2, 2, Some(1)));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_minimum_keeps_the_place_and_takes_what_is_available() {
    let system = Plan::default().worker_setting("worker.sweep", "false").start().await;
    let event = system.event(4).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let booking = ada.must_book(&event, 4).await;
    ben.must_wait(&event, 4).await;
    cid.must_wait(&event, 4).await;
    ada.cancel_part(&booking, 2).await.expect(200);
    system.quiet().await;
    assert_eq!(system.counts(&event).await, (2, 2, 0, 2));
    // Sales are closed, which ends neither the waiting list nor the right to take fewer.
    system.admin().client.patch(&format!("/admin/events/{event}"), json!({"salesEndAt": "2024-01-01T00:00:00Z"})).await.expect(200);
    let change = async |person: &Person, body: Value| person.client.post("/api/changewaitlist", body).await;
    let answer = change(&ben, json!({"eventId": event, "minQuantity": 3})).await.expect(200);
    assert_eq!(shown(&answer["waitlistEntry"]), (4, 3, Some(1)));
    change(&ben, json!({"eventId": event, "quantity": 5})).await.refused(409, "sales-closed");
    change(&cid, json!({"eventId": event, "minQuantity": 1})).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, cid.tickets().await), (0, 2));
    let refused = ben.book(&event, 1).await.refused(409, "sales-closed");
    assert_eq!(refused["code"], "sales-closed");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejected_second_join_names_the_minimum() {
    let system = System::new().await;
    let event = system.event(2).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 2).await;
    ask(&ben, &event, 2, 1).await.expect(202);
    let refused = ask(&ben, &event, 2, 1).await.refused(409, "already-waiting");
    assert_eq!((&refused["quantity"], &refused["minQuantity"]), (&json!(2), &json!(1)));
    system.stop().await;
}
