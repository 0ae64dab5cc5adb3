//! Helpers shared by the tests.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use rowlock_platform::clock::Clock;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::{PASSWORD, System};
use serde_json::{Value, json};

/// Returns a JSON string as a `String`. Panics if it is not a string.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

/// Reads a list from its first page to its last and returns all items. Asserts that every page but the last is full.
pub(crate) async fn read_all(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}{separator}limit={limit}&cursor={cursor}")).await.expect(200);
        // The status of an event contains its waiting list.
        let page = page.get("waitlist").unwrap_or(&page);
        let got = page["items"].as_array().expect("a page has items");
        items.extend(got.iter().cloned());
        match &page["nextCursor"] {
            Value::Null => return items,
            next => {
                assert_eq!(got.len(), limit, "a page with another behind it is full");
                cursor = text(next);
            }
        }
    }
}

/// Returns one field of every item.
pub(crate) fn each(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| text(&item[field])).collect()
}

/// Returns the sorted names of an object's fields.
pub(crate) fn fields(value: &Value) -> Vec<String> {
    let mut names: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    names
}

/// Logs in an existing account whose e-mail address is `NAME@example.org`, and returns its access token.
pub(crate) async fn token(system: &System, name: &str) -> String {
    let login = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
    text(&Client::new(system.auth_url()).post("/api/loginaccount", login).await.expect(200)["token"])
}

/// Returns the time that many seconds from now.
pub(crate) fn in_seconds(seconds: i64) -> String {
    let time: chrono::DateTime<Utc> = Clock::system().now() + TimeDelta::seconds(seconds);
    time.to_rfc3339()
}

/// Creates an event and returns its id.
pub(crate) async fn create_event(system: &System, body: Value) -> String {
    text(&system.event_like(body).await["id"])
}

/// Changes an event as an administrator.
pub(crate) async fn change_event(system: &System, event: &str, change: Value) -> TestResponse {
    system.admin().client.patch(&format!("/admin/events/{event}"), change).await
}

/// Cancels an event as an administrator.
pub(crate) async fn cancel_event(system: &System, event: &str) -> TestResponse {
    system.admin().client.send(Method::POST, &format!("/admin/events/{event}/cancel"), &[], None).await
}

/// Reads an event as the public.
pub(crate) async fn public_event(system: &System, event: &str) -> TestResponse {
    system.visitor().get(&format!("/api/events/{event}")).await
}

/// Returns the names of the public events that a query string selects.
pub(crate) async fn event_names(system: &System, query: &str) -> Vec<String> {
    each(&read_all(&system.visitor(), &format!("/api/events{query}"), 100).await, "name")
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Runs a query that returns a single row with one column `value`.
pub(crate) async fn value(conn: &mut diesel_async::AsyncPgConnection, sql: &str) -> String {
    diesel_async::RunQueryDsl::get_result::<Row>(diesel::sql_query(sql), conn).await.unwrap().value
}
