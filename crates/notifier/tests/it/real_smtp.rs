//! The notifier with an SMTP server that is not ours (aiosmtpd), which demands encryption and a login.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use mail_parser::MessageParser;
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::fixture::{Fixture, about_tickets, python};
use crate::people::address;

/// A mail that the server has taken.
#[derive(Debug, Deserialize)]
struct TakenMail {
    recipients: Vec<String>,
    content: String,
    encrypted: bool,
    authenticated: bool,
}

/// A running server.
struct RealServer {
    process: Child,
    port: u16,
    certificate: String,
    mails: UnboundedReceiver<TakenMail>,
}

impl Drop for RealServer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl RealServer {
    /// Starts a server whose connections are encrypted by `starttls` or `tls`.
    async fn start(security: &'static str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        let folder = tempfile::tempdir().unwrap();
        let [certificate_file, key_file] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        std::fs::write(&certificate_file, &certificate).unwrap();
        std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/real_smtp.py");
        let mut command = Command::new(python());
        command.arg(script).arg(security).args([&certificate_file, &key_file]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (port, mut lines) =
            tokio::task::spawn_blocking(move || (lines.next().unwrap().unwrap().parse().unwrap(), lines)).await.unwrap();
        let (sender, mails) = unbounded_channel();
        // The thread ends with the process.
        std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { process, port, certificate, mails }
    }
}

/// Sends a mail over an encrypted connection with a login.
async fn deliver_over(security: &'static str) {
    let mut server = RealServer::start(security).await;
    let mut fixture = Fixture::new().await;
    let certificate = server.certificate.clone();
    let settings = [("smtp.security", security), ("smtp.ca_certificates", &certificate), ("smtp.user", "box"), ("smtp.password", "office")];
    let notifier = fixture.start(([127, 0, 0, 1], server.port).into(), &settings).await;
    fixture.publish([about_tickets("booking.confirmed", 1)]).await;
    fixture.settled(1, "sent").await;
    let mail = server.mails.recv().await.unwrap();
    assert!(mail.encrypted && mail.authenticated, "{mail:?}");
    assert_eq!(mail.recipients, [address(1)]);
    let parsed = MessageParser::default().parse(&mail.content).unwrap();
    assert!(parsed.subject().unwrap().starts_with("Your tickets for"), "{}", mail.content);
    assert!(parsed.body_text(0).is_some() && parsed.body_html(0).is_some());
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_takes_a_mail_after_starttls_and_a_login() {
    deliver_over("starttls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_takes_a_mail_over_tls_and_a_login() {
    deliver_over("tls").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_certificate_and_a_wrong_password_are_named_and_nothing_is_sent() {
    let mut server = RealServer::start("starttls").await;
    let mut fixture = Fixture::new().await;
    let certificate = server.certificate.clone();
    let address = ([127, 0, 0, 1], server.port).into();
    let right = [("smtp.security", "starttls"), ("smtp.user", "box"), ("smtp.password", "office")];
    let wrong =
        [("smtp.security", "starttls"), ("smtp.ca_certificates", certificate.as_str()), ("smtp.user", "box"), ("smtp.password", "no")];
    for (n, settings, words) in [(1, &right[..], "cannot encrypt"), (2, &wrong[..], "does not accept smtp.user")] {
        let notifier = fixture.start(address, settings).await;
        fixture.publish([about_tickets("booking.confirmed", n)]).await;
        rowlock_test_support::wait::until("the reason is stored", async || {
            let rows = fixture.rows_of(n).await;
            matches!(&rows[..], [row] if row.status == "pending" && row.detail.as_ref().is_some_and(|detail| detail.contains(words)))
        })
        .await;
        notifier.stop().await.unwrap();
    }
    assert!(server.mails.try_recv().is_err());
    fixture.close().await;
}
