//! Outgoing messages, and the headers that Rowlock adds for retries and dead letters.

use std::collections::BTreeMap;

use amqprs::{BasicProperties, FieldTable, FieldValue};
use rowlock_domain::Timestamp;
use rowlock_domain::messages::{BATCH_CONTENT_TYPE, MESSAGE_CONTENT_TYPE, is_batch};

/// Headers of a message as text. Numbers that other publishers sent are converted to text.
pub type Headers = BTreeMap<String, String>;

/// Header with the attempt number, starting at 1.
pub(super) const ATTEMPT: &str = "rowlock-attempt";
/// Header with the reason why the last attempt failed.
pub(super) const REASON: &str = "rowlock-reason";
/// Header with the time at which the last attempt failed, in RFC 3339 format.
pub(super) const FAILED_AT: &str = "rowlock-failed-at";
/// Header with the original routing key, because the broker replaces the routing key when it moves a message between queues.
pub(super) const ROUTING_KEY: &str = "rowlock-routing-key";

/// Maximum length of a failure reason in bytes.
const MAX_REASON_BYTES: usize = 1_000;
/// Maximum body size of an event. The broker closes the channel on a message that is too large for it, which would block all
/// other messages.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Maximum total size of the headers. They must fit into one frame (128 KiB by default).
const MAX_HEADERS_BYTES: usize = 16 * 1024;
/// Maximum length of a header name in bytes.
const MAX_HEADER_NAME_BYTES: usize = 128;
/// Maximum length of an AMQP short string in bytes.
pub(super) const MAX_SHORT_STRING_BYTES: usize = 255;

/// The exchange that a message is published to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// The topic exchange for all events.
    Events,
    /// The default exchange, where the routing key is the name of a queue.
    Default,
}

/// A message to publish. It is always persistent, and its content type is CloudEvents in JSON, single or batched.
#[derive(Debug, Clone)]
pub struct OutboundMessage {
    /// The exchange to publish to.
    pub exchange: Exchange,
    /// The routing key, at most 255 bytes.
    pub routing_key: String,
    /// The message id, at most 255 bytes. It stays the same when the message is sent again.
    pub message_id: String,
    /// The message body, at most 1 MiB for an event.
    pub body: Vec<u8>,
    /// Additional headers.
    pub headers: Headers,
    /// Whether the message must reach a queue. If none is bound, its settlement is `Returned` instead of `Confirmed`.
    pub mandatory: bool,
    /// Time of the reported change. It is sent with a precision of one second.
    pub occurred_at: Option<Timestamp>,
}

impl OutboundMessage {
    /// Creates a message for the events exchange, without headers and not mandatory.
    pub fn event(routing_key: impl Into<String>, message_id: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            exchange: Exchange::Events,
            routing_key: routing_key.into(),
            message_id: message_id.into(),
            body: body.into(),
            headers: Headers::new(),
            mandatory: false,
            occurred_at: None,
        }
    }

    /// Returns why the message cannot be sent, or `None` if it can. amqprs panics on some invalid messages, and the broker
    /// closes the channel on others.
    pub(super) fn validation_error(&self) -> Option<String> {
        let headers: usize = self.headers.iter().map(|(name, value)| size(name, value)).sum();
        if self.routing_key.len() > MAX_SHORT_STRING_BYTES {
            Some(format!("the routing key is longer than {MAX_SHORT_STRING_BYTES} bytes"))
        } else if self.message_id.len() > MAX_SHORT_STRING_BYTES {
            Some(format!("the message id is longer than {MAX_SHORT_STRING_BYTES} bytes"))
        } else if !self.headers.keys().all(|name| is_name(name)) {
            Some(format!("a header name is empty or longer than {MAX_HEADER_NAME_BYTES} bytes"))
        } else if headers > MAX_HEADERS_BYTES {
            Some(format!("the headers are larger than {MAX_HEADERS_BYTES} bytes"))
        } else if self.exchange == Exchange::Events && self.body.len() > MAX_BODY_BYTES {
            // A message to the default exchange is a copy of a message that the broker accepted before, so its size is fine.
            Some(format!("the body is larger than {MAX_BODY_BYTES} bytes"))
        } else {
            None
        }
    }

    pub(super) fn properties(&self) -> BasicProperties {
        let mut properties = BasicProperties::default();
        let content_type = if is_batch(&self.body) { BATCH_CONTENT_TYPE } else { MESSAGE_CONTENT_TYPE };
        properties.with_content_type(content_type).with_persistence(true).with_message_id(&self.message_id);
        if let Some(seconds) = self.occurred_at.and_then(|at| u64::try_from(at.timestamp()).ok()) {
            properties.with_timestamp(seconds);
        }
        if !self.headers.is_empty() {
            properties.with_headers(table(&self.headers));
        }
        properties
    }
}

fn size(name: &str, value: &str) -> usize {
    name.len() + value.len() + 8
}

fn is_name(name: &str) -> bool {
    (1..=MAX_HEADER_NAME_BYTES).contains(&name.len())
}

/// Returns those headers that fit on a copy. Half of the maximum size is reserved for Rowlock's own headers.
pub(super) fn fitting_headers(headers: &Headers) -> Headers {
    let mut available = MAX_HEADERS_BYTES / 2;
    let mut fitting = Headers::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_name(name)) {
        if let Some(remaining) = available.checked_sub(size(name, value)) {
            available = remaining;
            fitting.insert(name.clone(), value.clone());
        }
    }
    fitting
}

/// Builds a new AMQP table. Inserting a key twice would corrupt the frame, but a map contains each key once.
fn table(headers: &Headers) -> FieldTable {
    let mut table = FieldTable::new();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.as_str().try_into(), value.as_str().try_into()) {
            table.insert(name, FieldValue::S(value));
        }
    }
    table
}

/// Truncates a reason to 1,000 bytes at a character boundary, for headers and log lines. A truncated reason ends with `…`.
pub fn shorten(reason: &str) -> String {
    match reason.char_indices().find(|(at, c)| at + c.len_utf8() > MAX_REASON_BYTES) {
        Some((end, _)) => format!("{}…", reason.get(..end).unwrap_or_default()),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_would_break_the_channel_is_invalid() {
        let good = OutboundMessage::event("a.b", "id", "{}");
        assert_eq!(good.validation_error(), None);
        let long = "x".repeat(256);
        assert!(OutboundMessage { routing_key: long.clone(), ..good.clone() }.validation_error().is_some());
        assert!(OutboundMessage { message_id: long.clone(), ..good.clone() }.validation_error().is_some());
        assert!(OutboundMessage { body: vec![0; MAX_BODY_BYTES + 1], ..good.clone() }.validation_error().is_some());
        assert!(OutboundMessage { headers: [(long, String::new())].into(), ..good.clone() }.validation_error().is_some());
        assert!(OutboundMessage { headers: [("a".to_owned(), "x".repeat(20_000))].into(), ..good }.validation_error().is_some());
    }

    #[test]
    fn a_reason_is_truncated_at_a_character_boundary() {
        assert_eq!(shorten("short"), "short");
        let cut = shorten(&"ü".repeat(600));
        assert_eq!(cut.chars().count(), 501);
        assert!(cut.ends_with('…'));
    }
}
