//! A fake server that sends the responses that a test prescribes.

use std::sync::{Arc, Mutex};

use rowlock_test_support::system::PASSWORD;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fixture::Home;

/// Server that responds to each request with the first entry whose text occurs in it and closes the connection; without a match
/// it sends nothing.
pub(crate) struct FakeServer {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// Returns a raw HTTP response.
pub(crate) fn response(status: u16, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Returns a raw HTTP response with a problem document.
pub(crate) fn problem(status: u16, code: &str, detail: &str) -> String {
    let document = json!({"type": "x", "title": "A title", "status": status, "code": code, "detail": detail});
    response(status, "application/problem+json", &document.to_string())
}

/// Reads a request with its whole body: closing a connection with unread data would reset it and lose the response.
async fn read_request(connection: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut buffer = [0; 4096];
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
}

impl FakeServer {
    pub(crate) async fn start(responses: Vec<(&'static str, String)>) -> Self {
        Self::losing(0, responses).await
    }

    /// Starts a server that loses its first responses.
    pub(crate) async fn losing(lost: usize, responses: Vec<(&'static str, String)>) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let text = read_request(&mut connection).await;
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(text.clone());
                    seen.len()
                };
                if number <= lost {
                    continue;
                }
                if let Some((_, response)) = responses.iter().find(|(part, _)| text.contains(part)) {
                    connection.write_all(response.as_bytes()).await.unwrap();
                }
            }
        });
        Self { url, requests, task }
    }

    /// Returns a header of each request, with its name in small letters.
    pub(crate) fn headers(&self, name: &str) -> Vec<Option<String>> {
        let of = |text: &String| text.lines().find_map(|line| line.to_lowercase().strip_prefix(&format!("{name}: ")).map(str::to_owned));
        self.requests.lock().unwrap().iter().map(of).collect()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Copies the login of another server to this one.
    pub(crate) fn has_login_of(&self, home: &Home, url: &str) {
        home.change_logins(|logins| logins["logins"][&self.url] = logins["logins"][url].clone());
    }

    /// Creates a home with a login at this server and at no other.
    pub(crate) async fn home(&self) -> Home {
        let account = json!({"id": "01920000-0000-7000-8000-000000000000", "name": "Ada", "username": "ada", "email": "ada@example.org",
            "role": "admin", "createdAt": "2026-01-01T00:00:00Z"});
        let login = json!({"token": "t", "refreshToken": "r", "expiresAt": "2999-01-01T00:00:00Z", "account": account});
        let login_server = Self::start(vec![("POST /admin/loginaccount", response(200, "application/json", &login.to_string()))]).await;
        let home = Home::new();
        let password = home.file("password", PASSWORD);
        let arguments = ["login", "--url", login_server.url(), "--email", "ada@example.org", "--password-file", password.to_str().unwrap()];
        home.run(&arguments).await.ok();
        self.has_login_of(&home, login_server.url());
        home
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
