//! Holders are reminded a day before their event.

use mail_parser::MessageParser;
use rowlock_sealing::{MailingList, SealingKeys, UNSUBSCRIBE, UnsubscribeToken};
use rowlock_test_support::wait::until;
use uuid::Uuid;

use crate::broadcasts::EVENT;
use crate::fixture::{Fixture, KEY};
use crate::people::{address, in_hours, person};
use crate::smtp_server::SmtpServer;

/// Waits until a notifier has looked for events at least once from beginning to end.
async fn searched(fixture: &Fixture) {
    let lists = || fixture.people.world.lock().unwrap().lists;
    let before = lists();
    // A search reads at most two pages in these tests, and may have begun before.
    until("the events were looked up", async || lists() >= before + 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_holder_who_wants_it_is_reminded_once() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let [later, too_late, running, off] = [1, 2, 3, 4].map(|n| Uuid::from_u128(EVENT.as_u128() + n));
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.add_event(EVENT, 23, 0..25);
        world.add_event(later, 25, [100]);
        world.add_event(too_late, 1, [101]);
        world.add_event(running, 0, [102]);
        world.add_event(off, 23, [103]);
        world.cancelled_events.insert(off);
        world.unreminded.insert(person(1));
        // The confirmation is still new.
        world.holders.get_mut(&EVENT).unwrap()[2].booked_at = in_hours(-23);
    }
    let notifiers = [fixture.start(smtp.address, &[]).await, fixture.start(smtp.address, &[]).await];
    until("all mails are sent", async || fixture.count("sent").await == 23).await;
    let skipped = fixture.settled(1, "skipped").await;
    assert_eq!(skipped.detail.unwrap(), "the account does not want reminders");
    searched(&fixture).await;
    for notifier in notifiers {
        notifier.stop().await.unwrap();
    }
    fixture.broadcasts_are(&[("done", 24)]).await;
    let received = smtp.received();
    assert_eq!(received.len(), 23);
    let mut told: Vec<_> = received.iter().map(|mail| mail.recipient.clone()).collect();
    told.sort();
    let mut expected: Vec<_> = [0].into_iter().chain(3..25).map(address).collect();
    expected.sort();
    assert_eq!(told, expected);

    let mail = MessageParser::default().parse(&received[0].content).unwrap();
    assert_eq!(mail.subject(), Some("Reminder: Chess"));
    let text = mail.body_text(0).unwrap();
    assert!(text.contains("you have 2 tickets for Chess") && text.contains("Do not remind me of events: https://box.example/"), "{text}");
    let link = mail.header_raw("List-Unsubscribe").unwrap().trim().trim_matches(['<', '>']).to_owned();
    let token = link.strip_prefix("https://box.example/unsubscribe?token=").unwrap();
    let opened: UnsubscribeToken = SealingKeys::new(&KEY.into(), &[]).unwrap().open(UNSUBSCRIBE, token).unwrap();
    assert_eq!(opened.list, MailingList::Reminders);
    assert_eq!(address_of(opened.account_id.as_uuid()), received[0].recipient);
    fixture.close().await;
}

fn address_of(account: Uuid) -> String {
    format!("{}@people.example", account.simple())
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_of_a_moved_event_are_reminded_before_its_new_start() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let starts_in =
        |fixture: &Fixture, hours| fixture.people.world.lock().unwrap().events.get_mut(&EVENT).unwrap().starts_at = in_hours(hours);
    fixture.people.world.lock().unwrap().add_event(EVENT, 20, [1, 2]);
    let notifier = fixture.start(smtp.address, &[("api.keep_ms", "0")]).await;
    until("the holders are reminded", async || fixture.count("sent").await == 2).await;

    // It is known until the start that the holders were reminded, however short the time for which other rows are kept.
    fixture.execute("UPDATE broadcasts SET settled_at = now() - interval '1 year'").await;
    // The holders were reminded less than a day before this start, and a mail tells them about the change.
    starts_in(&fixture, 21);
    searched(&fixture).await;
    // Not yet.
    starts_in(&fixture, 60);
    searched(&fixture).await;
    fixture.broadcasts_are(&[("done", 2)]).await;
    // Two days later.
    fixture.execute("UPDATE broadcasts SET created_at = created_at - interval '2 days'").await;
    starts_in(&fixture, 22);
    fixture.broadcasts_are(&[("done", 2), ("done", 2)]).await;
    until("the holders are reminded again", async || fixture.count("sent").await == 4).await;
    notifier.stop().await.unwrap();
    assert_eq!(smtp.received().iter().filter(|mail| mail.recipient == address(1)).count(), 2);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_that_wait_are_not_sent_if_the_event_is_moved_or_called_off() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let off = Uuid::from_u128(EVENT.as_u128() + 1);
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.add_event(EVENT, 20, [1]);
        world.add_event(off, 20, [2]);
        world.is_down = true;
    }
    let notifier = fixture.start(smtp.address, &[("api.keep_ms", "0")]).await;
    fixture.postponed(2).await;
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.events.get_mut(&EVENT).unwrap().starts_at = in_hours(100);
        world.cancelled_events.insert(off);
        world.is_down = false;
    }
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    assert!(fixture.settled(1, "skipped").await.detail.unwrap().contains("moved to a later time"));
    assert_eq!(fixture.settled(2, "skipped").await.detail.unwrap(), "the event was called off");
    notifier.stop().await.unwrap();
    assert!(smtp.received().is_empty());
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_that_was_skipped_is_sent_if_the_event_starts_at_its_first_time_after_all() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let start = in_hours(20);
    let starts_at = |fixture: &Fixture, start| fixture.people.world.lock().unwrap().events.get_mut(&EVENT).unwrap().starts_at = start;
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.add_event(EVENT, 20, [1, 2]);
        world.holders_down = true;
    }
    starts_at(&fixture, start);
    let notifier = fixture.start(smtp.address, &[("api.keep_ms", "0")]).await;
    fixture.broadcasts_are(&[("pending", 0)]).await;
    // Nobody was told, because the reminder as a whole is skipped.
    starts_at(&fixture, in_hours(100));
    fixture.execute("UPDATE broadcasts SET due_at = now()").await;
    fixture.broadcasts_are(&[("skipped", 0)]).await;
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.holders_down = false;
        world.is_down = true;
    }
    starts_at(&fixture, start);
    fixture.broadcasts_are(&[("done", 2)]).await;
    fixture.postponed(2).await;
    // One of the holders is told, and the mail to the other one is skipped.
    let sent = "UPDATE deliveries SET status = 'sent', due_at = NULL, settled_at = now(), attempts = 1 WHERE recipient = ";
    fixture.execute(&format!("{sent}'{}'", person(1))).await;
    starts_at(&fixture, in_hours(100));
    fixture.people.world.lock().unwrap().is_down = false;
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    assert!(fixture.settled(2, "skipped").await.detail.unwrap().contains("moved to a later time"));
    starts_at(&fixture, start);
    fixture.settled(2, "sent").await;
    fixture.broadcasts_are(&[("done", 3)]).await;
    searched(&fixture).await;
    notifier.stop().await.unwrap();
    let recipients: Vec<_> = smtp.received().into_iter().map(|mail| mail.recipient).collect();
    assert_eq!(recipients, [address(2)]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_whose_reminder_was_skipped_are_reminded_before_a_later_start_and_no_others() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let starts_in =
        |fixture: &Fixture, hours| fixture.people.world.lock().unwrap().events.get_mut(&EVENT).unwrap().starts_at = in_hours(hours);
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.add_event(EVENT, 20, [1, 2]);
        world.is_down = true;
    }
    let notifier = fixture.start(smtp.address, &[("api.keep_ms", "0")]).await;
    fixture.postponed(2).await;
    let sent = "UPDATE deliveries SET status = 'sent', due_at = NULL, settled_at = now(), attempts = 1 WHERE recipient = ";
    fixture.execute(&format!("{sent}'{}'", person(1))).await;
    starts_in(&fixture, 100);
    fixture.people.world.lock().unwrap().is_down = false;
    fixture.execute("UPDATE deliveries SET due_at = now() WHERE status = 'pending'").await;
    fixture.settled(2, "skipped").await;
    starts_in(&fixture, 21);
    fixture.broadcasts_are(&[("done", 2), ("done", 1)]).await;
    until("the mail is sent", async || fixture.count("sent").await == 2).await;
    searched(&fixture).await;
    fixture.broadcasts_are(&[("done", 2), ("done", 1)]).await;
    notifier.stop().await.unwrap();
    let recipients: Vec<_> = smtp.received().into_iter().map(|mail| mail.recipient).collect();
    assert_eq!(recipients, [address(2)]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_reminded_if_reminders_are_switched_off() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.people.world.lock().unwrap().add_event(EVENT, 20, [1]);
    let notifier = fixture.start(smtp.address, &[("broadcasts.remind_hours", "0")]).await;
    fixture.publish([crate::fixture::about_tickets("booking.confirmed", 2)]).await;
    fixture.settled(2, "sent").await;
    notifier.stop().await.unwrap();
    assert_eq!(fixture.people.world.lock().unwrap().lists, 0);
    fixture.broadcasts_are(&[]).await;
    fixture.close().await;
}
