//! Commands of administrators on behalf of other people.

use serde_json::json;

use crate::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_booked_reduced_and_cancelled_and_a_person_removed_from_the_list() {
    let desk = Desk::logged_in().await;
    let event = desk.system.event(2).await;
    let guest = |name| ["bookings", "create", event.as_str(), "--name", name, "--email", "guest@example.org"];
    let booked = desk.json(&[&guest("Grace")[..], &["--quantity", "2", "--reason", "Paid in cash"]].concat()).await.json();
    let booking = booked["booking"]["id"].as_str().unwrap();
    desk.run(&[&guest("Joan")[..], &["--no-waitlist"]].concat()).await.failed(7, "not enough tickets");
    let waiting = desk.json(&guest("Joan")).await.json();
    let entry = waiting["waitlistEntry"]["id"].as_str().unwrap();

    desk.run(&["waitlist", "remove", entry]).await.failed(2, "--yes");
    assert!(desk.run(&["waitlist", "remove", entry, "--yes"]).await.ok().contains("no longer waits"));
    assert_eq!(desk.run(&["waitlist", &event]).await.ok(), "Nobody waits.\n");
    desk.run(&["bookings", "cancel", booking]).await.failed(2, "--yes");
    let reduced = desk.json(&["bookings", "cancel", booking, "--quantity", "1", "--yes"]).await.json();
    assert_eq!(reduced["booking"]["quantity"], json!(1));
    assert!(desk.run(&["bookings", "cancel", booking, "--yes"]).await.ok().contains("is cancelled"));
    desk.close().await;
}
