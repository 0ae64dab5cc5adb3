//! The log of a queue over the API: it is public, complete and in order, and says nothing about anybody.

use reqwest::Method;
use rowlock_domain::ids::TypeKey;
use rowlock_domain::queue_log::verifier::{QueueLogReport, QueueLogVerifier};
use rowlock_domain::queue_log::{QueueLogHead, QueueLogRecord};
use rowlock_test_support::client::{Client, Person};
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::support::{fields, text};

/// Reads the log of a ticket type with pages of this size, and verifies it.
pub(crate) async fn verified(client: &Client, event: &str, ticket_type: &Value, limit: usize) -> QueueLogReport {
    let ticket_type = text(ticket_type);
    let mut verifier = QueueLogVerifier::new(TypeKey { event: event.parse().unwrap(), ticket_type: ticket_type.parse().unwrap() });
    let mut after = json!(0);
    loop {
        let path = format!("/api/events/{event}/queue-log?ticketTypeId={ticket_type}&limit={limit}&after={after}");
        let page = client.get(&path).await.expect(200);
        assert_eq!(page["ticketTypeId"], json!(ticket_type));
        let records: Vec<QueueLogRecord> = serde_json::from_value(page["items"].clone()).unwrap();
        for record in &records {
            verifier.push(record).unwrap();
        }
        after = page["nextAfter"].clone();
        if after.is_null() {
            let head: QueueLogHead = serde_json::from_value(page["head"].clone()).unwrap();
            return verifier.finish(head).unwrap();
        }
        assert_eq!(records.len(), limit, "a page with another behind it is full");
    }
}

async fn uncached() -> System {
    Plan::default().booking_setting("reads.keep_ms", "0").start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_verify_the_queue_of_each_ticket_type() {
    let system = uncached().await;
    let kinds = json!([{"name": "Floor", "totalTickets": 2}, {"name": "Balcony", "totalTickets": 1}]);
    let event = system.event_like(json!({"name": "Concert", "ticketTypes": kinds})).await;
    let (id, types) = (text(&event["id"]), event["ticketTypes"].clone());
    let people = system.users("p", 6).await;
    for (index, person) in people.iter().enumerate() {
        for kind in 0..2 {
            let body = json!({"eventId": id, "ticketTypeId": types[kind]["id"], "quantity": if index == 0 { 2 - kind } else { 1 }});
            person.client.post("/api/book", body).await;
        }
    }
    let booking = text(&people[0].bookings().await[1]["id"]);
    people[0].client.post("/api/cancelbooking", json!({"bookingId": booking, "quantity": 1})).await.expect(200);
    let entry = text(&people[3].waitlist().await[0]["id"]);
    people[3].client.post("/api/leavewaitlist", json!({"waitlistEntryId": entry})).await.expect(200);
    system.quiet().await;
    let visitor = system.visitor();
    let [floor, balcony] = [verified(&visitor, &id, &types[0]["id"], 2).await, verified(&visitor, &id, &types[1]["id"], 100).await];
    assert_eq!((floor.entries, floor.promotions, floor.ended, floor.waiting), (5, 1, 0, 4));
    assert_eq!((balcony.entries, balcony.promotions, balcony.ended, balcony.waiting), (5, 0, 1, 4));

    // An account finds itself by the number of its entry, and there is nothing else about it.
    let number = people[4].waitlist().await[1]["number"].as_i64().unwrap();
    let path = format!("/api/events/{id}/queue-log?ticketTypeId={}&after={}&limit=1", text(&types[0]["id"]), number - 1);
    let page = visitor.get(&path).await.expect(200);
    assert_eq!((number, &page["items"][0]["number"]), (4, &json!(4)));
    assert_eq!(fields(&page), ["head", "items", "nextAfter", "ticketTypeId"]);
    assert_eq!(fields(&page["items"][0]), ["hash", "kind", "minQuantity", "number", "position", "quantity", "recordedAt"]);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_hidden_with_its_event_and_bad_parameters_are_named() {
    let system = uncached().await;
    let visitor = system.visitor();
    let event = system.event(1).await;
    let path = format!("/api/events/{event}/queue-log");
    let empty = visitor.get(&path).await;
    let body = empty.expect(200);
    assert_eq!(body["head"], json!({"position": 0, "hash": "0".repeat(64)}));
    assert_eq!((&body["items"], &body["nextAfter"]), (&json!([]), &Value::Null));
    assert_eq!(empty.header("cache-control"), Some("public, max-age=1"));
    let etag = empty.header("etag").unwrap().to_owned();
    let again = visitor.send(Method::GET, &path, &[("if-none-match", &etag)], None).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let beyond = visitor.get(&format!("{path}?after=9223372036854775807")).await.expect(200);
    assert_eq!((&beyond["items"], &beyond["nextAfter"]), (&json!([]), &Value::Null));

    let draft = system.event_like(json!({"name": "Secret", "totalTickets": 1, "status": "draft"})).await;
    for unknown in [text(&draft["id"]), crate::route_table::UNKNOWN.to_owned(), "x".to_owned()] {
        visitor.get(&format!("/api/events/{unknown}/queue-log")).await.refused(404, "event-not-found");
        system.admin().client.get(&format!("/api/events/{unknown}/queue-log")).await.refused(404, "event-not-found");
    }
    let type_of_draft = text(&draft["ticketTypes"][0]["id"]);
    for (query, wrong) in [
        ("after=-1&limit=0&ticketTypeId=x", vec!["after", "limit", "ticketTypeId"]),
        ("after=x", vec!["after"]),
        ("after=9223372036854775808", vec!["after"]),
        ("limit=1001", vec!["limit"]),
        (&format!("ticketTypeId={type_of_draft}"), vec!["ticketTypeId"]),
    ] {
        let answer = visitor.get(&format!("{path}?{query}")).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), wrong, "{query}");
    }
    let kinds = json!([{"name": "Floor", "totalTickets": 2}, {"name": "Balcony", "totalTickets": 1}]);
    let several = text(&system.event_like(json!({"name": "Concert", "ticketTypes": kinds})).await["id"]);
    let answer = visitor.get(&format!("/api/events/{several}/queue-log")).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["ticketTypeId"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_who_join_at_once_are_recorded_once_each() {
    let system = uncached().await;
    let event = system.event(1).await;
    let people = system.users("p", 30).await;
    futures_util::future::join_all(people.iter().map(|person| person.book(&event, 1))).await;
    let holder = futures_util::future::join_all(people.iter().map(Person::bookings)).await;
    let (holder, booking) = people.iter().zip(&holder).find(|(_, bookings)| !bookings.is_empty()).unwrap();
    holder.cancel(&text(&booking[0]["id"])).await.expect(200);
    system.quiet().await;
    let shown = system.visitor().get(&format!("/api/events/{event}")).await.expect(200);
    let report = verified(&system.visitor(), &event, &shown["ticketTypes"][0]["id"], 1000).await;
    assert_eq!((report.records, report.entries, report.promotions, report.restarts), (30, 29, 1, 0));
    let mut numbers: Vec<i64> = Vec::new();
    for person in &people {
        numbers.extend(person.waitlist().await.iter().map(|entry| entry["number"].as_i64().unwrap()));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=29).collect::<Vec<_>>());
    system.check().await;
    system.stop().await;
}
