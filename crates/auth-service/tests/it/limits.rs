//! Rate limits: responses say when to retry, and guesses from elsewhere do not lock out the owner of an account.

use reqwest::Method;
use serde_json::json;

use crate::support::{Service, answer, close, credentials, person, system_with};

async fn log_in_from(service: &Service, address: &str, password: &str) -> crate::support::Answer {
    let mut body = credentials("ada");
    body["password"] = json!(password);
    // The test client counts as a gateway, because it connects from a trusted address.
    answer(service.request(Method::POST, "/api/loginaccount").header("x-forwarded-for", address).json(&body)).await
}

#[tokio::test]
async fn logins_are_limited_per_forwarded_address() {
    let (database, service) = system_with(&[("LIMITS__LOG_IN_PER_ADDRESS", "2")]).await;
    service.create_account("ada").await;
    for _ in 0..2 {
        log_in_from(&service, "198.51.100.7", crate::support::PASSWORD).await.expect(200);
    }
    let refusal = log_in_from(&service, "198.51.100.7", crate::support::PASSWORD).await;
    assert_eq!(refusal.headers["ratelimit-policy"], "\"log-in-address\";q=2;w=60");
    assert_eq!(refusal.headers["ratelimit"], format!("\"log-in-address\";r=0;t={}", refusal.headers["retry-after"].to_str().unwrap()));
    refusal.problem(429, "rate-limited");
    log_in_from(&service, "198.51.100.8", crate::support::PASSWORD).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_gateway() {
    let (database, service) = system_with(&[("LIMITS__LOG_IN_PER_ADDRESS", "1"), ("HTTP__TRUSTED_PROXIES", "192.0.2.0/24")]).await;
    service.create_account("ada").await;
    log_in_from(&service, "198.51.100.7", crate::support::PASSWORD).await.expect(200);
    log_in_from(&service, "198.51.100.8", crate::support::PASSWORD).await.problem(429, "rate-limited");
    close(database, [service]).await;
}

#[tokio::test]
async fn guesses_do_not_lock_out_the_owner_at_a_known_address() {
    let (database, service) = system_with(&[("LIMITS__LOG_IN_PER_ACCOUNT", "4")]).await;
    service.create_account("ada").await;
    log_in_from(&service, "192.0.2.1", crate::support::PASSWORD).await.expect(200);
    for guess in 0..3 {
        log_in_from(&service, &format!("198.51.100.{guess}"), "wrong horse battery").await.problem(401, "bad-credentials");
    }
    log_in_from(&service, "198.51.100.9", "wrong horse battery").await.problem(429, "rate-limited");
    log_in_from(&service, "192.0.2.1", crate::support::PASSWORD).await.expect(200);
    let unknown = json!({"email": "nobody@example.org", "password": "wrong horse battery"});
    for _ in 0..4 {
        service.post("/api/loginaccount", &unknown).await.problem(401, "bad-credentials");
    }
    service.post("/api/loginaccount", &unknown).await.problem(429, "rate-limited");
    close(database, [service]).await;
}

#[tokio::test]
async fn registrations_are_limited_per_address_and_per_email() {
    let limits = [("LIMITS__CREATE_ACCOUNT_PER_ADDRESS", "3"), ("LIMITS__CREATE_ACCOUNT_PER_EMAIL", "1")];
    let (database, service) = system_with(&limits).await;
    service.create_account("ada").await;
    service.post("/api/createaccount", &person("ada")).await.problem(429, "rate-limited");
    service.create_account("ben").await;
    let refusal = service.post("/api/createaccount", &person("cid")).await.problem(429, "rate-limited");
    assert!(refusal["detail"].as_str().unwrap().contains("from your IP address"), "{refusal}");
    close(database, [service]).await;
}
