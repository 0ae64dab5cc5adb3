//! The format of Server-Sent Events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use actix_web::web::Bytes;
use serde::Serialize;

/// A comment, which clients ignore. It shows proxies and clients that the stream is alive.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// Serializes an event. JSON in one line contains no line break, so it is a single `data:` line.
pub(super) fn event(id: &str, name: &str, data: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    Ok(event_of_json(Some(id), name, &serde_json::to_string(data)?))
}

/// Returns an event whose data is already serialized, in one line. Without an id, the last id stays valid.
pub(super) fn event_of_json(id: Option<&str>, name: &str, data: &str) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {data}\n\n").into()
}

/// Returns the field that tells a client after which time to reconnect.
pub(super) fn retry(millis: u32) -> String {
    format!("retry: {millis}\n\n")
}
