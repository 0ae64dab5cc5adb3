//! Assembles MIME messages.

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use rowlock_domain::Timestamp;

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
}

impl Parts<'_> {
    /// Returns the message as it is sent.
    pub(super) fn assemble(self) -> Result<Vec<u8>, lettre::error::Error> {
        let mut message = Message::builder()
            .message_id(Some(self.id))
            .date(SystemTime::from(self.date))
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(self.subject)
            .multipart(MultiPart::alternative_plain_html(self.text, self.html))?;
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
