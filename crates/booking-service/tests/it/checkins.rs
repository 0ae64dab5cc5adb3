//! Check-ins: each ticket admits one person once.

use std::collections::BTreeMap;

use rowlock_domain::states::AdminRole;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::support::{cancel_event, create_event, each, in_seconds, text};
use crate::tickets::{numbers, replace, tickets};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

pub(crate) async fn scan(door: &Client, event: &str, body: Value) -> TestResponse {
    door.post(&format!("/admin/events/{event}/checkins"), body).await
}

async fn batch(door: &Client, event: &str, scans: Value) -> Vec<Value> {
    let answer = door.post(&format!("/admin/events/{event}/checkins/batch"), json!({"scans": scans})).await;
    answer.expect(200)["results"].as_array().unwrap().clone()
}

pub(crate) async fn counts(door: &Client, event: &str) -> (u64, u64) {
    let summary = door.get(&format!("/admin/events/{event}/checkins/summary")).await.expect(200);
    (summary["checkedIn"].as_u64().unwrap(), summary["expected"].as_u64().unwrap())
}

pub(crate) fn code(ticket: &Value) -> String {
    text(&ticket["code"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_admits_once_and_the_second_door_learns_of_the_first() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 2).await;
    let codes = tickets(&ada, &booking).await;
    let door = system.administrator(AdminRole::Door).await.client;

    let first = scan(&door, &event, json!({"code": code(&codes[0]), "door": "North"})).await.expect(201);

    assert_eq!(first["ticket"], json!({"bookingId": booking, "number": 0}));
    assert_eq!(
        (&first["holderName"], &first["ticketType"], &first["door"]),
        (&json!(ada.name), &json!("General admission"), &json!("North"))
    );
    let second = scan(&door, &event, json!({"code": code(&codes[0]), "door": "South"})).await.refused(409, "already-checked-in");
    assert_eq!((&second["checkedInAt"], &second["door"], &second["checkinId"]), (&first["checkedInAt"], &json!("North"), &first["id"]));
    let by_name = scan(&door, &event, json!({"bookingId": booking, "number": 1})).await.expect(201);
    assert_eq!((&by_name["door"], &by_name["ticket"]["number"]), (&Value::Null, &json!(1)));
    scan(&door, &event, json!({"code": code(&codes[1])})).await.refused(409, "already-checked-in");
    assert_eq!(counts(&door, &event).await, (2, 2));
    let used = tickets(&ada, &booking).await;
    assert_eq!((&used[0]["status"], &used[0]["usedAt"]), (&json!("used"), &first["checkedInAt"]));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_doors_admit_each_ticket_exactly_once() {
    let system = Plan::default().workers(0).bookings(2).start().await;
    let event =
        create_event(&system, json!({"name": "A storm", "ticketTypes": [{"name": "Floor", "totalTickets": 100, "maxPerBooking": 20}]}))
            .await;
    let mut codes = Vec::new();
    for person in system.users("guest", 5).await {
        let booking = person.must_book(&event, 20).await;
        codes.extend(tickets(&person, &booking).await.iter().map(code));
    }
    let door = system.administrator(AdminRole::Door).await.client;
    let urls = system.booking_urls();
    // Every door scans all tickets, each in an order of its own, so that many of them are scanned at the same instant.
    let doors: Vec<_> = (0..20)
        .map(|number| {
            let (client, event) = (door.at(urls[number % 2].clone()), event.clone());
            let mut codes = codes.clone();
            codes.rotate_left(if number % 4 == 0 { 0 } else { number * 5 });
            tokio::spawn(async move {
                let (mut admitted, name) = (Vec::new(), format!("Door {number}"));
                for code in codes {
                    let answer = scan(&client, &event, json!({"code": code, "door": name})).await;
                    match answer.status {
                        201 => admitted.push(code),
                        _ => drop(answer.refused(409, "already-checked-in")),
                    }
                }
                (name, admitted)
            })
        })
        .collect();
    let mut admitted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for door in doors {
        let (name, codes) = door.await.unwrap();
        for code in codes {
            admitted.entry(code).or_default().push(name.clone());
        }
    }
    assert_eq!(admitted.len(), 100);
    assert!(admitted.values().all(|doors| doors.len() == 1), "{admitted:?}");
    // Every door is told the same first door afterwards.
    for (code, doors) in admitted.iter().take(10) {
        assert_eq!(scan(&door, &event, json!({"code": code})).await.refused(409, "already-checked-in")["door"], doors[0]);
    }
    assert_eq!(counts(&door, &event).await, (100, 100));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_wrong_void_or_for_another_event_admit_nobody() {
    let system = Plan::default().workers(0).start().await;
    let (event, other) = (system.event(5).await, system.event(5).await);
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 4).await;
    let codes = tickets(&ada, &booking).await;
    let foreign = code(&tickets(&ada, &ada.must_book(&other, 1).await).await[0]);
    let door = system.administrator(AdminRole::Door).await.client;
    let reason = async |event: &str, code: &str, status, problem| {
        scan(&door, event, json!({"code": code})).await.refused(status, problem)["reason"].clone()
    };

    assert_eq!(reason(&event, &foreign, 422, "ticket-invalid").await, "other-event");
    assert_eq!(reason(&event, "hello", 422, "ticket-invalid").await, "unreadable");
    assert_eq!(reason(&event, "", 422, "ticket-invalid").await, "unreadable");
    let mut forged = code(&codes[0]).into_bytes();
    forged[100] = if forged[100] == b'A' { b'B' } else { b'A' };
    assert_eq!(reason(&event, &String::from_utf8(forged).unwrap(), 422, "ticket-invalid").await, "forged");
    scan(&door, UNKNOWN, json!({"code": code(&codes[0])})).await.refused(404, "event-not-found");
    scan(&door, "x", json!({"code": code(&codes[0])})).await.refused(404, "event-not-found");
    scan(&door, &event, json!({"bookingId": UNKNOWN, "number": 0})).await.refused(404, "booking-not-found");
    scan(&door, &other, json!({"bookingId": booking, "number": 0})).await.refused(404, "booking-not-found");
    scan(&door, &event, json!({"bookingId": booking, "number": 4})).await.refused(404, "ticket-not-found");

    replace(&ada, &booking, 0).await.expect(200);
    assert_eq!(reason(&event, &code(&codes[0]), 409, "ticket-void").await, "replaced");
    // The highest numbers are given back, first the new one.
    ada.cancel_part(&booking, 2).await.expect(200);
    assert_eq!(numbers(&tickets(&ada, &booking).await), [1, 2]);
    assert_eq!(reason(&event, &code(&codes[3]), 409, "ticket-void").await, "returned");
    ada.cancel(&booking).await.expect(200);
    for ticket in &codes {
        scan(&door, &event, json!({"code": code(ticket)})).await.refused(409, "ticket-cancelled");
    }
    let booking = ada.must_book(&event, 1).await;
    let last = code(&tickets(&ada, &booking).await[0]);
    cancel_event(&system, &event).await.expect(200);
    scan(&door, &event, json!({"code": last})).await.refused(409, "ticket-cancelled");
    assert_eq!(counts(&door, &event).await.0, 0);
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_names_its_fields_when_they_are_wrong() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let door = system.administrator(AdminRole::Door).await.client;
    for (body, fields) in [
        (json!({}), vec!["code"]),
        (json!({"bookingId": UNKNOWN}), vec!["number"]),
        (json!({"number": 0}), vec!["bookingId"]),
        (json!({"code": "A", "bookingId": UNKNOWN, "number": 1}), vec!["code"]),
        (json!({"code": 7, "bookingId": "x", "number": 1000, "door": ""}), vec!["bookingId", "code", "door", "number"]),
        (json!({"code": "A", "door": "x".repeat(101)}), vec!["door"]),
    ] {
        assert_eq!(scan(&door, &event, body.clone()).await.bad_fields(), fields, "{body}");
        let mut scan = body;
        scan["scannedAt"] = "soon".into();
        let answer = door.post(&format!("/admin/events/{event}/checkins/batch"), json!({"scans": [scan]})).await;
        assert_eq!(answer.bad_fields().last().unwrap(), "scans[0].scannedAt");
        scan["scannedAt"] = in_seconds(0).into();
        let answer = door.post(&format!("/admin/events/{event}/checkins/batch"), json!({"scans": [scan]})).await;
        assert_eq!(answer.bad_fields(), fields.iter().map(|field| format!("scans[0].{field}")).collect::<Vec<_>>());
    }
    scan(&door, &event, json!({"code": "A", "gate": "x"})).await.refused(400, "unknown-field");
    let many = json!({"scans": (0..201).map(|_| json!({"code": "A", "scannedAt": in_seconds(0)})).collect::<Vec<_>>()});
    assert_eq!(door.post(&format!("/admin/events/{event}/checkins/batch"), many).await.bad_fields(), ["scans"]);
    door.post(&format!("/admin/events/{UNKNOWN}/checkins/batch"), json!({"scans": []})).await.refused(404, "event-not-found");
    assert_eq!(batch(&door, &event, json!([])).await, Vec::<Value>::new());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_earliest_of_several_offline_scans_counts_in_whichever_order_they_arrive() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 3).await;
    let codes = tickets(&ada, &booking).await;
    let door = system.administrator(AdminRole::Door).await.client;
    scan(&door, &event, json!({"code": code(&codes[0]), "door": "Online"})).await.expect(201);
    // The clocks of devices are wrong: one is years behind, the other ahead.
    let (early, late) = ("1999-12-31T23:00:00Z", in_seconds(3_600));
    let south = json!([
        {"code": code(&codes[0]), "door": "South", "scannedAt": early},
        {"bookingId": booking, "number": 1, "door": "South", "scannedAt": late},
        {"code": "nonsense", "scannedAt": late},
    ]);

    let results = batch(&door, &event, south.clone()).await;

    assert_eq!(each(&results, "status"), ["checked-in", "checked-in", "ticket-invalid"]);
    assert_eq!(results[2]["reason"], "unreadable");
    let first = &results[0]["checkin"];
    let booked_at = ada.bookings().await[0]["bookedAt"].clone();
    assert_eq!((&first["door"], &first["checkedInAt"]), (&json!("South"), &booked_at), "not before the booking");
    assert!(text(&results[1]["checkin"]["checkedInAt"]) < late, "not in the future");
    assert_eq!(scan(&door, &event, json!({"code": code(&codes[0])})).await.refused(409, "already-checked-in")["door"], "South");

    // The other door was earlier at the second ticket, and later at the first one.
    let north = json!([
        {"code": code(&codes[1]), "door": "North", "scannedAt": booked_at},
        {"code": code(&codes[0]), "door": "North", "scannedAt": in_seconds(0)},
        {"code": code(&codes[2]), "door": "North", "scannedAt": in_seconds(0)},
    ]);
    let results = batch(&door, &event, north.clone()).await;
    assert_eq!(each(&results, "status"), ["checked-in", "already-checked-in", "checked-in"]);
    assert_eq!(results[1]["checkin"]["door"], "South");
    assert_eq!(batch(&door, &event, north).await, results, "sending a batch again changes nothing");
    let again = batch(&door, &event, south).await;
    assert_eq!(each(&again, "status"), ["checked-in", "already-checked-in", "ticket-invalid"]);
    assert_eq!(counts(&door, &event).await, (3, 3));
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_is_sent_again_is_known_by_its_id_even_if_its_clock_was_wrong() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 3).await;
    let codes = tickets(&ada, &booking).await;
    let door = system.administrator(AdminRole::Door).await.client;
    let [one, two, three, four] = [1, 2, 3, 4].map(|n| uuid::Uuid::from_u128(n).to_string());
    // One clock is an hour ahead, the other years behind, so both times are corrected.
    let scans = json!([
        {"code": code(&codes[0]), "door": "South", "scanId": one, "scannedAt": in_seconds(3_600)},
        {"code": code(&codes[1]), "door": "South", "scanId": two, "scannedAt": "1999-12-31T23:00:00Z"},
    ]);
    let first = batch(&door, &event, scans.clone()).await;
    assert_eq!(each(&first, "status"), ["checked-in", "checked-in"]);
    assert_eq!(batch(&door, &event, scans.clone()).await, first, "a repeat is answered as the first time");

    // Another scan of the same tickets at the same door is none of these, although its corrected time is the same.
    let others = json!([
        {"code": code(&codes[0]), "door": "South", "scanId": three, "scannedAt": in_seconds(3_600)},
        {"code": code(&codes[1]), "door": "South", "scanId": four, "scannedAt": "1999-12-31T23:00:00Z"},
    ]);
    let refused = batch(&door, &event, others).await;
    assert_eq!(each(&refused, "status"), ["already-checked-in", "already-checked-in"]);
    assert_eq!(refused[0]["checkin"], first[0]["checkin"]);

    // An earlier scan of another door takes the place of the first one, which is then late.
    let booked_at = ada.bookings().await[0]["bookedAt"].clone();
    let earlier = json!([{"code": code(&codes[0]), "door": "North", "scanId": three, "scannedAt": booked_at}]);
    assert_eq!(each(&batch(&door, &event, earlier.clone()).await, "status"), ["checked-in"]);
    assert_eq!(each(&batch(&door, &event, scans).await, "status"), ["already-checked-in", "checked-in"]);
    assert_eq!(each(&batch(&door, &event, earlier).await, "status"), ["checked-in"]);

    // A scan whose response was lost is sent again in a batch.
    let lost = json!({"code": code(&codes[2]), "door": "South", "scanId": four});
    let admitted = scan(&door, &event, lost.clone()).await.expect(201);
    assert_eq!(scan(&door, &event, lost.clone()).await.expect(201), admitted);
    let mut again = lost;
    again["scannedAt"] = in_seconds(0).into();
    let again = batch(&door, &event, json!([again])).await;
    assert_eq!((&again[0]["status"], &again[0]["checkin"]), (&json!("checked-in"), &admitted));
    scan(&door, &event, json!({"code": code(&codes[2]), "scanId": one})).await.refused(409, "already-checked-in");
    assert_eq!(scan(&door, &event, json!({"code": code(&codes[2]), "scanId": "x"})).await.bad_fields(), ["scanId"]);
    system.check().await;
    system.stop().await;
}
