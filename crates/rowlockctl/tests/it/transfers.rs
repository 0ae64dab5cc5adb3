//! The transfers of an event.

use reqwest::Method;
use serde_json::json;

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn the_transfers_of_an_event_are_listed() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(3).await;
    assert_eq!(fixture.run(&["transfers", &event]).await.ok(), "No transfers.\n");
    let ada = fixture.system.user("ada").await;
    let booking = ada.must_book(&event, 2).await;
    let offer = json!({"bookingId": booking, "quantity": 1, "toEmail": "grace@example.org"});
    let first = ada.client.post("/api/transfers", offer.clone()).await.expect(201)["transfer"]["id"].as_str().unwrap().to_owned();
    ada.client.send(Method::POST, &format!("/api/transfers/{first}/withdraw"), &[], None).await.expect(200);
    let second = ada.client.post("/api/transfers", offer).await.expect(201)["transfer"]["id"].as_str().unwrap().to_owned();

    let table = fixture.run(&["transfers", &event]).await.ok();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split_whitespace().take(5).collect()).collect();
    assert_eq!(rows[0], [&second, "pending", "1", &booking, "grace@example.org"], "{table}");
    assert_eq!(rows[1][..4], [&first, "withdrawn", "1", &booking], "{table}");
    assert!(!rows[1].contains(&"grace@example.org"), "{table}");
    let listed = fixture.json(&["transfers", &event, "--limit", "1"]).await;
    assert_eq!(
        (listed.out.lines().count(), listed.err.as_str()),
        (1, "The list has more items. Show them with --all, or raise --limit.\n")
    );
    fixture.run(&["transfers", "01920000-0000-7000-8000-000000000000"]).await.failed(6, "no event");
    fixture.close().await;
}
