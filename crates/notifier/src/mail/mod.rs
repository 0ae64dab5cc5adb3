//! Writes mails: the letter in the language of the recipient, and the MIME message around it.

mod change;
mod guest;
mod letter;
mod mime;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use askama::Template;
use lettre::Address;
use lettre::message::Mailbox;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, TransferId};
use rowlock_domain::states::Language;
use rowlock_locale::{Locale, Texts};
use rowlock_platform::clock::Clock;
use rowlock_sealing::{MailingList, NoticeKind, SealingKeys, UNSUBSCRIBE, UnsubscribeToken};
use secrecy::SecretString;

use self::letter::{Letter, Link};
use self::mime::{AttachedFile, Parts};
use crate::attachments::Attachments;
use crate::broadcast::PreviousDetails;
use crate::delivery::{DeliveryKey, Kind, TicketData, WebhookData};
use crate::events::Event;
use crate::settings::{MailSettings, SiteSettings};

const ENGLISH: &str = include_str!("../../locales/en/mail.ftl");
const GERMAN: &str = include_str!("../../locales/de/mail.ftl");

/// A mail that is ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct OutgoingMail {
    /// The delivery that the mail belongs to.
    pub(crate) key: DeliveryKey,
    /// The sender, for the SMTP server.
    pub(crate) from: Address,
    /// The recipient, for the SMTP server.
    pub(crate) to: Address,
    /// The message with its headers.
    pub(crate) content: Vec<u8>,
}

/// The person to whom a mail is written.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    /// Address and name.
    pub(crate) mailbox: Mailbox,
    /// The language of the mail.
    pub(crate) language: Language,
    /// The token of the link of a guest, who has no account.
    pub(crate) guest_token: Option<SecretString>,
}

/// The subject matter of a mail.
#[derive(Debug)]
pub(crate) enum Topic<'a> {
    /// Tickets of an event.
    Tickets {
        /// The kind of the delivery.
        kind: Kind,
        /// The numbers of tickets.
        tickets: TicketData,
        /// The event.
        event: &'a Event,
    },
    /// A change of an event.
    Changed {
        /// The values that the recipient knows.
        previous: &'a PreviousDetails,
        /// The numbers of tickets.
        tickets: TicketData,
        /// The event after the change.
        event: &'a Event,
    },
    /// The recipient's account.
    Account {
        /// The notice.
        notice: NoticeKind,
        /// The token of its link.
        token: Option<&'a str>,
    },
    /// Tickets that somebody offers to the recipient.
    Transfer(OfferedTickets<'a>),
    /// A webhook of the recipient that was switched off.
    Webhook(&'a WebhookData),
}

/// Tickets that somebody offers to the recipient.
pub(crate) struct OfferedTickets<'a> {
    /// The numbers of tickets.
    pub(crate) tickets: TicketData,
    /// The event.
    pub(crate) event: &'a Event,
    /// The transfer.
    pub(crate) transfer: TransferId,
    /// The time at which it lapses.
    pub(crate) expires_at: Timestamp,
    /// The secret of the link.
    pub(crate) token: &'a str,
}

impl std::fmt::Debug for OfferedTickets<'_> {
    /// Leaves out the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfferedTickets").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}

/// Returns a text in one line, so that it cannot pretend to be another part of a mail.
pub(crate) fn single_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    letter: &'a Letter,
    language: &'static str,
    site_name: &'a str,
    site_url: &'a str,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    letter: &'a Letter,
    site_url: &'a str,
}

/// Writes mails.
pub(crate) struct Composer {
    /// Opens notices and seals links.
    pub(crate) keys: SealingKeys,
    from: Mailbox,
    site: SiteSettings,
    /// The address of the site as mails show it.
    home: String,
    texts: Arc<Texts>,
    clock: Clock,
}

impl Composer {
    /// Creates a composer. Fails if the embedded texts are invalid.
    pub(crate) fn new(mail: &MailSettings, site: SiteSettings, keys: SealingKeys, clock: Clock) -> Result<Self, String> {
        let home = site.absolute("");
        Ok(Self { keys, from: mail.from.clone(), site, home, texts: Arc::new(Texts::load(&[ENGLISH], &[GERMAN])?), clock })
    }

    /// Writes a mail without attachments. `list` is the list from which the recipient can unsubscribe. The error says why the mail cannot
    /// be written.
    pub(crate) fn compose(
        &self,
        key: DeliveryKey,
        recipient: &Recipient,
        topic: &Topic<'_>,
        list: Option<MailingList>,
    ) -> Result<OutgoingMail, String> {
        self.compose_with(key, recipient, topic, list, Attachments::default())
    }

    /// Writes a mail with attachments.
    pub(crate) fn compose_with(
        &self,
        key: DeliveryKey,
        recipient: &Recipient,
        topic: &Topic<'_>,
        list: Option<MailingList>,
        attachments: Attachments,
    ) -> Result<OutgoingMail, String> {
        let locale = Locale::new(self.texts.clone(), recipient.language);
        let unsubscribe = list.map(|list| self.unsubscribe_url(key.recipient, list)).transpose()?;
        let name = recipient.mailbox.name.as_deref();
        let mut letter = match topic {
            Topic::Tickets { kind, tickets, event } => Letter::about_tickets(&locale, &self.site, *kind, *tickets, event),
            Topic::Changed { previous, tickets, event } => Letter::about_change(&locale, &self.site, previous, *tickets, event),
            Topic::Account { notice, token } => Letter::about_account(&locale, &self.site, *notice, *token)?,
            Topic::Transfer(offered) => Letter::about_transfer(&locale, &self.site, offered)?,
            Topic::Webhook(webhook) => Letter::about_webhook(&locale, &self.site, webhook),
        };
        if let Some(token) = &recipient.guest_token {
            letter = letter.for_guest(&locale, &self.site, token);
        }
        letter.mention(&locale, &attachments);
        letter.greeting = match name {
            Some(name) => locale.with("greeting", [("name", name.into())]),
            None => locale.text("greeting-unknown"),
        };
        letter.footer = locale.with("footer", [("site", self.site.name.as_str().into())]);
        let label = if list == Some(MailingList::Reminders) { "unsubscribe-reminders" } else { "unsubscribe" };
        letter.unsubscribe = unsubscribe.map(|url| Link { label: locale.text(label), url });
        let language = recipient.language.as_str();
        let html = Html { letter: &letter, language, site_name: &self.site.name, site_url: &self.home }.render();
        let text = Text { letter: &letter, site_url: &self.home }.render();
        let failed = |error: askama::Error| format!("the mail cannot be rendered: {error}");
        let parts = Parts {
            from: &self.from,
            to: &recipient.mailbox,
            id: format!("<{key}@{}>", self.from.email.domain()),
            date: self.clock.now(),
            text: text.map_err(failed)?,
            html: html.map_err(failed)?,
            unsubscribe: letter.unsubscribe.map(|link| link.url),
            subject: letter.subject,
            attachments: AttachedFile::of(attachments, &locale),
        };
        let content = parts.assemble().map_err(|error| format!("the mail cannot be assembled: {error}"))?;
        Ok(OutgoingMail { key, from: self.from.email.clone(), to: recipient.mailbox.email.clone(), content })
    }

    fn unsubscribe_url(&self, account_id: AccountId, list: MailingList) -> Result<String, String> {
        let token = self.keys.seal(UNSUBSCRIBE, &UnsubscribeToken { account_id, list }).map_err(|error| error.to_string())?;
        Ok(self.site.absolute(&format!("/unsubscribe?token={token}")))
    }
}
