//! The W3C `traceparent`, which connects a request with its messages and with the work that they cause.
//!
//! See <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The identity of a span within a trace, in the form that is passed between services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

/// The error of a text that is not a valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

/// The only flag that version 00 defines: the caller may have recorded this trace.
const SAMPLED: u8 = 1;

impl TraceContext {
    /// Returns the trace context, or `None` if an id consists of zeros, which the standard declares invalid.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], is_sampled: bool) -> Option<Self> {
        let flags = if is_sampled { SAMPLED } else { 0 };
        (trace_id != [0; 16] && span_id != [0; 8]).then_some(Self { trace_id, span_id, flags })
    }

    /// Returns the id of the trace.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// Returns the id of the span.
    pub const fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Returns whether the sampled flag is set, that is, whether the caller may have recorded this trace.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    /// Parses version 00, and the fields of later versions that the standard requires to be compatible with it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut part = |length: usize| parts.next().filter(|part| part.len() == length).ok_or(InvalidTraceparent);
        let (version, trace_id, span_id, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let [version] = bytes(version)?;
        if version == u8::MAX || (version == 0 && parts.next().is_some()) {
            return Err(InvalidTraceparent);
        }
        let [flags] = bytes(flags)?;
        Self::new(bytes(trace_id)?, bytes(span_id)?, flags & SAMPLED != 0).ok_or(InvalidTraceparent)
    }
}

/// Parses hexadecimal digits. The standard requires them to be lower case.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], InvalidTraceparent> {
    if !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(InvalidTraceparent);
    }
    let mut found = [0; N];
    for (byte, digits) in found.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| InvalidTraceparent)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidTraceparent)?;
    }
    Ok(found)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace_id, span_id) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", self.flags)
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Deserializes an optional `traceparent`. An invalid value counts as absent, because a message must never be rejected for its
/// trace.
pub(crate) fn deserialize_lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TraceContext>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_read_is_written() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(TraceContext::new(context.trace_id(), context.span_id(), true), Some(context));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later: TraceContext = format!("cc{}-what-the-future-holds", &EXAMPLE[2..]).parse().unwrap();
        assert_eq!(later.to_string(), EXAMPLE);
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let zeros = "0".repeat(32);
        for text in [
            "",
            "-",
            "00",
            &EXAMPLE[..54],
            &EXAMPLE.to_uppercase(),
            &EXAMPLE.replace('f', "g"),
            &EXAMPLE.replace('f', "+"),
            &EXAMPLE.replacen("00-", "ff-", 1),
            &EXAMPLE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zeros),
            &EXAMPLE.replace("00f067aa0ba902b7", &zeros[..16]),
            &format!("{EXAMPLE}-more"),
            &EXAMPLE.replace("4bf92f", "€€"),
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(InvalidTraceparent), "{text}");
        }
    }
}
