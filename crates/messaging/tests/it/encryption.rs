//! Encrypted connections to RabbitMQ, with right and wrong certificates.

use std::time::Duration;

use rowlock_messaging::amqp::{AmqpSettings, AmqpTlsSettings, Consumer, LinkError, OutboundMessage, Publisher, Settlement};
use rowlock_test_support::broker::{AMQP_ENV, TestBroker};
use rowlock_test_support::tls::{Authority, Issued, TlsTerminator, server_config};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;

use crate::support::{Outbox, RunningRelay, event, relay_settings, released, take};

async fn terminator(certificate: &Issued, clients: Option<&Authority>) -> TlsTerminator {
    TlsTerminator::in_front_of_rabbitmq(&std::env::var(AMQP_ENV).unwrap(), server_config(certificate, clients)).await
}

/// Returns settings with which a broker connects through the terminator and trusts an authority.
fn settings(broker: &TestBroker, server: &TlsTerminator, trusted: &Authority) -> AmqpSettings {
    let tls = AmqpTlsSettings { ca_certificates: Some(trusted.certificate.clone()), client: None };
    AmqpSettings { tls, ..broker.settings_at(server.url.as_str()) }
}

async fn connection_error(settings: &AmqpSettings) -> String {
    match Publisher::connect(settings).await.unwrap_err() {
        LinkError::Connect(reason) => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn messages_are_published_and_consumed_over_an_encrypted_connection() {
    let (broker, ours) = (TestBroker::new(), Authority::new("ours"));
    let server = terminator(&ours.issue("localhost"), None).await;
    let settings = settings(&broker, &server, &ours);
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    let mut consumer = Consumer::connect(&settings, 10).await.unwrap();
    assert_eq!(publisher.publish_batch(vec![released("1"), released("2")]).await.unwrap(), [Settlement::Confirmed, Settlement::Confirmed]);
    let deliveries = take(&mut consumer, 2).await;
    consumer.ack_all_up_to(deliveries[1].tag).await.unwrap();
    assert_eq!(server.encrypted(), 2);
    publisher.close().await;
    consumer.close().await;
    broker.close().await;
}

#[tokio::test]
async fn wrong_certificates_are_rejected() {
    let (broker, ours, other) = (TestBroker::new(), Authority::new("ours"), Authority::new("other"));
    for (certificate, reason) in [
        (ours.issue("rabbit.example"), "not valid for name"),
        (ours.issue("127.0.0.1"), "not valid for name"),
        (ours.issue_expired("localhost"), "expired"),
        (other.issue("localhost"), "UnknownIssuer"),
    ] {
        let server = terminator(&certificate, None).await;
        let error = connection_error(&settings(&broker, &server, &ours)).await;
        assert!(error.contains(reason), "{error}");
        assert_eq!(server.encrypted(), 0);
    }
    broker.close().await;
}

#[tokio::test]
async fn a_broker_without_encryption_gets_no_password() {
    let (broker, ours) = (TestBroker::new(), Authority::new("ours"));
    let url = std::env::var(AMQP_ENV).unwrap().replacen("amqp://", "amqps://", 1);
    let tls = AmqpTlsSettings { ca_certificates: Some(ours.certificate.clone()), client: None };
    let plain = AmqpSettings { tls, ..broker.settings_at(&url) };
    connection_error(&plain).await;
    broker.close().await;
}

#[tokio::test]
async fn a_client_certificate_is_presented() {
    let (broker, ours, other) = (TestBroker::new(), Authority::new("ours"), Authority::new("other"));
    let server = terminator(&ours.issue("localhost"), Some(&ours)).await;
    let mut settings = settings(&broker, &server, &ours);
    connection_error(&settings).await;
    let with = |issued: Issued| Some((issued.certificate, issued.key.into()));
    settings.tls.client = with(other.issue("client"));
    connection_error(&settings).await;
    assert_eq!(server.encrypted(), 0);
    settings.tls.client = with(ours.issue("client"));
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    assert_eq!(publisher.publish_batch(vec![released("1")]).await.unwrap(), [Settlement::Confirmed]);
    publisher.close().await;
    broker.close().await;
}

#[tokio::test]
async fn a_relay_encrypts_its_sessions_and_its_link() {
    let (mut outbox, broker, ours) = (Outbox::new().await, TestBroker::new(), Authority::new("ours"));
    let certificate = ours.issue("localhost");
    let database_url = outbox.database.service_url();
    let database = TlsTerminator::in_front_of_postgres(database_url.expose_secret(), server_config(&certificate, None)).await;
    let rabbitmq = terminator(&certificate, None).await;
    let mut relay = relay_settings(&outbox, settings(&broker, &rabbitmq, &ours));
    let mut url = database.url.clone();
    url.set_query(Some("sslmode=require"));
    relay.database_url = url.as_str().into();
    outbox.write("a.b", "message", 3).await;
    let relay = RunningRelay::start(relay);
    outbox.drained().await;
    until("the session with the lock and the one that listens are encrypted", async || database.encrypted() == 2).await;
    assert_eq!(rabbitmq.encrypted(), 1);
    relay.stopped().await;
    outbox.close().await;
    broker.close().await;
}

/// The socket cannot take such a batch at once. Its end may stay in the TLS session until it is sent on, which depends on the time.
#[tokio::test]
async fn a_large_batch_is_confirmed() {
    let (broker, ours) = (TestBroker::new(), Authority::new("ours"));
    let server = terminator(&ours.issue("localhost"), None).await;
    let mut settings = settings(&broker, &server, &ours);
    settings.heartbeat = Duration::from_secs(600);
    let mut publisher = Publisher::connect(&settings).await.unwrap();
    let batch: Vec<OutboundMessage> = (0..1_000).map(|_| event("a.b", "x".repeat(16 * 1_024))).collect();
    let settlements = publisher.publish_batch(batch).await.unwrap();
    assert_eq!(settlements, vec![Settlement::Confirmed; 1_000]);
    publisher.close().await;
    broker.close().await;
}
