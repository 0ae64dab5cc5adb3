//! Mails to guests, who have no account and get a link.

use mail_parser::MessageParser;
use rowlock_domain::ids::AccountId;
use rowlock_sealing::{GUEST_LINK, GuestToken, SealingKeys};
use rowlock_test_support::wait::until;
use uuid::Uuid;

use crate::fixture::{Fixture, KEY, about_tickets, changed, in_history};
use crate::people::{address, person};
use crate::smtp_server::{Received, SmtpServer};

const EVENT: Uuid = Uuid::from_u128(7);

/// Returns the subject and the plain text of the only mail to a person.
fn mail_to(received: &[Received], n: u128) -> (String, String, String) {
    let [mail] = received.iter().filter(|mail| mail.recipient == address(n)).collect::<Vec<_>>()[..] else { panic!("{received:?}") };
    let parsed = MessageParser::default().parse(&mail.content).unwrap();
    assert!(parsed.header("List-Unsubscribe").is_none(), "a guest has no settings");
    (parsed.subject().unwrap().to_owned(), parsed.body_text(0).unwrap().into_owned(), parsed.body_html(0).unwrap().into_owned())
}

/// Returns what the token of the link in a text contains.
fn token_of(text: &str) -> GuestToken {
    let token = text.split("https://box.example/guest?token=").nth(1).unwrap_or_else(|| panic!("no link in {text}"));
    let token = token.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).next().unwrap();
    SealingKeys::new(&KEY.into(), &[]).unwrap().open(GUEST_LINK, token).unwrap()
}

fn guest(n: u128, link: u32) -> GuestToken {
    GuestToken { guest: AccountId::from_uuid(person(n)), link }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_guest_gets_a_link_of_their_own_which_nothing_stores() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.guests = [1, 2, 3, 4, 5, 6, 8].map(|n| (person(n), ("Grace Hopper", if n == 3 { 2 } else { 1 }))).into();
    }
    let notifier = fixture.start(smtp.address, &[]).await;
    let mut waiting = about_tickets("guest.link_requested", 8);
    waiting["data"].as_object_mut().unwrap().remove("bookingId");
    let messages = [
        about_tickets("booking.confirmed", 1),
        about_tickets("waitlist.joined", 2),
        about_tickets("waitlist.promoted", 3),
        about_tickets("booking.reduced", 4),
        about_tickets("waitlist.closed", 5),
        about_tickets("guest.link_requested", 6),
        about_tickets("booking.confirmed", 7),
        waiting,
    ];
    fixture.publish(messages).await;
    until("all mails are sent", async || fixture.count("sent").await == 8).await;
    let received = smtp.received();
    for (n, expected, link) in [
        (1, "Your tickets for Chess", Some(1)),
        (2, "You are on the waiting list for Chess", Some(1)),
        (3, "You got tickets for Chess", Some(2)),
        (4, "Returned: 2 tickets for Chess", None),
        (5, "The waiting list for Chess is closed", None),
        (6, "The link to your tickets for Chess", Some(1)),
        (8, "The link to your place on the waiting list for Chess", Some(1)),
    ] {
        let (subject, text, html) = mail_to(&received, n);
        assert_eq!(subject, expected);
        assert!(text.contains("Grace Hopper"), "{text}");
        assert!(!text.contains("box.example/tickets") && !text.contains("box.example/queue"), "pages of accounts: {text}");
        match link {
            Some(link) => {
                assert_eq!((token_of(&text), token_of(&html)), (guest(n, link), guest(n, link)));
                assert!(text.contains("You need no account"), "{text}");
            }
            None => assert!(text.contains(&format!("https://box.example/events/{EVENT}")) && !text.contains("token="), "{text}"),
        }
    }
    for waits in [2, 8] {
        assert!(mail_to(&received, waits).1.contains("with this link you see your place"));
    }
    let account = received.iter().find(|mail| mail.recipient == address(7)).unwrap();
    let text = MessageParser::default().parse(&account.content).unwrap().body_text(0).unwrap().into_owned();
    assert!(text.contains("https://box.example/tickets") && !text.contains("token"), "{text}");
    for data in fixture.data().await {
        assert!(!data.contains('@') && !data.contains("Grace") && !data.contains("token"), "{data}");
    }
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_is_in_the_language_of_the_installation() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.people.world.lock().unwrap().guests.insert(person(1), ("Grace", 1));
    let notifier = fixture.start(smtp.address, &[("mail.default_language", "de")]).await;
    fixture.publish([about_tickets("guest.link_requested", 1)]).await;
    fixture.settled(1, "sent").await;
    let (subject, text, html) = mail_to(&smtp.received(), 1);
    assert_eq!(subject, "Der Link zu Ihren Tickets für Chess");
    assert!(text.contains("/guest?token=") && html.contains("<html lang=\"de\">"), "{text}");
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_until_the_guest_is_known_and_is_not_sent_to_strangers() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.guests.insert(person(1), ("Grace", 1));
        world.guests_down = true;
    }
    let notifier = fixture.start(smtp.address, &[]).await;
    // The mail to an account does not wait for the guests.
    fixture.publish([about_tickets("booking.confirmed", 1), about_tickets("booking.confirmed", 2)]).await;
    fixture.settled(2, "sent").await;
    fixture.postponed(1).await;
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.guests_down = false;
        world.bookings.insert(Uuid::from_u128(33), ("cancelled", 2));
        world.guests.insert(person(3), ("Joan", 1));
        // Neither an account nor a guest.
        world.erased.insert(person(4));
    }
    fixture.publish([in_history("booking.confirmed", 3, 33, 1), about_tickets("booking.confirmed", 4)]).await;
    let cancelled = fixture.settled(3, "skipped").await;
    assert!(cancelled.detail.as_ref().unwrap().contains("cancelled before"), "{cancelled:?}");
    let stranger = fixture.settled(4, "skipped").await;
    assert!(stranger.detail.as_ref().unwrap().contains("no longer exists"), "{stranger:?}");
    fixture.settled(1, "sent").await;
    assert_eq!(smtp.received().len(), 2);
    notifier.stop().await.unwrap();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_are_told_of_a_changed_event_with_their_link() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    {
        let mut world = fixture.people.world.lock().unwrap();
        world.add_event(EVENT, 500, [1, 2]);
        world.events.get_mut(&EVENT).unwrap().version = 2;
        world.guests.insert(person(1), ("Grace", 1));
    }
    let notifier = fixture.start(smtp.address, &[]).await;
    fixture.publish([changed(EVENT, 2, &serde_json::json!({"venue": {"old": "The cellar", "new": "The hall"}}))]).await;
    until("both are told", async || fixture.count("sent").await == 2).await;
    let (subject, text, _) = mail_to(&smtp.received(), 1);
    assert_eq!((subject.as_str(), token_of(&text)), ("Changed: Chess", guest(1, 1)));
    notifier.stop().await.unwrap();
    fixture.close().await;
}
