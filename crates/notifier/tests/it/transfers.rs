//! Mails about tickets that somebody gives to somebody else.

use mail_parser::MessageParser;
use rowlock_sealing::{SealingKeys, TRANSFER_NOTICE};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, KEY, about_tickets};
use crate::people::{address, in_hours, person};
use crate::smtp_server::SmtpServer;

/// Returns a message that person `n` offers tickets to the address of person `to`.
fn offered(n: u128, to: u128, hours: i64) -> Value {
    let notice = json!({"email": address(to), "token": "a-secret-token"});
    let mut message = about_tickets("transfer.offered", n);
    message["data"]["transferId"] = json!(Uuid::from_u128(10));
    message["data"]["expiresAt"] = json!(in_hours(hours));
    message["data"]["sealed"] = json!(SealingKeys::new(&KEY.into(), &[]).unwrap().seal(TRANSFER_NOTICE, &notice).unwrap());
    message
}

/// Returns another message about the transfer, for person `n`.
fn transfer(message_type: &str, n: u128, fields: &[(&str, Value)]) -> Value {
    let mut message = about_tickets(message_type, n);
    for (name, value) in fields {
        message["data"][*name] = value.clone();
    }
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_goes_to_the_address_alone_and_names_nobody() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.people.world.lock().unwrap().german.insert(person(1));
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([offered(1, 2, 5), offered(3, 4, -1)]).await;
    fixture.settled(1, "sent").await;
    let lapsed = fixture.settled(3, "skipped").await;
    assert!(lapsed.detail.as_ref().unwrap().contains("the transfer has lapsed"), "{lapsed:?}");
    let received = smtp.received();
    let [mail] = &received[..] else { panic!("{received:?}") };
    assert_eq!(mail.recipient, address(2), "not to the account that offers the tickets");
    let parsed = MessageParser::default().parse(&mail.content).unwrap();
    let link = format!("https://box.example/transfers/{}?token=a-secret-token", Uuid::from_u128(10));
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    assert!(text.contains(&link) && html.contains(&link), "{text}");
    assert!(html.contains("<html lang=\"de\">"), "in the language of the sender");
    assert_eq!(parsed.to().unwrap().first().unwrap().name(), None);
    assert!(!text.contains(&address(1)) && text.starts_with("Guten Tag,"), "{text}");
    for data in fixture.data().await {
        assert!(!data.contains("secret-token") && !data.contains('@'), "{data}");
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_told_what_became_of_an_offer() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[]).await;
    let messages = [
        transfer("transfer.accepted", 1, &[("remaining", json!(1))]),
        transfer("transfer.received", 2, &[]),
        transfer("transfer.ended", 3, &[("status", json!("declined"))]),
        transfer("transfer.ended", 4, &[("status", json!("withdrawn"))]),
    ];
    fixture.publish(messages).await;
    until("all mails are sent", async || fixture.count("sent").await == 3).await;
    let received = smtp.received();
    for (n, subject) in
        [(1, "Your tickets for Chess were accepted"), (2, "You got tickets for Chess"), (3, "Your tickets for Chess were declined")]
    {
        let mail = received.iter().find(|mail| mail.recipient == address(n)).unwrap();
        assert_eq!(MessageParser::default().parse(&mail.content).unwrap().subject(), Some(subject));
    }
    assert_eq!(received.len(), 3, "the sender knows of a withdrawal");
    notifier.stop().await.unwrap();
    fixture.close().await;
}
