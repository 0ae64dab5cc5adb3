//! Verification of the logs of waiting lists, without a login.

use rowlock_domain::allocation::PartySize;
use rowlock_domain::ids::TypeKey;
use rowlock_domain::queue_log::{QueueChange, QueueLogHead, QueueLogKind, QueueLogRecord};
use serde_json::{Value, json};

use crate::fake_server::{FakeServer, response};
use crate::fixture::{CommandOutput, Fixture, Home};

const EVENT: &str = "0192f0c1-2345-7abc-8def-0123456789ab";
const TYPE: &str = "0192f0c1-2345-7abc-8def-0123456789ac";

#[tokio::test(flavor = "multi_thread")]
async fn the_queues_of_an_event_are_verified_by_anyone() {
    let fixture = Fixture::open().await;
    let kinds = json!([{"name": "Floor", "totalTickets": 1}, {"name": "Balcony", "totalTickets": 1}]);
    let event = fixture.system.event_like(json!({"name": "Concert", "ticketTypes": kinds})).await;
    let id = event["id"].as_str().unwrap();
    let people = fixture.system.users("p", 4).await;
    let book = async |person: usize, kind: usize| {
        let body = json!({"eventId": id, "ticketTypeId": event["ticketTypes"][kind]["id"]});
        people[person].client.post("/api/book", body).await;
    };
    for person in 0..3 {
        book(person, 0).await;
    }
    let url = ["--url", fixture.gateway.url()];
    let run = async |arguments: &[&str]| fixture.run(&[&["queue", "verify", id], arguments, &url].concat()).await;
    let table = run(&[]).await.ok();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).take(2).map(|line| line.split_whitespace().take(6).collect()).collect();
    assert_eq!(rows, [["Floor", "2", "2", "0", "0", "2"], ["Balcony", "0", "0", "0", "0", "0"]]);
    assert_eq!(table.lines().last(), Some("No record is missing or changed, and nobody was skipped."));
    let saved = run(&["--json"]).await;
    let file = fixture.home.file("saved", &saved.out);
    let lines = saved.lines();
    assert_eq!((&lines[0]["name"], &lines[0]["entries"], &lines[0]["head"]["position"]), (&json!("Floor"), &json!(2), &json!(2)));

    people[0].client.post("/api/cancelbooking", json!({"eventId": id})).await.expect(200);
    fixture.system.quiet().await;
    // Pages are cached for a second.
    rowlock_test_support::wait::until("the promotion is in the log", async || run(&["--type", "floor"]).await.out.contains(" 3 ")).await;
    let hash = lines[0]["head"]["hash"].as_str().unwrap();
    run(&["--since", file.to_str().unwrap()]).await.ok();
    run(&["--known", hash, "--type", "FLOOR"]).await.ok();
    run(&["--known", hash, "--type", "Balcony"]).await.failed(1, "is not in the log");
    run(&["--known", hash]).await.failed(2, "--type");
    run(&["--type", "Boxes"]).await.failed(2, "no ticket type `Boxes`");
    run(&["--known", "12"]).await.failed(2, "64 hexadecimal digits");
    let other = fixture.home.file("other", &saved_for("0192f0c1-2345-7abc-8def-000000000001"));
    run(&["--since", other.to_str().unwrap()]).await.failed(2, "no line about this event");
    let bad = fixture.home.file("bad", "[");
    run(&["--since", bad.to_str().unwrap()]).await.failed(2, "not the output");
    let unknown = fixture.run(&["queue", "verify", EVENT, url[0], url[1]]).await;
    unknown.failed(6, "no event");
    fixture.close().await;
}

fn saved_for(event: &str) -> String {
    json!({"eventId": event, "ticketTypeId": TYPE, "head": QueueLogHead::START}).to_string()
}

/// Returns the log of these changes, as the API returns it.
fn log(changes: &[QueueChange]) -> Value {
    let key = TypeKey { event: EVENT.parse().unwrap(), ticket_type: TYPE.parse().unwrap() };
    let mut head = QueueLogHead::START;
    let at = "2026-11-27T18:25:30.25Z".parse().unwrap();
    let items: Vec<QueueLogRecord> = changes.iter().map(|change| head.append(key, at, *change)).collect();
    json!({"ticketTypeId": TYPE, "head": head, "items": items, "nextAfter": null})
}

async fn verify(page: &Value, more: &[&str]) -> CommandOutput {
    let event = json!({"id": EVENT, "ticketTypes": [{"id": TYPE, "name": "Floor"}]}).to_string();
    let ok = |body: &str| response(200, "application/json", body);
    let server = FakeServer::start(vec![("/queue-log?", ok(&page.to_string())), ("GET /api/events/", ok(&event))]).await;
    let home = Home::new();
    home.run(&[&["queue", "verify", EVENT, "--url", server.url()], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_violation_is_named_in_one_sentence() {
    let joined = |number| QueueChange::waits(QueueLogKind::Joined, number, PartySize::all_or_none(1));
    let fair = [joined(1), joined(2), QueueChange::promoted(1, 1, 1, 4)];
    assert!(verify(&log(&fair), &[]).await.ok().contains("nobody was skipped"));
    let unfair = log(&[joined(1), joined(2), QueueChange::promoted(2, 1, 1, 4)]);
    let message = verify(&unfair, &[]).await.failed(1, "record 3 promotes number 2 and skips number 1");
    assert_eq!(message.lines().count(), 1, "{message}");
    let error: Value = serde_json::from_str(&verify(&unfair, &["--json"]).await.failed(1, "skips")).unwrap();
    assert_eq!(error["error"]["exitCode"], 1);

    let mut changed = log(&fair);
    changed["items"][0]["minQuantity"] = json!(2);
    changed["items"][0]["quantity"] = json!(2);
    verify(&changed, &[]).await.failed(1, "the hash of record 1 does not match");
    let mut shortened = log(&fair);
    shortened["items"].as_array_mut().unwrap().pop();
    verify(&shortened, &[]).await.failed(1, "its published end is record 3");
    let mut endless = log(&fair);
    endless["nextAfter"] = json!(0);
    endless["items"] = json!([]);
    verify(&endless, &[]).await.failed(5, "is empty");
    let anew = [QueueChange::of(QueueLogKind::Restarted, 7), QueueChange::waits(QueueLogKind::Listed, 3, PartySize::all_or_none(1))];
    let output = verify(&log(&anew), &[]).await;
    assert_eq!(output.code, 0);
    assert!(output.err.contains("started anew once"), "{}", output.err);
}
