//! The waiting list of an event.

use serde_json::json;

use crate::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_list_is_shown_with_its_places() {
    let desk = Desk::logged_in().await;
    let kinds = json!([{"name": "Balcony", "totalTickets": 1}, {"name": "Stalls", "totalTickets": 1}]);
    let event = desk.system.event_like(json!({"name": "Concert", "ticketTypes": kinds})).await;
    let id = event["id"].as_str().unwrap();
    assert_eq!(desk.run(&["waitlist", id]).await.ok(), "Nobody waits.\n");
    let people = [desk.system.user("ada").await, desk.system.user("ben").await, desk.system.user("cid").await];
    for kind in event["ticketTypes"].as_array().unwrap() {
        for person in &people {
            person.client.post("/api/book", json!({"eventId": id, "ticketTypeId": kind["id"], "quantity": 1})).await;
        }
    }

    let table = desk.run(&["waitlist", id]).await.ok();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split_whitespace().take(5).collect()).collect();
    assert_eq!(
        rows,
        [
            ["Balcony", "1", "ben", "ben@example.org", "1"],
            ["Balcony", "2", "cid", "cid@example.org", "1"],
            ["Stalls", "1", "ben", "ben@example.org", "1"],
            ["Stalls", "2", "cid", "cid@example.org", "1"],
        ]
    );
    let stalls = desk.json(&["waitlist", id, "--type", "stalls"]).await.lines();
    let places: Vec<_> =
        stalls.iter().map(|entry| (entry["position"].as_u64().unwrap(), entry["account"]["name"].as_str().unwrap())).collect();
    assert_eq!(places, [(1, "ben"), (2, "cid")]);
    let first = desk.json(&["waitlist", id, "--limit", "1"]).await;
    assert_eq!((first.out.lines().count(), first.err.as_str()), (1, "There are more than 1. See the rest with --all, or --limit.\n"));
    desk.run(&["waitlist", id, "--type", "Boxes"]).await.failed(2, "has no ticket type «Boxes»");
    desk.close().await;
}
