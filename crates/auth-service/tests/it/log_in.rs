//! Login accepts the right password and reveals nothing to anyone else.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Service, close, credentials, query, system, system_with, text};

#[tokio::test]
async fn login_returns_the_tokens_and_the_account() {
    let (database, service) = system().await;
    let account = service.create_account("ada").await;
    let answer = service.post("/api/loginaccount", &json!({"email": " ADA@EXAMPLE.ORG ", "password": PASSWORD})).await.expect(200);
    assert_eq!(answer["account"], account);
    let mut members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["account", "expiresAt", "refreshToken", "token"]);

    let parts: Vec<_> = answer["token"].as_str().unwrap().split('.').collect();
    let [header, claims] =
        [parts[0], parts[1]].map(|part| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap());
    let keys = service.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(header["alg"], "EdDSA");
    assert_eq!(header["kid"], keys["keys"][0]["kid"]);
    for (claim, value) in [("sub", &account["id"]), ("name", &account["name"]), ("email", &account["email"]), ("role", &account["role"])] {
        assert_eq!(&claims[claim], value, "{claim}");
    }
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("rowlock"), &json!("rowlock")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    let expires = chrono::DateTime::parse_from_rfc3339(answer["expiresAt"].as_str().unwrap()).unwrap();
    assert_eq!(expires.timestamp(), claims["exp"].as_i64().unwrap());
    assert_eq!(query(&database, "SELECT id::text AS value FROM sessions").await, [text(&claims["sid"])]);
    assert!(uuid::Uuid::parse_str(claims["jti"].as_str().unwrap()).is_ok());
    close(database, [service]).await;
}

#[tokio::test]
async fn a_password_is_accepted_in_every_unicode_form() {
    let (database, service) = system().await;
    let (composed, decomposed) = ("pässwörd-é1", "pa\u{308}sswo\u{308}rd-e\u{301}1");
    for (name, chosen, typed) in [("ada", composed, decomposed), ("ben", decomposed, composed)] {
        let email = format!("{name}@example.org");
        let person = json!({"name": name, "username": name, "email": email, "password": chosen});
        service.post("/api/createaccount", &person).await.expect(201);
        for password in [chosen, typed] {
            service.post("/api/loginaccount", &json!({"email": email, "password": password})).await.expect(200);
        }
        let wrong = json!({"email": email, "password": "passwörd-é1"});
        service.post("/api/loginaccount", &wrong).await.problem(401, "bad-credentials");
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_email_look_the_same() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    let log_in = async |email: &str, password: &str| {
        let answer = service.post("/api/loginaccount", &json!({"email": email, "password": password})).await;
        let text = answer.text.clone();
        answer.problem(401, "bad-credentials");
        text
    };
    let expected = log_in("ada@example.org", "a wrong password").await;
    assert_eq!(log_in("nobody@example.org", PASSWORD).await, expected);
    let longer_than_bcrypt_reads = format!("{PASSWORD}{}", "x".repeat(72));
    for impossible in ["", "x", "null\0byte", &longer_than_bcrypt_reads, &"p".repeat(10_000)] {
        assert_eq!(log_in("ada@example.org", impossible).await, expected, "{impossible:?}");
        assert_eq!(log_in("nobody@example.org", impossible).await, expected, "{impossible:?}");
    }
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM sessions").await, ["0"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_email_take_the_same_time() {
    // A hash of this cost takes many times as long as the rest of the request.
    let (database, service) = system_with(&[("PASSWORDS__BCRYPT_COST", "10")]).await;
    service.create_account("ada").await;
    let time = async |email: &str, password: &str| {
        let started = Instant::now();
        service.post("/api/loginaccount", &json!({"email": email, "password": password})).await.problem(401, "bad-credentials");
        started.elapsed()
    };
    let too_long = "x".repeat(100);
    let mut times: [Vec<Duration>; 4] = Default::default();
    // The measurements are interleaved, so that other load on the machine affects all of them alike.
    for _ in 0..9 {
        times[0].push(time("ada@example.org", "a wrong password").await);
        times[1].push(time("nobody@example.org", "a wrong password").await);
        times[2].push(time("ada@example.org", &too_long).await);
        times[3].push(time("nobody@example.org", &too_long).await);
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most < *least * 3, "{medians:?}");
    close(database, [service]).await;
}

#[tokio::test]
async fn missing_fields_and_fields_of_the_wrong_type_are_named() {
    let (database, service) = system().await;
    for path in ["/api/loginaccount", "/admin/loginaccount"] {
        assert_eq!(service.post(path, &json!({})).await.bad_fields(), ["email", "password"], "{path}");
        assert_eq!(service.post(path, &json!({"email": 1, "password": ["x"]})).await.bad_fields(), ["email", "password"], "{path}");
        assert_eq!(service.post(path, &json!({"email": "a\0@b.c", "password": "x"})).await.bad_fields(), ["email"], "{path}");
        let unknown = json!({"email": "a@b.c", "password": "x", "remember": true});
        service.post(path, &unknown).await.problem(400, "unknown-field");
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn logins_beyond_the_queue_get_503_with_retry_after() {
    let (database, service) =
        system_with(&[("PASSWORDS__CONCURRENCY", "1"), ("PASSWORDS__QUEUE", "1"), ("PASSWORDS__BCRYPT_COST", "11")]).await;
    service.create_account("ada").await;
    let body = credentials("ada");
    let answers = join_all((0..8).map(|_| service.post("/api/loginaccount", &body))).await;
    let (let_in, turned_away): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!let_in.is_empty());
    assert!(!turned_away.is_empty());
    for answer in turned_away {
        assert!(answer.headers.contains_key("retry-after"));
        answer.problem(503, "overloaded");
    }
    service.log_in("ada").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn login_renews_a_hash_with_an_old_cost() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    let costlier = Service::start(&database, &[("PASSWORDS__BCRYPT_COST", "5")]).await;
    let cost = "SELECT substr(password_hash, 1, 7) AS value FROM accounts";
    costlier
        .post("/api/loginaccount", &json!({"email": "ada@example.org", "password": "a wrong one"}))
        .await
        .problem(401, "bad-credentials");
    assert_eq!(query(&database, cost).await, ["$2b$04$"]);
    costlier.log_in("ada").await;
    until("the hash is renewed", async || query(&database, cost).await == ["$2b$05$"]).await;
    costlier.log_in("ada").await;
    close(database, [service, costlier]).await;
}
