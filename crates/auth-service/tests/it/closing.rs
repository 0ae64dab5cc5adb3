//! Sessions that their owner ends, and accounts that are shut or erased.

use reqwest::Method;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{Service, answer, close, credentials, person, query, sql, system, system_with, text};

async fn delete(service: &Service, token: &str, path: &str) -> crate::support::Answer {
    answer(service.request(Method::DELETE, path).bearer_auth(token)).await
}

async fn revoked(service: &Service) -> Value {
    service.get("/internal/revocations").await.expect(200)
}

#[tokio::test]
async fn an_owner_sees_where_they_are_logged_in_and_ends_it() {
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
    assert_eq!(revoked(&service).await, json!({"accounts": [], "sessions": []}), "no token of them can be good any more");
    close(database, [service]).await;
}

#[tokio::test]
async fn an_administrator_shuts_an_account_and_opens_it_again() {
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
    assert_eq!(revoked(&service).await["accounts"], json!([id]));
    let listed = service.get_as(&admin, "/admin/accounts?q=ada").await.expect(200);
    assert!(listed["items"][0]["disabledAt"].is_string());

    service.post_as(&admin, &format!("{path}/enable"), &json!({})).await.expect(200);
    assert_eq!(revoked(&service).await["accounts"], json!([]));
    service.log_in("ada").await;
    let told = "SELECT routing_key || ' ' || coalesce((payload::json->>'sequence'), '') AS value FROM outbox ORDER BY id";
    let expected = ["audit.recorded 1", "account.disabled 2", "audit.recorded 1", "account.enabled 3", "audit.recorded 1"];
    assert_eq!(query(&database, told).await, expected);
    close(database, [service]).await;
}

#[tokio::test]
async fn an_erased_account_is_gone_but_the_last_administrator_stays() {
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
async fn what_is_stored_elsewhere_is_not_left_out_of_an_export_without_a_word() {
    let (database, service) = system_with(&[("BOOKING__URL", "http://127.0.0.1:9")]).await;
    let ada = service.user("ada").await;
    let refusal = service.get_as(&ada, "/api/account/export").await;
    assert!(refusal.headers.contains_key("retry-after"));
    refusal.problem(503, "unavailable");
    close(database, [service]).await;
}
