//! Reads a live stream (Server-Sent Events).

#![allow(clippy::expect_used, reason = "a test without its stream cannot continue and reports the cause by panicking")]

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use crate::wait::WAIT_TIMEOUT;

/// An update of a live stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The id, or an empty text if it has none.
    pub id: String,
    /// The name of the event.
    pub name: String,
    /// The data as text.
    pub data: String,
}

impl Update {
    /// Returns the data as JSON, or null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_default()
    }
}

/// A live stream. Dropping it closes its connection.
#[derive(Debug)]
pub struct LiveStream {
    response: Response,
    unread: String,
}

impl LiveStream {
    /// Reads the body of a response.
    pub fn new(response: Response) -> Self {
        Self { response, unread: String::new() }
    }

    /// Returns a header of the response.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Waits for the next block of lines. Returns `None` if the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                let rest = self.unread.split_off(end + 2);
                return Some(std::mem::replace(&mut self.unread, rest));
            }
            let chunk = timeout(WAIT_TIMEOUT, self.response.chunk()).await.expect("the stream sends something in time");
            // A server that goes away may not end the body properly.
            let chunk = chunk.ok().flatten()?;
            self.unread.push_str(std::str::from_utf8(&chunk).expect("the stream is text"));
        }
    }

    /// Waits for the next update. Returns `None` if the stream has ended.
    ///
    /// # Panics
    ///
    /// Panics if nothing arrives within [`WAIT_TIMEOUT`].
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            if let Some(update) = parse(&self.block().await?) {
                return Some(update);
            }
        }
    }

    /// Waits for the next comment, and skips updates.
    ///
    /// # Panics
    ///
    /// Panics if the stream ends, or if nothing arrives within [`WAIT_TIMEOUT`].
    pub async fn comment(&mut self) {
        while !self.block().await.expect("the stream goes on").starts_with(':') {}
    }

    /// Waits for an update that fulfills a condition, and skips others.
    ///
    /// # Panics
    ///
    /// Panics if the stream ends, or if no update arrives within [`WAIT_TIMEOUT`].
    pub async fn until(&mut self, what: &str, mut wanted: impl FnMut(&Update) -> bool) -> Update {
        let search = async {
            loop {
                let update = self.next().await.unwrap_or_else(|| panic!("the stream ended before {what}"));
                if wanted(&update) {
                    return update;
                }
            }
        };
        timeout(WAIT_TIMEOUT, search).await.unwrap_or_else(|_| panic!("the stream never reports that {what}"))
    }
}

/// Parses a block of fields, or returns `None` if it is no update.
fn parse(block: &str) -> Option<Update> {
    let field = |name: &str| block.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>().join("\n");
    let name = field("event: ");
    (!name.is_empty()).then(|| Update { id: field("id: "), name, data: field("data: ") })
}
