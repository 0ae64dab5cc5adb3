//! People change their own name, language and password.

use std::time::Instant;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Service, answer, close, credentials, email, held_up, query, sql, system, system_with, text};

const NEW: &str = "staple battery horse";

fn change(service: &Service, token: &str, password: &str, new: &str) -> RequestBuilder {
    let body = json!({"password": password, "newPassword": new});
    service.request(Method::POST, "/api/changepassword").bearer_auth(token).json(&body)
}

async fn change_password(service: &Service, token: &str, password: &str, new: &str) -> Answer {
    answer(change(service, token, password, new)).await
}

async fn log_in_with(service: &Service, password: &str) -> Answer {
    service.post("/api/loginaccount", &json!({"email": email("ada"), "password": password})).await
}

#[tokio::test]
async fn a_name_and_a_language_are_changed() {
    let (database, service) = system().await;
    let ada = service.user("ada").await;
    let patch = async |body: Value| answer(service.request(Method::PATCH, "/api/account").bearer_auth(&ada).json(&body)).await;
    let before = service.get_as(&ada, "/api/account").await.expect(200);
    assert_eq!(before["language"], "en");
    assert_eq!(patch(json!({})).await.expect(200), before);
    let renamed = patch(json!({"name": "  Ada   King "})).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["username"], &renamed["language"]), (&json!("Ada King"), &json!("ada"), &json!("en")));
    let german = patch(json!({"language": "de"})).await.expect(200);
    assert_eq!((&german["name"], &german["language"]), (&json!("Ada King"), &json!("de")));
    assert_eq!(service.get_as(&ada, "/api/account").await.expect(200), german);
    assert_eq!(service.log_in("ada").await["account"], german);
    assert_eq!(
        query(&database, "SELECT name_normalized || search_text AS value FROM accounts").await,
        ["ada king ada king ada ada@example.org"]
    );

    assert_eq!(patch(json!({"name": "", "language": "fr"})).await.bad_fields(), ["language", "name"]);
    assert_eq!(patch(json!({"name": null})).await.bad_fields(), ["name"]);
    patch(json!({"email": "new@example.org"})).await.problem(400, "unknown-field");
    answer(service.request(Method::PATCH, "/api/account").json(&json!({}))).await.problem(401, "unauthenticated");
    close(database, [service]).await;
}

#[tokio::test]
async fn notifications_are_chosen_one_by_one() {
    let (database, service) = system().await;
    let ada = service.user("ada").await;
    let patch = async |body: Value| answer(service.request(Method::PATCH, "/api/account").bearer_auth(&ada).json(&body)).await;
    let before = service.get_as(&ada, "/api/account").await.expect(200);
    assert_eq!(before["notifications"], json!({"waitlist": true, "reminders": true}));
    assert_eq!(patch(json!({"notifications": {}})).await.expect(200), before);
    let changed = patch(json!({"notifications": {"reminders": false}})).await.expect(200);
    assert_eq!(changed["notifications"], json!({"waitlist": true, "reminders": false}));
    let changed = patch(json!({"notifications": {"reminders": true, "waitlist": false}, "name": "Ada King"})).await.expect(200);
    assert_eq!((&changed["notifications"], &changed["name"]), (&json!({"waitlist": false, "reminders": true}), &json!("Ada King")));
    assert_eq!(service.get_as(&ada, "/api/account").await.expect(200), changed);

    let wrong = patch(json!({"notifications": {"waitlist": null, "reminders": "no"}})).await.bad_fields();
    assert_eq!(wrong, ["notifications.reminders", "notifications.waitlist"]);
    patch(json!({"notifications": {"sms": true}})).await.problem(400, "unknown-field");
    close(database, [service]).await;
}

#[tokio::test]
async fn changing_the_password_ends_all_other_sessions() {
    let (database, service) = system_with(&[("TOKENS__REVOCATIONS_INTERVAL_MS", "20")]).await;
    let ben = service.user("ben").await;
    service.create_account("ada").await;
    let [here, elsewhere] = [service.log_in("ada").await, service.log_in("ada").await];
    let [token, other] = [text(&here["token"]), text(&elsewhere["token"])];

    change_password(&service, &token, "a wrong password", NEW).await.problem(403, "wrong-password");
    service.refresh(&elsewhere["refreshToken"]).await.expect(200);
    change_password(&service, &token, PASSWORD, NEW).await.expect(204);
    service.refresh(&elsewhere["refreshToken"]).await.problem(401, "invalid-refresh-token");
    until("the other access token is refused", async || service.get_as(&other, "/api/account").await.status == 401).await;
    service.get_as(&token, "/api/account").await.expect(200);
    service.refresh(&here["refreshToken"]).await.expect(200);
    service.get_as(&ben, "/api/account").await.expect(200);
    log_in_with(&service, PASSWORD).await.problem(401, "bad-credentials");
    log_in_with(&service, NEW).await.expect(200);
    let ended = "SELECT end_reason AS value FROM sessions WHERE ended_at IS NOT NULL";
    assert_eq!(query(&database, ended).await, ["password"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_weak_password_is_refused_everywhere() {
    let (database, service) = system().await;
    let ada = service.user("ada").await;
    for weak in [
        "short 7",
        "PassWord1",
        "qwertzuiop",
        &"x".repeat(73),
        "null\0 byte",
        "\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}",
    ] {
        assert_eq!(change_password(&service, &ada, PASSWORD, weak).await.bad_fields(), ["newPassword"], "{weak:?}");
        let person = json!({"name": "Ben", "username": "ben", "email": "ben@example.org", "password": weak});
        assert_eq!(service.post("/api/createaccount", &person).await.bad_fields(), ["password"], "{weak:?}");
    }
    change_password(&service, &ada, PASSWORD, &"x".repeat(72)).await.expect(204);
    // An account with a password that was allowed before can still log in and choose another one.
    let hash = bcrypt::hash("password1", 4).unwrap();
    sql(&database, &format!("UPDATE accounts SET password_hash = '{hash}'")).await;
    log_in_with(&service, "password1").await.expect(200);
    change_password(&service, &ada, "password1", NEW).await.expect(204);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_change_of_the_password_repeated_with_its_key_changes_nothing() {
    let (database, service) = system().await;
    let ada = service.user("ada").await;
    let send = async |password: &str, new: &str| answer(change(&service, &ada, password, new).header("Idempotency-Key", "k")).await;
    let first = send(PASSWORD, NEW).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    first.expect(204);
    let login = service.post("/api/loginaccount", &json!({"email": email("ada"), "password": NEW})).await.expect(200);
    let repeated = send(PASSWORD, NEW).await;
    assert_eq!(repeated.headers["idempotent-replayed"], "true");
    repeated.expect(204);
    service.refresh(&login["refreshToken"]).await.expect(200);
    send(PASSWORD, "yet another horse").await.problem(422, "idempotency-key-reused");
    // Nothing that is stored depends on a password except its hash.
    let stored = "SELECT encode(request_hash, 'hex') AS value FROM idempotency_keys";
    let hash = query(&database, stored).await;
    sql(&database, "DELETE FROM idempotency_keys").await;
    send(NEW, PASSWORD).await.expect(204);
    assert_eq!(query(&database, stored).await, hash);
    let many = join_all((0..5).map(|_| answer(change(&service, &ada, PASSWORD, NEW).header("Idempotency-Key", "m")))).await;
    assert!(many.iter().all(|answer| answer.status == 204), "{many:?}");
    assert_eq!(many.iter().filter(|answer| answer.headers.contains_key("idempotent-replayed")).count(), 4);
    close(database, [service]).await;
}

#[tokio::test]
async fn of_concurrent_changes_with_one_password_one_succeeds() {
    let (database, service) = system().await;
    let ada = service.user("ada").await;
    let changes = join_all((0..4).map(|number| {
        let (service, ada) = (&service, &ada);
        async move { change_password(service, ada, PASSWORD, &format!("staple battery {number}")).await }
    }));
    let mut statuses: Vec<_> = changes.await.into_iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 403, 403, 403]);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_login_with_the_old_password_during_the_change_opens_no_session() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    let hash = bcrypt::hash(NEW, 4).unwrap();
    let mut changing = database.admin().await;
    let begin = format!("BEGIN; UPDATE accounts SET password_hash = '{hash}'");
    diesel_async::SimpleAsyncConnection::batch_execute(&mut changing, &begin).await.unwrap();
    let old = credentials("ada");
    let (login, ()) = tokio::join!(service.post("/api/loginaccount", &old), async {
        held_up(&database).await;
        diesel_async::SimpleAsyncConnection::batch_execute(&mut changing, "COMMIT").await.unwrap();
    });
    login.problem(401, "bad-credentials");
    assert_eq!(query(&database, "SELECT id::text AS value FROM sessions").await, Vec::<String>::new());
    // A hash that was only renewed belongs to the same password.
    let hash = bcrypt::hash(NEW, 4).unwrap();
    let begin = format!("BEGIN; UPDATE accounts SET password_hash = '{hash}'");
    diesel_async::SimpleAsyncConnection::batch_execute(&mut changing, &begin).await.unwrap();
    let (login, ()) = tokio::join!(log_in_with(&service, NEW), async {
        held_up(&database).await;
        diesel_async::SimpleAsyncConnection::batch_execute(&mut changing, "COMMIT").await.unwrap();
    });
    login.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_wrong_present_password_counts_like_one_at_a_login() {
    let (database, service) = system_with(&[("LIMITS__LOG_IN_PER_ACCOUNT", "8"), ("LIMITS__WRONG_PASSWORD_WAIT_MS", "300")]).await;
    let ada = service.user("ada").await;
    for _ in 0..2 {
        change_password(&service, &ada, "a wrong password", NEW).await.problem(403, "wrong-password");
        log_in_with(&service, "a wrong password").await.problem(401, "bad-credentials");
    }
    let started = Instant::now();
    change_password(&service, &ada, PASSWORD, NEW).await.expect(204);
    assert!(started.elapsed().as_millis() >= 200, "{:?}", started.elapsed());
    let mut last = change_password(&service, &ada, NEW, NEW).await;
    for _ in 0..8 {
        last = change_password(&service, &ada, NEW, NEW).await;
    }
    last.problem(429, "rate-limited");
    close(database, [service]).await;
}

#[tokio::test]
async fn an_owner_logs_out_everywhere() {
    let (database, service) = system_with(&[("TOKENS__REVOCATIONS_INTERVAL_MS", "20")]).await;
    service.create_account("ada").await;
    let [here, elsewhere] = [service.log_in("ada").await, service.log_in("ada").await];
    let token = text(&here["token"]);
    let end = async |path: &str| answer(service.request(Method::DELETE, path).bearer_auth(&token)).await;
    assert_eq!(end("/api/sessions?all=maybe").await.bad_fields(), ["all"]);
    end("/api/sessions?all=false").await.expect(204);
    service.refresh(&elsewhere["refreshToken"]).await.problem(401, "invalid-refresh-token");
    service.refresh(&here["refreshToken"]).await.expect(200);
    end("/api/sessions?all=true").await.expect(204);
    service.refresh(&here["refreshToken"]).await.problem(401, "invalid-refresh-token");
    until("the access token is refused", async || service.get_as(&token, "/api/account").await.status == 401).await;
    end("/api/sessions?all=true").await.expect(204);
    end("/api/sessions").await.problem(401, "unauthenticated");
    // A token that was revoked cannot end a session that was opened later.
    let later = service.log_in("ada").await;
    end("/api/sessions?all=true").await.problem(401, "unauthenticated");
    service.refresh(&later["refreshToken"]).await.expect(200);
    close(database, [service]).await;
}
