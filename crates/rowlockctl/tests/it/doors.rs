//! Check-ins and the door list.

use reqwest::Method;
use serde_json::json;

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn the_door_sees_who_is_in_and_who_is_expected() {
    let fixture = Fixture::logged_in().await;
    let system = &fixture.system;
    let event = system.event(5).await;
    assert_eq!(fixture.run(&["doorlist", &event]).await.ok(), "No tickets.\n");
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 2).await;
    ben.must_book(&event, 1).await;
    let admin = &system.admin().client;
    let scan = json!({"bookingId": booking, "number": 1, "door": "North"});
    admin.post(&format!("/admin/events/{event}/checkins"), scan).await.expect(201);

    let summary = fixture.run(&["checkins", "summary", &event]).await.ok();
    let words: Vec<Vec<&str>> = summary.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words, [vec!["TYPE", "IN", "MISSING", "EXPECTED"], vec!["General", "admission", "1", "2", "3"]]);
    assert_eq!(fixture.json(&["checkins", "summary", &event]).await.json()["checkedIn"], 1);

    let list = fixture.json(&["doorlist", &event]).await.lines();
    let names: Vec<_> = list.iter().map(|ticket| (ticket["holderName"].as_str().unwrap(), ticket["door"].as_str())).collect();
    assert_eq!(names, [("ada", None), ("ada", Some("North")), ("ben", None)]);
    let found = fixture.run(&["doorlist", &event, "--search", "BE"]).await.ok();
    assert_eq!(found.lines().count(), 2, "{found}");
    let csv = fixture.run(&["doorlist", &event, "--csv"]).await.ok();
    let path = format!("/admin/events/{event}/doorlist");
    assert_eq!(csv, admin.send(Method::GET, &path, &[("accept", "text/csv")], None).await.text);
    let unknown = "01920000-0000-7000-8000-000000000000";
    fixture.run(&["checkins", "summary", unknown]).await.failed(6, "no event");
    fixture.run(&["doorlist", unknown, "--csv"]).await.failed(6, "no event");
    fixture.close().await;
}
