//! The CloudEvents envelope that all messages share: how it is written and read.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::ids::MessageId;
use crate::trace::{self, TraceContext};

/// The version of the message contracts that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The oldest contract version that this build reads. Reading older versions allows the services to be upgraded one at a time.
pub const OLDEST_READABLE_VERSION: u32 = 1;

const SCHEMA_PREFIX: &str = "urn:rowlock:schema:";

/// The CloudEvents envelope. The contract of each type defines the contents of `data`.
#[derive(Serialize)]
struct Envelope<'a, D> {
    specversion: &'static str,
    id: MessageId,
    r#type: &'static str,
    source: &'a str,
    subject: String,
    time: String,
    /// The CloudEvents `sequence` extension requires a string.
    sequence: String,
    datacontenttype: &'static str,
    dataschema: String,
    /// The CloudEvents distributed tracing extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceContext>,
    data: D,
}

/// The envelope fields that differ between messages.
#[derive(Debug, Clone)]
pub(crate) struct EnvelopeHeader<'a> {
    pub(crate) id: MessageId,
    pub(crate) routing_key: &'static str,
    pub(crate) source: &'a str,
    pub(crate) subject: String,
    pub(crate) time: Timestamp,
    pub(crate) sequence: i64,
    pub(crate) trace: Option<TraceContext>,
}

/// Serializes a message as it is stored in an outbox and published.
pub(crate) fn serialize_message(header: EnvelopeHeader<'_>, data: impl Serialize) -> Result<String, serde_json::Error> {
    let EnvelopeHeader { id, routing_key, source, subject, time, sequence, trace } = header;
    serde_json::to_string(&Envelope {
        specversion: "1.0",
        id,
        r#type: routing_key,
        source,
        subject,
        time: time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        sequence: sequence.to_string(),
        datacontenttype: "application/json",
        dataschema: format!("{SCHEMA_PREFIX}{routing_key}:{SCHEMA_VERSION}"),
        traceparent: trace,
        data,
    })
}

/// The reason why a message body cannot be read. All variants are permanent errors, so a retry cannot succeed.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableMessage {
    /// The body is not JSON or does not have the shape of the envelope.
    #[error("not a CloudEvents envelope of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// The message is well-formed but has an unexpected type.
    #[error("unexpected message type `{0}`")]
    Type(String),
    /// This build cannot read the contract version of the message.
    #[error("unsupported schema `{0}`")]
    Schema(String),
}

/// Returns whether `schema` is that of messages with this routing key, in a contract version from [`OLDEST_READABLE_VERSION`] to
/// [`SCHEMA_VERSION`].
pub(crate) fn is_readable_schema(schema: &str, routing_key: &str) -> bool {
    schema
        .strip_prefix(SCHEMA_PREFIX)
        .and_then(|schema| schema.strip_prefix(routing_key))
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|version| version.parse::<u32>().ok())
        .is_some_and(|version| (OLDEST_READABLE_VERSION..=SCHEMA_VERSION).contains(&version))
}

/// An envelope whose `data` has not been parsed yet.
#[derive(Deserialize)]
struct RawEnvelope<'a> {
    specversion: String,
    r#type: String,
    dataschema: String,
    sequence: Option<String>,
    #[serde(default, deserialize_with = "trace::deserialize_lenient")]
    traceparent: Option<TraceContext>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A message with a known type whose `data` has not been parsed yet.
pub(crate) struct RawMessage<'a> {
    pub(crate) routing_key: &'static str,
    pub(crate) sequence: Option<i64>,
    pub(crate) trace: Option<TraceContext>,
    data: &'a RawValue,
}

impl<'a> RawMessage<'a> {
    /// Parses the envelope. Returns an error unless its type is one of `expected` and its contract version is from
    /// [`OLDEST_READABLE_VERSION`] to [`SCHEMA_VERSION`].
    pub(crate) fn parse(body: &'a [u8], expected: &[&'static str]) -> Result<Self, UnreadableMessage> {
        let envelope: RawEnvelope<'a> = serde_json::from_slice(body)?;
        let routing_key = expected.iter().find(|expected| **expected == envelope.r#type && envelope.specversion == "1.0");
        let Some(routing_key) = routing_key else {
            return Err(UnreadableMessage::Type(format!("{} {}", envelope.specversion, envelope.r#type)));
        };
        if !is_readable_schema(&envelope.dataschema, routing_key) {
            return Err(UnreadableMessage::Schema(envelope.dataschema));
        }
        let sequence = envelope.sequence.and_then(|sequence| sequence.parse().ok());
        Ok(Self { routing_key, sequence, trace: envelope.traceparent, data: envelope.data })
    }

    /// Parses the data as the shape of the message type.
    pub(crate) fn data<D: Deserialize<'a>>(&self) -> Result<D, UnreadableMessage> {
        Ok(serde_json::from_str(self.data.get())?)
    }
}

/// The part of an envelope that contains the trace context.
#[derive(Deserialize)]
struct TraceOfEnvelope {
    #[serde(default, deserialize_with = "trace::deserialize_lenient")]
    traceparent: Option<TraceContext>,
}

/// Returns the trace context of a message of any type, or `None` if it has none or cannot be parsed.
pub fn trace_of_message(body: &[u8]) -> Option<TraceContext> {
    serde_json::from_slice::<TraceOfEnvelope>(body).ok()?.traceparent
}
