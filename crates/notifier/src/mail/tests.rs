//! Every kind of mail in every language, as a mail program reads it.

mod attachments;
mod cases;
mod english;
mod german;
mod waiting;

use mail_parser::{HeaderName, Message, MessageParser, MimeHeaders, PartType};
use rowlock_domain::ids::{BookingId, EventId, MessageId};
use rowlock_locale::ids_in;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::delivery::Offer;
use crate::settings::NotifierSettings;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const EVENT: EventId = EventId::from_uuid(Uuid::from_u128(7));

#[test]
fn the_languages_have_the_same_texts() {
    let ids = |source| ids_in(source).collect::<Vec<_>>();
    assert_eq!(ids(ENGLISH), ids(GERMAN));
}

fn settings() -> NotifierSettings {
    let environment = [
        ("DATABASE__URL", "postgres://u@h/d"),
        ("AMQP__URL", "amqp://h"),
        ("SEALING__KEY", KEY),
        ("MAIL__FOLDER", "/nowhere"),
        ("MAIL__FROM", "Box office <tickets@box.example>"),
        ("SITE__PUBLIC_URL", "https://box.example/"),
        ("SITE__NAME", "The Box"),
    ];
    NotifierSettings::load(None, environment.map(|(name, value)| (format!("ROWLOCK__{name}"), value.to_owned()))).unwrap()
}

fn composer() -> Composer {
    let NotifierSettings { mail, site, sealing, .. } = settings();
    let clock = Clock::from_fn(|| chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap());
    Composer::new(&mail, site, sealing, clock).unwrap()
}

fn key() -> DeliveryKey {
    DeliveryKey { message: MessageId::from_uuid(Uuid::from_u128(1)), recipient: AccountId::from_uuid(Uuid::from_u128(2)) }
}

fn event(name: &str, status: &str) -> Event {
    let event = json!({
        "id": EVENT, "name": name, "venue": "Café <Süd>", "startsAt": "2026-08-14T18:00:00Z", "timeZone": "Europe/Berlin", "status": status
    });
    serde_json::from_value(event).unwrap()
}

/// Returns so many tickets of the event.
fn tickets(quantity: u32) -> TicketData {
    TicketData::of(EVENT, quantity)
}

fn recipient(name: Option<&str>, language: Language) -> Recipient {
    Recipient { mailbox: Mailbox::new(name.map(single_line), "ada@people.example".parse().unwrap()), language, guest_token: None }
}

/// Checks what all mails have in common, and returns subject, text and HTML.
fn read(mail: &OutgoingMail) -> (String, String, String) {
    assert!(mail.content.is_ascii());
    let message = MessageParser::default().parse(&mail.content).unwrap();
    let to = message.to().and_then(|to| to.first()).unwrap();
    assert_eq!((to.name(), to.address()), (Some("Ada Lovelace"), Some("ada@people.example")));
    assert_eq!(mail.to.to_string(), "ada@people.example");
    let from = message.from().and_then(|from| from.first()).unwrap();
    assert_eq!((from.name(), from.address()), (Some("Box office"), Some("tickets@box.example")));
    assert_eq!(message.message_id().unwrap(), format!("{}@box.example", key()));
    assert_eq!(message.date().unwrap().to_timestamp(), 1_700_000_000);
    assert_eq!(message.header_raw("Auto-Submitted").unwrap().trim(), "auto-generated");
    let content_type = message.content_type().unwrap();
    assert_eq!((content_type.ctype(), content_type.subtype()), ("multipart", Some("alternative")));
    assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1));
    (message.subject().unwrap().to_owned(), body(&message, false), body(&message, true))
}

/// Returns one of the two bodies; mail-parser would convert one into the other if it were missing.
fn body(message: &Message<'_>, is_html: bool) -> String {
    let bodies = message.parts.iter().filter_map(|part| match &part.body {
        PartType::Text(text) if !is_html => Some(text.to_string()),
        PartType::Html(text) if is_html => Some(text.to_string()),
        _ => None,
    });
    let [body] = <[String; 1]>::try_from(bodies.collect::<Vec<_>>()).unwrap();
    body
}

#[test]
fn the_mail_about_a_receiver_that_is_gone_does_not_say_that_it_failed_for_a_day() {
    for (language, absent) in [(Language::English, ["a day", "time in between"]), (Language::German, ["Tag lang", "Zwischenzeit"])] {
        let of = |reason: &str| {
            let last_error = Some("the receiver responded 410".to_owned());
            let webhook =
                WebhookData { url: "https://crm.example/hook".to_owned(), description: None, reason: reason.to_owned(), last_error };
            let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), language), &Topic::Webhook(&webhook), None).unwrap();
            read(&mail).1
        };
        for words in absent {
            assert!(of("failing").contains(words) && !of("gone").contains(words), "{}", of("gone"));
        }
    }
}

#[test]
fn a_notice_without_the_token_of_its_link_is_not_written() {
    let topic = Topic::Account { notice: NoticeKind::ResetPassword, token: None };
    let error = composer().compose(key(), &recipient(None, Language::English), &topic, None).unwrap_err();
    assert_eq!(error, "the notice has no token for its link");
}

#[test]
fn a_mail_about_a_place_in_the_queue_can_be_unsubscribed_with_one_click() {
    let event = event("Chess", "published");
    let tickets = tickets(1);
    let topic = Topic::Tickets { kind: Kind::Waitlisted, tickets, event: &event };
    let compose = |list| composer().compose(key(), &recipient(Some("Ada Lovelace"), Language::English), &topic, list).unwrap();
    let mail = compose(Some(MailingList::Waitlist));
    let message = MessageParser::default().parse(&mail.content).unwrap();
    assert_eq!(message.header_raw("List-Unsubscribe-Post").unwrap().trim(), "List-Unsubscribe=One-Click");
    let raw = message.header_raw("List-Unsubscribe").unwrap().trim().to_owned();
    let url = raw.strip_prefix('<').unwrap().strip_suffix('>').unwrap();
    let token = url.strip_prefix("https://box.example/unsubscribe?token=").unwrap();
    let opened: UnsubscribeToken = settings().sealing.open(UNSUBSCRIBE, token).unwrap();
    assert_eq!(opened, UnsubscribeToken { account_id: key().recipient, list: MailingList::Waitlist });
    let (_, text, html) = read(&mail);
    assert!(text.contains(url) && html.contains(url), "{text}");
    let without = compose(None);
    assert!(MessageParser::default().parse(&without.content).unwrap().header_raw("List-Unsubscribe").is_none());
}

#[test]
fn names_cannot_inject_headers_or_markup() {
    let evil = "\"Eve\" <eve@evil.example>\r\nBcc: all@evil.example\r\n\r\n<script>alert(1)</script>\u{2028}ü";
    let event = event(evil, "published");
    let topic = Topic::Tickets { kind: Kind::Confirmed, tickets: tickets(1), event: &event };
    let mail = composer().compose(key(), &recipient(Some(evil), Language::English), &topic, None).unwrap();
    let message = MessageParser::default().parse(&mail.content).unwrap();
    assert!(message.bcc().is_none() && message.cc().is_none());
    let names: Vec<_> = message.root_part().headers.iter().map(|header| header.name.clone()).collect();
    for expected in [HeaderName::To, HeaderName::From, HeaderName::Subject] {
        assert_eq!(names.iter().filter(|name| **name == expected).count(), 1, "{names:?}");
    }
    let to: Vec<_> = message.to().unwrap().iter().map(|to| to.address().unwrap()).collect();
    assert_eq!(to, ["ada@people.example"]);
    let one_line = "\"Eve\" <eve@evil.example> Bcc: all@evil.example <script>alert(1)</script> ü";
    assert_eq!(message.to().unwrap().first().unwrap().name(), Some(one_line));
    assert_eq!(message.subject().unwrap(), format!("Your tickets for {one_line}"));
    let html = body(&message, true);
    assert!(!html.contains("<script>"), "{html}");
    assert!(body(&message, false).lines().all(|line| !line.starts_with("Bcc:")));
}
