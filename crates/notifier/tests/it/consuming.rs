//! Messages that nobody is told about, and those that cannot be read.

use rowlock_messaging::amqp::{OutboundMessage, dead_letters};
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::fixture::{Fixture, about_tickets, changed, message};
use crate::people::person;
use crate::smtp_server::SmtpServer;

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_other_types_are_acknowledged() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[("notifier.prefetch", "2")]).await;
    let mut newer = about_tickets("booking.celebrated", 2);
    newer["dataschema"] = json!("urn:rowlock:schema:booking.celebrated:9");
    let messages = [
        message("event.created", &json!({"eventId": person(7), "status": "published"})),
        message("account.disabled", &json!({"accountId": person(3)})),
        about_tickets("waitlist.left", 4),
        newer,
        about_tickets("booking.confirmed", 1),
    ];
    fixture.publish(messages).await;
    fixture.settled(1, "sent").await;
    fixture.consumed().await;
    assert_eq!(fixture.data().await.len(), 1);
    assert_eq!(fixture.broker.depth(&fixture.broker.notifications().dead_queue).await, Some(0));
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_become_dead_letters_and_block_no_others() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[]).await;
    let mut future = about_tickets("booking.confirmed", 2);
    future["dataschema"] = json!("urn:rowlock:schema:booking.confirmed:9");
    let mut incomplete = about_tickets("waitlist.joined", 3);
    incomplete["data"]["accountId"] = json!(null);
    // PostgreSQL stores no null character.
    let refused = message("account.notice", &json!({"accountId": person(4), "sealed": "\0"}));
    fixture.publish_raw(vec![OutboundMessage::event("booking.confirmed", "poison", "not json")]).await;
    let refused_change = changed(person(7), 1, &json!({"venue": {"from": "\0", "to": null}}));
    fixture.publish([future, incomplete, refused, refused_change, about_tickets("booking.confirmed", 1)]).await;
    fixture.settled(1, "sent").await;
    let mut letters = Vec::new();
    for (topology, count) in [(fixture.broker.urgent_notifications(), 2), (fixture.broker.notifications(), 3)] {
        until("all are dead letters", async || fixture.broker.depth(&topology.dead_queue).await == Some(count)).await;
        letters.extend(dead_letters::list(&fixture.broker.settings(), &topology, 10).await.unwrap());
    }
    fixture.consumed().await;
    let reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    for part in ["envelope", "schema", "rejected a statement"] {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part} is not in {reasons:?}");
    }
    assert_eq!(fixture.data().await.len(), 1);
    notifier.stop().await.unwrap();
    fixture.close().await;
}
