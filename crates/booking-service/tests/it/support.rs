//! What the tests of the HTTP contract share.

use rowlock_test_support::client::Client;
use rowlock_test_support::system::{PASSWORD, System};
use serde_json::{Value, json};

/// What a problem's or a resource's field says.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

/// Walks a list from its first page to its last and gives all items. Each page but the last must be full.
pub(crate) async fn walk(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}{separator}limit={limit}&cursor={cursor}")).await.expect(200);
        // The status of an event holds its list within.
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

/// One field of every item.
pub(crate) fn each(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| text(&item[field])).collect()
}

/// The names of an object's fields, sorted.
pub(crate) fn fields(value: &Value) -> Vec<String> {
    let mut names: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    names
}

/// A token of somebody who has an account already; their username is their e-mail's local part.
pub(crate) async fn token(system: &System, name: &str) -> String {
    let login = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
    text(&Client::new(system.auth_url()).post("/api/loginaccount", login).await.expect(200)["token"])
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// The only row of a query of one column named `value`.
pub(crate) async fn value(conn: &mut diesel_async::AsyncPgConnection, sql: &str) -> String {
    diesel_async::RunQueryDsl::get_result::<Row>(diesel::sql_query(sql), conn).await.unwrap().value
}
