//! Parts of links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes a value for the query of a link.
pub(crate) fn encode(value: &str) -> String {
    utf8_percent_encode(value, &UNRESERVED).to_string()
}

/// Decodes what [`encode`] has encoded. Bytes that are no text are replaced.
pub(crate) fn decode(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// Returns a query such as `?when=past&q=a`, without the pairs that have no value.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={}", encode(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}
