//! Refresh tokens are single-use: using one again after the grace period ends the session, because somebody else may hold it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Service, close, query, sql, system, system_with, text};

const ENDS: &str = "SELECT coalesce(end_reason, 'open') AS value FROM sessions ORDER BY id";

/// Moves the last rotation to a minute ago.
const GRACE_IS_OVER: &str = "UPDATE sessions SET rotated_at = rotated_at - interval '1 minute'";

async fn logged_in(service: &Service) -> Value {
    service.create_account("ada").await;
    service.log_in("ada").await["refreshToken"].clone()
}

async fn next(service: &Service, token: &Value) -> Value {
    service.refresh(token).await.expect(200)["refreshToken"].clone()
}

async fn log_out(service: &Service, token: &Value) -> u16 {
    service.post("/api/logoutaccount", &json!({"refreshToken": token})).await.status.as_u16()
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next_tokens() {
    let (database, service) = system().await;
    let account = service.create_account("ada").await;
    let login = service.log_in("ada").await;
    let refreshed = service.refresh(&login["refreshToken"]).await.expect(200);
    assert_eq!(refreshed["account"], account);
    assert_ne!(refreshed["refreshToken"], login["refreshToken"]);
    assert_ne!(refreshed["token"], login["token"]);
    assert!(refreshed["expiresAt"].is_string());
    service.get_as(&text(&refreshed["token"]), "/api/account").await.expect(200);
    let mut token = refreshed["refreshToken"].clone();
    for _ in 0..5 {
        token = next(&service, &token).await;
    }
    assert_eq!(query(&database, "SELECT generation::text AS value FROM sessions").await, ["6"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn within_the_grace_period_the_previous_token_gets_the_same_successor() {
    let (database, service) = system().await;
    let first = logged_in(&service).await;
    let second = next(&service, &first).await;
    assert_eq!(next(&service, &first).await, second);
    let third = next(&service, &second).await;
    assert_eq!(next(&service, &second).await, third);
    assert_eq!(query(&database, ENDS).await, ["open"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn concurrent_refreshes_get_the_same_successor() {
    let (database, service) = system().await;
    let other = Service::start(&database, &[]).await;
    let first = logged_in(&service).await;
    let tabs = (0..10).map(|number| next(if number % 2 == 0 { &service } else { &other }, &first));
    let successors = join_all(tabs).await;
    assert!(successors.iter().all(|token| *token == successors[0]), "{successors:?}");
    next(&service, &successors[0]).await;
    assert_eq!(query(&database, "SELECT generation::text AS value FROM sessions").await, ["2"]);
    close(database, [service, other]).await;
}

#[tokio::test]
async fn after_the_grace_period_a_used_token_ends_the_session() {
    let (database, service) = system().await;
    let first = logged_in(&service).await;
    let second = next(&service, &first).await;
    sql(&database, GRACE_IS_OVER).await;
    service.refresh(&first).await.problem(401, "invalid-refresh-token");
    service.refresh(&second).await.problem(401, "invalid-refresh-token");
    service.refresh(&first).await.problem(401, "invalid-refresh-token");
    assert_eq!(query(&database, ENDS).await, ["reuse"]);
    // Another session of the same account is not affected.
    let login = service.log_in("ada").await;
    service.refresh(&login["refreshToken"]).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn without_a_grace_period_the_second_use_ends_the_session() {
    let (database, service) = system_with(&[("TOKENS__REFRESH_GRACE_SECONDS", "0")]).await;
    let first = logged_in(&service).await;
    let second = next(&service, &first).await;
    service.refresh(&first).await.problem(401, "invalid-refresh-token");
    service.refresh(&second).await.problem(401, "invalid-refresh-token");
    assert_eq!(query(&database, ENDS).await, ["reuse"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn within_the_grace_period_any_earlier_token_gets_the_current_successor() {
    let (database, service) = system().await;
    let first = logged_in(&service).await;
    let mut tokens = vec![first];
    for _ in 0..5 {
        tokens.push(next(&service, tokens.last().unwrap()).await);
    }
    let present = tokens.pop().unwrap();
    for earlier in &tokens {
        assert_eq!(next(&service, earlier).await, present);
    }
    // The grace period of a token starts when that token was superseded: the first two are beyond it now.
    let age = "UPDATE sessions SET superseded_at[1] = now() - interval '61 seconds', superseded_at[2] = now() - interval '60 seconds'";
    sql(&database, age).await;
    assert_eq!(next(&service, &tokens[2]).await, present);
    let newest = next(&service, &present).await;
    assert_eq!(next(&service, &tokens[2]).await, newest);
    service.refresh(&tokens[1]).await.problem(401, "invalid-refresh-token");
    service.refresh(&newest).await.problem(401, "invalid-refresh-token");
    assert_eq!(query(&database, ENDS).await, ["reuse"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn after_a_rotation_by_the_previous_version_only_the_previous_token_has_a_grace_period() {
    let (database, service) = system().await;
    let first = logged_in(&service).await;
    let second = next(&service, &first).await;
    let third = next(&service, &second).await;
    // A service of the previous version updates only the generation and the time.
    sql(&database, "UPDATE sessions SET generation = 3, rotated_at = now()").await;
    let fourth = next(&service, &third).await;
    service.refresh(&fourth).await.expect(200);
    service.refresh(&second).await.problem(401, "invalid-refresh-token");
    close(database, [service]).await;
}

#[tokio::test]
async fn a_token_superseded_before_the_grace_period_ends_the_session() {
    let (database, service) = system().await;
    let first = logged_in(&service).await;
    let second = next(&service, &first).await;
    sql(
        &database,
        "UPDATE sessions SET superseded_at[1] = superseded_at[1] - interval '1 minute', rotated_at = rotated_at - interval '1 minute'",
    )
    .await;
    let third = next(&service, &second).await;
    service.refresh(&first).await.problem(401, "invalid-refresh-token");
    service.refresh(&third).await.problem(401, "invalid-refresh-token");
    assert_eq!(query(&database, ENDS).await, ["reuse"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn logging_out_ends_the_session_and_can_be_repeated() {
    let (database, service) = system().await;
    let first = logged_in(&service).await;
    let second = next(&service, &first).await;
    assert_eq!(log_out(&service, &second).await, 204);
    assert_eq!(log_out(&service, &second).await, 204);
    assert_eq!(log_out(&service, &first).await, 204);
    service.refresh(&second).await.problem(401, "invalid-refresh-token");
    assert_eq!(query(&database, ENDS).await, ["logout"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_used_token_can_still_log_out() {
    let (database, service) = system().await;
    let first = logged_in(&service).await;
    let second = next(&service, &first).await;
    assert_eq!(log_out(&service, &first).await, 204);
    service.refresh(&second).await.problem(401, "invalid-refresh-token");
    close(database, [service]).await;
}

#[tokio::test]
async fn tokens_that_were_never_issued_are_rejected() {
    let (database, service) = system().await;
    let token = text(&logged_in(&service).await);
    let stranger = Service::start(&database, &[]).await;
    let foreign = {
        let (other_database, other) = system_with(&[("KEYS__ENCRYPTION_KEY", "the encryption key of another service")]).await;
        let token = logged_in(&other).await;
        close(other_database, [other]).await;
        text(&token)
    };
    let access_token = text(&service.log_in("ada").await["token"]);
    let forged = token.replace(&token[10..12], if &token[10..12] == "AB" { "BA" } else { "AB" });
    for bad in ["", "garbage", "null\0byte", &token[1..], &format!("{token}x"), &forged, &foreign, &access_token, &"x".repeat(10_000)] {
        service.refresh(&json!(bad)).await.problem(401, "invalid-refresh-token");
        let body = json!({"refreshToken": bad});
        service.post("/api/logoutaccount", &body).await.problem(401, "invalid-refresh-token");
    }
    for path in ["/api/refreshtoken", "/api/logoutaccount"] {
        assert_eq!(service.post(path, &json!({})).await.bad_fields(), ["refreshToken"]);
        assert_eq!(service.post(path, &json!({"refreshToken": 7})).await.bad_fields(), ["refreshToken"]);
        service.post(path, &json!({"refreshToken": token, "all": true})).await.problem(400, "unknown-field");
    }
    // None of these requests harmed the session, and every replica accepts the token.
    stranger.refresh(&json!(token)).await.expect(200);
    close(database, [service, stranger]).await;
}

#[tokio::test]
async fn a_session_that_is_not_refreshed_expires_and_is_deleted() {
    let (database, service) = system().await;
    let token = logged_in(&service).await;
    let later = next(&service, &token).await;
    sql(&database, "UPDATE sessions SET created_at = created_at - interval '40 days', expires_at = now() - interval '1 second'").await;
    service.refresh(&later).await.problem(401, "invalid-refresh-token");
    assert_eq!(log_out(&service, &later).await, 204);
    sql(&database, "UPDATE sessions SET expires_at = now() - interval '2 days'").await;
    let tidy = Service::start(&database, &[]).await;
    rowlock_test_support::wait::until("the session is forgotten", async || {
        query(&database, "SELECT count(*)::text AS value FROM sessions").await == ["0"]
    })
    .await;
    service.refresh(&later).await.problem(401, "invalid-refresh-token");
    assert_eq!(log_out(&service, &later).await, 204);
    close(database, [service, tidy]).await;
}

#[tokio::test]
async fn an_erased_account_is_rejected_everywhere() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    let login = service.log_in("ada").await;
    sql(&database, "DELETE FROM accounts").await;
    service.refresh(&login["refreshToken"]).await.problem(401, "invalid-refresh-token");
    service.get_as(&text(&login["token"]), "/api/account").await.problem(401, "unauthenticated");
    close(database, [service]).await;
}
