//! A change of an event is told to all holders of its tickets, each once.

use std::collections::BTreeSet;

use mail_parser::MessageParser;
use notifier::NotifierSettings;
use rowlock_platform::clock::Clock;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, changed, message};
use crate::people::{World, address, in_hours};
use crate::smtp_server::{Received, SmtpServer};

pub(crate) const EVENT: Uuid = Uuid::from_u128(0x0000_7000_8000_0000_0000_0000_0000_0077);

/// Changes the event in the world.
fn change(fixture: &Fixture, change: impl FnOnce(&mut World)) {
    change(&mut fixture.people.world.lock().unwrap());
}

fn moved() -> Value {
    json!({"startsAt": {"from": in_hours(50), "to": in_hours(48)}})
}

fn venue(from: &str, to: &str) -> Value {
    json!({"venue": {"from": from, "to": to}})
}

/// Asserts that these persons got one mail each.
fn assert_each_once(received: &[Received], persons: impl IntoIterator<Item = u128>) {
    let recipients: Vec<_> = received.iter().map(|mail| mail.recipient.clone()).collect();
    let distinct: BTreeSet<_> = recipients.iter().cloned().collect();
    assert_eq!(recipients.len(), distinct.len(), "{recipients:?}");
    assert_eq!(distinct, persons.into_iter().map(address).collect());
}

fn text(mail: &Received) -> String {
    MessageParser::default().parse(&mail.content).unwrap().body_text(0).unwrap().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_holder_is_told_once_however_often_the_message_arrives() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    change(&fixture, |world| world.add_event(EVENT, 48, 0..25));
    let notifiers = [fixture.start(smtp.address, &[]).await, fixture.start(smtp.address, &[]).await];
    let told = changed(EVENT, 1, &moved());
    for _ in 0..3 {
        fixture.publish([told.clone()]).await;
    }
    until("all mails are sent", async || fixture.count("sent").await == 25).await;
    fixture.publish([told]).await;
    fixture.consumed().await;
    fixture.broadcasts_are(&[("done", 25)]).await;
    // The changes of other details are told to nobody.
    fixture.publish([message("event.updated", &json!({"eventId": EVENT, "status": "published"}))]).await;
    fixture.consumed().await;
    for notifier in notifiers {
        notifier.stop().await.unwrap();
    }
    fixture.broadcasts_are(&[("done", 25)]).await;
    let received = smtp.received();
    assert_each_once(&received, 0..25);
    let parsed = MessageParser::default().parse(&received[0].content).unwrap();
    assert_eq!(parsed.subject(), Some("Changed: Chess"));
    assert!(parsed.header_raw("List-Unsubscribe").is_none(), "the mail is about one's own tickets");
    let text = text(&received[0]);
    assert!(text.contains("New time: ") && text.contains("Previous time: ") && text.contains("Where: The hall"), "{text}");
    assert!(text.contains("Tickets: 2 tickets"), "{text}");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_continues_where_a_killed_one_stopped() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    change(&fixture, |world| {
        world.add_event(EVENT, 48, 0..35);
        world.pages_left = Some(2);
    });
    let settings = NotifierSettings::load(None, fixture.environment(smtp.address, &[])).unwrap();
    // A runtime of its own, whose tasks can be dropped at any point, as if the process were killed.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = {
        let _inside = doomed.enter();
        notifier::start(settings, Clock::system()).unwrap()
    };
    fixture.publish([changed(EVENT, 1, &moved())]).await;
    until("the holders of two pages are told", async || fixture.count("sent").await == 20).await;
    fixture.broadcasts_are(&[("pending", 20)]).await;
    doomed.shutdown_background();
    drop(running);

    change(&fixture, |world| world.pages_left = None);
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.broadcasts_are(&[("done", 35)]).await;
    until("all mails are sent", async || fixture.count("sent").await == 35).await;
    assert_each_once(&smtp.received(), 0..35);
    let metrics = reqwest::get(format!("http://{}/metrics", notifier.management_addr())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("rowlock_deliveries_stored_total 15"), "the pages before are not written again: {metrics}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_before_anybody_was_told_lead_to_one_mail() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    change(&fixture, |world| world.add_event(EVENT, 48, 0..3));
    let notifier = fixture.start(smtp.address, &[("api.keep_ms", "0")]).await;
    // booking-service does not show the changes yet, so nobody is told.
    fixture.publish([changed(EVENT, 2, &venue("The old hall", "The wrong hall"))]).await;
    fixture.broadcasts_are(&[("pending", 0)]).await;
    fixture.publish([changed(EVENT, 4, &venue("The wrong hall", "The hall")), changed(EVENT, 3, &moved())]).await;
    let rows = fixture.broadcasts_are(&[("skipped", 0), ("skipped", 0), ("pending", 0)]).await;
    assert!(rows[0].detail.as_ref().unwrap().contains("one mail about both changes"), "{rows:?}");
    change(&fixture, |world| world.events.get_mut(&EVENT).unwrap().version = 4);
    fixture.broadcasts_are(&[("skipped", 0), ("skipped", 0), ("done", 3)]).await;
    until("all mails are sent", async || fixture.count("sent").await == 3).await;
    assert_each_once(&smtp.received(), 0..3);
    let text = text(&smtp.received()[0]);
    assert!(text.contains("New place: The hall") && text.contains("Previous place: The old hall"), "{text}");
    assert!(text.contains("New time: ") && !text.contains("wrong"), "{text}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_waits_shows_the_newest_state_and_is_the_only_one() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    change(&fixture, |world| {
        world.add_event(EVENT, 48, 0..4);
        world.is_down = true;
    });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([changed(EVENT, 1, &venue("The old hall", "The hall"))]).await;
    fixture.broadcasts_are(&[("done", 4)]).await;
    fixture.postponed(4).await;
    notifier.stop().await.unwrap();
    // Three mails wait; one has been sent meanwhile.
    let sent = crate::people::person(3);
    let later = format!(
        "UPDATE deliveries SET due_at = now() + interval '1 hour';
         UPDATE deliveries SET status = 'sent', due_at = NULL, settled_at = now(), attempts = 1 WHERE recipient = '{sent}'"
    );
    fixture.execute(&later).await;
    change(&fixture, |world| {
        let details = world.events.get_mut(&EVENT).unwrap();
        (details.version, details.venue) = (2, "The arena");
        world.is_down = false;
    });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([changed(EVENT, 2, &venue("The hall", "The arena"))]).await;
    fixture.broadcasts_are(&[("done", 4), ("done", 1)]).await;
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    until("all mails are sent", async || fixture.count("sent").await == 5).await;
    let received = smtp.received();
    assert_each_once(&received, 0..4);
    for mail in received {
        let previous = if mail.recipient == address(3) { "Previous place: The hall" } else { "Previous place: The old hall" };
        let text = text(&mail);
        assert!(text.contains("New place: The arena") && text.contains(previous), "{text}");
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_waits_tells_of_all_changes_since_also_if_the_first_was_undone() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    change(&fixture, |world| {
        world.add_event(EVENT, 48, 0..3);
        world.is_down = true;
    });
    let notifier = fixture.start(smtp.address, &[("api.keep_ms", "0")]).await;
    fixture.publish([changed(EVENT, 1, &venue("The old hall", "The hall"))]).await;
    fixture.broadcasts_are(&[("done", 3)]).await;
    fixture.postponed(3).await;
    change(&fixture, |world| {
        let details = world.events.get_mut(&EVENT).unwrap();
        (details.version, details.venue) = (2, "The old hall");
    });
    let mut second = venue("The hall", "The old hall");
    second.as_object_mut().unwrap().extend(moved().as_object().unwrap().clone());
    fixture.publish([changed(EVENT, 2, &second)]).await;
    fixture.broadcasts_are(&[("done", 3), ("done", 0)]).await;
    change(&fixture, |world| world.is_down = false);
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    until("all mails are sent", async || fixture.count("sent").await == 3).await;
    assert_each_once(&smtp.received(), 0..3);
    let text = text(&smtp.received()[0]);
    assert!(text.contains("New time: ") && text.contains("Where: The old hall") && !text.contains("New place"), "{text}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_about_an_event_that_was_called_off_or_has_started_or_is_as_before() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let [off, over, back, deleted] = [1, 2, 3, 4].map(|n| Uuid::from_u128(EVENT.as_u128() + n));
    change(&fixture, |world| {
        world.add_event(off, 48, 0..2);
        world.add_event(over, -1, 2..4);
        world.add_event(back, 48, 4..6);
        world.add_event(EVENT, 48, 6..8);
        world.cancelled_events.insert(off);
        world.deleted_events.insert(deleted);
    });
    let notifier = fixture.start(smtp.address, &[("api.keep_ms", "0")]).await;
    let cases = [(off, "called off"), (over, "has started"), (back, "as it was before"), (deleted, "no longer exists")];
    for (count, (event, reason)) in cases.into_iter().enumerate() {
        let previous = if event == back { "The hall" } else { "The old hall" };
        fixture.publish([changed(event, 1, &venue(previous, "The arena"))]).await;
        let rows = fixture.broadcasts_are(&vec![("skipped", 0); count + 1]).await;
        assert!(rows[count].detail.as_ref().unwrap().contains(reason), "{rows:?}");
    }
    assert!(fixture.data().await.is_empty());

    // The same for mails that wait: the event is called off after they were written.
    change(&fixture, |world| world.is_down = true);
    fixture.publish([changed(EVENT, 1, &venue("The old hall", "The hall"))]).await;
    fixture.postponed(2).await;
    change(&fixture, |world| {
        world.is_down = false;
        world.cancelled_events.insert(EVENT);
    });
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    for n in 6..8 {
        assert_eq!(fixture.settled(n, "skipped").await.detail.unwrap(), "the event was called off");
    }
    assert!(smtp.received().is_empty());
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_waits_while_many_mails_are_due() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    change(&fixture, |world| world.add_event(EVENT, 48, 0..30));
    let notifier = fixture.start(smtp.address, &[("broadcasts.max_backlog", "5"), ("mail.per_minute", "1")]).await;
    fixture.publish([changed(EVENT, 1, &moved())]).await;
    // One mail leaves at once and the next a minute later, so nine mails are due for a while.
    until("a mail is sent", async || fixture.count("sent").await == 1).await;
    notifier.stop().await.unwrap();
    fixture.broadcasts_are(&[("pending", 10)]).await;
    let notifier = fixture.start(smtp.address, &[]).await;
    until("all mails are sent", async || fixture.count("sent").await == 30).await;
    assert_each_once(&smtp.received(), 0..30);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_waits_while_booking_service_is_away_and_is_deleted_long_after_it_is_done() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    change(&fixture, |world| {
        world.add_event(EVENT, 48, 0..3);
        world.holders_down = true;
    });
    let notifier = fixture.start(smtp.address, &[("notifier.keep_days", "30")]).await;
    fixture.publish([changed(EVENT, 1, &moved())]).await;
    let mut broadcasts = Vec::new();
    until("the page was tried", async || {
        broadcasts = fixture.broadcasts().await;
        broadcasts.iter().any(|broadcast| broadcast.detail.is_some())
    })
    .await;
    assert_eq!((broadcasts.len(), broadcasts[0].status.as_str()), (1, "pending"));
    assert!(broadcasts[0].detail.as_ref().unwrap().contains("booking-service did not return the holders"), "{broadcasts:?}");
    let metrics = || async { reqwest::get(format!("http://{}/metrics", notifier.management_addr())).await.unwrap().text().await.unwrap() };
    until("the metrics show it", async || metrics().await.contains("rowlock_broadcasts_pending 1")).await;
    change(&fixture, |world| world.holders_down = false);
    fixture.execute("UPDATE broadcasts SET due_at = now()").await;
    let done = fixture.broadcasts_are(&[("done", 3)]).await;
    assert_eq!(done[0].detail, None);
    until("the metrics show it", async || metrics().await.contains("rowlock_broadcasts_pending 0")).await;

    fixture.execute("UPDATE broadcasts SET settled_at = now() - interval '31 days'").await;
    fixture.broadcasts_are(&[]).await;
    notifier.stop().await.unwrap();
    fixture.close().await;
}
