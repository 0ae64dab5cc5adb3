//! Tests that every state-changing request can be repeated with its `Idempotency-Key`: it takes effect once, and the repeated
//! request succeeds like the first one.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use reqwest::Method;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::document::operations;
use crate::examples::{examples, prepare};
use crate::webhooks::webhook_requests;

/// Operations whose responses are regenerated for a repeated request, because they contain secrets that are not stored.
const NOT_STORED: [&str; 3] = ["logIn", "adminLogIn", "refreshToken"];

/// Operations that are idempotent without a key, so that the services do not store their keys.
const NATURALLY_IDEMPOTENT: [&str; 17] = [
    "refreshToken",
    "logOut",
    "changeAccount",
    "forgotPassword",
    "resetPassword",
    "confirmEmail",
    "resendConfirmation",
    "changeEmail",
    "unsubscribe",
    "eraseAccount",
    "endSession",
    "endOtherSessions",
    "enableTotp",
    "disableTotp",
    "setEventImage",
    "removeEventImage",
    "checkInBatch",
];

/// A state-changing request and the status of its success.
pub(crate) struct Repeatable {
    pub(crate) id: &'static str,
    pub(crate) client: Client,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Media type and content of the body.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    pub(crate) success: u16,
}

impl Repeatable {
    async fn send(&self, key: &str) -> TestResponse {
        self.client.send_as(self.method.clone(), &self.path, &[("idempotency-key", key)], self.body.clone()).await
    }
}

/// Builds one request for each state-changing operation of the document: the first example of each operation with a body, and
/// the operations without a body.
async fn requests(system: &System) -> Vec<Repeatable> {
    let mut all: Vec<Repeatable> = Vec::new();
    let mut examples = examples();
    // An account must exist before it can log in.
    examples.sort_by_key(|example| example.id.to_lowercase().contains("login"));
    for example in &examples {
        if all.iter().all(|known| known.id != example.id) {
            let (client, path, body) = prepare(system, example).await;
            let (id, method, success) = (example.id, example.method.clone(), example.success);
            all.push(Repeatable { id, client, method, path, body: Some(("application/json", body.to_string().into_bytes())), success });
        }
    }
    let auth = system.auth_url();
    let [leaving, ending] = [system.user("leaving").await, system.user("ending").await];
    let log_in = json!({"email": "ending@example.org", "password": rowlock_test_support::system::PASSWORD});
    Client::new(&auth).post("/api/loginaccount", log_in).await.expect(200);
    let ending = ending.client.at(&auth);
    let sessions = ending.get("/api/sessions").await.expect(200);
    let other = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let disabled = system.user("disabled").await.id;
    let root = system.admin().client.at(&auth);
    root.post(&format!("/admin/accounts/{disabled}/disable"), json!({})).await.expect(200);
    let unconfirmed = system.user("unconfirmed").await.client.at(system.mail_auth_url().await);
    let [event, unsold, pictured] = [system.event(2).await, system.event(2).await, system.event(2).await];
    let image = format!("/admin/events/{pictured}/image");
    let entered = system.event(2).await;
    let booking = system.admin().must_book(&entered, 2).await;
    let scan = json!({"bookingId": booking, "number": 1});
    let checkin = system.admin().client.post(&format!("/admin/events/{entered}/checkins"), scan).await.expect(201);
    let checkin = format!("/admin/events/{entered}/checkins/{}", checkin["id"].as_str().unwrap());
    let replaced = format!("/api/bookings/{booking}/tickets/0/replace");
    let shared = system.admin().must_book(&system.event(2).await, 1).await;
    let withdrawn = system.offer(system.admin(), &shared, 1).await.path("withdraw");
    let file = Some(("image/webp", rowlock_test_support::PICTURE.to_vec()));
    all.push(Repeatable {
        id: "setEventImage",
        client: system.admin().client.clone(),
        method: Method::PUT,
        path: image.clone(),
        body: file,
        success: 200,
    });
    for (id, client, method, path, success) in [
        ("endSession", ending.clone(), Method::DELETE, format!("/api/sessions/{}", other["id"].as_str().unwrap()), 204),
        ("endOtherSessions", ending, Method::DELETE, "/api/sessions".to_owned(), 204),
        ("resendConfirmation", unconfirmed, Method::POST, "/api/resendconfirmation".to_owned(), 202),
        ("enableTotp", root.clone(), Method::POST, "/admin/enabletotp".to_owned(), 200),
        ("eraseAccount", leaving.client.at(&auth), Method::DELETE, "/api/account".to_owned(), 204),
        ("enableAccount", root, Method::POST, format!("/admin/accounts/{disabled}/enable"), 200),
        ("undoCheckIn", system.admin().client.clone(), Method::DELETE, checkin, 204),
        ("replaceTicket", system.admin().client.clone(), Method::POST, replaced, 200),
        ("withdrawTransfer", system.admin().client.clone(), Method::POST, withdrawn, 200),
        ("removeEventImage", system.admin().client.clone(), Method::DELETE, image, 204),
        ("deleteEvent", system.admin().client.clone(), Method::DELETE, format!("/admin/events/{unsold}"), 204),
        ("cancelEvent", system.admin().client.clone(), Method::POST, format!("/admin/events/{event}/cancel"), 200),
    ] {
        all.push(Repeatable { id, client, method, path, body: None, success });
    }
    all.extend(webhook_requests(system).await);
    all
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    row: String,
}

async fn rows(database: &TestDatabase, sql: &str) -> Vec<String> {
    let mut conn = database.admin().await;
    let rows: Vec<Row> = diesel::sql_query(sql).load(&mut conn).await.unwrap();
    rows.into_iter().map(|row| row.row).collect()
}

/// Reads the rows that requests change, without those that other services change asynchronously.
async fn state(system: &System) -> Vec<String> {
    let booking =
        "SELECT e::text AS row FROM events e UNION ALL SELECT t::text FROM ticket_types t UNION ALL SELECT b::text FROM bookings b
         UNION ALL SELECT w::text FROM waitlist_entries w UNION ALL SELECT c::text FROM checkins c
         UNION ALL SELECT t::text FROM transfers t UNION ALL SELECT count(*)::text FROM idempotency_keys ORDER BY 1";
    // A repeated login ends the session of the first one, so that as many are alive; a repeated refresh returns the same successor.
    let auth = "SELECT a::text AS row FROM accounts a UNION ALL SELECT count(*)::text FROM idempotency_keys
         UNION ALL SELECT concat_ws(' ', account_id, generation, end_reason) FROM sessions WHERE end_reason IS DISTINCT FROM 'replaced' ORDER BY 1";
    // The dispatcher changes the other columns, and the other deliveries are of messages that arrive meanwhile.
    let notifier =
        "SELECT concat_ws(' ', id, url, description, types, event_id, secret, previous_secret, disabled_at, disabled_reason) AS row FROM webhooks
         UNION ALL SELECT concat_ws(' ', webhook_id, message_id, queued_at) FROM webhook_deliveries
         WHERE message_id = '01920000-0000-7000-8000-000000000000'
         UNION ALL SELECT count(*)::text FROM idempotency_keys ORDER BY 1";
    let mut all = rows(&system.booking_database, booking).await;
    all.extend(rows(&system.auth_database, auth).await);
    all.extend(rows(&system.notifier().await.database, notifier).await);
    all
}

/// Returns the body of a response without the tokens that are regenerated.
fn comparable(id: &str, response: &TestResponse) -> Value {
    if response.text.is_empty() {
        return Value::Null;
    }
    let mut body = response.json();
    if NOT_STORED.contains(&id) {
        for field in ["token", "refreshToken", "expiresAt"] {
            body.as_object_mut().unwrap().remove(field);
        }
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_changing_request_repeated_with_its_key_takes_effect_once() {
    let system = Plan::default().workers(0).start().await;
    let mut tested = Vec::new();
    for request in requests(&system).await {
        let id = request.id;
        let malformed = request.send("two words").await;
        malformed.refused(422, "invalid-input");
        assert_eq!(malformed.bad_fields(), ["Idempotency-Key"], "{id}");

        let first = request.send(id).await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (request.success, None), "{id}: {}", first.text);
        let after_first = state(&system).await;
        let second = request.send(id).await;
        assert_eq!(second.status, request.success, "{id}: {}", second.text);
        assert_eq!(comparable(id, &second), comparable(id, &first), "{id}");
        let replayed = if NATURALLY_IDEMPOTENT.contains(&id) || NOT_STORED.contains(&id) { None } else { Some("true") };
        assert_eq!(second.header("idempotent-replayed"), replayed, "{id}");
        assert_eq!(second.header("etag"), first.header("etag"), "{id}");
        assert_eq!(state(&system).await, after_first, "{id} took effect twice");
        tested.push(id);
    }
    let changing: Vec<_> = operations().into_iter().filter(|(name, _)| !name.starts_with("GET ")).collect();
    for (name, operation) in &changing {
        let id = operation["operationId"].as_str().unwrap();
        assert!(tested.contains(&id), "{name} changes state; add a request for it to `requests`");
        let header = operation["parameters"].as_array().into_iter().flatten().find(|parameter| parameter["name"] == "Idempotency-Key");
        assert!(header.is_some(), "{name} does not document its Idempotency-Key header");
    }
    assert_eq!(tested.len(), changing.len(), "{tested:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_distinguishes_a_repeat_from_a_different_request_despite_changes_in_between() {
    let system = Plan::default().workers(0).start().await;
    let auth = Client::new(system.auth_url());
    let root = system.admin().client.at(system.auth_url());
    let keyed = async |client: &Client, method: Method, path: &str, headers: &[(&str, &str)], body: Value| {
        let mut all = vec![("idempotency-key", "k")];
        all.extend(headers);
        client.send(method, path, &all, Some(body.to_string().into_bytes())).await
    };
    let post = async |client: &Client, path: &str, body: Value| keyed(client, Method::POST, path, &[], body).await;

    // For new accounts, keys are scoped to the e-mail address.
    let ada = json!({"name": "Ada", "username": "ada", "email": "ada@example.org", "password": "correct horse"});
    let created = post(&auth, "/api/createaccount", ada.clone()).await.expect(201);
    for (field, value) in [("name", "Eve"), ("username", "eve"), ("password", "another horse")] {
        let mut other = ada.clone();
        other[field] = value.into();
        post(&auth, "/api/createaccount", other).await.refused(422, "idempotency-key-reused");
    }
    post(&root, "/admin/createaccount", ada.clone()).await.refused(422, "idempotency-key-reused");
    auth.post_with_key("/api/createaccount", "l", ada.clone()).await.refused(409, "email-taken");
    let ben = json!({"name": "Ben", "username": "ben", "email": "ben@example.org", "password": "correct horse"});
    post(&auth, "/api/createaccount", ben).await.expect(201);
    let responses = futures_util::future::join_all((0..6).map(|_| {
        let cid = json!({"name": "Cid", "username": "cid", "email": "cid@example.org", "password": "correct horse"});
        post(&auth, "/api/createaccount", cid)
    }));
    let responses = responses.await;
    assert!(responses.iter().all(|response| response.status == 201 && response.text == responses[0].text), "{responses:?}");

    // Repeating the disable request does not disable an account that has been enabled since.
    let path = format!("/admin/accounts/{}/disable", created["id"].as_str().unwrap());
    post(&root, &path, json!({"reason": "Resells"})).await.expect(200);
    root.post(&path.replace("disable", "enable"), json!({})).await.expect(200);
    let repeated = post(&root, &path, json!({"reason": "Resells"})).await;
    assert_eq!((repeated.expect(200)["disabledAt"].clone(), repeated.header("idempotent-replayed")), (Value::Null, Some("true")));
    post(&root, &path, json!({"reason": "Another"})).await.refused(422, "idempotency-key-reused");

    // A repeated login leaves only one session.
    let log_in = json!({"email": "ben@example.org", "password": "correct horse"});
    let first = post(&auth, "/api/loginaccount", log_in.clone()).await.expect(200);
    let second = post(&auth, "/api/loginaccount", log_in).await.expect(200);
    let refresh = async |login: &Value| auth.post("/api/refreshtoken", json!({"refreshToken": login["refreshToken"]})).await;
    refresh(&first).await.refused(401, "invalid-refresh-token");
    refresh(&second).await.expect(200);

    // A repeated conditional change succeeds although the first request changed the entity tag.
    let event = system.event_like(json!({"name": "Before", "totalTickets": 3})).await;
    let id = event["id"].as_str().unwrap();
    let admin = &system.admin().client;
    let tag = admin.get(&format!("/admin/status/{id}")).await.header("etag").unwrap().to_owned();
    let change_name =
        async |name: &str| keyed(admin, Method::PATCH, &format!("/admin/events/{id}"), &[("if-match", &tag)], json!({"name": name})).await;
    let changed = change_name("After").await;
    changed.expect(200);
    admin.patch(&format!("/admin/events/{id}"), json!({"name": "Meanwhile"})).await.expect(200);
    let repeated = change_name("After").await;
    assert_eq!((repeated.status, &repeated.text, repeated.header("etag")), (200, &changed.text, changed.header("etag")));
    change_name("Something else").await.refused(422, "idempotency-key-reused");
    let cancel = format!("/admin/events/{id}/cancel");
    post(admin, &cancel, json!({})).await.refused(422, "idempotency-key-reused");
    let tag = admin.get(&format!("/admin/status/{id}")).await.header("etag").unwrap().to_owned();
    let cancel = async || admin.send(Method::POST, &cancel, &[("idempotency-key", "c"), ("if-match", &tag)], None).await;
    let cancelled = cancel().await;
    assert_eq!(cancelled.expect(200), cancel().await.expect(200));
    assert_eq!(admin.get(&format!("/admin/status/{id}")).await.expect(200)["eventName"], "Meanwhile");
    system.stop().await;
}
