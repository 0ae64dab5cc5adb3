//! HTTP client for tests that validates every response against the OpenAPI document.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test without a response cannot continue and reports the cause by panicking"
)]

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::description;
use crate::live_stream::LiveStream;

/// HTTP response with any status.
#[derive(Debug, Clone)]
pub struct TestResponse {
    /// HTTP status code.
    pub status: u16,
    /// Response headers.
    pub headers: HeaderMap,
    /// Body as text, unmodified.
    pub text: String,
}

impl TestResponse {
    /// Parses the body as JSON. Returns null if the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Returns the `code` of a problem document, after checking that the document is well-formed.
    ///
    /// # Panics
    ///
    /// Panics if the response is not a problem document or the document's status differs from the response's.
    #[track_caller]
    pub fn code(&self) -> String {
        let document = self.json();
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(document["status"], self.status, "{self:?}");
        assert!(document["title"].is_string() && document["detail"].is_string() && document["type"].is_string(), "{self:?}");
        document["code"].as_str().expect("a problem document has a code").to_owned()
    }

    /// Returns the names of the invalid fields of a problem document, sorted.
    pub fn bad_fields(&self) -> Vec<String> {
        let mut fields: Vec<String> =
            self.json()["errors"].as_array().into_iter().flatten().filter_map(|error| Some(error["field"].as_str()?.to_owned())).collect();
        fields.sort();
        fields
    }

    /// Returns the value of a header, or None if it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Asserts the status and returns the body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if the response has another status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Asserts the status and the problem code and returns the problem document.
    ///
    /// # Panics
    ///
    /// Panics if either of them differs.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text);
        self.json()
    }
}

/// HTTP client of one service, with or without an access token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    guest_token: Option<String>,
}

impl Client {
    /// Creates a client without a token, for a base URL such as `http://127.0.0.1:8080`.
    pub fn new(base: impl Into<String>) -> Self {
        Self { http: reqwest::Client::new(), base: base.into(), token: None, guest_token: None }
    }

    /// Returns a client that sends this access token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Returns a client that sends the token of a guest's link.
    pub fn with_guest_token(&self, token: impl Into<String>) -> Self {
        Self { guest_token: Some(token.into()), ..self.clone() }
    }

    /// Returns a client with the same token for another base URL.
    pub fn at(&self, base: impl Into<String>) -> Self {
        Self { base: base.into(), ..self.clone() }
    }

    /// Sends a request.
    ///
    /// # Panics
    ///
    /// Panics if no response arrives, or if the OpenAPI document does not describe the response.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> TestResponse {
        self.send_as(method, path, headers, body.map(|body| ("application/json", body))).await
    }

    /// Sends a request with a body of any media type.
    ///
    /// # Panics
    ///
    /// Panics if no response arrives, or if the OpenAPI document does not describe the response.
    pub async fn send_as(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<(&str, Vec<u8>)>) -> TestResponse {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(token) = &self.guest_token {
            request = request.header("x-guest-token", token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((media_type, body)) = body {
            request = request.header("content-type", media_type).body(body);
        }
        let mut response = request.send().await.expect("the service responds");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = if headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            // The body of a live stream does not end, so only its beginning is read.
            let chunk = response.chunk().await.expect("the stream begins").unwrap_or_default();
            String::from_utf8(chunk.to_vec()).expect("the stream is text")
        } else {
            response.text().await.expect("the response body is complete")
        };
        description::check(method.as_str(), path, status, &headers, &text);
        TestResponse { status, headers, text }
    }

    /// Opens a live stream (Server-Sent Events).
    ///
    /// # Panics
    ///
    /// Panics if the response is not a stream.
    pub async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> LiveStream {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("the service responds");
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        assert_eq!((response.status().as_u16(), kind.as_deref()), (200, Some("text/event-stream")), "{path}");
        LiveStream::new(response)
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, &[], None).await
    }

    /// Sends a POST request with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> TestResponse {
        self.send(Method::POST, path, &[], Some(body.to_string().into_bytes())).await
    }

    /// Sends a POST request with a JSON body and an idempotency key.
    pub async fn post_with_key(&self, path: &str, key: &str, body: Value) -> TestResponse {
        self.send(Method::POST, path, &[("idempotency-key", key)], Some(body.to_string().into_bytes())).await
    }

    /// Sends a PUT request with a file.
    pub async fn put_file(&self, path: &str, media_type: &str, file: Vec<u8>) -> TestResponse {
        self.send_as(Method::PUT, path, &[], Some((media_type, file))).await
    }

    /// Sends a PATCH request with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> TestResponse {
        self.send(Method::PATCH, path, &[], Some(body.to_string().into_bytes())).await
    }
}

/// A logged-in account with a client of booking-service.
#[derive(Debug, Clone)]
pub struct Person {
    /// Account id.
    pub id: String,
    /// Account name, which is also the username.
    pub name: String,
    /// Client of the first booking-service that sends the account's access token.
    pub client: Client,
}

impl Person {
    /// Requests tickets.
    pub async fn book(&self, event: &str, quantity: u32) -> TestResponse {
        self.client.post("/api/book", json!({"eventId": event, "quantity": quantity})).await
    }

    /// Books tickets and returns the id of the booking. Panics if the booking is not confirmed.
    pub async fn must_book(&self, event: &str, quantity: u32) -> String {
        let body = self.book(event, quantity).await.expect(201);
        assert_eq!(body["status"], "confirmed");
        body["booking"]["id"].as_str().expect("a booking has an id").to_owned()
    }

    /// Reserves tickets and returns the id of the booking. Panics if the booking is not reserved.
    pub async fn must_reserve(&self, event: &str, quantity: u32) -> String {
        let body = self.book(event, quantity).await.expect(201);
        assert_eq!((&body["status"], &body["booking"]["status"]), (&json!("reserved"), &json!("reserved")));
        body["booking"]["id"].as_str().expect("a booking has an id").to_owned()
    }

    /// Confirms a reserved booking.
    pub async fn confirm(&self, booking: &str) -> TestResponse {
        self.client.post("/api/confirmbooking", json!({"bookingId": booking})).await
    }

    /// Joins the waiting list and returns the entry's id and position. Panics if the request is not placed on the waiting
    /// list.
    pub async fn must_wait(&self, event: &str, quantity: u32) -> (String, u64) {
        let body = self.book(event, quantity).await.expect(202);
        assert_eq!(body["status"], "waitlisted");
        let entry = &body["waitlistEntry"];
        (entry["id"].as_str().expect("an entry has an id").to_owned(), entry["position"].as_u64().expect("an entry has a position"))
    }

    /// Cancels a whole booking.
    pub async fn cancel(&self, booking: &str) -> TestResponse {
        self.client.post("/api/cancelbooking", json!({"bookingId": booking})).await
    }

    /// Cancels `quantity` tickets of a booking.
    pub async fn cancel_part(&self, booking: &str, quantity: u32) -> TestResponse {
        self.client.post("/api/cancelbooking", json!({"bookingId": booking, "quantity": quantity})).await
    }

    /// Returns the first 100 bookings of the account.
    pub async fn bookings(&self) -> Vec<Value> {
        self.client.get("/api/bookings?limit=100").await.expect(200)["items"].as_array().cloned().unwrap_or_default()
    }

    /// Returns the first 100 waiting-list entries of the account.
    pub async fn waitlist(&self) -> Vec<Value> {
        self.client.get("/api/waitlist?limit=100").await.expect(200)["items"].as_array().cloned().unwrap_or_default()
    }

    /// Returns the number of tickets in the account's confirmed bookings.
    pub async fn tickets(&self) -> u64 {
        self.bookings().await.iter().filter(|b| b["status"] == "confirmed").filter_map(|b| b["quantity"].as_u64()).sum()
    }
}
