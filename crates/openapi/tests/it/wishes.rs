//! Examples of wishes that a running service accepts.

use rowlock_test_support::client::Client;
use rowlock_test_support::system::System;
use serde_json::{Value, json};

/// Creates an event with two types for a request that makes a wish, or makes the wish that a request leaves.
pub(crate) async fn prepare_wish(system: &System, body: &mut Value) -> Client {
    let types = json!([{"name": "One", "totalTickets": 4}, {"name": "Other", "totalTickets": 4}]);
    let event = system.event_like(json!({"name": "On sale", "ticketTypes": types})).await;
    let types = [&event["ticketTypes"][0]["id"], &event["ticketTypes"][1]["id"]];
    let is_new = body.get("ticketTypeIds").is_some();
    let person = system.user(if is_new { "wishes" } else { "wished" }).await.client;
    if is_new {
        body["eventId"] = event["id"].clone();
        body["ticketTypeIds"] = json!(types);
        return person;
    }
    for ticket_type in types {
        let all = json!({"eventId": event["id"], "ticketTypeId": ticket_type, "quantity": 4});
        system.admin().client.post("/api/book", all).await.expect(201);
    }
    let waiting = person.post("/api/book", json!({"eventId": event["id"], "ticketTypeIds": types})).await.expect(202);
    body["wishId"] = waiting["waitlistEntry"]["wishId"].clone();
    person
}
