//! Sessions that their owner ends, and accounts that are disabled or erased.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{Service, answer, close, credentials, held_up, person, query, sql, system, system_with, text};

async fn delete(service: &Service, token: &str, path: &str) -> crate::support::Answer {
    answer(service.request(Method::DELETE, path).bearer_auth(token)).await
}

async fn revoked(service: &Service) -> Value {
    service.get("/internal/revocations").await.expect(200)
}

#[tokio::test]
async fn a_login_repeated_with_its_key_ends_the_first_session_and_revives_no_revoked_token() {
    let (database, service) = system_with(&[("TOKENS__REVOCATIONS_INTERVAL_MS", "20")]).await;
    service.create_account("ada").await;
    let log_in = async || {
        answer(service.request(Method::POST, "/api/loginaccount").header("Idempotency-Key", "k").json(&credentials("ada")))
            .await
            .expect(200)
    };
    let [first, second] = [log_in().await, log_in().await];
    let refused = async |login: &Value| service.get_as(&text(&login["token"]), "/api/account").await.status == 401;
    until("the access token of the replaced session is refused", async || refused(&first).await).await;
    service.refresh(&first["refreshToken"]).await.problem(401, "invalid-refresh-token");
    service.refresh(&second["refreshToken"]).await.expect(200);

    // A revoked session stays revoked, although its key is used once more.
    service.post("/api/logoutaccount", &json!({"refreshToken": second["refreshToken"]})).await.expect(204);
    let listed = revoked(&service).await["sessions"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let third = log_in().await;
    assert_eq!(revoked(&service).await["sessions"], listed);
    until("the access token from before the logout is refused", async || refused(&second).await).await;
    service.refresh(&third["refreshToken"]).await.expect(200);
    let reasons = "SELECT end_reason AS value FROM sessions WHERE ended_at IS NOT NULL ORDER BY 1";
    assert_eq!(query(&database, reasons).await, ["logout", "replaced"]);

    // Of logins at the same time one session remains.
    let logins = futures_util::future::join_all((0..6).map(|_| log_in())).await;
    assert_eq!(query(&database, OPEN).await.len(), 1);
    let mut alive = 0;
    for login in &logins {
        alive += usize::from(service.refresh(&login["refreshToken"]).await.status == 200);
    }
    assert_eq!(alive, 1);

    // After 24 hours the key tells nothing: the session that it opened goes on.
    sql(&database, "UPDATE sessions SET created_at = created_at - interval '25 hours' WHERE ended_at IS NULL").await;
    log_in().await;
    assert_eq!(query(&database, OPEN).await.len(), 2);
    close(database, [service]).await;
}

#[tokio::test]
async fn an_owner_lists_and_ends_sessions() {
    let (database, service) = system_with(&[("TOKENS__REVOCATIONS_INTERVAL_MS", "20")]).await;
    service.create_account("ada").await;
    let mallory = service.user("mallory").await;
    let phone = answer(service.request(Method::POST, "/api/loginaccount").header("user-agent", "A phone\u{9}").json(&credentials("ada")))
        .await
        .expect(200);
    let laptop = service.log_in("ada").await;
    let (phone, laptop, phones_refresh) = (text(&phone["token"]), text(&laptop["token"]), phone["refreshToken"].clone());

    let list = service.get_as(&laptop, "/api/sessions").await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|item| item["current"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false]);
    assert_eq!((&items[1]["userAgent"], &list["nextCursor"]), (&json!("A phone"), &Value::Null));
    let first = service.get_as(&laptop, "/api/sessions?limit=1").await.expect(200);
    let next = service.get_as(&laptop, &format!("/api/sessions?limit=1&cursor={}", text(&first["nextCursor"]))).await.expect(200);
    assert_eq!([&first["items"][0], &next["items"][0]], [&items[0], &items[1]]);

    let path = format!("/api/sessions/{}", text(&items[1]["id"]));
    delete(&service, &mallory, &path).await.problem(404, "session-not-found");
    delete(&service, &laptop, "/api/sessions/nonsense").await.problem(404, "session-not-found");
    delete(&service, &laptop, &path).await.expect(204);
    delete(&service, &laptop, &path).await.expect(204);
    service.refresh(&phones_refresh).await.problem(401, "invalid-refresh-token");
    until("the access token is refused", async || service.get_as(&phone, "/api/account").await.status == 401).await;
    service.get_as(&laptop, "/api/account").await.expect(200);
    assert_eq!(revoked(&service).await["sessions"], json!([items[1]["id"]]));

    let other = service.log_in("ada").await;
    delete(&service, &laptop, "/api/sessions").await.expect(204);
    service.refresh(&other["refreshToken"]).await.problem(401, "invalid-refresh-token");
    assert_eq!(service.get_as(&laptop, "/api/sessions").await.expect(200)["items"].as_array().unwrap().len(), 1);
    sql(&database, "UPDATE sessions SET ended_at = ended_at - interval '17 minutes' WHERE ended_at IS NOT NULL").await;
    assert_eq!(
        revoked(&service).await,
        json!({"accounts": [], "account_versions": {}, "sessions": []}),
        "no token of them can be good any more"
    );
    close(database, [service]).await;
}

#[tokio::test]
async fn an_administrator_disables_and_enables_an_account() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let account = service.create_account("ada").await;
    let id = text(&account["id"]);
    let login = service.log_in("ada").await;
    let path = format!("/admin/accounts/{id}");
    service.post_as(&text(&login["token"]), &format!("{path}/disable"), &json!({})).await.problem(403, "forbidden");
    service.post_as(&admin, &format!("{path}/disable"), &json!({"why": 1})).await.problem(400, "unknown-field");
    service.post_as(&admin, "/admin/accounts/nonsense/disable", &json!({})).await.problem(404, "account-not-found");
    let own = text(&service.get_as(&admin, "/api/account").await.expect(200)["id"]);
    service.post_as(&admin, &format!("/admin/accounts/{own}/disable"), &json!({})).await.problem(403, "forbidden");

    service.post_as(&admin, &format!("{path}/disable"), &json!({"reason": "resold"})).await.expect(200);
    service.refresh(&login["refreshToken"]).await.problem(401, "invalid-refresh-token");
    service.post("/api/loginaccount", &credentials("ada")).await.problem(403, "account-disabled");
    let wrong = json!({"email": "ada@example.org", "password": "wrong horse battery"});
    service.post("/api/loginaccount", &wrong).await.problem(401, "bad-credentials");
    let lists = async || {
        let list = revoked(&service).await;
        (list["accounts"].clone(), list["account_versions"].clone())
    };
    assert_eq!(lists().await, (json!([]), json!({&id: 2})));
    let listed = service.get_as(&admin, "/admin/accounts?q=ada").await.expect(200);
    assert!(listed["items"][0]["disabledAt"].is_string());

    service.post_as(&admin, &format!("{path}/enable"), &json!({})).await.expect(200);
    assert_eq!(lists().await, (json!([]), json!({&id: 3})), "what was valid before is not valid again");
    let again = service.log_in("ada").await;
    service.get_as(&text(&again["token"]), "/api/account").await.expect(200);
    service.refresh(&again["refreshToken"]).await.expect(200);
    service.refresh(&login["refreshToken"]).await.problem(401, "invalid-refresh-token");
    let messages = "SELECT routing_key || ' ' || coalesce((payload::json->>'sequence'), '') AS value FROM outbox ORDER BY id";
    let expected = ["audit.recorded 1", "account.disabled 2", "audit.recorded 1", "account.enabled 3", "audit.recorded 1"];
    assert_eq!(query(&database, messages).await, expected);
    // The list is empty once every earlier token has expired.
    sql(&database, "UPDATE sessions SET ended_at = ended_at - interval '17 minutes' WHERE ended_at IS NOT NULL").await;
    assert_eq!(lists().await, (json!([]), json!({})));
    close(database, [service]).await;
}

const OPEN: &str = "SELECT id::text AS value FROM sessions WHERE ended_at IS NULL";

#[tokio::test]
async fn a_login_waits_for_concurrent_disabling_and_is_rejected() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    let mut disabling = database.admin().await;
    disabling.batch_execute("BEGIN; UPDATE accounts SET disabled_at = now(), version = version + 1").await.unwrap();
    let (wrong, right) = (json!({"email": "ada@example.org", "password": "wrong horse battery"}), credentials("ada"));
    let (refusal, ()) = tokio::join!(service.post("/api/loginaccount", &right), async {
        held_up(&database).await;
        disabling.batch_execute("COMMIT").await.unwrap();
    });
    refusal.problem(403, "account-disabled");
    service.post("/api/loginaccount", &wrong).await.problem(401, "bad-credentials");
    assert_eq!(query(&database, OPEN).await, Vec::<String>::new());
    close(database, [service]).await;
}

#[tokio::test]
async fn disabling_waits_for_a_concurrent_login_and_ends_its_session() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let id = text(&service.create_account("ada").await["id"]);
    let mut logging_in = database.admin().await;
    let open = format!(
        "BEGIN; SELECT FROM accounts WHERE id = '{id}' FOR SHARE;
         INSERT INTO sessions (id, account_id, expires_at) VALUES (gen_random_uuid(), '{id}', now() + interval '1 day')"
    );
    logging_in.batch_execute(&open).await.unwrap();
    let path = format!("/admin/accounts/{id}/disable");
    let body = json!({});
    let (disabled, ()) = tokio::join!(service.post_as(&admin, &path, &body), async {
        held_up(&database).await;
        logging_in.batch_execute("COMMIT").await.unwrap();
    });
    disabled.expect(200);
    let sessions = format!("SELECT coalesce(end_reason, 'open') AS value FROM sessions WHERE account_id = '{id}'");
    assert_eq!(query(&database, &sessions).await, ["disabled"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_login_during_disabling_and_enabling_gets_a_token_of_the_current_version() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let id = text(&service.create_account("ada").await["id"]);
    let mut other = database.admin().await;
    // Simulates an account that is disabled and enabled between the check of the password and the insertion of the session.
    other.batch_execute("BEGIN; UPDATE accounts SET version = version + 2 WHERE username = 'ada'").await.unwrap();
    let credentials = credentials("ada");
    let (login, ()) = tokio::join!(service.post("/api/loginaccount", &credentials), async {
        held_up(&database).await;
        other.batch_execute("COMMIT").await.unwrap();
    });
    let token = text(&login.expect(200)["token"]);
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["sub"], &claims["ver"]), (&json!(id), &json!(3)));
    service.get_as(&admin, "/api/account").await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn an_account_can_be_erased_but_not_the_last_administrator() {
    let (database, service) = system_with(&[("TOKENS__REVOCATIONS_INTERVAL_MS", "20")]).await;
    let root = service.first_admin().await;
    delete(&service, &root, "/api/account").await.problem(409, "last-administrator");
    let second = person("second");
    service.post_as(&root, "/admin/createaccount", &second).await.expect(201);
    let other = text(&service.log_in("second").await["token"]);
    let both = tokio::join!(delete(&service, &root, "/api/account"), delete(&service, &other, "/api/account"));
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "of two who leave at once one stays");
    assert_eq!(query(&database, "SELECT role AS value FROM accounts").await, ["admin"]);
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM sessions").await, ["1"]);
    assert_eq!(revoked(&service).await["accounts"].as_array().unwrap().len(), 1);

    let ada = service.user("ada").await;
    delete(&service, &ada, "/api/account").await.expect(204);
    until("the token is refused", async || service.get_as(&ada, "/api/account").await.status == 401).await;
    service.post("/api/loginaccount", &credentials("ada")).await.problem(401, "bad-credentials");
    service.create_account("ada").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn an_export_fails_if_booking_service_is_unavailable() {
    let (database, service) = system_with(&[("BOOKING__URL", "http://127.0.0.1:9")]).await;
    let ada = service.user("ada").await;
    let refusal = service.get_as(&ada, "/api/account/export").await;
    assert!(refusal.headers.contains_key("retry-after"));
    refusal.problem(503, "unavailable");
    close(database, [service]).await;
}
