//! A live stream of the API.

use super::sse::Parser;

/// An update of the API.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: String,
}

/// A live stream of the API. Dropping it closes its connection.
#[derive(Debug)]
pub(crate) struct Upstream {
    response: reqwest::Response,
    parser: Parser,
}

impl Upstream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self { response, parser: Parser::default() }
    }

    /// Waits for the next update. Returns `None` when the stream has ended, also because the connection was lost. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Update> {
        loop {
            if let Some((id, name, data)) = self.parser.next() {
                return Some(Update { id, name, data });
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            if !self.parser.push(&chunk) {
                return None;
            }
        }
    }
}
