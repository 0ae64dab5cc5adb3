//! Checks of mails that are written in every language: the texts are given by the tests of the language.

use super::*;

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

pub(super) const HOME: &str = "https://box.example";
pub(super) const TICKETS: &str = "https://box.example/tickets";
pub(super) const ACCEPT: &str = "https://box.example/tickets/00000000-0000-0000-0000-000000000009/confirm";
pub(super) const DECLINE: &str = "https://box.example/tickets/00000000-0000-0000-0000-000000000009/return";
pub(super) const QUEUE: &str = "https://box.example/queue";
pub(super) const PAGE: &str = "https://box.example/events/00000000-0000-0000-0000-000000000007";
pub(super) const CONFIRM: &str = "https://box.example/confirmemail?token=a-token";
pub(super) const RESET: &str = "https://box.example/resetpassword?token=a-token";
pub(super) const SIGN_IN: &str = "https://box.example/signin";
pub(super) const FORGOT: &str = "https://box.example/forgotpassword";

/// Kind, status of the event, subject, parts of both bodies, and link.
pub(super) type TicketCase = (Kind, &'static str, &'static str, &'static [&'static str], &'static str);

/// Notice, subject, a part of both bodies, and link.
pub(super) type NoticeCase = (NoticeKind, &'static str, &'static str, &'static str);

pub(super) fn assert_about_tickets(language: Language, cases: &[TicketCase]) {
    for &(kind, status, subject, parts, link) in cases {
        let event = event("Chess", status);
        let offer = (kind == Kind::Offered).then(|| Offer {
            booking_id: BookingId::from_uuid(Uuid::from_u128(9)),
            expires_at: chrono::DateTime::from_timestamp(1_785_000_000, 0).unwrap(),
        });
        let topic = Topic::Tickets { kind, tickets: TicketData { remaining: 2, offer, ..tickets(3) }, event: &event };
        let list = (kind == Kind::Waitlisted).then_some(MailingList::Waitlist);
        assert_mail(language, &topic, list, &Expected { subject, parts, link });
    }
}

pub(super) fn assert_about_webhooks(language: Language, cases: &[(&str, &str, &str)]) {
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

pub(super) fn assert_notices(language: Language, cases: &[NoticeCase]) {
    for &(notice, subject, part, link) in cases {
        let topic = Topic::Account { notice, token: Some("a-token") };
        assert_mail(language, &topic, None, &Expected { subject, parts: &[part], link });
    }
}

/// Previous values as JSON, parts of both bodies, and parts of neither.
pub(super) type ChangeCase = (&'static str, &'static [&'static str], &'static [&'static str]);

pub(super) fn assert_changes(language: Language, subject: &str, cases: &[ChangeCase]) {
    for (previous, parts, absent) in cases {
        let event = event("Chess", "published");
        let previous = serde_json::from_str(previous).unwrap();
        let tickets = tickets(3);
        let topic = Topic::Changed { previous: &previous, tickets, event: &event };
        assert_mail(language, &topic, None, &Expected { subject, parts, link: TICKETS });
        let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), language), &topic, None).unwrap();
        let (_, text, html) = read(&mail);
        for part in *absent {
            assert!(!text.contains(part) && !html.contains(part), "{part} is in {text}");
        }
    }
}

/// Checks the mail to the address to which tickets are offered, which may belong to somebody without an account.
pub(super) fn assert_offered_tickets(language: Language, subject: &str, parts: &[&str]) {
    let event = event("Chess", "published");
    let offered = OfferedTickets {
        tickets: tickets(3),
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

/// Asserts that the mail about a promotion to fewer tickets than were asked for says so.
pub(super) fn assert_fewer(language: Language, cases: [(u32, &str); 2]) {
    for (quantity, part) in cases {
        let event = event("Chess", "published");
        let tickets = TicketData { requested: Some(4), ..tickets(quantity) };
        let topic = Topic::Tickets { kind: Kind::Promoted, tickets, event: &event };
        let mail = composer().compose(key(), &recipient(Some("Ada Lovelace"), language), &topic, None).unwrap();
        let (_, text, html) = read(&mail);
        for body in [text, html] {
            assert!(body.split_whitespace().collect::<Vec<_>>().join(" ").contains(part), "{part} is not in {body}");
        }
    }
}
