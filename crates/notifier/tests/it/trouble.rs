//! Servers that are away, refuse mails, or take few of them.

use std::time::{Duration, Instant};

use rowlock_test_support::closed_port::ClosedPort;
use rowlock_test_support::wait::until;

use crate::fixture::{Fixture, about_tickets, message};
use crate::people::{address, person};
use crate::smtp_server::{Behavior, SmtpServer};

#[tokio::test(flavor = "multi_thread")]
async fn mails_wait_while_the_server_is_away_and_are_sent_when_it_is_back() {
    let mut fixture = Fixture::new().await;
    let away = ClosedPort::reserve();
    let notifier = fixture.start(away.address, &[]).await;
    fixture.publish((0..20).map(|n| about_tickets("booking.confirmed", n))).await;
    until("each mail was tried", async || {
        let row = fixture.rows_of(19).await;
        matches!(&row[..], [row] if row.attempts > 1 && row.status == "pending")
    })
    .await;
    let row = fixture.rows_of(19).await.swap_remove(0);
    assert!(row.detail.unwrap().contains("SMTP server"));
    let smtp = SmtpServer::at(away, |_, _| Behavior::Accept);
    until("all mails are sent", async || fixture.count("sent").await == 20).await;
    assert_eq!(smtp.received().len(), 20);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_mail_fails_with_the_words_of_the_server() {
    let mut fixture = Fixture::new().await;
    let (unknown, spam) = (address(1), address(2));
    let smtp = SmtpServer::scripted(move |to, _| match to {
        to if *to == unknown => Behavior::RefuseRecipient("550 5.1.1 no such mailbox"),
        to if *to == spam => Behavior::RefuseContent("554 5.7.1 looks like spam"),
        _ => Behavior::Accept,
    });
    let notifier = fixture.start(smtp.address, &[("smtp.connections", "1")]).await;
    fixture.publish((1..=3).map(|n| about_tickets("booking.confirmed", n))).await;
    for (n, words) in [(1, "5.1.1 no such mailbox"), (2, "5.7.1 looks like spam")] {
        let row = fixture.settled(n, "failed").await;
        assert_eq!(row.attempts, 1);
        assert!(row.detail.as_ref().unwrap().contains(words), "{row:?}");
    }
    fixture.settled(3, "sent").await;
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_mail_is_tried_again() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::scripted(|_, earlier| match earlier {
        0 => Behavior::RefuseRecipient("450 4.2.0 greylisted"),
        1 => Behavior::RefuseContent("451 4.3.0 try later"),
        2 => Behavior::RefuseRecipient("421 4.3.2 shutting down"),
        3 => Behavior::CloseAtRecipient,
        _ => Behavior::Accept,
    });
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let row = fixture.settled(1, "sent").await;
    assert_eq!(row.detail, None);
    // A connection that is lost before the content is replaced at once, so one attempt can be two for the server.
    assert!((4..=5).contains(&row.attempts), "{row:?}");
    assert_eq!(smtp.attempts(&address(1)), 5);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_deferred_for_too_long_fails() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::scripted(|_, _| Behavior::RefuseRecipient("450 4.2.0 greylisted"));
    let notifier = fixture.start(smtp.address, &[("mail.give_up_after_ms", "70")]).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    let row = fixture.settled(1, "failed").await;
    assert_eq!(row.attempts, 4);
    assert!(row.detail.as_ref().unwrap().starts_with("given up after 4 attempts; the last one:"), "{row:?}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_closes_is_replaced() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::scripted(|_, _| Behavior::AcceptAndClose);
    let notifier = fixture.start(smtp.address, &[("smtp.connections", "1")]).await;
    for n in 0..5 {
        fixture.publish([about_tickets("booking.confirmed", n)]).await;
        assert_eq!(fixture.settled(n, "sent").await.attempts, 1);
    }
    assert_eq!(smtp.received().len(), 5);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_unencrypted_to_a_server_that_should_encrypt() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[("smtp.security", "starttls"), ("smtp.user", "u"), ("smtp.password", "p")]).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    until("the mail was tried", async || matches!(&fixture.rows_of(1).await[..], [row] if row.attempts > 1)).await;
    let row = fixture.rows_of(1).await.swap_remove(0);
    assert!(row.detail.as_ref().unwrap().contains("cannot encrypt the connection"), "{row:?}");
    let commands = smtp.commands();
    assert!(commands.iter().all(|command| command.starts_with("EHLO") || command == "QUIT"), "{commands:?}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_limited_and_urgent_mails_overtake_the_others() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.publish((0..6).map(|n| about_tickets("booking.confirmed", n))).await;
    let notifier = fixture.start(smtp.address, &[("mail.per_minute", "120")]).await;
    until("the first mail is sent", async || !smtp.received().is_empty()).await;
    let since = Instant::now();
    let notice = serde_json::json!({"accountId": person(9), "sealed": crate::contents::sealed("password-changed", 9, None)});
    fixture.publish([message("account.notice", &notice)]).await;
    until("all mails are sent", async || smtp.received().len() == 7).await;
    // Two mails per second, of which the first may leave at once.
    assert!(since.elapsed() > Duration::from_secs(2), "{:?}", since.elapsed());
    let place = smtp.received().iter().position(|received| received.recipient == address(9)).unwrap();
    assert!(place <= 4, "the notice was mail {place}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_wait_while_the_services_that_know_the_recipients_are_away() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.people.world.lock().unwrap().is_down = true;
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    until("the delivery was postponed", async || matches!(&fixture.rows_of(1).await[..], [row] if row.detail.is_some())).await;
    let row = fixture.settled(1, "pending").await;
    assert!(row.detail.unwrap().contains("auth-service did not return the addresses"));
    assert_eq!(row.attempts, 0);
    fixture.people.world.lock().unwrap().is_down = false;
    assert_eq!(fixture.settled(1, "sent").await.attempts, 1);
    notifier.stop().await.unwrap();
    fixture.close().await;
}
