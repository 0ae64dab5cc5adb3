//! The second factor of administrators: codes of an authenticator app and recovery codes.

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use reqwest::Method;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::totp::code;
use serde_json::{Value, json};
use totp_rs::Secret;

use crate::command_line::run;
use crate::support::{Answer, PASSWORD, Service, answer, close, credentials, environment, held_up, query, sql, system, text};

/// An administrator with a second factor.
struct Enrolled {
    token: String,
    secret: String,
    /// The code with which the second factor was enabled.
    used: String,
    recovery_codes: Vec<String>,
}

async fn secret_of(service: &Service, token: &str) -> String {
    text(&service.post_as(token, "/admin/enabletotp", &json!({})).await.expect(200)["secret"])
}

/// Creates the first administrator and enables the second factor with the code of the present time step. The next one is the
/// first that can be used to log in, whether or not a step ends during the test.
async fn enrolled(service: &Service) -> Enrolled {
    let token = service.first_admin().await;
    let secret = secret_of(service, &token).await;
    let used = code(&secret, 0);
    let confirmed = service.post_as(&token, "/admin/confirmtotp", &json!({"code": used})).await.expect(200);
    let recovery_codes = confirmed["recoveryCodes"].as_array().unwrap().iter().map(text).collect();
    Enrolled { token, secret, used, recovery_codes }
}

async fn log_in(service: &Service, path: &str, totp: &str) -> Answer {
    let mut body = credentials("root");
    body["totp"] = totp.into();
    service.post(path, &body).await
}

async fn log_in_with_key(service: &Service, key: &str, totp: &str) -> Answer {
    let mut body = credentials("root");
    body["totp"] = totp.into();
    answer(service.request(Method::POST, "/admin/loginaccount").header("Idempotency-Key", key).json(&body)).await
}

async fn actions(database: &TestDatabase) -> Vec<String> {
    let actions = "SELECT payload::json->'data'->>'action' AS value FROM outbox WHERE routing_key = 'audit.recorded' AND payload LIKE '%totp.%' ORDER BY id";
    query(database, actions).await
}

#[tokio::test]
async fn logging_in_needs_a_code_of_the_app_once_the_second_factor_is_enabled() {
    let (database, service) = system().await;
    let token = service.first_admin().await;
    let first = service.post_as(&token, "/admin/enabletotp", &json!({})).await;
    assert_eq!(first.headers["cache-control"], "no-store");
    let first = first.expect(200);
    let (secret, uri) = (text(&first["secret"]), text(&first["uri"]));
    assert!(uri.starts_with("otpauth://totp/Rowlock:root%40example.org?") && uri.contains(&secret), "{uri}");
    assert_eq!(service.post_as(&token, "/admin/enabletotp", &json!({})).await.expect(200), first, "a repeat gets the same secret");
    // Nothing changes before the first code.
    let other = service.log_in("root").await;
    service.post_as(&token, "/admin/confirmtotp", &json!({"code": "000000"})).await.problem(401, "bad-totp");
    let used = code(&secret, 0);
    let body = json!({"code": used});
    let confirm = async || {
        answer(service.request(Method::POST, "/admin/confirmtotp").bearer_auth(&token).header("Idempotency-Key", "k").json(&body)).await
    };
    let confirmed = confirm().await.expect(200);
    assert_eq!(confirmed["recoveryCodes"].as_array().unwrap().len(), 10);
    let repeated = confirm().await;
    assert_eq!(repeated.headers["idempotent-replayed"], "true");
    assert_eq!(repeated.expect(200), confirmed);
    service.post_as(&token, "/admin/confirmtotp", &body).await.problem(409, "totp-enabled");
    service.post_as(&token, "/admin/enabletotp", &json!({})).await.problem(409, "totp-enabled");
    service.refresh(&other["refreshToken"]).await.problem(401, "invalid-refresh-token");
    assert_eq!(service.get_as(&token, "/api/account").await.expect(200)["totpEnabled"], true);

    // Both routes ask for the code, and only after the right password.
    for path in ["/api/loginaccount", "/admin/loginaccount"] {
        service.post(path, &credentials("root")).await.problem(401, "totp-required");
        service.post(path, &json!({"email": "root@example.org", "password": "a wrong password"})).await.problem(401, "bad-credentials");
        let wrong = json!({"email": "root@example.org", "password": "a wrong password", "totp": code(&secret, 1)});
        service.post(path, &wrong).await.problem(401, "bad-credentials");
        log_in(&service, path, "000000").await.problem(401, "bad-totp");
        log_in(&service, path, &used).await.problem(401, "bad-totp");
    }
    let spaced = code(&secret, 1);
    let login = log_in(&service, "/admin/loginaccount", &format!("{} {}", &spaced[..3], &spaced[3..])).await.expect(200);
    service.get_as(&text(&login["token"]), "/admin/accounts").await.expect(200);
    service.refresh(&login["refreshToken"]).await.expect(200);
    assert_eq!(actions(&database).await, ["totp.enable"]);
    let stored = "SELECT encode(totp_secret, 'hex') AS value FROM accounts";
    let hex = Secret::try_from_base32(&secret).unwrap().as_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert!(!query(&database, stored).await[0].contains(&hex), "the secret is encrypted");
    close(database, [service]).await;
}

#[tokio::test]
async fn a_code_opens_one_session() {
    let (database, service) = system().await;
    let enrolled = enrolled(&service).await;
    let code = code(&enrolled.secret, 1);
    let logins = join_all((0..8).map(|_| log_in(&service, "/admin/loginaccount", &code))).await;
    assert_eq!(logins.iter().filter(|login| login.status == 200).count(), 1);
    for rejected in logins.into_iter().filter(|login| login.status != 200) {
        rejected.problem(401, "bad-totp");
    }
    // A recovery code as well.
    let recovery = enrolled.recovery_codes[3].to_uppercase();
    let logins = join_all((0..8).map(|_| log_in(&service, "/api/loginaccount", &recovery))).await;
    assert_eq!(logins.iter().filter(|login| login.status == 200).count(), 1);
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM recovery_codes").await, ["9"]);
    log_in(&service, "/admin/loginaccount", "abcdef-abcdef").await.problem(401, "bad-totp");
    log_in(&service, "/admin/loginaccount", "").await.problem(401, "bad-totp");
    let long = json!({"email": "root@example.org", "password": PASSWORD, "totp": "1".repeat(65)});
    assert_eq!(service.post("/admin/loginaccount", &long).await.bad_fields(), ["totp"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_login_that_is_checked_again_spends_its_code_once() {
    let (database, service) = system().await;
    let enrolled = enrolled(&service).await;
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let mut renewing = database.admin().await;
    renewing.batch_execute(&format!("BEGIN; UPDATE accounts SET password_hash = '{hash}'")).await.unwrap();
    let (login, ()) = tokio::join!(log_in(&service, "/admin/loginaccount", &enrolled.recovery_codes[0]), async {
        held_up(&database).await;
        renewing.batch_execute("COMMIT").await.unwrap();
    });
    login.expect(200);
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM recovery_codes").await, ["9"]);
    log_in(&service, "/admin/loginaccount", &enrolled.recovery_codes[0]).await.problem(401, "bad-totp");
    close(database, [service]).await;
}

#[tokio::test]
async fn a_login_repeated_with_its_key_may_send_the_same_code() {
    let (database, service) = system().await;
    let enrolled = enrolled(&service).await;
    for code in [code(&enrolled.secret, 1), enrolled.recovery_codes[0].clone()] {
        let first = log_in_with_key(&service, &code, &code).await.expect(200);
        let second = log_in_with_key(&service, &code, &code).await.expect(200);
        service.refresh(&first["refreshToken"]).await.problem(401, "invalid-refresh-token");
        log_in_with_key(&service, "another", &code).await.problem(401, "bad-totp");
        // After logging out, the code has no further use.
        service.post("/api/logoutaccount", &json!({"refreshToken": second["refreshToken"]})).await.expect(204);
        log_in_with_key(&service, &code, &code).await.problem(401, "bad-totp");
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn disabling_needs_the_password_and_a_code() {
    let (database, service) = system().await;
    let enrolled = enrolled(&service).await;
    let disable = async |password: &str, code: &str| {
        service.post_as(&enrolled.token, "/admin/disabletotp", &json!({"password": password, "code": code})).await
    };
    disable("a wrong password", &code(&enrolled.secret, 1)).await.problem(401, "bad-credentials");
    disable(PASSWORD, "000000").await.problem(401, "bad-totp");
    // This code was used to enable it.
    disable(PASSWORD, &enrolled.used).await.problem(401, "bad-totp");
    let code = code(&enrolled.secret, 1);
    disable(PASSWORD, &code).await.expect(204);
    disable(PASSWORD, &code).await.expect(204);
    service.log_in("root").await;
    assert_eq!(actions(&database).await, ["totp.enable", "totp.disable"]);
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM recovery_codes").await, ["0"]);
    service.post_as(&enrolled.token, "/admin/confirmtotp", &json!({"code": code})).await.problem(409, "totp-not-pending");
    // A new second factor has another secret.
    assert_ne!(secret_of(&service, &enrolled.token).await, enrolled.secret);
    close(database, [service]).await;
}

#[tokio::test]
async fn the_second_factor_is_for_administrators_of_every_role() {
    let (database, service) = system().await;
    let root = service.first_admin().await;
    let ada = service.user("ada").await;
    for path in ["/admin/enabletotp", "/admin/confirmtotp", "/admin/disabletotp"] {
        service.post(path, &json!({})).await.problem(401, "unauthenticated");
        service.post_as(&ada, path, &json!({})).await.problem(403, "forbidden");
    }
    sql(&database, "UPDATE accounts SET admin_role = 'door', version = version + 1 WHERE role = 'admin'").await;
    secret_of(&service, &root).await;
    close(database, [service]).await;
}

#[tokio::test]
async fn a_secret_that_was_never_confirmed_is_replaced_after_ten_minutes() {
    let (database, service) = system().await;
    let root = service.first_admin().await;
    let before = secret_of(&service, &root).await;
    sql(&database, "UPDATE accounts SET totp_created_at = totp_created_at - interval '11 minutes'").await;
    let secrets = join_all((0..4).map(|_| secret_of(&service, &root))).await;
    assert!(secrets.iter().all(|secret| *secret == secrets[0] && *secret != before));
    service.post_as(&root, "/admin/confirmtotp", &json!({"code": code(&before, 0)})).await.problem(401, "bad-totp");
    let body = json!({"code": code(&secrets[0], 0)});
    let confirmed = join_all((0..4).map(|_| service.post_as(&root, "/admin/confirmtotp", &body))).await;
    assert_eq!(confirmed.iter().filter(|answer| answer.status == 200).count(), 1, "{confirmed:?}");
    close(database, [service]).await;
}

#[tokio::test]
async fn an_operator_removes_a_lost_second_factor() {
    let (database, service) = system().await;
    enrolled(&service).await;
    let reset = async |email: &str| run(environment(&database.service_url(), &[]), &["reset-totp", "--email", email]).await;
    let (code, out, error) = reset("ROOT@example.org").await;
    assert!(code == 0 && out.contains("Removed the second factor"), "{code} {out}{error}");
    service.log_in("root").await;
    let (code, out, _) = reset("root@example.org").await;
    assert!(code == 0 && out.contains("has no second factor"), "{code} {out}");
    let (code, _, error) = reset("nobody@example.org").await;
    assert!(code == 1 && error.contains("no account"), "{code} {error}");
    assert_eq!(actions(&database).await, ["totp.enable", "totp.reset"]);
    let roles = "SELECT payload::json->'data'->'actor'->>'role' AS value FROM outbox WHERE payload LIKE '%totp.reset%'";
    assert_eq!(query(&database, roles).await, ["operator"]);
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM recovery_codes").await, ["0"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn wrong_codes_are_limited_like_wrong_passwords() {
    let (database, service) = crate::support::system_with(&[("LIMITS__LOG_IN_PER_ACCOUNT", "8")]).await;
    enrolled(&service).await;
    let mut statuses: Vec<Value> = Vec::new();
    for _ in 0..12 {
        let refused = log_in(&service, "/admin/loginaccount", "000000").await;
        statuses.push(refused.body["code"].clone());
    }
    assert!(statuses.contains(&json!("bad-totp")) && statuses.last() == Some(&json!("rate-limited")), "{statuses:?}");
    close(database, [service]).await;
}
