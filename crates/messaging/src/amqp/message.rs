//! A message on its way out, and the headers that Rowlock adds on its way round.

use std::collections::BTreeMap;

use amqprs::{BasicProperties, FieldTable, FieldValue};
use rowlock_domain::Timestamp;

/// Headers of a message, as text. Numbers that others sent are read as text too.
pub type Headers = BTreeMap<String, String>;

/// Which try this is, from 1.
pub(super) const ATTEMPT: &str = "rowlock-attempt";
/// Why the last try failed.
pub(super) const REASON: &str = "rowlock-reason";
/// When the last try failed, RFC 3339.
pub(super) const FAILED_AT: &str = "rowlock-failed-at";
/// The routing key that the message was first published with: the way through a retry queue replaces it.
pub(super) const ROUTING_KEY: &str = "rowlock-routing-key";

/// The longest reason kept in a header.
const LONGEST_REASON: usize = 1_000;
/// Larger events are refused here. The broker would answer with a closed channel, on which nothing could pass.
const LARGEST_BODY: usize = 1024 * 1024;
/// Headers travel in one frame, whose size is limited (128 KiB by default).
const LARGEST_HEADERS: usize = 16 * 1024;
/// The longest name of a header.
const LONGEST_NAME: usize = 128;
/// An AMQP short string.
pub(super) const LONGEST_SHORT: usize = 255;

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// The topic exchange of all events.
    Events,
    /// The default exchange: the routing key is the name of a queue.
    Default,
}

/// A message to publish. It is always persistent and a CloudEvent in JSON.
#[derive(Debug, Clone)]
pub struct OutboundMessage {
    /// Where it goes.
    pub exchange: Exchange,
    /// Its routing key.
    pub routing_key: String,
    /// Its identity, the same however often it is sent.
    pub message_id: String,
    /// The body.
    pub body: Vec<u8>,
    /// Further headers.
    pub headers: Headers,
    /// Whether it counts as returned, not as published, when no queue takes it.
    pub mandatory: bool,
    /// When what it tells became true.
    pub occurred_at: Option<Timestamp>,
}

impl OutboundMessage {
    /// A message to the events exchange, without headers, that need not reach a queue.
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

    /// Says why the message cannot be sent, if it cannot: amqprs panics on some of these, and the broker closes
    /// the channel on others.
    pub(super) fn defect(&self) -> Option<String> {
        let headers: usize = self.headers.iter().map(|(name, value)| size(name, value)).sum();
        if self.routing_key.len() > LONGEST_SHORT {
            Some(format!("the routing key is longer than {LONGEST_SHORT} bytes"))
        } else if self.message_id.len() > LONGEST_SHORT {
            Some(format!("the message id is longer than {LONGEST_SHORT} bytes"))
        } else if !self.headers.keys().all(|name| is_name(name)) {
            Some(format!("a header's name is empty or longer than {LONGEST_NAME} bytes"))
        } else if headers > LARGEST_HEADERS {
            Some(format!("the headers are larger than {LARGEST_HEADERS} bytes"))
        } else if self.exchange == Exchange::Events && self.body.len() > LARGEST_BODY {
            // What goes to a queue by its name is a copy of what the broker has taken before.
            Some(format!("the body is larger than {LARGEST_BODY} bytes"))
        } else {
            None
        }
    }

    pub(super) fn properties(&self) -> BasicProperties {
        let mut properties = BasicProperties::default();
        properties.with_content_type("application/cloudevents+json").with_persistence(true).with_message_id(&self.message_id);
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
    (1..=LONGEST_NAME).contains(&name.len())
}

/// Those of a stranger's headers that a copy can carry beside ours, for which half of the room is kept.
pub(super) fn that_fit(headers: &Headers) -> Headers {
    let mut room = LARGEST_HEADERS / 2;
    let mut fitting = Headers::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_name(name)) {
        if let Some(left) = room.checked_sub(size(name, value)) {
            room = left;
            fitting.insert(name.clone(), value.clone());
        }
    }
    fitting
}

/// Builds a table afresh: inserting a key twice would corrupt the frame, and a map has each key once.
fn table(headers: &Headers) -> FieldTable {
    let mut table = FieldTable::new();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.as_str().try_into(), value.as_str().try_into()) {
            table.insert(name, FieldValue::S(value));
        }
    }
    table
}

/// Cuts a reason to what a header, or a line of a log, may hold.
pub fn shorten(reason: &str) -> String {
    match reason.char_indices().find(|(at, c)| at + c.len_utf8() > LONGEST_REASON) {
        Some((end, _)) => format!("{}…", reason.get(..end).unwrap_or_default()),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_the_channel_is_found_before_it_is_sent() {
        let good = OutboundMessage::event("a.b", "id", "{}");
        assert_eq!(good.defect(), None);
        let long = "x".repeat(256);
        assert!(OutboundMessage { routing_key: long.clone(), ..good.clone() }.defect().is_some());
        assert!(OutboundMessage { message_id: long.clone(), ..good.clone() }.defect().is_some());
        assert!(OutboundMessage { body: vec![0; LARGEST_BODY + 1], ..good.clone() }.defect().is_some());
        assert!(OutboundMessage { headers: [(long, String::new())].into(), ..good.clone() }.defect().is_some());
        assert!(OutboundMessage { headers: [("a".to_owned(), "x".repeat(20_000))].into(), ..good }.defect().is_some());
    }

    #[test]
    fn a_reason_is_cut_at_a_character() {
        assert_eq!(shorten("short"), "short");
        let cut = shorten(&"ü".repeat(600));
        assert_eq!(cut.chars().count(), 501);
        assert!(cut.ends_with('…'));
    }
}
