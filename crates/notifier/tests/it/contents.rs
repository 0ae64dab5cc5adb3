//! The recipients and subjects of mails.

use mail_parser::MessageParser;
use rowlock_sealing::{ACCOUNT_NOTICE, SealingKeys};
use rowlock_test_support::wait::until;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{Fixture, KEY, about_tickets, message};
use crate::people::{address, in_hours, person};
use crate::smtp_server::{Received, SmtpServer};

/// Returns a sealed notice to the address of a person.
pub(crate) fn sealed(notice: &str, n: u128, token: Option<&str>) -> String {
    let notice = json!({"notice": notice, "email": address(n), "name": "Ada", "language": "de", "token": token});
    SealingKeys::new(&KEY.into(), &[]).unwrap().seal(ACCOUNT_NOTICE, &notice).unwrap()
}

fn subject(received: &[Received], n: u128) -> String {
    let [mail] = received.iter().filter(|mail| mail.recipient == address(n)).collect::<Vec<_>>()[..] else { panic!("{received:?}") };
    MessageParser::default().parse(&mail.content).unwrap().subject().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_leads_to_its_mail() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let called_off = Uuid::from_u128(70);
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.cancelled_events.insert(called_off);
        world.german.insert(person(1));
    }
    let notifier = fixture.start(smtp.address, &[]).await;
    let mut cancelled = about_tickets("booking.cancelled", 6);
    cancelled["data"]["eventId"] = json!(called_off);
    let messages = [
        about_tickets("booking.confirmed", 1),
        about_tickets("waitlist.joined", 2),
        about_tickets("waitlist.promoted", 3),
        about_tickets("booking.reduced", 4),
        about_tickets("waitlist.closed", 5),
        cancelled,
    ];
    fixture.publish(messages).await;
    until("all mails are sent", async || fixture.count("sent").await == 6).await;
    let received = smtp.received();
    for (n, expected) in [
        (2, "You are on the waiting list for Chess"),
        (3, "You got tickets for Chess"),
        (4, "Returned: 2 tickets for Chess"),
        (5, "The waiting list for Chess is closed"),
        (6, "Called off: Chess"),
    ] {
        assert_eq!(subject(&received, n), expected);
    }
    let german = received.iter().find(|mail| mail.recipient == address(1)).unwrap();
    let german = MessageParser::default().parse(&german.content).unwrap();
    assert!(german.body_html(0).unwrap().contains("<html lang=\"de\">"));
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_those_who_are_gone_or_do_not_want_it() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let deleted = Uuid::from_u128(71);
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.erased.insert(person(1));
        world.unwilling.extend([person(2), person(4), person(5)]);
        world.deleted_events.insert(deleted);
    }
    let notifier = fixture.start(smtp.address, &[]).await;
    let mut of_deleted = about_tickets("booking.confirmed", 3);
    of_deleted["data"]["eventId"] = json!(deleted);
    let messages =
        [about_tickets("booking.confirmed", 1), about_tickets("waitlist.joined", 2), of_deleted, about_tickets("waitlist.promoted", 4)];
    fixture.publish(messages.into_iter().chain([about_tickets("waitlist.closed", 5)])).await;
    let wants_none = "does not want mails about its places in waiting lists";
    for (n, reason) in [(1, "no longer exists or is disabled"), (2, wants_none), (3, "the event no longer exists"), (5, wants_none)] {
        let row = fixture.settled(n, "skipped").await;
        assert!(row.detail.as_ref().unwrap().contains(reason), "{row:?}");
    }
    // Tickets are too important to be left out.
    fixture.settled(4, "sent").await;
    assert_eq!(smtp.received().len(), 1);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_to_an_address_that_is_not_confirmed_contains_no_name() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.people.world.lock().unwrap().unconfirmed.insert(person(1));
    // An encoded file can contain any three letters.
    let notifier = fixture.start(smtp.address, &[("mail.attach_tickets", "false")]).await;
    fixture.publish([1, 2].map(|n| about_tickets("booking.confirmed", n))).await;
    for n in [1, 2] {
        fixture.settled(n, "sent").await;
    }
    for mail in smtp.received() {
        let is_named = mail.recipient == address(2);
        assert_eq!(mail.content.windows(3).any(|part| part == b"ada"), is_named, "{}", String::from_utf8_lossy(&mail.content));
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_about_the_end_of_a_waiting_list_can_be_unsubscribed() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([about_tickets("waitlist.closed", 1)]).await;
    fixture.settled(1, "sent").await;
    let mail = MessageParser::default().parse(&smtp.received()[0].content).unwrap().into_owned();
    assert!(mail.header_raw("List-Unsubscribe").is_some());
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_goes_to_the_address_in_it_and_its_token_is_in_the_mail_only() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let notifier = fixture.start(smtp.address, &[]).await;
    // The address of person 2, which account 1 does not have yet.
    let notice = json!({"accountId": person(1), "sealed": sealed("confirm-email", 2, Some("a-secret-token"))});
    let forged = json!({"accountId": person(3), "sealed": "Zm9yZ2VkZm9yZ2VkZm9yZ2VkZm9yZ2VkZm9yZ2VkZm9yZ2Vk"});
    fixture.publish([message("account.notice", &notice), message("account.notice", &forged)]).await;
    fixture.settled(1, "sent").await;
    let received = smtp.received();
    let [Received { recipient, content, .. }] = &received[..] else { panic!("{received:?}") };
    assert_eq!(*recipient, address(2));
    let parsed = MessageParser::default().parse(content).unwrap();
    assert!(parsed.body_text(0).unwrap().contains("https://box.example/confirmemail?token=a-secret-token"));
    assert!(parsed.body_html(0).unwrap().contains("<html lang=\"de\">"));
    let row = fixture.settled(3, "failed").await;
    assert!(row.detail.as_ref().unwrap().starts_with("the notice of auth-service cannot be opened"), "{row:?}");
    for data in fixture.data().await {
        assert!(data.starts_with("{\"sealed\": \"") && !data.contains("secret-token") && !data.contains('@'), "{data}");
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_mails_are_written_into_a_folder() {
    let mut fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mails");
    let notifier = fixture.start_with_folder(&path).await;
    let messages: Vec<_> = (1..=3).map(|n| about_tickets("booking.confirmed", n)).collect();
    fixture.publish(messages.clone()).await;
    until("all mails are written", async || fixture.count("sent").await == 3).await;
    for (n, message) in (1..=3).zip(&messages) {
        let file = path.join(format!("{}.{}.eml", message["id"].as_str().unwrap(), person(n)));
        let content = std::fs::read(file).unwrap();
        assert_eq!(MessageParser::default().parse(&content).unwrap().subject(), Some("Your tickets for Chess"));
    }
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 3);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_are_told_until_they_lapse() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    let called_off = Uuid::from_u128(72);
    fixture.people.world.lock().unwrap().cancelled_events.insert(called_off);
    let notifier = fixture.start(smtp.address, &[]).await;
    let offered = |n, hours| {
        let mut message = about_tickets("waitlist.offered", n);
        message["data"]["expiresAt"] = json!(in_hours(hours));
        message
    };
    let expired = |n, origin: &str| {
        let mut message = about_tickets("booking.expired", n);
        message["data"]["origin"] = json!(origin);
        message
    };
    let withdrawn = |n| {
        let mut message = about_tickets("booking.cancelled", n);
        message["data"]["reserved"] = json!(true);
        message
    };
    let mut with_event = withdrawn(6);
    with_event["data"]["eventId"] = json!(called_off);
    let messages = [
        offered(1, 1),
        offered(2, -1),
        expired(3, "waitlist"),
        expired(4, "direct"),
        withdrawn(5),
        with_event,
        about_tickets("booking.reserved", 7),
    ];
    fixture.publish(messages).await;
    for n in [1, 3, 6] {
        fixture.settled(n, "sent").await;
    }
    for (n, reason) in [(2, "lapsed"), (5, "only reserved")] {
        let row = fixture.settled(n, "skipped").await;
        assert!(row.detail.as_ref().unwrap().contains(reason), "{row:?}");
    }
    fixture.consumed().await;
    assert_eq!(fixture.data().await.len(), 5);
    let received = smtp.received();
    for (n, expected) in [(1, "It is your turn: 2 tickets for Chess"), (3, "Your offer has lapsed: Chess"), (6, "Called off: Chess")] {
        assert_eq!(subject(&received, n), expected);
    }
    let offer = received.iter().find(|mail| mail.recipient == address(1)).unwrap();
    let text = MessageParser::default().parse(&offer.content).unwrap().body_text(0).unwrap().into_owned();
    for page in ["confirm", "return"] {
        assert!(text.contains(&format!("https://box.example/tickets/{}/{page}", Uuid::from_u128(9))), "{text}");
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}
