//! Every kind of mail in every language, as a mail program reads it.

mod attachments;
mod german;

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

struct Expected<'a> {
    subject: &'a str,
    /// Parts of both bodies.
    parts: &'a [&'a str],
    link: &'a str,
}

fn assert_mail(language: Language, topic: &Topic<'_>, list: Option<MailingList>, expected: &Expected<'_>) {
    let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), language), topic, list).unwrap();
    let (subject, text, html) = read(&mail);
    assert_eq!(subject, expected.subject);
    for part in expected.parts.iter().copied().chain([expected.link, "Ada Lovelace", "The Box", "https://box.example"]) {
        assert!(text.contains(part), "{part} is not in {text}");
        let escaped = part.replace('<', "&#60;").replace('>', "&#62;");
        assert!(html.contains(&escaped), "{escaped} is not in {html}");
    }
    assert!(html.contains(&format!("href=\"{}\"", expected.link)) || expected.link == "https://box.example", "{html}");
    for missing in ["[", "{"] {
        assert!(!text.contains(missing), "{text}");
    }
}

const HOME: &str = "https://box.example";
const TICKETS: &str = "https://box.example/tickets";
const ACCEPT: &str = "https://box.example/tickets/00000000-0000-0000-0000-000000000009/confirm";
const DECLINE: &str = "https://box.example/tickets/00000000-0000-0000-0000-000000000009/return";
const QUEUE: &str = "https://box.example/queue";
const PAGE: &str = "https://box.example/events/00000000-0000-0000-0000-000000000007";
const CONFIRM: &str = "https://box.example/confirmemail?token=a-token";
const RESET: &str = "https://box.example/resetpassword?token=a-token";
const SIGN_IN: &str = "https://box.example/signin";
const FORGOT: &str = "https://box.example/forgotpassword";

/// Kind, status of the event, subject, parts of both bodies, and link.
type TicketCase = (Kind, &'static str, &'static str, &'static [&'static str], &'static str);

/// Notice, subject, a part of both bodies, and link.
type NoticeCase = (NoticeKind, &'static str, &'static str, &'static str);

fn assert_about_tickets(language: Language, cases: &[TicketCase]) {
    for &(kind, status, subject, parts, link) in cases {
        let event = event("Chess", status);
        let offer = (kind == Kind::Offered).then(|| Offer {
            booking_id: BookingId::from_uuid(Uuid::from_u128(9)),
            expires_at: chrono::DateTime::from_timestamp(1_785_000_000, 0).unwrap(),
        });
        let topic = Topic::Tickets {
            kind,
            tickets: TicketData { event_id: EVENT, quantity: 3, requested: None, remaining: 2, is_called_off: false, offer },
            event: &event,
        };
        let list = (kind == Kind::Waitlisted).then_some(MailingList::Waitlist);
        assert_mail(language, &topic, list, &Expected { subject, parts, link });
    }
}

fn assert_about_webhooks(language: Language, cases: &[(&str, &str, &str)]) {
    for (reason, subject, part) in cases {
        let webhook = WebhookData {
            url: "https://crm.example/hook".to_owned(),
            description: Some("CRM".to_owned()),
            reason: (*reason).to_owned(),
            last_error: Some("the receiver responded 500".to_owned()),
        };
        let parts = [*part, "https://crm.example/hook", "the receiver responded 500"];
        assert_mail(
            language,
            &Topic::Webhook(&webhook),
            None,
            &Expected { subject, parts: &parts, link: "https://box.example/desk/webhooks" },
        );
    }
}

fn assert_notices(language: Language, cases: &[NoticeCase]) {
    for &(notice, subject, part, link) in cases {
        let topic = Topic::Account { notice, token: Some("a-token") };
        assert_mail(language, &topic, None, &Expected { subject, parts: &[part], link });
    }
}

const WHEN: &str = "Friday, 14 August 2026, 20:00 (Berlin time)";

const UNTIL: &str = "Saturday, 25 July 2026, 19:20 (Berlin time)";
const OFFERED: &[&str] =
    &["It is your turn: 3 tickets for you", "until Saturday, 25 July", "Accept until", UNTIL, "Accept", "Decline", DECLINE];

const ABOUT_TICKETS: [TicketCase; 14] = [
    (Kind::Confirmed, "published", "Your tickets for Chess", &["confirmed", "3 tickets", WHEN, "Café <Süd>"], TICKETS),
    (Kind::Waitlisted, "published", "You are on the waiting list for Chess", &["3 tickets", WHEN], QUEUE),
    (Kind::Promoted, "published", "You got tickets for Chess", &["you got 3 tickets", "return your tickets", WHEN], TICKETS),
    (Kind::Offered, "published", "It is your turn: 3 tickets for Chess", OFFERED, ACCEPT),
    (Kind::OfferLapsed, "published", "Your offer has lapsed: Chess", &["did not accept 3 tickets", "join it again", WHEN], PAGE),
    (Kind::Withdrawn, "cancelled", "Called off: Chess", &["Your booking of 3 tickets is cancelled.", WHEN], PAGE),
    (Kind::Returned, "published", "Returned: 3 tickets for Chess", &["You still have", "2 tickets", WHEN], PAGE),
    (Kind::Returned, "cancelled", "Called off: Chess", &["does not take place. Your booking of 3 tickets is cancelled.", WHEN], PAGE),
    (Kind::WaitlistClosed, "published", "The waiting list for Chess is closed", &["no tickets became available", WHEN], PAGE),
    (Kind::WaitlistClosed, "cancelled", "Called off: Chess", &["no longer on its waiting list", WHEN], PAGE),
    (
        Kind::TransferAccepted,
        "published",
        "Your tickets for Chess were accepted",
        &["offered 3 tickets", "2 tickets", "no longer admit", WHEN],
        TICKETS,
    ),
    (Kind::TransferDeclined, "published", "Your tickets for Chess were declined", &["offered 3 tickets", "still yours", WHEN], TICKETS),
    (Kind::TransferReceived, "published", "You got tickets for Chess", &["You have 3 tickets", "new codes", WHEN], TICKETS),
    (Kind::Reminder, "published", "Reminder: Chess", &["Chess starts soon", "you have 3 tickets", WHEN, "Café <Süd>"], TICKETS),
];

const NOTICES: [NoticeCase; 5] = [
    (NoticeKind::ConfirmEmail, "Confirm your e-mail address", "belongs to your account at The Box", CONFIRM),
    (NoticeKind::AlreadyRegistered, "You already have an account", "sign in instead", SIGN_IN),
    (NoticeKind::ResetPassword, "Choose a new password", "valid for 30 minutes", RESET),
    (NoticeKind::EmailChanged, "Your e-mail address was changed", "last message to the old one", HOME),
    (NoticeKind::PasswordChanged, "Your password was changed", "all other sessions were ended", FORGOT),
];

/// Previous values as JSON, parts of both bodies, and parts of neither.
type ChangeCase = (&'static str, &'static [&'static str], &'static [&'static str]);

fn assert_changes(language: Language, subject: &str, cases: &[ChangeCase]) {
    for (previous, parts, absent) in cases {
        let event = event("Chess", "published");
        let previous = serde_json::from_str(previous).unwrap();
        let tickets = TicketData { event_id: EVENT, quantity: 3, requested: None, remaining: 3, is_called_off: false, offer: None };
        let topic = Topic::Changed { previous: &previous, tickets, event: &event };
        assert_mail(language, &topic, None, &Expected { subject, parts, link: TICKETS });
        let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), language), &topic, None).unwrap();
        let (_, text, html) = read(&mail);
        for part in *absent {
            assert!(!text.contains(part) && !html.contains(part), "{part} is in {text}");
        }
    }
}

const CHANGES: [ChangeCase; 5] = [
    (
        r#"{"startsAt": "2026-08-13T17:30:00Z"}"#,
        &[WHEN, "New time", "Previous time", "Thursday, 13 August 2026, 19:30 (Berlin time)", "Where", "3 tickets", "remain valid"],
        &["Previous place", "New place", "Previous name", "not known"],
    ),
    (r#"{"timeZone": "America/New_York"}"#, &[WHEN, "Friday, 14 August 2026, 14:00 (New York time)"], &["New place"]),
    (
        r#"{"venue": null, "startsAt": null}"#,
        &["New place", "Café <Süd>", "Previous place", "Previous time", "not known"],
        &["Previous name"],
    ),
    (r#"{"name": "Go <1>", "venue": "The hall"}"#, &["New name", "Previous name", "Go <1>", "The hall"], &["New time"]),
    // Values that were changed back are not shown as changed.
    (r#"{"name": "Chess", "venue": "The hall"}"#, &["Previous place", "The hall"], &["New name"]),
];

/// Checks the mail to the address to which tickets are offered, which may belong to somebody without an account.
fn assert_offered_tickets(language: Language, subject: &str, parts: &[&str]) {
    let event = event("Chess", "published");
    let offered = OfferedTickets {
        tickets: TicketData { event_id: EVENT, quantity: 3, requested: None, remaining: 3, is_called_off: false, offer: None },
        event: &event,
        transfer: TransferId::from_uuid(Uuid::from_u128(10)),
        expires_at: chrono::DateTime::from_timestamp(1_785_000_000, 0).unwrap(),
        token: "a-token",
    };
    let mail = composer().compose(key(), &recipient(None, language), &Topic::Transfer(offered), None).unwrap();
    let message = MessageParser::default().parse(&mail.content).unwrap();
    let to = message.to().and_then(|to| to.first()).unwrap();
    assert_eq!((to.name(), to.address()), (None, Some("ada@people.example")), "nobody is named");
    assert_eq!(message.subject().unwrap(), subject);
    let link = "https://box.example/transfers/00000000-0000-0000-0000-00000000000a?token=a-token";
    for body in [body(&message, false), body(&message, true)] {
        for part in parts.iter().copied().chain([link, "The Box"]) {
            assert!(body.contains(part), "{part} is not in {body}");
        }
    }
}

#[test]
fn tickets_are_offered_in_english() {
    let parts = ["give you 3 tickets for Chess", UNTIL, WHEN, "decline", "forward it only"];
    assert_offered_tickets(Language::English, "You are offered 3 tickets for Chess", &parts);
}

#[test]
fn every_kind_is_written_in_english() {
    assert_about_tickets(Language::English, &ABOUT_TICKETS);
    assert_changes(Language::English, "Changed: Chess", &CHANGES);
    assert_notices(Language::English, &NOTICES);
    let subject = "Your webhook was switched off: CRM";
    assert_about_webhooks(
        Language::English,
        &[("failing", subject, "For a day, every request"), ("gone", subject, "wants no more messages")],
    );
}

/// Asserts that the mail about a promotion to fewer tickets than were asked for says so.
fn assert_fewer(language: Language, cases: [(u32, &str); 2]) {
    for (quantity, part) in cases {
        let event = event("Chess", "published");
        let tickets = TicketData { event_id: EVENT, quantity, requested: Some(4), remaining: quantity, is_called_off: false, offer: None };
        let topic = Topic::Tickets { kind: Kind::Promoted, tickets, event: &event };
        let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), language), &topic, None).unwrap();
        let (_, text, html) = read(&mail);
        for body in [text, html] {
            assert!(body.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "{part} is not in {body}");
        }
    }
}

#[test]
fn a_party_that_got_fewer_tickets_is_told_that_it_no_longer_waits() {
    assert_fewer(
        Language::English,
        [(1, "This is 1 of the 4 tickets that you asked for."), (2, "2 of the 4 tickets that you asked for. You no longer wait")],
    );
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
    let tickets = TicketData { event_id: EVENT, quantity: 1, requested: None, remaining: 1, is_called_off: false, offer: None };
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
    let topic = Topic::Tickets {
        kind: Kind::Confirmed,
        tickets: TicketData { event_id: EVENT, quantity: 1, requested: None, remaining: 1, is_called_off: false, offer: None },
        event: &event,
    };
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
