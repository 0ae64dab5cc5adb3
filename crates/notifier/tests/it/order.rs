//! Mails about the same booking or waiting-list entry: nobody is told an earlier state after a later one.

use rowlock_test_support::wait::until;

use crate::fixture::{Fixture, in_history};
use crate::people::address;
use crate::smtp_server::{Behavior, SmtpServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_a_later_change_has_overtaken_is_not_sent() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[]).await;
    for (n, earlier, later) in [
        (1, "booking.confirmed", "booking.cancelled"),
        (2, "waitlist.joined", "waitlist.promoted"),
        (3, "booking.confirmed", "booking.reduced"),
    ] {
        let sequence = i64::try_from(n).unwrap() * 10;
        fixture.publish([in_history(later, n, 100 + n, sequence + 2)]).await;
        fixture.settled(n, "sent").await;
        // Neither a late message nor one about another booking stops the others.
        fixture.publish([in_history(earlier, n, 100 + n, sequence + 1), in_history(earlier, n, 200 + n, sequence)]).await;
        let mut rows = Vec::new();
        until("all deliveries are settled", async || {
            rows = fixture.rows_of(n).await;
            rows.len() == 3 && rows.iter().all(|row| row.status == "sent" || row.status == "skipped")
        })
        .await;
        let skipped: Vec<_> = rows.iter().filter_map(|row| row.detail.as_deref()).collect();
        assert_eq!(skipped, ["there is a later change of the same booking or waiting-list entry"], "{earlier}");
        assert_eq!(smtp.attempts(&address(n)), 2);
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_the_one_about_an_earlier_change_that_is_being_sent() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::scripted(|_, earlier| if earlier == 0 { Behavior::HangAfterContent } else { Behavior::Accept });
    let notifier = fixture.start(smtp.address, &[("smtp.timeout_ms", "1000"), ("notifier.batch", "1")]).await;
    fixture.publish([in_history("booking.confirmed", 1, 9, 1)]).await;
    until("the first mail is being sent", async || smtp.attempts(&address(1)) == 1).await;
    fixture.publish([in_history("booking.cancelled", 1, 9, 2)]).await;
    until("the second one waits", async || {
        let rows = fixture.rows_of(1).await;
        rows.iter().any(|row| row.detail.as_deref().is_some_and(|detail| detail.contains("is being sent")))
    })
    .await;
    assert_eq!(smtp.attempts(&address(1)), 1);
    until("the second one is sent", async || fixture.rows_of(1).await.iter().any(|row| row.status == "sent")).await;
    assert_eq!(fixture.rows_of(1).await.iter().filter(|row| row.status == "unclear").count(), 1);
    notifier.stop().await.unwrap();
    fixture.close().await;
}
