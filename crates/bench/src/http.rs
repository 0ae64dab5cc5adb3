//! Minimal HTTP/1.1 client with persistent connections. It sends one request at a time and reuses its buffers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READ_SIZE: usize = 16 * 1024;

/// A persistent connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    body_at: usize,
}

impl Connection {
    /// Connects to a port of 127.0.0.1; the benchmark never connects to another host.
    pub async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(READ_SIZE), body_at: 0 })
    }

    /// Sends a request, reads the complete response and returns its status.
    pub async fn call(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (head, status, length) = loop {
            self.read_more().await?;
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.received.get(..end).unwrap_or_default();
                break (end + 4, status(head).ok_or_else(malformed)?, content_length(head).ok_or_else(malformed)?);
            }
        };
        while self.received.len() < head + length {
            self.read_more().await?;
        }
        self.body_at = head;
        Ok(status)
    }

    /// Returns the body of the last response.
    pub fn body(&self) -> &[u8] {
        self.received.get(self.body_at..).unwrap_or_default()
    }

    async fn read_more(&mut self) -> io::Result<()> {
        self.received.reserve(READ_SIZE);
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the response is not valid HTTP or has no Content-Length")
}

fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

/// Returns the length of the body. Without a Content-Length header only 204 and 304 are understood; their length is 0.
fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let Some(line) =
        head.split(|byte| *byte == b'\n').find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))
    else {
        return matches!(status(head)?, 204 | 304).then_some(0);
    };
    std::str::from_utf8(line.get(NAME.len()..)?).ok()?.trim().parse().ok()
}

/// Appends a request with a JSON body and an access token to a buffer.
pub fn post(out: &mut Vec<u8>, method: &str, path: &str, token: &str, body: &str) {
    let length = body.len();
    for part in [method, " ", path, " HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: Bearer ", token] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(format!("\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes());
}

/// Appends a GET request without a token to a buffer.
pub fn get(out: &mut Vec<u8>, path: &str) {
    for part in ["GET ", path, " HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_content_length_are_parsed() {
        let head = b"HTTP/1.1 201 Created\r\nContent-Length: 17\r\nx: y";
        assert_eq!((status(head), content_length(head)), (Some(201), Some(17)));
        assert_eq!(content_length(b"HTTP/1.1 304 Not Modified\r\nx: y"), Some(0));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nx: y"), None);
    }
}
