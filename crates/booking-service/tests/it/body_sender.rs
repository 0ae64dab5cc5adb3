//! Sends the bodies of the table, unchanged or with changed fields.

use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::System;
use serde_json::{Value, json};

use crate::body_table::{Body, Stock};
use crate::route_table::{ROUTES, at, may, method};
use crate::support::text;

/// Converts a field name such as `a[0].b` to a JSON pointer.
pub(crate) fn pointer(field: &str) -> String {
    format!("/{}", field.replace(['.', '['], "/").replace(']', ""))
}

pub(crate) fn set(body: &mut Value, field: &str, value: Value) {
    *body.pointer_mut(&pointer(field)).unwrap_or_else(|| panic!("{field}")) = value;
}

pub(crate) fn remove(body: &mut Value, field: &str) {
    let pointer = pointer(field);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).and_then(Value::as_object_mut).and_then(|fields| fields.remove(name)).unwrap_or_else(|| panic!("{field}"));
}

pub(crate) struct BodySender<'a> {
    pub(crate) system: &'a System,
    pub(crate) user: Client,
}

impl BodySender<'_> {
    pub(crate) async fn send(&self, body: &Body, bytes: impl Into<Vec<u8>>) -> TestResponse {
        self.send_with(body, &[], bytes).await
    }

    pub(crate) async fn send_with(&self, body: &Body, headers: &[(&str, &str)], bytes: impl Into<Vec<u8>>) -> TestResponse {
        let (name, pattern, who) = *ROUTES.iter().find(|(name, pattern, _)| *name != "GET" && *pattern == body.path).unwrap();
        let client = may(who, &self.user, &self.system.admin().client);
        client.send(method(name), &at(pattern, &body.event), headers, Some(bytes.into())).await
    }

    /// Asserts that the body is rejected for exactly these fields.
    pub(crate) async fn assert_rejects(&self, body: &Body, sent: &Value, fields: &[&str]) {
        let answer = self.send(body, sent.to_string()).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), fields, "{} {}: {}", body.path, start_of(sent), answer.text);
    }
}

fn start_of(sent: &Value) -> String {
    sent.to_string().chars().take(300).collect()
}

/// Creates events to book, a booking to cancel and a waiting-list entry to leave.
pub(crate) async fn start_sender(system: &System) -> (BodySender<'_>, Stock) {
    let user = system.user("ada").await;
    let other = system.user("ben").await;
    let mut stock = Stock::default();
    for _ in 0..5 {
        let event = system.event_like(json!({"name": "One", "totalTickets": 5})).await;
        stock.events.push((text(&event["id"]), text(&event["ticketTypes"][0]["id"])));
    }
    stock.booking = user.must_book(&stock.events[1].0, 3).await;
    user.must_book(&stock.events[2].0, 3).await;
    other.must_book(&stock.events[3].0, 5).await;
    user.must_wait(&stock.events[3].0, 1).await;
    other.must_book(&stock.events[1].0, 2).await;
    stock.entry = user.must_wait(&stock.events[1].0, 1).await.0;
    (BodySender { system, user: user.client }, stock)
}
