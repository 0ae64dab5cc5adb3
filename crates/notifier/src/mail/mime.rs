//! Assembles MIME messages.

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};
use rowlock_domain::Timestamp;
use rowlock_locale::Locale;

use crate::attachments::Attachments;

/// The parts of a message.
pub(super) struct Parts<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a Mailbox,
    /// The message id, in angle brackets. It is the same if the mail is written again.
    pub(super) id: String,
    pub(super) date: Timestamp,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// The URL with which the recipient unsubscribes.
    pub(super) unsubscribe: Option<String>,
    pub(super) attachments: Vec<AttachedFile>,
}

/// A file that a message carries.
pub(super) struct AttachedFile {
    /// The name under which it is saved, in ASCII.
    name: String,
    media_type: &'static str,
    content: Vec<u8>,
}

impl AttachedFile {
    /// Names the files in the language of the recipient.
    pub(super) fn of(Attachments { tickets, calendar }: Attachments, locale: &Locale) -> Vec<Self> {
        let tickets = tickets.map(|content| Self { name: locale.text("file-tickets"), media_type: "application/pdf", content });
        let calendar = calendar.map(|text| Self {
            name: locale.text("file-calendar"),
            media_type: "text/calendar; charset=utf-8; method=PUBLISH",
            content: text.into_bytes(),
        });
        tickets.into_iter().chain(calendar).collect()
    }
}

impl Parts<'_> {
    /// Returns the message as it is sent.
    pub(super) fn assemble(self) -> Result<Vec<u8>, String> {
        let mut body = MultiPart::alternative_plain_html(self.text, self.html);
        if !self.attachments.is_empty() {
            body = MultiPart::mixed().multipart(body);
        }
        for AttachedFile { name, media_type, content } in self.attachments {
            let media_type = ContentType::parse(media_type).map_err(|error| error.to_string())?;
            body = body.singlepart(Attachment::new(name).body(content, media_type));
        }
        let mut message = Message::builder()
            .message_id(Some(self.id))
            .date(SystemTime::from(self.date))
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(self.subject)
            .multipart(body)
            .map_err(|error| error.to_string())?;
        let headers = message.headers_mut();
        let mut add = |name: &'static str, value: String| {
            let name = HeaderName::new_from_ascii_str(name);
            // The encoder would break a long URL into words.
            headers.insert_raw(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value));
        };
        // Keeps automatic replies away (RFC 3834).
        add("Auto-Submitted", "auto-generated".to_owned());
        if let Some(url) = self.unsubscribe {
            // Unsubscribing with one click (RFC 8058).
            add("List-Unsubscribe", format!("<{url}>"));
            add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned());
        }
        Ok(message.formatted())
    }
}
