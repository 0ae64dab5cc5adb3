//! A person at the HTTP API.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that gets no answer cannot go on, and says why")]

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::description;

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body to the letter.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The `code` of a problem document; checks its form too.
    ///
    /// # Panics
    ///
    /// When the answer is not a problem document whose status is the answer's.
    pub fn code(&self) -> String {
        let document = self.json();
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(document["status"], self.status, "{self:?}");
        assert!(document["title"].is_string() && document["detail"].is_string() && document["type"].is_string(), "{self:?}");
        document["code"].as_str().expect("a problem has a code").to_owned()
    }

    /// The names of the bad fields, sorted.
    pub fn bad_fields(&self) -> Vec<String> {
        let mut fields: Vec<String> =
            self.json()["errors"].as_array().into_iter().flatten().filter_map(|error| Some(error["field"].as_str()?.to_owned())).collect();
        fields.sort();
        fields
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks the status and gives the JSON.
    ///
    /// # Panics
    ///
    /// When the status is another.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Checks status and code of a problem document.
    ///
    /// # Panics
    ///
    /// When they are others.
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text);
        self.json()
    }
}

/// Somebody who sends requests to one service, with a token or without.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A visitor at an address as `http://127.0.0.1:8080`.
    pub fn new(base: impl Into<String>) -> Self {
        Self { http: reqwest::Client::new(), base: base.into(), token: None }
    }

    /// The same with a token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The same person at another address.
    pub fn at(&self, base: impl Into<String>) -> Self {
        Self { base: base.into(), ..self.clone() }
    }

    /// Sends any request.
    ///
    /// # Panics
    ///
    /// When there is no answer, or one that the API's description does not describe.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a whole answer");
        description::check(method.as_str(), path, status, &headers, &text);
        Answer { status, headers, text }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body.to_string().into_bytes())).await
    }

    /// `POST` with a JSON body and an idempotency key.
    pub async fn post_with_key(&self, path: &str, key: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[("idempotency-key", key)], Some(body.to_string().into_bytes())).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body.to_string().into_bytes())).await
    }
}

/// An account, logged in, in front of the booking service.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account's id.
    pub id: String,
    /// The account's name, which is its username as well.
    pub name: String,
    /// Requests go to the first booking service.
    pub client: Client,
}

impl Person {
    /// Asks for tickets.
    pub async fn book(&self, event: &str, quantity: u32) -> Answer {
        self.client.post("/api/book", json!({"eventId": event, "quantity": quantity})).await
    }

    /// Asks for tickets and must get them; gives the booking's id.
    pub async fn must_book(&self, event: &str, quantity: u32) -> String {
        let answer = self.book(event, quantity).await.expect(201);
        assert_eq!(answer["status"], "confirmed");
        answer["booking"]["id"].as_str().expect("a booking has an id").to_owned()
    }

    /// Asks for tickets and must be put on the waiting list; gives the entry's id and place.
    pub async fn must_wait(&self, event: &str, quantity: u32) -> (String, u64) {
        let answer = self.book(event, quantity).await.expect(202);
        assert_eq!(answer["status"], "waitlisted");
        let entry = &answer["waitlistEntry"];
        (entry["id"].as_str().expect("an entry has an id").to_owned(), entry["position"].as_u64().expect("an entry has a place"))
    }

    /// Gives a booking back whole.
    pub async fn cancel(&self, booking: &str) -> Answer {
        self.client.post("/api/cancelbooking", json!({"bookingId": booking})).await
    }

    /// Gives a part of a booking back.
    pub async fn cancel_part(&self, booking: &str, quantity: u32) -> Answer {
        self.client.post("/api/cancelbooking", json!({"bookingId": booking, "quantity": quantity})).await
    }

    /// The person's bookings.
    pub async fn bookings(&self) -> Vec<Value> {
        self.client.get("/api/bookings?limit=100").await.expect(200)["items"].as_array().cloned().unwrap_or_default()
    }

    /// The person's waiting-list entries.
    pub async fn waitlist(&self) -> Vec<Value> {
        self.client.get("/api/waitlist?limit=100").await.expect(200)["items"].as_array().cloned().unwrap_or_default()
    }

    /// How many tickets the person has in confirmed bookings.
    pub async fn tickets(&self) -> u64 {
        self.bookings().await.iter().filter(|b| b["status"] == "confirmed").filter_map(|b| b["quantity"].as_u64()).sum()
    }
}
