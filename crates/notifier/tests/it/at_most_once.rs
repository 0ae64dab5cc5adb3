//! A mail is sent at most once: whatever is redelivered, however many notifiers run, and whenever one is killed.

use std::collections::HashSet;

use notifier::NotifierSettings;
use rowlock_platform::clock::Clock;
use rowlock_test_support::wait::until;

use crate::fixture::{Fixture, about_tickets};
use crate::people::address;
use crate::smtp_server::{Behavior, SmtpServer};

#[tokio::test(flavor = "multi_thread")]
async fn redelivered_messages_and_two_notifiers_send_each_mail_once() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let small = [("notifier.batch", "5"), ("notifier.prefetch", "7")];
    let notifiers = [fixture.start(smtp.address, &small).await, fixture.start(smtp.address, &small).await];
    let messages: Vec<_> = (0..60).map(|n| about_tickets("booking.confirmed", n)).collect();
    for _ in 0..3 {
        fixture.publish(messages.clone()).await;
    }
    fixture.consumed().await;
    until("all mails are sent", async || fixture.count("sent").await == 60).await;
    // A notifier acknowledges only after its commit, so a message that was not acknowledged is delivered to the other one.
    for notifier in notifiers {
        notifier.stop().await.unwrap();
    }
    let received: Vec<String> = smtp.received().into_iter().map(|received| received.recipient).collect();
    let distinct: HashSet<&String> = received.iter().collect();
    assert_eq!((received.len(), distinct.len()), (60, 60));
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_answer_was_lost_is_unclear_and_never_sent_again() {
    let mut fixture = Fixture::new().await;
    let lost = address(1);
    let smtp = SmtpServer::scripted(move |to, _| if *to == lost { Behavior::CloseAfterContent } else { Behavior::Accept });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let row = fixture.settled(1, "unclear").await;
    assert_eq!(row.attempts, 1);
    assert!(row.detail.as_ref().unwrap().contains("the content of the mail was lost"), "{row:?}");
    // Several rounds of the sender later, it is still unclear.
    for n in 2..5 {
        fixture.publish([about_tickets("booking.confirmed", n)]).await;
        fixture.settled(n, "sent").await;
    }
    assert_eq!(fixture.rows_of(1).await, [row]);
    assert_eq!(smtp.attempts(&address(1)), 1);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_answer_takes_too_long_is_unclear() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::scripted(|_, _| Behavior::HangAfterContent);
    let notifier = fixture.start(smtp.address, &[("smtp.timeout_ms", "200")]).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let row = fixture.settled(1, "unclear").await;
    assert!(row.detail.unwrap().contains("no answer within 200ms"));
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mails_of_a_killed_notifier_are_unclear_and_the_others_are_sent() {
    let mut fixture = Fixture::new().await;
    let stuck = address(1);
    let smtp = SmtpServer::scripted(move |to, _| if *to == stuck { Behavior::HangAfterContent } else { Behavior::Accept });
    let settings = NotifierSettings::load(None, fixture.environment(smtp.address, &[])).unwrap();
    // A runtime of its own, whose tasks can be dropped at any point, as if the process were killed.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = {
        let _inside = doomed.enter();
        notifier::start(settings, Clock::system()).unwrap()
    };
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    until("the content is with the server", async || smtp.attempts(&address(1)) == 1 && !smtp.received().is_empty()).await;
    assert_eq!(fixture.settled(1, "sending").await.attempts, 0);
    doomed.shutdown_background();
    drop(running);

    let notifier = fixture.start(smtp.address, &[("notifier.lease_ms", "2000"), ("smtp.timeout_ms", "100")]).await;
    fixture.publish([about_tickets("booking.confirmed", 2)]).await;
    fixture.settled(2, "sent").await;
    let row = fixture.settled(1, "unclear").await;
    assert_eq!(row.attempts, 1);
    assert!(row.detail.unwrap().contains("the mail may have been sent"));
    assert_eq!(smtp.attempts(&address(1)), 1);
    let metrics = reqwest::get(format!("http://{}/metrics", notifier.management_addr())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("rowlock_deliveries_outcomes_total{outcome=\"unclear\"} 1"), "{metrics}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_deliveries_are_deleted_and_those_that_are_not_settled_are_kept() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::scripted(|_, _| Behavior::RefuseRecipient("450 4.2.0 greylisted"));
    let notifier = fixture.start(smtp.address, &[("notifier.keep_days", "30")]).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    until("the delivery was tried", async || matches!(&fixture.rows_of(1).await[..], [row] if row.attempts > 0)).await;
    let insert = |n: u128, days: u32| {
        let person = crate::people::person(n);
        format!(
            "INSERT INTO deliveries (message_id, recipient, channel, kind, data, urgent, status, attempts, settled_at, created_at)
             VALUES (gen_random_uuid(), '{person}', 'email', 'confirmed', '{{}}', false, 'sent', 1, now() - interval '{days} days', now())"
        )
    };
    fixture.execute(&insert(2, 29)).await;
    fixture.execute(&insert(3, 31)).await;
    fixture.execute("UPDATE deliveries SET created_at = created_at - interval '31 days'").await;
    until("the old delivery is deleted", async || fixture.rows_of(3).await.is_empty()).await;
    assert_eq!((fixture.rows_of(1).await.len(), fixture.rows_of(2).await.len()), (1, 1));
    notifier.stop().await.unwrap();
    fixture.close().await;
}
