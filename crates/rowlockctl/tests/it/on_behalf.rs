//! Commands of administrators on behalf of other people.

use serde_json::json;

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn administrators_book_cancel_and_remove_entries_for_guests() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(2).await;
    let guest = |name| ["bookings", "create", event.as_str(), "--name", name, "--email", "guest@example.org"];
    let booked = fixture.json(&[&guest("Grace")[..], &["--quantity", "2", "--reason", "Paid in cash"]].concat()).await.json();
    let booking = booked["booking"]["id"].as_str().unwrap();
    fixture.run(&[&guest("Joan")[..], &["--no-waitlist"]].concat()).await.failed(7, "not enough tickets");
    let waiting = fixture.json(&guest("Joan")).await.json();
    let entry = waiting["waitlistEntry"]["id"].as_str().unwrap();

    let ada = fixture.system.user("ada").await;
    let for_account = ["bookings", "create", event.as_str(), "--account", ada.id.as_str()];
    assert!(fixture.run(&for_account).await.ok().starts_with("The account is at position 2 of the waiting list"));
    fixture.run(&[&for_account[..], &["--name", "Ada"]].concat()).await.failed(2, "cannot be used with");
    fixture.run(&["bookings", "create", event.as_str(), "--name", "Ada"]).await.failed(2, "--email");
    let theirs = ada.waitlist().await[0]["id"].as_str().unwrap().to_owned();
    fixture.run(&["waitlist", "remove", &theirs, "--yes"]).await.ok();

    let sent = fixture.run(&["waitlist", "send-link", entry]).await.ok();
    assert_eq!(sent, format!("The link is on its way to the guest of entry {entry}.\n"));
    let replaced = fixture.json(&["waitlist", "send-link", entry, "--replace", "--reason", "Forwarded mail"]).await.json();
    assert_eq!(replaced, json!({"waitlistEntryId": entry, "replaced": true}));
    fixture.run(&["waitlist", "remove", entry]).await.failed(2, "--yes");
    assert!(fixture.run(&["waitlist", "remove", entry, "--yes"]).await.ok().contains("was removed from the waiting list"));
    assert_eq!(fixture.run(&["waitlist", &event]).await.ok(), "The waiting list is empty.\n");
    let sent = fixture.run(&["bookings", "send-link", booking, "--reason", "Lost mail"]).await.ok();
    assert_eq!(sent, format!("The link is on its way to the guest of booking {booking}.\n"));
    let replaced = fixture.json(&["bookings", "send-link", booking, "--replace"]).await.json();
    assert_eq!(replaced, json!({"bookingId": booking, "replaced": true}));
    fixture.run(&["bookings", "cancel", booking]).await.failed(2, "--yes");
    let reduced = fixture.json(&["bookings", "cancel", booking, "--quantity", "1", "--yes"]).await.json();
    assert_eq!(reduced["booking"]["quantity"], json!(1));
    assert!(fixture.run(&["bookings", "cancel", booking, "--yes"]).await.ok().contains("is cancelled"));
    fixture.run(&["bookings", "send-link", booking]).await.failed(7, "has no tickets to show");
    fixture.close().await;
}
