//! Mails that have waited: they are sent only if the tickets that they tell of exist, and show them as they are.

use mail_parser::MessageParser;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::broadcasts::EVENT;
use crate::fixture::{Fixture, changed, in_history};
use crate::people::{World, address, in_hours};
use crate::smtp_server::SmtpServer;

/// Returns the message that tickets were offered to a person.
fn offered(n: u128, booking: u128) -> Value {
    let mut message = in_history("waitlist.offered", n, booking, 1);
    message["data"]["bookingId"] = json!(Uuid::from_u128(booking));
    message["data"]["expiresAt"] = json!(in_hours(1));
    message
}

/// Returns the message that a person got tickets from the waiting list.
fn promoted(n: u128, booking: u128) -> Value {
    let mut message = in_history("waitlist.promoted", n, booking, 1);
    message["data"]["bookingId"] = json!(Uuid::from_u128(booking));
    message
}

fn world(fixture: &Fixture, change: impl FnOnce(&mut World)) {
    change(&mut fixture.people.world.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_about_tickets_that_no_longer_exist_is_skipped_with_the_reason() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    // The messages about the later changes are still in a queue. The mails wait for another reason.
    world(&fixture, |world| world.is_down = true);
    let notifier = fixture.start(smtp.address, &[]).await;
    let skipped = [
        (in_history("booking.confirmed", 1, 101, 1), "cancelled", "the booking was cancelled before the mail was sent"),
        (promoted(2, 102), "cancelled", "the booking was cancelled before the mail was sent"),
        (offered(3, 103), "cancelled", "the offer was declined or withdrawn before the mail was sent"),
        (offered(4, 104), "expired", "the booking expired before the mail was sent"),
        (offered(5, 105), "confirmed", "the offer was accepted before the mail was sent"),
        (in_history("waitlist.joined", 6, 106, 1), "left", "the account no longer waited when the mail was sent"),
        (in_history("waitlist.joined", 7, 107, 1), "promoted", "the account no longer waited when the mail was sent"),
        (in_history("waitlist.closed", 8, 108, 1), "waiting", "the waiting list was opened again before the mail was sent"),
    ];
    let sent = [
        (in_history("booking.confirmed", 9, 109, 1), "confirmed"),
        (promoted(10, 110), "confirmed"),
        (offered(11, 111), "reserved"),
        (in_history("waitlist.joined", 12, 112, 1), "waiting"),
        (in_history("waitlist.closed", 13, 113, 1), "closed"),
        // An end stays true.
        (in_history("booking.cancelled", 14, 114, 1), "cancelled"),
        // A newer version may know more.
        (in_history("booking.confirmed", 15, 115, 1), "framed"),
    ];
    let (gone, kept) = (skipped.len(), sent.len());
    let all = skipped.iter().map(|(message, status, _)| (message, *status)).chain(sent.iter().map(|(message, status)| (message, *status)));
    let all: Vec<_> = all.map(|(message, status)| (message.clone(), status)).collect();
    fixture.publish(all.iter().map(|(message, _)| message.clone())).await;
    fixture.postponed(gone + kept).await;
    world(&fixture, |world| {
        world.is_down = false;
        for (n, (_, status)) in (101..).zip(&all) {
            world.bookings.insert(Uuid::from_u128(n), (status, 2));
            world.entries.insert(Uuid::from_u128(n), status);
        }
    });
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    for (n, (_, _, reason)) in (1..).zip(skipped) {
        assert_eq!(fixture.settled(n, "skipped").await.detail.unwrap(), reason, "{n}");
    }
    until("the others are sent", async || fixture.count("sent").await == kept).await;
    let mut recipients: Vec<_> = smtp.received().into_iter().map(|mail| mail.recipient).collect();
    recipients.sort();
    let mut expected: Vec<_> = (9..=15).map(address).collect();
    expected.sort();
    assert_eq!(recipients, expected);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_shows_the_tickets_that_are_left() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    world(&fixture, |world| _ = world.bookings.insert(Uuid::from_u128(101), ("confirmed", 1)));
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([in_history("booking.confirmed", 1, 101, 1)]).await;
    fixture.settled(1, "sent").await;
    let mail = MessageParser::default().parse(&smtp.received()[0].content).unwrap().into_owned();
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("You have 1 ticket") && !text.contains("2 tickets"), "{text}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_tickets_for_an_event_that_was_called_off() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    world(&fixture, |world| _ = world.cancelled_events.insert(Uuid::from_u128(7)));
    let notifier = fixture.start(smtp.address, &[]).await;
    let mut lapsed = in_history("booking.expired", 5, 105, 1);
    lapsed["data"]["origin"] = json!("waitlist");
    let told =
        [in_history("booking.confirmed", 1, 101, 1), promoted(2, 102), offered(3, 103), in_history("waitlist.joined", 4, 104, 1), lapsed];
    fixture.publish(told).await;
    for n in 1..=5 {
        assert_eq!(fixture.settled(n, "skipped").await.detail.unwrap(), "the event was called off", "{n}");
    }
    notifier.stop().await.unwrap();
    assert!(smtp.received().is_empty());
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_tells_that_the_event_was_called_off_before_the_cache_does() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    // booking-service still shows the event as published.
    let notifier = fixture.start(smtp.address, &[]).await;
    let called_off = |mut message: Value| {
        message["data"]["eventCancelled"] = json!(true);
        message
    };
    let mut reserved = in_history("booking.cancelled", 2, 102, 1);
    reserved["data"]["reserved"] = json!(true);
    fixture.publish([in_history("booking.cancelled", 1, 101, 1), reserved, in_history("waitlist.closed", 3, 103, 1)].map(called_off)).await;
    until("all mails are sent", async || fixture.count("sent").await == 3).await;
    for mail in smtp.received() {
        let mail = MessageParser::default().parse(&mail.content).unwrap().into_owned();
        assert_eq!(mail.subject(), Some("Called off: Chess"));
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_who_returned_their_tickets_hear_no_more_of_the_event() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let soon = Uuid::from_u128(EVENT.as_u128() + 1);
    world(&fixture, |world| {
        world.add_event(EVENT, 48, 1..3);
        world.add_event(soon, 20, 3..5);
        world.is_down = true;
    });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([changed(EVENT, 1, &json!({"venue": {"from": "The old hall", "to": "The hall"}}))]).await;
    fixture.postponed(4).await;
    world(&fixture, |world| {
        world.is_down = false;
        for event in [EVENT, soon] {
            world.holders.get_mut(&event).unwrap().remove(0);
        }
    });
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    for n in [1, 3] {
        assert_eq!(fixture.settled(n, "skipped").await.detail.unwrap(), "the account no longer had tickets when the mail was sent");
    }
    for n in [2, 4] {
        fixture.settled(n, "sent").await;
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_sent_while_the_previous_version_of_booking_service_runs() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    world(&fixture, |world| {
        world.stateless = true;
        world.add_event(EVENT, 48, [2]);
    });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([in_history("booking.confirmed", 1, 101, 1)]).await;
    fixture.publish([changed(EVENT, 1, &json!({"venue": {"from": "The old hall", "to": "The hall"}}))]).await;
    for n in 1..=2 {
        fixture.settled(n, "sent").await;
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}
