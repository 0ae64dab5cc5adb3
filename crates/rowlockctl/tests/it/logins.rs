//! Logging in, refreshing tokens and logging out.

use std::os::unix::fs::PermissionsExt;

use futures_util::future::join_all;
use rowlock_test_support::client::Client;
use rowlock_test_support::system::PASSWORD;
use serde_json::{Value, json};

use crate::fixture::{ADMIN, Fixture, Home, finish};

/// Makes the stored access token look expired.
fn expire_token(home: &Home, url: &str) {
    home.change_logins(|logins| {
        logins["logins"][url]["expiresAt"] = json!("2026-01-01T00:00:00Z");
        logins["logins"][url]["token"] = json!("over");
    });
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// Returns how often the tokens of each session were exchanged.
async fn refresh_counts(fixture: &Fixture) -> Vec<String> {
    let query = diesel::sql_query("SELECT generation::text AS value FROM sessions WHERE user_agent LIKE 'rowlockctl/%' ORDER BY id");
    let rows: Vec<Row> = diesel_async::RunQueryDsl::load(query, &mut fixture.system.auth_database.admin().await).await.unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_stored_until_logout() {
    let fixture = Fixture::open().await;
    let url = fixture.gateway.url().to_owned();
    fixture.run(&["whoami", "--url", &url]).await.failed(3, &format!("rowlockctl login --url {url}"));

    let output = fixture.log_in_as(ADMIN).await.ok();
    assert_eq!(output, format!("Logged in at {url} as Admin <{ADMIN}>.\n"));
    let mode = std::fs::metadata(fixture.home.logins_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The server of the last login is the default.
    let output = fixture.run(&["whoami"]).await.ok();
    assert!(output.starts_with(&format!("Admin <{ADMIN}>, admin, at {url}.")), "{output}");
    let who = fixture.json(&["whoami"]).await.json();
    assert_eq!((&who["account"]["email"], &who["url"]), (&json!(ADMIN), &json!(url)));

    let token = fixture.home.logins()["logins"][&url]["refreshToken"].clone();
    assert_eq!(fixture.run(&["logout"]).await.ok(), format!("Logged out of {url}.\n"));
    assert_eq!(fixture.home.logins()["logins"], json!({}));
    fixture.run(&["whoami"]).await.failed(3, "not logged in");
    fixture.run(&["logout"]).await.failed(3, "not logged in");
    let refused = Client::new(fixture.system.auth_url()).post("/api/refreshtoken", json!({"refreshToken": token})).await;
    refused.refused(401, "invalid-refresh-token");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_can_come_from_standard_input() {
    let fixture = Fixture::open().await;
    let arguments = ["login", "--url", fixture.gateway.url(), "--email", ADMIN, "--password-file", "-"];
    let mut command = fixture.home.command(&arguments);
    command.stdin(std::fs::File::open(fixture.home.file("password", PASSWORD)).unwrap());
    finish(command).await.ok();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_login_explains_why() {
    let fixture = Fixture::open().await;
    fixture.system.user("ada").await;
    fixture.log_in_as("ada@example.org").await.failed(4, "Only administrators can log in here");
    let wrong = fixture.home.file("wrong", "not the password");
    let url = fixture.gateway.url();
    let arguments = ["login", "--url", url, "--email", ADMIN, "--password-file", wrong.to_str().unwrap()];
    fixture.run(&arguments).await.failed(3, "The e-mail address or the password is wrong");
    fixture.log_in_as("not an e-mail").await.failed(7, "email: must be an e-mail address");
    assert!(!fixture.home.logins_file().exists());

    fixture.run(&["login", "--url", url, "--password-file", wrong.to_str().unwrap()]).await.failed(2, "--email");
    let missing = ["login", "--url", url, "--email", ADMIN, "--password-file", "/nowhere/at-all"];
    fixture.run(&missing).await.failed(2, "Cannot read /nowhere/at-all");
    // `setsid` detaches the command from any terminal that the test itself may have.
    let mut detached = tokio::process::Command::new("setsid");
    detached.args(["--wait", env!("CARGO_BIN_EXE_rowlockctl")]);
    finish(fixture.home.prepared(detached, &["login", "--url", url, "--email", ADMIN])).await.failed(2, "--password-file");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_access_token_is_refreshed_automatically() {
    let fixture = Fixture::logged_in().await;
    let url = fixture.gateway.url();
    expire_token(&fixture.home, url);
    fixture.run(&["accounts", "list"]).await.ok();
    let renewed = fixture.home.logins()["logins"][url]["token"].clone();
    assert_ne!(renewed, "over");
    assert_eq!(refresh_counts(&fixture).await, ["1"]);

    // The server rejects this token, although it has not expired according to the stored login.
    fixture.home.change_logins(|logins| logins["logins"][url]["token"] = json!("not a token"));
    fixture.run(&["accounts", "list"]).await.ok();
    assert_eq!(refresh_counts(&fixture).await, ["2"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_commands_refresh_the_tokens_once() {
    let fixture = Fixture::logged_in().await;
    expire_token(&fixture.home, fixture.gateway.url());
    for output in join_all((0..6).map(|_| fixture.run(&["whoami"]))).await {
        output.ok();
    }
    assert_eq!(refresh_counts(&fixture).await, ["1"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_killed_before_it_stores_the_new_tokens_loses_nothing() {
    let fixture = Fixture::logged_in().await;
    expire_token(&fixture.home, fixture.gateway.url());
    let before = fixture.home.logins();
    fixture.run(&["whoami"]).await.ok();
    let after = fixture.home.logins();
    fixture.home.change_logins(|logins| *logins = before);
    fixture.run(&["whoami"]).await.ok();
    let refresh_token = |logins: &Value| logins["logins"][fixture.gateway.url()]["refreshToken"].clone();
    assert_eq!(refresh_token(&fixture.home.logins()), refresh_token(&after), "the same successor");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_of_a_session_ended_elsewhere_is_deleted() {
    let fixture = Fixture::logged_in().await;
    let url = fixture.gateway.url();
    let token = fixture.home.logins()["logins"][url]["refreshToken"].clone();
    Client::new(fixture.system.auth_url()).post("/api/logoutaccount", json!({"refreshToken": token})).await.expect(204);
    expire_token(&fixture.home, url);
    let error = fixture.run(&["whoami"]).await.failed(3, &format!("rowlockctl login --url {url}"));
    assert!(error.contains("it expired or was ended elsewhere"), "{error}");
    fixture.run(&["whoami"]).await.failed(3, "not logged in");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_can_be_deleted_without_the_server() {
    let mut fixture = Fixture::logged_in().await;
    fixture.gateway.stop();
    fixture.run(&["logout"]).await.failed(5, "Cannot reach");
    assert!(fixture.home.logins()["logins"][fixture.gateway.url()].is_object(), "kept, so that it can be tried again");
    fixture.run(&["logout", "--forget"]).await.ok();
    assert_eq!(fixture.home.logins()["logins"], json!({}));
    fixture.close().await;
}
