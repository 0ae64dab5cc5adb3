//! Rules that hold for every route.

use reqwest::Method;
use serde_json::json;

use crate::support::{answer, close, system};

const ROUTES: [(&str, &str); 27] = [
    ("POST", "/api/createaccount"),
    ("POST", "/api/loginaccount"),
    ("POST", "/api/refreshtoken"),
    ("POST", "/api/logoutaccount"),
    ("GET, PATCH, DELETE", "/api/account"),
    ("GET", "/api/account/export"),
    ("POST", "/api/changepassword"),
    ("POST", "/api/forgotpassword"),
    ("POST", "/api/resetpassword"),
    ("POST", "/api/confirmemail"),
    ("POST", "/api/resendconfirmation"),
    ("POST", "/api/changeemail"),
    ("POST", "/api/unsubscribe"),
    ("GET, DELETE", "/api/sessions"),
    ("DELETE", "/api/sessions/1"),
    ("PATCH", "/admin/accounts/1"),
    ("POST", "/admin/accounts/1/disable"),
    ("POST", "/admin/accounts/1/enable"),
    ("GET", "/internal/revocations"),
    ("POST", "/internal/contacts"),
    ("POST", "/admin/createaccount"),
    ("POST", "/admin/loginaccount"),
    ("POST", "/admin/enabletotp"),
    ("POST", "/admin/confirmtotp"),
    ("POST", "/admin/disabletotp"),
    ("GET", "/admin/accounts"),
    ("GET", "/.well-known/jwks.json"),
];

#[tokio::test]
async fn other_methods_get_405_with_the_allowed_ones() {
    let (database, service) = system().await;
    for (allowed, path) in ROUTES {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if allowed.split(", ").all(|allowed| allowed != method.as_str()) {
                let answer = answer(service.request(method, path)).await;
                assert_eq!(answer.headers["allow"], format!("{}, OPTIONS", allowed.replace("GET", "GET, HEAD")).as_str(), "{path}");
                answer.problem(405, "method-not-allowed");
            }
        }
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn unknown_routes_get_404() {
    let (database, service) = system().await;
    for path in ["/", "/api", "/api/", "/api/account/", "/api/accounts", "/admin/accounts/1/", "/health/live", "/metrics", "/api/%00"] {
        service.get(path).await.problem(404, "not-found");
        service.post(path, &json!({})).await.problem(404, "not-found");
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn every_route_with_a_body_rejects_an_invalid_one() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let takes_a_body = |(method, path): &(&str, &str)| {
        *method == "POST" && !path.starts_with("/admin/accounts/") && !["/admin/enabletotp", "/api/resendconfirmation"].contains(path)
    };
    for (_, path) in ROUTES.into_iter().filter(takes_a_body) {
        let post = |body: Vec<u8>| answer(service.request(Method::POST, path).bearer_auth(&admin).body(body));
        post(b"{".to_vec()).await.problem(400, "malformed-json");
        post(b"{\"surprise\": 1}".to_vec()).await.problem(400, "unknown-field");
        post(b"{}".to_vec()).await.problem(422, "invalid-input");
        post(vec![b' '; 70_000]).await.problem(413, "body-too-large");
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn responses_contain_the_request_id() {
    let (database, service) = system().await;
    let answered = answer(service.request(Method::GET, "/api/account").header("X-Request-Id", "from-the-gateway:1")).await;
    assert_eq!(answered.headers["x-request-id"], "from-the-gateway:1");
    let made = service.get("/.well-known/jwks.json").await;
    assert_eq!(made.headers["x-request-id"].len(), 32);
    close(database, [service]).await;
}

#[tokio::test]
async fn health_and_metrics_are_on_the_management_port() {
    let (database, service) = system().await;
    service.get("/api/account").await.problem(401, "unauthenticated");
    let look = async |path: &str| reqwest::get(format!("http://{}{path}", service.management_addr())).await.unwrap();
    assert_eq!(look("/health/live").await.status(), 200);
    assert_eq!(look("/health/ready").await.status(), 200);
    let metrics = look("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("route=\"/api/account\",status=\"401\""), "{metrics}");
    assert_eq!(look("/api/account").await.status(), 404);
    close(database, [service]).await;
}
