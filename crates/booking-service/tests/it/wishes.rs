//! Wishes through HTTP: requests for one of several ticket types, which wait for all of them and end with the first promotion.

use rowlock_test_support::client::{Person, TestResponse};
use rowlock_test_support::database::DATABASE_ENV;
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::faults::{id_bytes, proxy_of};

/// Creates an event with types of these capacities. Returns its id and those of its types.
async fn event_of(system: &System, capacities: &[u32], more: Value) -> (String, Vec<String>) {
    let types: Vec<_> =
        capacities.iter().enumerate().map(|(n, capacity)| json!({"name": format!("Type {n}"), "totalTickets": capacity})).collect();
    let mut body = json!({"name": "A test", "ticketTypes": types});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let event = system.event_like(body).await;
    let ids = event["ticketTypes"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
    (event["id"].as_str().unwrap().to_owned(), ids.collect())
}

async fn book_type(person: &Person, event: &str, ticket_type: &str, quantity: u32) -> String {
    let body = json!({"eventId": event, "ticketTypeId": ticket_type, "quantity": quantity});
    person.client.post("/api/book", body).await.expect(201)["booking"]["id"].as_str().unwrap().to_owned()
}

async fn wish(person: &Person, event: &str, types: &[&String], quantity: u32) -> TestResponse {
    person.client.post("/api/book", json!({"eventId": event, "ticketTypeIds": types, "quantity": quantity})).await
}

/// Returns the ticket type, the preference, the position and the status of each entry, in the order of preference.
fn places(entries: &[Value]) -> Vec<(String, u64, Option<u64>, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let place = |entry: &Value| {
        (text(&entry["ticketTypeId"]), entry["preference"].as_u64().unwrap(), entry["position"].as_u64(), text(&entry["status"]))
    };
    let mut places: Vec<_> = entries.iter().map(place).collect();
    places.sort_by_key(|place| place.1);
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_waits_for_every_type_and_its_first_promotion_ends_the_rest() {
    let system = System::new().await;
    let (event, types) = event_of(&system, &[2, 2, 1], Value::Null).await;
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    let first = book_type(&ada, &event, &types[0], 2).await;
    let second = book_type(&ada, &event, &types[1], 1).await;
    // The second type has a ticket, which is booked at once.
    let booked = wish(&cid, &event, &[&types[0], &types[1]], 1).await.expect(201);
    assert_eq!((&booked["status"], &booked["booking"]["ticketTypeId"]), (&json!("confirmed"), &json!(types[1])));

    let told = wish(&ben, &event, &[&types[1], &types[0]], 2).await.expect(202);
    let entries = told["waitlistEntries"].as_array().unwrap();
    assert_eq!((&told["status"], &told["waitlistEntry"]), (&json!("waitlisted"), &entries[0]));
    let waiting = |ticket_type: &String, preference| (ticket_type.clone(), preference, Some(1), "waiting".to_owned());
    assert_eq!(places(entries), [waiting(&types[1], 0), waiting(&types[0], 1)]);
    assert_eq!(entries[0]["wishId"], entries[1]["wishId"]);
    assert_eq!(places(&ben.waitlist().await), places(entries));
    // One of them is the same as for anybody else: the third type still has a ticket, and nothing else has changed.
    assert!(
        ben.client.post("/api/book", json!({"eventId": event, "ticketTypeId": types[0]})).await.refused(409, "already-waiting")["ticketTypeId"]
            == json!(types[0])
    );
    let status = system.status(&event).await;
    assert_eq!(status["waitlist"]["items"][0]["wishId"], entries[0]["wishId"]);
    assert_eq!(status["waitlist"]["items"][0]["preference"], json!(1), "the list is in the order of the types");

    ada.cancel(&first).await.expect(200);
    system.quiet().await;
    let ended = |ticket_type: &String, preference, status: &str| (ticket_type.clone(), preference, None, status.to_owned());
    assert_eq!(places(&ben.waitlist().await), [ended(&types[1], 0, "left"), ended(&types[0], 1, "promoted")]);
    assert_eq!(ben.tickets().await, 2);
    ada.cancel(&second).await.expect(200);
    system.quiet().await;
    assert_eq!((ben.tickets().await, system.status(&event).await["ticketTypes"][1]["availableTickets"].clone()), (2, json!(1)));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_in_a_wish_is_named() {
    let system = System::new().await;
    let (event, types) = event_of(&system, &[2, 5], json!({"status": "draft"})).await;
    let ada = system.user("ada").await;
    let send = async |body: Value| ada.client.post("/api/book", body).await;
    let messages = |answer: TestResponse| {
        let errors = answer.refused(422, "invalid-input")["errors"].clone();
        errors
            .as_array()
            .unwrap()
            .iter()
            .map(|error| format!("{}: {}", error["field"].as_str().unwrap(), error["message"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let both = send(json!({"eventId": event, "ticketTypeId": types[0], "ticketTypeIds": types, "quantity": 0})).await;
    assert_eq!(both.bad_fields(), ["quantity", "ticketTypeIds"]);
    let twice = json!({"eventId": event, "ticketTypeIds": [types[0], types[0]]});
    assert_eq!(messages(send(twice).await), ["ticketTypeIds: must not name a ticket type twice"]);
    let one = json!({"eventId": event, "ticketTypeIds": [types[0]]});
    assert_eq!(messages(send(one).await), ["ticketTypeIds: must have at least 2 items"]);
    let many: Vec<_> = std::iter::repeat_n(&types[0], 11).collect();
    assert_eq!(messages(send(json!({"eventId": event, "ticketTypeIds": many})).await), ["ticketTypeIds: must have at most 10 items"]);
    assert_eq!(send(json!({"eventId": event, "ticketTypeIds": [types[0], "x"]})).await.bad_fields(), ["ticketTypeIds[1]"]);
    // A draft tells nothing about its types.
    let strange = json!({"eventId": event, "ticketTypeIds": [types[0], event]});
    send(strange.clone()).await.refused(404, "event-not-found");
    system.admin().client.patch(&format!("/admin/events/{event}"), json!({"status": "published"})).await.expect(200);
    assert_eq!(messages(send(strange).await), [format!("ticketTypeIds: contains ids that are not ticket types of this event: {event}")]);
    let too_many = messages(send(json!({"eventId": event, "ticketTypeIds": types, "quantity": 6})).await);
    let total =
        |n: usize, total| format!("quantity: must be at most {total} for the ticket type {}, which has no more tickets in total", types[n]);
    assert_eq!(too_many, [total(0, 2), total(1, 5)]);
    system.change_type(&event, json!({"maxPerAccount": 1})).await.expect(200);
    let limited = send(json!({"eventId": event, "ticketTypeIds": types, "quantity": 2})).await.refused(409, "account-limit");
    assert_eq!((&limited["ticketTypeId"], &limited["maxPerAccount"]), (&json!(types[0]), &json!(1)));
    assert_eq!(ada.tickets().await, 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_is_changed_and_left_as_one_or_left_type_by_type() {
    let system = System::new().await;
    let (event, types) = event_of(&system, &[4, 4, 4], json!({"offerMinutes": 10})).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let mut bookings = Vec::new();
    for ticket_type in &types {
        bookings.push(book_type(&ada, &event, ticket_type, 4).await);
    }
    let body = json!({"eventId": event, "ticketTypeIds": types, "quantity": 2, "minQuantity": 1});
    let told = ben.client.post_with_key("/api/book", "wish", body.clone()).await.expect(202);
    assert_eq!(ben.client.post_with_key("/api/book", "wish", body).await.expect(202), told, "a repeat gets the same response");
    let entries = told["waitlistEntries"].as_array().unwrap().clone();
    let sizes = |entries: &Value| entries.as_array().unwrap().iter().map(|entry| entry["quantity"].as_u64().unwrap()).collect::<Vec<_>>();

    let changed = ben.client.post("/api/changewaitlist", json!({"waitlistEntryId": entries[1]["id"], "quantity": 3})).await.expect(200);
    assert_eq!((&changed["waitlistEntry"], sizes(&changed["waitlistEntries"])), (&changed["waitlistEntries"][0], vec![3, 3, 3]));
    let changed = ben.client.post("/api/changewaitlist", json!({"eventId": event, "quantity": 2})).await.expect(200);
    assert_eq!(sizes(&changed["waitlistEntries"]), [2, 2, 2], "a wish is the only thing that waits");
    let left = ben.client.post("/api/leavewaitlist", json!({"waitlistEntryId": entries[0]["id"]})).await.expect(200);
    assert_eq!((&left["waitlistEntry"]["status"], left.get("waitlistEntries")), (&json!("left"), None));
    let statuses = async || places(&ben.waitlist().await).into_iter().map(|place| place.3).collect::<Vec<_>>();
    assert_eq!(statuses().await, ["left", "waiting", "waiting"]);

    // The offer of one type ends the other entry for good, also when it is declined.
    ada.cancel_part(&bookings[1], 2).await.expect(200);
    system.quiet().await;
    assert_eq!(statuses().await, ["left", "promoted", "left"]);
    let wish_id = json!({"wishId": entries[0]["wishId"]});
    let offered = ben.client.post("/api/leavewaitlist", wish_id.clone()).await.refused(409, "already-promoted");
    ben.client.post("/api/leavewaitlist", json!({"eventId": event})).await.refused(409, "already-promoted");
    ben.cancel(offered["bookingId"].as_str().unwrap()).await.expect(200);
    system.quiet().await;
    assert_eq!(statuses().await, ["left", "left", "left"]);
    let all = ben.client.post("/api/leavewaitlist", wish_id).await.expect(200);
    assert_eq!(all["waitlistEntries"].as_array().unwrap().len(), 3, "nothing waits any more");

    ada.cancel_part(&bookings[2], 1).await.expect(200);
    let other = [&types[0], &types[2]];
    let next = wish(&ben, &event, &other, 3).await.expect(202);
    let left = ben.client.post("/api/leavewaitlist", json!({"wishId": next["waitlistEntry"]["wishId"]})).await.expect(200);
    assert!(places(left["waitlistEntries"].as_array().unwrap()).iter().all(|place| place.3 == "left"));
    ada.client
        .post("/api/leavewaitlist", json!({"wishId": next["waitlistEntry"]["wishId"]}))
        .await
        .refused(404, "waitlist-entry-not-found");
    assert_eq!(ada.client.post("/api/leavewaitlist", json!({})).await.bad_fields(), ["eventId", "waitlistEntryId", "wishId"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_response_does_not_double_a_wish() {
    let proxy = proxy_of(DATABASE_ENV).await;
    let system = Plan::default().workers(0).booking_setting("outbox.relay", "false").database_through(proxy.address()).start().await;
    let (event, types) = event_of(&system, &[1, 1], Value::Null).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    book_type(&ada, &event, &types[0], 1).await;
    book_type(&ada, &event, &types[1], 1).await;
    let body = json!({"eventId": event, "ticketTypeIds": types});
    let cut = proxy.cut_before_response("COMMIT", id_bytes(&ben.id));
    let answer = ben.client.post_with_key("/api/book", "k", body.clone()).await;
    cut.wait().await;
    let told = answer.expect(202);
    assert_eq!(places(&ben.waitlist().await), places(told["waitlistEntries"].as_array().unwrap()));
    assert_eq!(ben.client.post_with_key("/api/book", "k", body).await.text, answer.text);
    system.check().await;
    system.stop().await;
}
