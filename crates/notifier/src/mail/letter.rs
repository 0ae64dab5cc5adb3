//! The contents of a mail, which its text and its HTML show alike.

use chrono_tz::Tz;
use fluent_bundle::FluentValue;
use rowlock_domain::Timestamp;
use rowlock_domain::states::EventStatus;
use rowlock_locale::Locale;
use rowlock_sealing::NoticeKind;

use super::{OfferedTickets, single_line};
use crate::attachments::Attachments;
use crate::delivery::{Kind, Offer, TicketData, WebhookData};
use crate::events::Event;
use crate::settings::SiteSettings;

/// A link with its text.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) label: String,
    pub(super) url: String,
}

/// The contents of a mail.
#[derive(Debug, Default)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) heading: String,
    pub(super) greeting: String,
    pub(super) paragraphs: Vec<String>,
    /// Labels and values.
    pub(super) facts: Vec<(String, String)>,
    /// The next step of most recipients.
    pub(super) action: Option<Link>,
    /// The other choice.
    pub(super) alternative: Option<Link>,
    /// Paragraphs after the action.
    pub(super) notes: Vec<String>,
    pub(super) footer: String,
    pub(super) unsubscribe: Option<Link>,
}

/// The texts of one subject matter, which begin with its name.
struct TicketTexts {
    /// Prefix of the subject and the heading.
    prefix: &'static str,
    /// The paragraphs.
    paragraphs: &'static [&'static str],
    /// The text of the link, and the path of its page; the page of the event if there is none.
    link: (&'static str, Option<&'static str>),
}

impl TicketTexts {
    fn of(kind: Kind, is_called_off: bool, has_offers: bool) -> Self {
        let (prefix, paragraphs, link): (_, &[_], _) = match (kind, is_called_off) {
            (Kind::Returned | Kind::Withdrawn, true) => ("called-off", &["called-off-text"], ("show-event", None)),
            (Kind::WaitlistClosed, true) => ("called-off", &["called-off-waiting"], ("show-event", None)),
            (Kind::Returned | Kind::Withdrawn, false) => ("returned", &["returned-text"], ("show-event", None)),
            (Kind::WaitlistClosed, false) => ("closed", &["closed-text"], ("show-event", None)),
            (Kind::Waitlisted, _) if has_offers => ("waitlisted", &["waitlisted-offer-text"], ("show-queue", Some("/queue"))),
            (Kind::Waitlisted, _) => ("waitlisted", &["waitlisted-text"], ("show-queue", Some("/queue"))),
            (Kind::Offered, _) => ("offered", &["offered-text", "offered-decline"], ("accept-offer", Some("/tickets"))),
            (Kind::OfferLapsed, _) => ("lapsed", &["lapsed-text"], ("show-event", None)),
            (Kind::Promoted, _) => ("promoted", &["promoted-text", "promoted-return"], ("show-tickets", Some("/tickets"))),
            (Kind::TransferAccepted, _) => ("transfer-accepted", &["transfer-accepted-text"], ("show-tickets", Some("/tickets"))),
            (Kind::TransferDeclined, _) => ("transfer-declined", &["transfer-declined-text"], ("show-tickets", Some("/tickets"))),
            (Kind::TransferReceived, _) => {
                ("transfer-received", &["transfer-received-text", "promoted-return"], ("show-tickets", Some("/tickets")))
            }
            (Kind::GuestLink, _) => ("guest-link", &["guest-link-text"], ("show-tickets", Some("/tickets"))),
            (Kind::WaitingGuestLink, _) => ("waiting-link", &["waiting-link-text"], ("show-queue", Some("/queue"))),
            (Kind::Reminder, _) => ("reminder", &["reminder-text"], ("show-tickets", Some("/tickets"))),
            (Kind::EventChanged, _) => ("changed", &["changed-text", "promoted-return"], ("show-tickets", Some("/tickets"))),
            (Kind::Confirmed | Kind::TransferOffered | Kind::AccountNotice | Kind::WebhookDisabled, _) => {
                ("confirmed", &["confirmed-text"], ("show-tickets", Some("/tickets")))
            }
        };
        Self { prefix, paragraphs, link }
    }
}

impl Letter {
    /// Writes the letter about tickets of an event.
    pub(super) fn about_tickets(locale: &Locale, site: &SiteSettings, kind: Kind, tickets: TicketData, event: &Event) -> Self {
        let texts = TicketTexts::of(kind, tickets.is_called_off || event.status == EventStatus::Cancelled, event.offer_minutes.is_some());
        let name = single_line(&event.name);
        let quantity = count(locale, tickets.quantity);
        let until = tickets.offer.map(|offer| when(locale, offer.expires_at, event.zone())).unwrap_or_default();
        let values = || [("event", name.as_str().into()), ("tickets", quantity.as_str().into()), ("until", until.as_str().into())];
        let text = |id: &str| locale.with(id, values());
        let mut facts = vec![(locale.text("label-event"), name.clone())];
        facts.extend(event.starts_at.map(|at| (locale.text("label-when"), when(locale, at, event.zone()))));
        facts.extend(event.venue.as_deref().map(|venue| (locale.text("label-where"), single_line(venue))));
        let label = if kind == Kind::Returned { "label-returned" } else { "label-tickets" };
        let type_name = event.type_name(tickets.ticket_type_id).map(single_line);
        facts.push((locale.text(label), type_name.map_or_else(|| quantity.clone(), |name| format!("{quantity} · {name}"))));
        if matches!(kind, Kind::Returned | Kind::TransferAccepted) && tickets.remaining > 0 {
            facts.push((locale.text("label-left"), count(locale, tickets.remaining)));
        }
        if tickets.offer.is_some() {
            facts.push((locale.text("label-until"), until.clone()));
        }
        // Nobody can know otherwise that the party no longer waits for the others.
        let fewer = tickets
            .requested
            .map(|requested| locale.with("fewer-text", [("count", tickets.quantity.into()), ("requested", requested.into())]));
        let minimum =
            tickets.minimum.filter(|_| kind == Kind::Waitlisted).map(|minimum| locale.with("minimum-text", [("count", minimum.into())]));
        let choices = tickets.belongs_to_wish.then(|| locale.text("choices-text"));
        let (label, path) = texts.link;
        let path = match (tickets.offer, path) {
            (Some(offer), _) => format!("/tickets/{}/confirm", offer.booking_id),
            (None, Some(path)) => path.to_owned(),
            (None, None) => format!("/events/{}", event.id),
        };
        let decline = |offer: Offer| site.absolute(&format!("/tickets/{}/return", offer.booking_id));
        Self {
            subject: text(&format!("{}-subject", texts.prefix)),
            heading: text(&format!("{}-heading", texts.prefix)),
            paragraphs: texts.paragraphs.iter().map(|id| text(id)).chain(fewer).chain(minimum).chain(choices).collect(),
            facts,
            action: Some(Link { label: text(label), url: site.absolute(&path) }),
            alternative: tickets.offer.map(|offer| Link { label: locale.text("decline-offer"), url: decline(offer) }),
            ..Self::default()
        }
    }

    /// Writes the letter to the address to which somebody offers tickets.
    pub(super) fn about_transfer(locale: &Locale, site: &SiteSettings, offered: &OfferedTickets<'_>) -> Result<Self, String> {
        let OfferedTickets { tickets, event, transfer, expires_at, token } = offered;
        let name = single_line(&event.name);
        let quantity = count(locale, tickets.quantity);
        let until = when(locale, *expires_at, event.zone());
        let values = [
            ("event", name.as_str().into()),
            ("tickets", quantity.as_str().into()),
            ("until", until.as_str().into()),
            ("site", site.name.as_str().into()),
        ];
        let text = |id: &str| locale.with(id, values.clone());
        let mut facts = vec![(locale.text("label-event"), name.clone())];
        facts.extend(event.starts_at.map(|at| (locale.text("label-when"), when(locale, at, event.zone()))));
        facts.extend(event.venue.as_deref().map(|venue| (locale.text("label-where"), single_line(venue))));
        let type_name = event.type_name(tickets.ticket_type_id).map(single_line);
        facts.push((locale.text("label-tickets"), type_name.map_or_else(|| quantity.clone(), |name| format!("{quantity} · {name}"))));
        facts.push((locale.text("label-until"), until.clone()));
        let url = site.absolute(&with_token(&format!("/transfers/{transfer}"), Some(token))?);
        Ok(Self {
            subject: text("transfer-offered-subject"),
            heading: text("transfer-offered-heading"),
            paragraphs: vec![text("transfer-offered-text")],
            facts,
            action: Some(Link { label: locale.text("show-transfer"), url }),
            notes: vec![text("transfer-offered-link"), text("transfer-offered-ignore")],
            ..Self::default()
        })
    }

    /// Says which files are attached to the mail, and how to treat them.
    pub(super) fn mention(&mut self, locale: &Locale, attachments: &Attachments) {
        let id = match (&attachments.tickets, &attachments.calendar) {
            (Some(_), Some(_)) => "attached-tickets-and-calendar",
            (Some(_), None) => "attached-tickets",
            (None, Some(_)) => "attached-calendar",
            (None, None) => return,
        };
        self.paragraphs.push(locale.text(id));
        if attachments.tickets.is_some() {
            self.notes.push(locale.text("attached-note"));
        }
    }

    /// Writes the letter about an account. Fails if the notice needs a token and has none.
    pub(super) fn about_account(locale: &Locale, site: &SiteSettings, notice: NoticeKind, token: Option<&str>) -> Result<Self, String> {
        let (prefix, path) = match notice {
            NoticeKind::ConfirmEmail => ("confirm-email", Some(with_token("/confirmemail", token)?)),
            NoticeKind::AlreadyRegistered => ("already-registered", Some("/signin".to_owned())),
            NoticeKind::ResetPassword => ("reset-password", Some(with_token("/resetpassword", token)?)),
            NoticeKind::EmailChanged => ("email-changed", None),
            NoticeKind::PasswordChanged => ("password-changed", Some("/forgotpassword".to_owned())),
        };
        let text = |part: &str| locale.with(&format!("{prefix}-{part}"), [("site", site.name.as_str().into())]);
        Ok(Self {
            subject: text("subject"),
            heading: text("heading"),
            paragraphs: vec![text("text")],
            action: path.map(|path| Link { label: text("action"), url: site.absolute(&path) }),
            notes: vec![text("ignore")],
            ..Self::default()
        })
    }

    /// Writes the letter about a webhook that was switched off.
    pub(super) fn about_webhook(locale: &Locale, site: &SiteSettings, webhook: &WebhookData) -> Self {
        let name = webhook.description.as_deref().unwrap_or(&webhook.url);
        let text = |id: &str| locale.with(id, [("webhook", single_line(name).into()), ("site", site.name.as_str().into())]);
        let [why, what_next] = match webhook.reason.as_str() {
            "gone" => ["webhook-disabled-gone", "webhook-disabled-gone-text"],
            _ => ["webhook-disabled-failing", "webhook-disabled-text"],
        };
        let mut facts = vec![(locale.text("label-url"), single_line(&webhook.url))];
        facts.extend(webhook.last_error.as_deref().map(|error| (locale.text("label-last-error"), single_line(error))));
        Self {
            subject: text("webhook-disabled-subject"),
            heading: text("webhook-disabled-heading"),
            paragraphs: vec![text(why), text(what_next)],
            facts,
            action: Some(Link { label: locale.text("show-webhooks"), url: site.absolute("/desk/webhooks") }),
            ..Self::default()
        }
    }
}

pub(super) fn count(locale: &Locale, tickets: u32) -> String {
    locale.with("tickets", [("count", FluentValue::from(tickets))])
}

/// Formats an instant in a time zone, such as `Friday, 14 August 2026, 20:00 (Berlin time)`.
pub(super) fn when(locale: &Locale, at: Timestamp, zone: Tz) -> String {
    let (date, time) = (locale.date(at, zone), locale.time(at, zone));
    locale.with("date-time", [("date", date.into()), ("time", time.into()), ("zone", locale.zone_name(zone).into())])
}

fn with_token(path: &str, token: Option<&str>) -> Result<String, String> {
    let token = token.ok_or_else(|| "the notice has no token for its link".to_owned())?;
    Ok(format!("{path}?{}", url::form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish()))
}
