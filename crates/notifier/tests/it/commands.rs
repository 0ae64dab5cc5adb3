//! The command line.

use std::process::Command;

use serde_json::Value;

use crate::fixture::{Fixture, about_tickets};
use crate::people::{address, person};
use crate::smtp_server::{Behavior, SmtpServer};

/// Runs the program and returns whether it succeeded, and its output.
pub(crate) async fn run(fixture: &Fixture, arguments: &[&str]) -> (bool, String) {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_notifier"));
    command.args(arguments).envs(fixture.environment(nowhere, &[]));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_unclear_deliveries_and_sends_them_again() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::scripted(|_, earlier| if earlier == 0 { Behavior::CloseAfterContent } else { Behavior::Accept });
    let notifier = fixture.start(smtp.address, &[]).await;
    let message = about_tickets("booking.confirmed", 1);
    let id = message["id"].as_str().unwrap().to_owned();
    fixture.publish([message]).await;
    fixture.settled(1, "unclear").await;

    let (_, listed) = run(&fixture, &["deliveries", "list", "--status", "unclear"]).await;
    assert!(listed.contains(&format!("{id}  to {} by email  confirmed  unclear after 1 attempts", person(1))), "{listed}");
    let (_, json) = run(&fixture, &["deliveries", "list", "--json", "--limit", "5"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json[0]["messageId"].as_str(), json[0]["status"].as_str()), (Some(id.as_str()), Some("unclear")));
    let (_, none) = run(&fixture, &["deliveries", "list", "--status", "failed"]).await;
    assert_eq!(none, "There are no such deliveries.\n");

    let (found, refused) = run(&fixture, &["deliveries", "resend", &id, "--recipient", &person(2).to_string()]).await;
    assert!(!found && refused.contains("no failed or unclear delivery"), "{refused}");
    let (sent, output) = run(&fixture, &["deliveries", "resend", &id, "--recipient", &person(1).to_string()]).await;
    assert_eq!((sent, output.as_str()), (true, "1 deliveries are pending again.\n"));
    assert_eq!(fixture.settled(1, "sent").await.attempts, 1);
    assert_eq!(smtp.attempts(&address(1)), 2);
    let (again, _) = run(&fixture, &["deliveries", "resend", &id]).await;
    assert!(!again, "a sent delivery is not sent again");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_and_settings_are_named() {
    let fixture = Fixture::new().await;
    let (_, letters) = run(&fixture, &["dead-letters", "list"]).await;
    assert_eq!(letters.matches("There are no dead letters.\n").count(), 2, "both queues are listed: {letters}");
    let (_, failed) = run(&fixture, &["failed-messages", "list"]).await;
    assert_eq!(failed, "There are no failed messages.\n");
    let (ok, wrong) = run(&fixture, &["deliveries", "list", "--status", "lost"]).await;
    assert!(!ok && wrong.contains("must be one of pending, sending, sent, failed, unclear, skipped"), "{wrong}");
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let load = |more: &[(&str, &str)]| notifier::NotifierSettings::load(None, fixture.environment(nowhere, more)).unwrap_err().to_string();
    for (more, expected) in [
        (&[("smtp.host", "")][..], "smtp.host (ROWLOCK__SMTP__HOST): must be set, unless mail.folder is"),
        (&[("smtp.user", "u")], "smtp.password (ROWLOCK__SMTP__PASSWORD): must be set together with smtp.user"),
        (&[("smtp.security", "ssl")], "must be none, starttls or tls"),
        (&[("notifier.lease_ms", "100000")], "notifier.lease_ms (ROWLOCK__NOTIFIER__LEASE_MS): must be at least 20 times smtp.timeout_ms"),
        (&[("notifier.busy_rate", "0")], "notifier.busy_rate"),
        (&[("mail.from", "nobody")], "mail.from"),
        (&[("sealing.key", "short")], "sealing.key"),
    ] {
        let error = load(more);
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
    fixture.close().await;
}
