//! Names, usernames and addresses as people type them: invisible characters are rejected, and all spellings name one account.

use futures_util::future::join_all;
use rowlock_test_support::database::TestDatabase;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Service, close, person, query, sql, system, system_with, text};

fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut body = person("ada");
    body[field] = value.into();
    body
}

fn account(username: &str, email: &str) -> Value {
    json!({"name": "Somebody", "username": username, "email": email, "password": PASSWORD})
}

async fn log_in(service: &Service, email: &str) -> Value {
    service.post("/api/loginaccount", &json!({"email": email, "password": PASSWORD})).await.expect(200)["account"].clone()
}

#[tokio::test]
async fn invisible_text_is_rejected_by_field() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    for unseen in [
        "\u{200b}",
        "\u{2060}",
        "\u{3164}",
        "\u{2800}",
        "\u{fffe}",
        "\u{ffa0}",
        "\u{ad}",
        "\u{200d}",
        "\u{e0041}",
        "\u{180e}",
        " \u{200b} ",
    ] {
        for field in ["name", "username", "email", "password"] {
            let value = match field {
                "email" => format!("{unseen}@example.org"),
                "password" => unseen.repeat(8),
                _ => unseen.to_owned(),
            };
            assert_eq!(service.post("/api/createaccount", &with(field, value)).await.bad_fields(), [field], "{unseen:?}");
        }
        service.post_as(&admin, "/admin/createaccount", &with("name", unseen)).await.problem(422, "invalid-input");
        let disable = format!("/admin/accounts/{}/disable", uuid::Uuid::nil());
        assert_eq!(service.post_as(&admin, &disable, &json!({"reason": unseen})).await.bad_fields(), ["reason"], "{unseen:?}");
    }
    for (field, value) in [
        ("name", "Ada\u{fffe}"),
        ("name", "Ada\u{200b}"),
        ("name", "A\u{200e}da"),
        ("username", "eve\u{200b}"),
        ("username", "e\u{200d}ve"),
        ("username", "eve\u{fe0f}"),
        ("username", "eve\u{10ffff}"),
        ("username", "\u{301}eve"),
        ("email", "ad\u{200b}a@example.org"),
        ("email", "ada@exam\u{200b}ple.org"),
        ("email", "ada\u{fdd0}@example.org"),
        ("email", "a@gmail"),
        ("email", "a@münchen"),
        ("email", "ada@xn--a.example"),
        ("password", "long enough\u{ffff}"),
    ] {
        assert_eq!(service.post("/api/createaccount", &with(field, value)).await.bad_fields(), [field], "{value:?}");
    }
    for query in ["q=%E2%80%8B", "q=%EF%BF%BE", "q=%E3%85%A4"] {
        assert_eq!(service.get_as(&admin, &format!("/admin/accounts?{query}")).await.bad_fields(), ["q"], "{query}");
    }
    assert_eq!(query(&database, "SELECT username AS value FROM accounts").await, ["root"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_username_is_unique_in_every_spelling() {
    let (database, service) = system().await;
    let taken =
        [("josé", "jose\u{301}"), ("eve", "ｅｖｅ"), ("Straße", "STRASSE"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("ﬁne", "Fine"), ("Å", "\u{212b}")];
    for (index, (first, second)) in taken.into_iter().enumerate() {
        let email = |which: &str| format!("{which}{index}@example.org");
        let made = service.post("/api/createaccount", &account(first, &email("first"))).await.expect(201);
        assert_eq!(made["username"], first, "it is shown as it was typed");
        service.post("/api/createaccount", &account(second, &email("second"))).await.problem(409, "username-taken");
    }
    service.post("/api/createaccount", &account("jose", "jose@example.org")).await.expect(201);
    let decomposed =
        json!({"name": "Jose\u{301}\u{a0} Pe\u{301}rez", "username": "e\u{301}", "email": "perez@example.org", "password": PASSWORD});
    let made = service.post("/api/createaccount", &decomposed).await.expect(201);
    assert_eq!((&made["name"], &made["username"]), (&json!("José Pérez"), &json!("é")));
    let admin = service.first_admin().await;
    let found = service.get_as(&admin, "/admin/accounts?q=PE%CC%81REZ").await.expect(200);
    assert_eq!(found["items"][0]["id"], made["id"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn an_email_address_is_unique_and_usable_in_every_spelling() {
    let (database, service) = system().await;
    let spellings = [
        "ada@München.example",
        "ada@mu\u{308}nchen.example",
        "ADA@xn--mnchen-3ya.example",
        "ada@XN--MNCHEN-3YA.Example",
        "ａda@münchen.example",
    ];
    let made = service.post("/api/createaccount", &account("ada", spellings[0])).await.expect(201);
    assert_eq!(made["email"], spellings[0], "it is shown as it was typed");
    for spelling in &spellings[..4] {
        service.post("/api/createaccount", &account("other", spelling)).await.problem(409, "email-taken");
        assert_eq!(log_in(&service, spelling).await, made, "{spelling}");
    }
    // The local part is interpreted by its mail server, so a full-width spelling is another mailbox.
    service.post("/api/createaccount", &account("other", spellings[4])).await.expect(201);
    service.post("/api/createaccount", &account("jose", "jose\u{301}@example.org")).await.expect(201);
    assert_eq!(log_in(&service, "JOSÉ@example.org").await["email"], "josé@example.org");
    assert_eq!(log_in(&service, "jose\u{301}@example.org").await["username"], "jose");
    close(database, [service]).await;
}

#[tokio::test]
async fn one_of_many_concurrent_spellings_gets_the_account() {
    let (database, service) = system().await;
    let spellings = ["ada@münchen.example", "ada@mu\u{308}nchen.example", "ada@xn--mnchen-3ya.example"];
    let attempts = (0..12).map(|number| {
        let (service, body) = (&service, account(&format!("user{number}"), spellings[number % 3]));
        async move { service.post("/api/createaccount", &body).await }
    });
    let (made, refused): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.problem(409, "email-taken");
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_setting_allows_domains_without_a_dot() {
    let (database, service) = system_with(&[("ACCOUNTS__ALLOW_LOCAL_EMAIL_DOMAINS", "true")]).await;
    service.post("/api/createaccount", &account("ada", "ada@localhost")).await.expect(201);
    service.post("/api/createaccount", &account("ben", "ADA@LOCALHOST")).await.problem(409, "email-taken");
    // Existing accounts can still log in when the setting is turned off again.
    let strict = Service::start(&database, &[]).await;
    strict.post("/api/createaccount", &account("cid", "cid@localhost")).await.problem(422, "invalid-input");
    assert_eq!(log_in(&strict, "ada@localhost").await["username"], "ada");
    close(database, [service, strict]).await;
}

/// Starts a service and waits until it serves, which it does after creating the missing keys.
async fn upgraded(database: &TestDatabase) -> Service {
    let service = Service::start(database, &[]).await;
    service.get("/.well-known/jwks.json").await.expect(200);
    service
}

/// Makes an account look like one of the previous version, which did not restrict usernames and addresses.
fn as_before(id: &Value, username: &str, email: &str) -> String {
    let (id, lower) = (text(id), email.to_lowercase());
    format!(
        "UPDATE accounts SET username = '{username}', username_normalized = '{}', username_key = NULL, email = '{email}', email_normalized = '{lower}', email_key = NULL
         WHERE id = '{id}';",
        username.to_lowercase()
    )
}

#[tokio::test]
async fn two_old_accounts_with_equivalent_spellings_can_both_log_in() {
    let (database, service) = system().await;
    let mut ids = Vec::new();
    for handle in ["a", "b", "c", "d", "e"] {
        ids.push(service.create_account(handle).await["id"].clone());
    }
    let before = [
        as_before(&ids[0], "eve", "ada@münchen.example"),
        as_before(&ids[1], "eve\u{200b}", "ada@xn--mnchen-3ya.example"),
        as_before(&ids[2], "jose\u{301}", "c@gmail"),
        as_before(&ids[3], "josé", "d@example.org"),
        as_before(&ids[4], "Somebody", "e@example.org"),
    ];
    // The migration runs on these accounts as it would on accounts of the previous version.
    let (down, up) = (
        include_str!("../../../../migrations/auth/00000000000006_account_keys/down.sql"),
        include_str!("../../../../migrations/auth/00000000000006_account_keys/up.sql"),
    );
    sql(&database, &before.concat()).await;
    sql(&database, &format!("{down}{up}")).await;
    let keys =
        "SELECT username || ' ' || coalesce(username_key, '-') || ' ' || coalesce(email_key, '-') AS value FROM accounts ORDER BY id";
    let migrated = query(&database, keys).await;
    assert_eq!(migrated[0], "eve eve -", "what is not ASCII is for the service to do");
    assert_eq!(migrated[4], "Somebody somebody e@example.org");

    let later = upgraded(&database).await;
    let expected = [
        "eve eve ada@xn--mnchen-3ya.example",
        "eve\u{200b} - -",
        "jose\u{301} josé c@gmail",
        "josé - d@example.org",
        "Somebody somebody e@example.org",
    ];
    assert_eq!(query(&database, keys).await, expected);
    for (email, id) in [
        ("ada@münchen.example", &ids[0]),
        ("ada@XN--mnchen-3ya.example", &ids[1]),
        ("ada@mu\u{308}nchen.example", &ids[0]),
        ("C@gmail", &ids[2]),
        ("d@example.org", &ids[3]),
    ] {
        assert_eq!(&log_in(&later, email).await["id"], id, "{email}");
    }
    later.post("/api/createaccount", &account("new", "ADA@mu\u{308}nchen.example")).await.problem(409, "email-taken");
    later.post("/api/createaccount", &account("EVE", "new@example.org")).await.problem(409, "username-taken");
    later.post("/api/createaccount", &account("JOSÉ", "new@example.org")).await.problem(409, "username-taken");
    // A second run changes nothing.
    let again = upgraded(&database).await;
    assert_eq!(query(&database, keys).await, expected);
    close(database, [service, later, again]).await;
}

#[tokio::test]
async fn an_account_created_by_the_previous_version_gets_its_keys() {
    let (database, service) = system().await;
    for handle in ["ada", "ben"] {
        service.create_account(handle).await;
    }
    // The previous version writes no keys, and meanwhile a younger account has taken one of them.
    sql(&database, "UPDATE accounts SET username_key = NULL, email_key = NULL WHERE username = 'ada'").await;
    sql(&database, "UPDATE accounts SET email_key = 'ada@example.org' WHERE username = 'ben'").await;
    let other = upgraded(&database).await;
    let keys = "SELECT coalesce(username_key, '-') || ' ' || coalesce(email_key, '-') AS value FROM accounts ORDER BY id";
    assert_eq!(query(&database, keys).await, ["ada ada@example.org", "ben -"]);
    other.log_in("ada").await;
    other.log_in("ben").await;
    close(database, [service, other]).await;
}
