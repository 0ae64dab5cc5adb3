//! The format of Server-Sent Events, as written for browsers and as read from the API.

use actix_web::web::Bytes;

/// A comment, which shows that the stream is alive.
pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// Returns the event that replaces a part of the page. `id` comes back from the browser when it reconnects.
pub(crate) fn part(id: Option<&str>, html: &str) -> Bytes {
    let mut event = String::with_capacity(html.len() + 64);
    // The id is the API's, but a line break would begin another field.
    if let Some(id) = id.filter(|id| !id.is_empty() && !id.contains(['\r', '\n', '\0'])) {
        event.extend(["id: ", id, "\n"]);
    }
    event.push_str("event: part\n");
    for line in html.trim().lines() {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event.into()
}

/// Returns the event that says that the page does not follow the changes at the moment.
pub(crate) fn lost() -> Bytes {
    Bytes::from_static(b"event: lost\ndata: {}\n\n")
}

/// Splits a stream into its updates.
#[derive(Debug, Default)]
pub(super) struct Parser {
    unread: Vec<u8>,
}

/// Maximum size of an update. The API's are far smaller.
const MAX_UPDATE_BYTES: usize = 4 * 1024 * 1024;

impl Parser {
    /// Adds what has been received. Returns whether the update is still of an acceptable size.
    pub(super) fn push(&mut self, chunk: &[u8]) -> bool {
        self.unread.extend_from_slice(chunk);
        self.unread.len() <= MAX_UPDATE_BYTES
    }

    /// Returns the next complete block: its id, its name and its data. Comments and incomplete blocks are skipped.
    pub(super) fn next(&mut self) -> Option<(String, String, String)> {
        loop {
            let end = self.unread.windows(2).position(|pair| pair == b"\n\n")?;
            let rest = self.unread.split_off(end + 2);
            let block = std::mem::replace(&mut self.unread, rest);
            let block = String::from_utf8_lossy(&block);
            let field = |name: &str| block.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>().join("\n");
            let name = field("event: ");
            if !name.is_empty() {
                return Some((field("id: "), name, field("data: ")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_read_however_they_are_cut() {
        let stream = "retry: 5\n\nid: 1.2\nevent: a\ndata: {\"x\": \"ä\"}\n\n:\n\nevent: b\ndata: 1\ndata: 2\n\nevent: c\n";
        for size in [1, 2, 7, 1000] {
            let (mut parser, mut read) = (Parser::default(), Vec::new());
            for chunk in stream.as_bytes().chunks(size) {
                assert!(parser.push(chunk));
                read.extend(std::iter::from_fn(|| parser.next()));
            }
            let text = |text: &str| text.to_owned();
            assert_eq!(read, [(text("1.2"), text("a"), text("{\"x\": \"ä\"}")), (text(""), text("b"), text("1\n2"))]);
        }
    }

    #[test]
    fn a_part_has_one_data_field_per_line() {
        assert_eq!(part(Some("7"), "<p>\na\n</p>\n"), Bytes::from("id: 7\nevent: part\ndata: <p>\ndata: a\ndata: </p>\n\n"));
        assert_eq!(part(Some("7\nevent: x"), "a"), Bytes::from("event: part\ndata: a\n\n"));
    }
}
