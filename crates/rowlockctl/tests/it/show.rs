//! `events show`, once and repeatedly.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn ticket_types_are_shown_as_bars() {
    let fixture = Fixture::logged_in().await;
    let kinds = json!([{"name": "Balcony", "totalTickets": 4}, {"name": "Stalls", "totalTickets": 16}]);
    let event = fixture.system.event_like(json!({"name": "Concert", "ticketTypes": kinds})).await;
    let (id, balcony) = (event["id"].as_str().unwrap(), &event["ticketTypes"][0]["id"]);
    let [ada, ben] = [fixture.system.user("ada").await, fixture.system.user("ben").await];
    for (person, status) in [(&ada, 201), (&ben, 202)] {
        let body = json!({"eventId": id, "ticketTypeId": balcony, "quantity": 4});
        person.client.post("/api/book", body).await.expect(status);
    }

    let output = fixture.run(&["events", "show", id]).await.ok();
    let line = |name: &str| output.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{output}"));
    let words = |name: &str| line(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words("Balcony")[1..], [&"█".repeat(24), "100", "%", "4", "0", "0", "4", "1", &"▪".repeat(8)]);
    assert_eq!(words("Stalls")[1..], [&"░".repeat(24), "0", "%", "0", "0", "16", "16", "0"]);
    let all = format!("{}{}", "█".repeat(5), "░".repeat(19));
    assert_eq!(words("total")[1..], [&all, "20", "%", "4", "0", "16", "20", "1", &"▪".repeat(8)]);
    assert!(!output.contains('\u{1b}'), "no colors without a terminal: {output}");

    let status = fixture.json(&["events", "show", id]).await.json();
    assert_eq!((&status["bookedTickets"], &status["ticketTypes"][0]["heldTickets"]), (&json!(4), &json!(0)));
    assert!(status["timeline"]["buckets"].is_array(), "{status}");

    rowlock_test_support::wait::until("the sales are drawn", async || {
        let output = fixture.run(&["events", "show", id]).await.ok();
        let sales = output.split("FROM (UTC)").nth(1).unwrap_or_default().to_owned();
        sales.contains(&"█".repeat(40)) && sales.lines().any(|line| line.trim_end().ends_with('1') && line.contains(" 4 "))
    })
    .await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_event_is_refreshed_and_survives_an_outage() {
    let mut fixture = Fixture::logged_in().await;
    let event = fixture.system.event(5).await;
    let ada = fixture.system.user("ada").await;
    let mut watching = fixture.home.command(&["events", "show", &event, "--watch", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut errors = BufReader::new(watching.stderr.take().unwrap()).lines();
    let mut until_booked = async |booked: u64| {
        loop {
            let line = lines.next_line().await.unwrap().expect("another line");
            let status: Value = serde_json::from_str(&line).unwrap();
            if status["bookedTickets"] == booked {
                return;
            }
        }
    };
    until_booked(0).await;
    ada.must_book(&event, 2).await;
    until_booked(2).await;

    fixture.gateway.stop();
    let error = errors.next_line().await.unwrap().unwrap();
    assert!(error.contains("Cannot reach"), "{error}");
    ada.must_book(&event, 1).await;
    fixture.gateway.start().await;
    until_booked(3).await;
    watching.kill().await.unwrap();
    fixture.close().await;
}
