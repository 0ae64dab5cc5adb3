//! Check-ins and what depends on them: undoing them, returns of tickets, the door list, and repeated requests.

use reqwest::Method;
use rowlock_domain::states::AdminRole;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::checkins::{code, counts, scan};
use crate::support::{cancel_event, create_event, each, read_all, text};
use crate::tickets::{numbers, replace, tickets};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

async fn undo(door: &Client, event: &str, checkin: &str) -> TestResponse {
    door.send(Method::DELETE, &format!("/admin/events/{event}/checkins/{checkin}"), &[], None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undone_check_in_is_in_the_audit_log_and_the_ticket_admits_again() {
    let system = Plan::default().workers(0).start().await;
    let (event, other) = (system.event(2).await, system.event(2).await);
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    let ticket = code(&tickets(&ada, &booking).await[0]);
    let door = system.administrator(AdminRole::Door).await;
    let checkin = scan(&door.client, &event, json!({"code": ticket, "door": "North"})).await.expect(201);
    let id = text(&checkin["id"]);

    undo(&door.client, &other, &id).await.refused(404, "checkin-not-found");
    undo(&door.client, &event, "x").await.refused(404, "checkin-not-found");
    undo(&door.client, UNKNOWN, &id).await.refused(404, "event-not-found");
    assert_eq!(undo(&door.client, &event, &id).await.status, 204);
    undo(&door.client, &event, &id).await.refused(404, "checkin-not-found");

    let log = read_all(&system.admin().client, "/admin/auditlog", 10).await;
    let undone: Vec<_> = log.iter().filter(|entry| entry["action"] == "checkin.undo").collect();
    assert_eq!((undone.len(), &undone[0]["subject"], &undone[0]["actor"]["accountId"]), (1, &json!(booking), &json!(door.id)));
    let details = json!({"eventId": event, "number": 0, "checkedInAt": checkin["checkedInAt"], "door": "North"});
    assert_eq!(undone[0]["details"], details);
    assert_eq!(counts(&door.client, &event).await, (0, 1));
    assert_ne!(scan(&door.client, &event, json!({"code": ticket})).await.expect(201)["id"], checkin["id"]);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_were_used_cannot_be_returned_or_replaced() {
    let system = System::new().await;
    let event = system.event(4).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 4).await;
    ben.must_wait(&event, 1).await;
    let codes = tickets(&ada, &booking).await;
    let door = system.administrator(AdminRole::Door).await.client;
    for number in [1, 3] {
        scan(&door, &event, json!({"code": code(&codes[number])})).await.expect(201);
    }

    replace(&ada, &booking, 3).await.refused(409, "already-checked-in");
    assert_eq!(ada.cancel(&booking).await.refused(409, "already-checked-in")["returnable"], 2);
    assert_eq!(ada.cancel_part(&booking, 3).await.refused(409, "already-checked-in")["returnable"], 2);
    let by_event = ada.client.post("/api/cancelbooking", json!({"eventId": event})).await;
    assert_eq!(by_event.refused(409, "already-checked-in")["returnable"], 2);
    let path = format!("/admin/bookings/{booking}/cancel");
    system.admin().client.post(&path, json!({})).await.refused(409, "already-checked-in");
    let by_event = ada.client.post("/api/cancelbooking", json!({"eventId": event, "quantity": 1})).await.expect(200);
    assert_eq!(by_event["booking"]["quantity"], 3);
    assert_eq!(numbers(&tickets(&ada, &booking).await), [0, 1, 3], "the highest number that is not used");
    system.quiet().await;
    assert_eq!(ben.tickets().await, 1, "the returned ticket went to the next in line");
    ada.cancel_part(&booking, 1).await.expect(200);
    assert_eq!(numbers(&tickets(&ada, &booking).await), [1, 3]);
    assert_eq!(ada.cancel_part(&booking, 1).await.refused(409, "already-checked-in")["returnable"], 0);
    // A cancelled event cancels its bookings whoever is inside.
    cancel_event(&system, &event).await.expect(200);
    system.quiet().await;
    assert_eq!(ada.tickets().await, 0);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_either_used_or_returned_when_both_happen_at_once() {
    let system = Plan::default().workers(0).bookings(2).start().await;
    let event = create_event(&system, json!({"name": "A race", "totalTickets": 100})).await;
    let ada = system.user("ada").await;
    let door = system.administrator(AdminRole::Door).await.client.at(system.booking_urls().remove(1));
    let (mut admitted, mut returned) = (0, 0);
    for round in 0..40 {
        let booking = ada.must_book(&event, 2).await;
        let codes = tickets(&ada, &booking).await;
        let whole = round % 2 == 0;
        let cancelling = async { if whole { ada.cancel(&booking).await } else { ada.cancel_part(&booking, 1).await } };
        // A part is taken from the highest number, so the door scans that one.
        let scanning = scan(&door, &event, json!({"code": code(&codes[1])}));
        let (cancelled, scanned) = if round % 4 < 2 {
            tokio::join!(cancelling, scanning)
        } else {
            let (scanned, cancelled) = tokio::join!(scanning, cancelling);
            (cancelled, scanned)
        };
        match (cancelled.status, scanned.status, whole) {
            (409, 201, true) => drop((cancelled.refused(409, "already-checked-in"), admitted += 1)),
            (200, 409, true) => drop((scanned.refused(409, "ticket-cancelled"), returned += 1)),
            // If the door was first, the other ticket is returned.
            (200, 201, false) => {
                assert_eq!(numbers(&tickets(&ada, &booking).await), [1]);
                admitted += 1;
            }
            (200, 409, false) => {
                scanned.refused(409, "ticket-void");
                assert_eq!(numbers(&tickets(&ada, &booking).await), [0]);
                returned += 1;
            }
            unexpected => panic!("{unexpected:?}: {} {}", cancelled.text, scanned.text),
        }
        system.check().await;
    }
    assert_eq!(admitted + returned, 40);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_list_is_ordered_by_name_and_can_be_searched_and_exported() {
    let system = Plan::default().workers(0).start().await;
    let types = json!([{"name": "Floor", "totalTickets": 20}, {"name": "=Balcony", "totalTickets": 5}]);
    let created = system.event_like(json!({"name": "A night", "ticketTypes": types})).await;
    let event = text(&created["id"]);
    let [floor, balcony] = [0, 1].map(|index| text(&created["ticketTypes"][index]["id"]));
    let admin = &system.admin().client;
    let book = async |name: &str, ticket_type: &str, quantity: u32| {
        let guest = json!({"name": name, "email": "guest@example.org", "ticketTypeId": ticket_type, "quantity": quantity});
        text(&admin.post(&format!("/admin/events/{event}/bookings"), guest).await.expect(201)["booking"]["id"])
    };
    let zoe = book("zoë Ärmel", &floor, 3).await;
    let ada = book("Ada Lovelace", &balcony, 2).await;
    let gone = book("Ada Gone", &floor, 1).await;
    book("Ben =1+1", &floor, 1).await;
    admin.post(&format!("/admin/bookings/{gone}/cancel"), json!({})).await.expect(200);
    admin.post(&format!("/admin/bookings/{zoe}/cancel"), json!({"quantity": 1})).await.expect(200);
    let door = system.administrator(AdminRole::Door).await.client;
    let checkin = scan(&door, &event, json!({"bookingId": ada, "number": 1, "door": "North"})).await.expect(201);
    let path = format!("/admin/events/{event}/doorlist");

    for limit in [1, 2, 3, 100] {
        let list = read_all(&door, &path, limit).await;
        assert_eq!(each(&list, "holderName"), ["Ada Lovelace", "Ada Lovelace", "Ben =1+1", "zoë Ärmel", "zoë Ärmel"], "{limit}");
        assert_eq!(numbers(&list), [0, 1, 0, 0, 1]);
        assert_eq!(
            (&list[1]["checkedInAt"], &list[1]["door"], &list[1]["checkinId"]),
            (&checkin["checkedInAt"], &json!("North"), &checkin["id"])
        );
        assert_eq!(
            (&list[0]["checkedInAt"], &list[0]["checkinId"], &list[0]["ticketType"]),
            (&Value::Null, &Value::Null, &json!("=Balcony"))
        );
    }
    for (q, names) in [("lovel", 2), ("ADA%20love", 2), ("zoe%20armel", 2), ("ben%20ada", 0), ("%25", 0), ("_", 0)] {
        assert_eq!(read_all(&door, &format!("{path}?q={q}"), 10).await.len(), names, "{q}");
    }
    let export = door.get(&format!("{path}?format=csv")).await;
    let lines: Vec<_> = export.text.split("\r\n").collect();
    assert_eq!(lines[0], "\u{feff}ticket,name,ticketType,checkedInAt,door,bookingId,number");
    assert_eq!((lines.len(), lines[6]), (7, ""));
    assert!(lines[2].contains("-1,Ada Lovelace,'=Balcony,20") && lines[2].ends_with(&format!("Z,North,{ada},1")), "{}", lines[2]);
    assert!(lines[3].contains(",Ben '=1+1,Floor,,,"), "{}", lines[3]);
    let accepted = door.send(Method::GET, &path, &[("accept", "text/csv")], None).await;
    assert_eq!((accepted.text, accepted.headers["content-type"].to_str().unwrap()), (export.text, "text/csv; charset=utf-8"));
    let found = door.get(&format!("{path}?format=csv&q=ben")).await;
    assert_eq!(found.text.lines().count(), 2);
    assert_eq!(door.get(&format!("{path}?format=xls&limit=0&cursor=x&q=%00")).await.bad_fields(), ["cursor", "format", "limit", "q"]);
    door.get(&format!("/admin/events/{UNKNOWN}/doorlist")).await.refused(404, "event-not-found");
    let summary = door.get(&format!("/admin/events/{event}/checkins/summary")).await.expect(200);
    assert_eq!(
        summary,
        json!({"checkedIn": 1, "expected": 5, "ticketTypes": [
            {"ticketTypeId": floor, "name": "Floor", "checkedIn": 0, "expected": 3},
            {"ticketTypeId": balcony, "name": "=Balcony", "checkedIn": 1, "expected": 2},
        ]})
    );
    door.get(&format!("/admin/events/{UNKNOWN}/checkins/summary")).await.refused(404, "event-not-found");
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_with_its_key_acts_once() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 2).await;
    let [first, second] = [0, 1].map(|number| json!({"bookingId": booking, "number": number, "door": "North"}));
    let door = system.administrator(AdminRole::Door).await.client;
    let path = format!("/admin/events/{event}/checkins");

    // All requests with the key arrive at once.
    let sending: Vec<_> = (0..8)
        .map(|_| {
            let (door, path, scan) = (door.clone(), path.clone(), first.clone());
            tokio::spawn(async move { door.post_with_key(&path, "one", scan).await })
        })
        .collect();
    let mut answers = Vec::new();
    for answer in sending {
        answers.push(answer.await.unwrap());
    }
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count(), 1);
    door.post_with_key(&path, "one", second.clone()).await.refused(422, "idempotency-key-reused");
    door.post_with_key(&path, "other", first.clone()).await.refused(409, "already-checked-in");

    let checkin = format!("{path}/{}", text(&answers[0].json()["id"]));
    let undo = async |key: &str| door.send(Method::DELETE, &checkin, &[("idempotency-key", key)], None).await;
    undo("one").await.refused(422, "idempotency-key-reused");
    assert_eq!(undo("two").await.status, 204);
    assert_eq!((undo("two").await.status, undo("two").await.header("idempotent-replayed")), (204, Some("true")));
    undo("three").await.refused(404, "checkin-not-found");
    let again = door.post_with_key(&path, "one", first).await;
    assert_eq!((again.status, &again.text), (201, &answers[0].text), "a repeat does not check the ticket in again");
    assert_eq!(counts(&door, &event).await.0, 0);

    let path = format!("/api/bookings/{booking}/tickets/0/replace");
    let replace = async |key: &str| ada.client.send(Method::POST, &path, &[("idempotency-key", key)], None).await;
    let replaced = replace("four").await.expect(200);
    let repeated = replace("four").await;
    assert_eq!((repeated.header("idempotent-replayed"), repeated.expect(200)), (Some("true"), replaced));
    replace("five").await.refused(404, "ticket-not-found");
    assert_eq!(replace("two words").await.bad_fields(), ["Idempotency-Key"]);
    system.check().await;
    system.stop().await;
}
