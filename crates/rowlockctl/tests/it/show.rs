//! The picture of an event, shown once and repeatedly.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_shown_as_bars() {
    let desk = Desk::logged_in().await;
    let kinds = json!([{"name": "Balcony", "totalTickets": 4}, {"name": "Stalls", "totalTickets": 16}]);
    let event = desk.system.event_like(json!({"name": "Concert", "ticketTypes": kinds})).await;
    let (id, balcony) = (event["id"].as_str().unwrap(), &event["ticketTypes"][0]["id"]);
    let [ada, ben] = [desk.system.user("ada").await, desk.system.user("ben").await];
    for (person, status) in [(&ada, 201), (&ben, 202)] {
        let body = json!({"eventId": id, "ticketTypeId": balcony, "quantity": 4});
        person.client.post("/api/book", body).await.expect(status);
    }

    let picture = desk.run(&["events", "show", id]).await.ok();
    let line = |name: &str| picture.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("{picture}"));
    let words = |name: &str| line(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words("Balcony")[1..], [&"█".repeat(24), "100", "%", "4", "0", "0", "4", "1", &"▪".repeat(8)]);
    assert_eq!(words("Stalls")[1..], [&"░".repeat(24), "0", "%", "0", "0", "16", "16", "0"]);
    let all = format!("{}{}", "█".repeat(5), "░".repeat(19));
    assert_eq!(words("all")[1..], [&all, "20", "%", "4", "0", "16", "20", "1", &"▪".repeat(8)]);
    assert!(!picture.contains('\u{1b}'), "no colours where there is no terminal: {picture}");

    let status = desk.json(&["events", "show", id]).await.json();
    assert_eq!((&status["bookedTickets"], &status["ticketTypes"][0]["heldTickets"]), (&json!(4), &json!(0)));
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_event_is_shown_again_and_again_also_past_an_outage() {
    let mut desk = Desk::logged_in().await;
    let event = desk.system.event(5).await;
    let ada = desk.system.user("ada").await;
    let mut watching = desk.home.command(&["events", "show", &event, "--watch", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut errors = BufReader::new(watching.stderr.take().unwrap()).lines();
    let mut until_booked = async |booked: u64| {
        loop {
            let line = lines.next_line().await.unwrap().expect("it goes on");
            let status: Value = serde_json::from_str(&line).unwrap();
            if status["bookedTickets"] == booked {
                return;
            }
        }
    };
    until_booked(0).await;
    ada.must_book(&event, 2).await;
    until_booked(2).await;

    desk.gateway.stop();
    let error = errors.next_line().await.unwrap().unwrap();
    assert!(error.contains("cannot be reached"), "{error}");
    ada.must_book(&event, 1).await;
    desk.gateway.start().await;
    until_booked(3).await;
    watching.kill().await.unwrap();
    desk.close().await;
}
