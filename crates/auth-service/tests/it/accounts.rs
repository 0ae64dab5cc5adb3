//! Registration: anyone can create an account with valid data.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Service, answer, close, person, query, system, text};

fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut body = person("ada");
    body[field] = value.into();
    body
}

#[tokio::test]
async fn a_visitor_creates_and_reads_an_account() {
    let (database, service) = system().await;
    let body = json!({"name": " Ada Lovelace ", "username": "Ada", "email": "Ada@Example.org", "password": PASSWORD});
    let created = service.post("/api/createaccount", &body).await.expect(201);
    let mut members: Vec<_> = created.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(
        members,
        ["adminRole", "createdAt", "email", "emailConfirmed", "id", "language", "name", "notifications", "role", "totpEnabled", "username"]
    );
    assert_eq!(created["name"], "Ada Lovelace");
    assert_eq!(created["username"], "Ada");
    assert_eq!(created["email"], "Ada@Example.org");
    assert_eq!(created["role"], "user");
    assert!(text(&created["createdAt"]).ends_with('Z'));
    let login = service.post("/api/loginaccount", &json!({"email": "ada@example.org", "password": PASSWORD})).await.expect(200);
    let seen = service.get_as(&text(&login["token"]), "/api/account").await.expect(200);
    assert_eq!(seen, created);
    close(database, [service]).await;
}

#[tokio::test]
async fn one_response_names_every_invalid_field() {
    let (database, service) = system().await;
    let create = async |body: Value| service.post("/api/createaccount", &body).await;
    assert_eq!(create(json!({})).await.bad_fields(), ["email", "name", "password", "username"]);
    let wrong_types = json!({"name": 1, "username": ["a"], "email": {"a": 1}, "password": true});
    assert_eq!(create(wrong_types).await.bad_fields(), ["email", "name", "password", "username"]);
    let nulls = json!({"name": null, "username": null, "email": null, "password": null});
    assert_eq!(create(nulls).await.bad_fields(), ["email", "name", "password", "username"]);
    let null_bytes = json!({"name": "a\0b", "username": "a\0", "email": "a\0@example.org", "password": "long enough\0"});
    assert_eq!(create(null_bytes).await.bad_fields(), ["email", "name", "password", "username"]);
    for (field, value) in [
        ("name", ""),
        ("name", "   "),
        ("name", "two\nlines"),
        ("name", &"n".repeat(201)),
        ("name", &"n".repeat(10_000)),
        ("username", ""),
        ("username", "two words"),
        ("username", &"u".repeat(65)),
        ("email", ""),
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "Ada <ada@example.org>"),
        ("email", &format!("{}@example.org", "a".repeat(10_000))),
        ("password", ""),
        ("password", "short"),
        ("password", &"p".repeat(73)),
        ("password", &"é".repeat(37)),
    ] {
        assert_eq!(create(with(field, value)).await.bad_fields(), [field], "{value}");
    }
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM accounts").await, ["0"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn all_72_bytes_of_a_password_count() {
    let (database, service) = system().await;
    let longest = "é".repeat(36);
    service.post("/api/createaccount", &with("password", longest.as_str())).await.expect(201);
    let log_in = async |password: &str| service.post("/api/loginaccount", &json!({"email": "ada@example.org", "password": password})).await;
    log_in(&longest).await.expect(200);
    log_in(&format!("{longest}x")).await.problem(401, "bad-credentials");
    log_in(&"é".repeat(35)).await.problem(401, "bad-credentials");
    close(database, [service]).await;
}

#[tokio::test]
async fn names_may_contain_any_script_and_emoji() {
    let (database, service) = system().await;
    let name = "🎟️ Zoë 山田 👩‍👩‍👧";
    let created = service.post("/api/createaccount", &with("name", name)).await.expect(201);
    assert_eq!(created["name"], name);
    let body = json!({"name": "é".repeat(200), "username": "🎉🎉", "email": "emoji@example.org", "password": "🔑🔑🔑🔑🔑🔑🔑🔑"});
    let created = service.post("/api/createaccount", &body).await.expect(201);
    assert_eq!(created["username"], "🎉🎉");
    service.post("/api/loginaccount", &json!({"email": "emoji@example.org", "password": "🔑🔑🔑🔑🔑🔑🔑🔑"})).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn malformed_unknown_and_too_large_bodies_are_rejected() {
    let (database, service) = system().await;
    let send = async |body: Vec<u8>| answer(service.request(Method::POST, "/api/createaccount").body(body)).await;
    for malformed in ["", "{", "[]", "null", "\"text\"", "{\"name\": \"a\"", "{\"name\": 'a'}"] {
        send(malformed.into()).await.problem(400, "malformed-json");
    }
    send(b"{\"name\": \"\xff\"}".to_vec()).await.problem(400, "malformed-json");
    let problem = service.post("/api/createaccount", &with("role", "admin")).await.problem(400, "unknown-field");
    assert_eq!(problem["errors"][0]["field"], "role");
    send(vec![b'x'; 65_537]).await.problem(413, "body-too-large");
    // A body without `Content-Length`.
    let chunks = (0..70).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1000]));
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    answer(service.request(Method::POST, "/api/createaccount").body(chunked)).await.problem(413, "body-too-large");
    close(database, [service]).await;
}

#[tokio::test]
async fn email_and_username_are_unique_regardless_of_case() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    let create = async |username: &str, email: &str| {
        let body = json!({"name": "Other", "username": username, "email": email, "password": PASSWORD});
        service.post("/api/createaccount", &body).await
    };
    create("other", "ADA@Example.ORG").await.problem(409, "email-taken");
    create("ADA", "other@example.org").await.problem(409, "username-taken");
    create("Ada", "Ada@example.org").await.problem(409, "email-taken");
    // Case is ignored for letters outside ASCII as well.
    create("ÄÖÜ", "umlaut@example.org").await.expect(201);
    create("äöü", "umlaut2@example.org").await.problem(409, "username-taken");
    // The response does not depend on which unique index PostgreSQL checks first.
    service.create_account("grace").await;
    create("grace", "ada@example.org").await.problem(409, "email-taken");
    close(database, [service]).await;
}

#[tokio::test]
async fn one_of_many_concurrent_registrations_gets_a_username() {
    let (database, service) = system().await;
    let other = Service::start(&database, &[]).await;
    let attempts = (0..12).map(|number| {
        let service = if number % 2 == 0 { &service } else { &other };
        let (username, email) = if number % 3 == 0 { ("ada", "ADA@example.org") } else { ("ADA", "ada@example.org") };
        async move {
            let body = json!({"name": "Ada", "username": username, "email": email, "password": PASSWORD});
            service.post("/api/createaccount", &body).await
        }
    });
    let answers = join_all(attempts).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.problem(409, "email-taken");
    }
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM accounts").await, ["1"]);
    close(database, [service, other]).await;
}
