//! The waiting list of an event.

use serde_json::json;

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_list_is_listed_with_positions() {
    let fixture = Fixture::logged_in().await;
    let kinds = json!([{"name": "Balcony", "totalTickets": 1}, {"name": "Stalls", "totalTickets": 1}]);
    let event = fixture.system.event_like(json!({"name": "Concert", "ticketTypes": kinds})).await;
    let id = event["id"].as_str().unwrap();
    assert_eq!(fixture.run(&["waitlist", id]).await.ok(), "The waiting list is empty.\n");
    let people = [fixture.system.user("ada").await, fixture.system.user("ben").await, fixture.system.user("cid").await];
    for kind in event["ticketTypes"].as_array().unwrap() {
        for person in &people {
            person.client.post("/api/book", json!({"eventId": id, "ticketTypeId": kind["id"], "quantity": 1})).await;
        }
    }
    // Takes one ticket or two.
    let flexible = json!({"name": "Boxes", "totalTickets": 2});
    let other = fixture.system.event_like(json!({"name": "Opera", "ticketTypes": [flexible]})).await;
    let other = other["id"].as_str().unwrap();
    people[0].must_book(other, 2).await;
    let guest = ["--name", "Grace", "--email", "grace@example.org", "--quantity", "2", "--min-quantity", "1"];
    fixture.run(&[&["bookings", "create", other], guest.as_slice()].concat()).await.ok();
    let table = fixture.run(&["waitlist", other]).await.ok();
    assert_eq!(table.lines().nth(1).unwrap().split_whitespace().nth(4), Some("1-2"), "{table}");

    let table = fixture.run(&["waitlist", id]).await.ok();
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
    let stalls = fixture.json(&["waitlist", id, "--type", "stalls"]).await.lines();
    let places: Vec<_> =
        stalls.iter().map(|entry| (entry["position"].as_u64().unwrap(), entry["account"]["name"].as_str().unwrap())).collect();
    assert_eq!(places, [(1, "ben"), (2, "cid")]);
    let first = fixture.json(&["waitlist", id, "--limit", "1"]).await;
    assert_eq!((first.out.lines().count(), first.err.as_str()), (1, "The list has more items. Show them with --all, or raise --limit.\n"));
    fixture.run(&["waitlist", id, "--type", "Boxes"]).await.failed(2, "has no ticket type `Boxes`");
    fixture.close().await;
}
