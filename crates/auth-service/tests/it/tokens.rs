//! Verification of access tokens: only unexpired tokens that this service signed for this audience are accepted.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use rowlock_platform::clock::Clock;
use serde_json::{Value, json};

use crate::support::{Service, answer, close, credentials, system, text};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn read(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Returns a valid token, split into its three parts.
async fn good(service: &Service) -> [String; 3] {
    let token = service.user("ada").await;
    service.get_as(&token, "/api/account").await.expect(200);
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

async fn refused(service: &Service, token: &str) {
    for path in ["/api/account", "/admin/accounts"] {
        let answer = service.get_as(token, path).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answer.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_request_without_a_bearer_token_is_rejected() {
    let (database, service) = system().await;
    let [header, claims, signature] = good(&service).await;
    let token = format!("{header}.{claims}.{signature}");
    service.get("/api/account").await.problem(401, "unauthenticated");
    service.get("/admin/accounts").await.problem(401, "unauthenticated");
    for value in ["", "Bearer", "Bearer ", &token, &format!("Basic {token}"), &format!("Bearer{token}")] {
        let request = service.request(Method::GET, "/api/account").header("Authorization", value);
        answer(request).await.problem(401, "unauthenticated");
    }
    let request = service.request(Method::GET, "/api/account").header("Authorization", format!("bearer {token}"));
    answer(request).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn an_expired_token_is_rejected() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    let an_hour_ago = Clock::from_fn(|| Clock::system().now() - TimeDelta::hours(1));
    let behind = Service::launch(&database.service_url(), &[], an_hour_ago);
    behind.ready().await;
    let expired = behind.log_in("ada").await;
    refused(&service, &text(&expired["token"])).await;
    // Sessions expire by the clock of the database, so this one is still valid.
    service.refresh(&expired["refreshToken"]).await.expect(200);
    close(database, [service, behind]).await;
}

#[tokio::test]
async fn a_modified_token_is_rejected() {
    let (database, service) = system().await;
    let [header, claims, signature] = good(&service).await;
    let mut raised = read(&claims);
    raised["role"] = json!("admin");
    for forged in [
        format!("{header}.{}.{signature}", part(&raised)),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{header}.{claims}.{signature}x"),
        "x.y.z".to_owned(),
        "..".to_owned(),
        "x".repeat(4000),
    ] {
        refused(&service, &forged).await;
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_token_without_a_signature_is_rejected() {
    let (database, service) = system().await;
    let [header, claims, signature] = good(&service).await;
    let kid = read(&header)["kid"].clone();
    for alg in ["none", "None", "NONE", ""] {
        let unsigned = part(&json!({"alg": alg, "typ": "JWT", "kid": kid}));
        refused(&service, &format!("{unsigned}.{claims}.")).await;
        refused(&service, &format!("{unsigned}.{claims}.{signature}")).await;
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_rejected() {
    let (database, service) = system().await;
    let [header, claims, _] = good(&service).await;
    let key = service.get("/.well-known/jwks.json").await.expect(200)["keys"][0].clone();
    let raw = URL_SAFE_NO_PAD.decode(text(&key["x"])).unwrap();
    for secret in [raw, text(&key["x"]).into_bytes(), key.to_string().into_bytes()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let mut symmetric = Header::new(algorithm);
            symmetric.kid = Some(text(&read(&header)["kid"]));
            let token = encode(&symmetric, &read(&claims), &EncodingKey::from_secret(&secret).unwrap()).unwrap();
            refused(&service, &token).await;
        }
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_token_signed_with_a_foreign_key_is_rejected() {
    let (database, service) = system().await;
    let [header, claims, _] = good(&service).await;
    let foreign = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).to_pkcs8_der().unwrap();
    let foreign = EncodingKey::from_ed_der(foreign.as_bytes());
    let public = URL_SAFE_NO_PAD.encode(ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().as_bytes());
    let kid = text(&read(&header)["kid"]);
    for name in [Some(kid), Some("unknown".to_owned()), Some(String::new()), Some("a\0b".to_owned()), None] {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = name;
        refused(&service, &encode(&header, &read(&claims), &foreign).unwrap()).await;
        // Keys embedded in a token are ignored.
        header.jku = Some("http://127.0.0.1:1/jwks.json".to_owned());
        header.jwk = serde_json::from_value(json!({"kty": "OKP", "crv": "Ed25519", "x": public})).unwrap();
        refused(&service, &encode(&header, &read(&claims), &foreign).unwrap()).await;
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_token_of_another_issuer_or_for_another_audience_is_rejected() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    for change in [("TOKENS__ISSUER", "another"), ("TOKENS__AUDIENCE", "another")] {
        // This service shares the signing keys.
        let other = Service::start(&database, &[change]).await;
        let login = other.post("/api/loginaccount", &credentials("ada")).await.expect(200);
        other.get_as(&text(&login["token"]), "/api/account").await.expect(200);
        refused(&service, &text(&login["token"])).await;
        other.stop().await;
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    refused(&service, &text(&service.log_in("ada").await["refreshToken"])).await;
    close(database, [service]).await;
}
