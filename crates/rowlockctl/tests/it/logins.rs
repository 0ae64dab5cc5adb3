//! Logging in, refreshing tokens and logging out.

use std::os::unix::fs::PermissionsExt;

use futures_util::future::join_all;
use rowlock_test_support::client::Client;
use rowlock_test_support::system::PASSWORD;
use serde_json::{Value, json};

use crate::desk::{ADMIN, Desk, Home, finish};

/// Makes the stored access token look expired.
fn outdate(home: &Home, url: &str) {
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
async fn exchanges(desk: &Desk) -> Vec<String> {
    let query = diesel::sql_query("SELECT generation::text AS value FROM sessions WHERE user_agent LIKE 'rowlockctl/%' ORDER BY id");
    let rows: Vec<Row> = diesel_async::RunQueryDsl::load(query, &mut desk.system.auth_database.admin().await).await.unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_is_known_until_they_log_out() {
    let desk = Desk::open().await;
    let url = desk.gateway.url().to_owned();
    desk.run(&["whoami", "--url", &url]).await.failed(3, &format!("rowlockctl login --url {url}"));

    let said = desk.log_in_as(ADMIN).await.ok();
    assert_eq!(said, format!("Admin <{ADMIN}> is logged in at {url}.\n"));
    let mode = std::fs::metadata(desk.home.logins_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The server of the last login is the default.
    let said = desk.run(&["whoami"]).await.ok();
    assert!(said.starts_with(&format!("Admin <{ADMIN}>, admin, at {url}.")), "{said}");
    let who = desk.json(&["whoami"]).await.json();
    assert_eq!((&who["account"]["email"], &who["url"]), (&json!(ADMIN), &json!(url)));

    let token = desk.home.logins()["logins"][&url]["refreshToken"].clone();
    assert_eq!(desk.run(&["logout"]).await.ok(), format!("Nobody is logged in at {url} any more.\n"));
    assert_eq!(desk.home.logins()["logins"], json!({}));
    desk.run(&["whoami"]).await.failed(3, "not logged in");
    desk.run(&["logout"]).await.failed(3, "not logged in");
    let refused = Client::new(desk.system.auth_url()).post("/api/refreshtoken", json!({"refreshToken": token})).await;
    refused.refused(401, "invalid-refresh-token");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_comes_from_standard_input_too() {
    let desk = Desk::open().await;
    let arguments = ["login", "--url", desk.gateway.url(), "--email", ADMIN, "--password-file", "-"];
    let mut command = desk.home.command(&arguments);
    command.stdin(std::fs::File::open(desk.home.file("password", PASSWORD)).unwrap());
    finish(command).await.ok();
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_learns_why() {
    let desk = Desk::open().await;
    desk.system.user("ada").await;
    desk.log_in_as("ada@example.org").await.failed(4, "for administrators");
    let wrong = desk.home.file("wrong", "not the password");
    let url = desk.gateway.url();
    let arguments = ["login", "--url", url, "--email", ADMIN, "--password-file", wrong.to_str().unwrap()];
    desk.run(&arguments).await.failed(3, "no account with this e-mail and this password");
    desk.log_in_as("not an e-mail").await.failed(7, "email: must be an e-mail address");
    assert!(!desk.home.logins_file().exists());

    desk.run(&["login", "--url", url, "--password-file", wrong.to_str().unwrap()]).await.failed(2, "--email");
    let missing = ["login", "--url", url, "--email", ADMIN, "--password-file", "/nowhere/at-all"];
    desk.run(&missing).await.failed(2, "/nowhere/at-all cannot be read");
    // `setsid` detaches the command from any terminal that the test itself may have.
    let mut detached = tokio::process::Command::new("setsid");
    detached.args(["--wait", env!("CARGO_BIN_EXE_rowlockctl")]);
    finish(desk.home.prepared(detached, &["login", "--url", url, "--email", ADMIN])).await.failed(2, "--password-file");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_is_over_is_renewed_and_nobody_notices() {
    let desk = Desk::logged_in().await;
    let url = desk.gateway.url();
    outdate(&desk.home, url);
    desk.run(&["accounts", "list"]).await.ok();
    let renewed = desk.home.logins()["logins"][url]["token"].clone();
    assert_ne!(renewed, "over");
    assert_eq!(exchanges(&desk).await, ["1"]);

    // The server rejects this token, although it has not expired according to the stored login.
    desk.home.change_logins(|logins| logins["logins"][url]["token"] = json!("not a token"));
    desk.run(&["accounts", "list"]).await.ok();
    assert_eq!(exchanges(&desk).await, ["2"]);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_commands_at_the_same_time_one_renews_the_login() {
    let desk = Desk::logged_in().await;
    outdate(&desk.home, desk.gateway.url());
    for ran in join_all((0..6).map(|_| desk.run(&["whoami"]))).await {
        ran.ok();
    }
    assert_eq!(exchanges(&desk).await, ["1"]);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_died_before_it_wrote_the_new_login_down_loses_nothing() {
    let desk = Desk::logged_in().await;
    outdate(&desk.home, desk.gateway.url());
    let before = desk.home.logins();
    desk.run(&["whoami"]).await.ok();
    let after = desk.home.logins();
    desk.home.change_logins(|logins| *logins = before);
    desk.run(&["whoami"]).await.ok();
    let refresh_token = |logins: &Value| logins["logins"][desk.gateway.url()]["refreshToken"].clone();
    assert_eq!(refresh_token(&desk.home.logins()), refresh_token(&after), "the same successor");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_elsewhere_is_forgotten() {
    let desk = Desk::logged_in().await;
    let url = desk.gateway.url();
    let token = desk.home.logins()["logins"][url]["refreshToken"].clone();
    Client::new(desk.system.auth_url()).post("/api/logoutaccount", json!({"refreshToken": token})).await.expect(204);
    outdate(&desk.home, url);
    let error = desk.run(&["whoami"]).await.failed(3, &format!("rowlockctl login --url {url}"));
    assert!(error.contains("it has expired, or it was ended elsewhere"), "{error}");
    desk.run(&["whoami"]).await.failed(3, "not logged in");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_can_be_forgotten_without_the_server() {
    let mut desk = Desk::logged_in().await;
    desk.gateway.stop();
    desk.run(&["logout"]).await.failed(5, "cannot be reached");
    assert!(desk.home.logins()["logins"][desk.gateway.url()].is_object(), "kept, so that it can be tried again");
    desk.run(&["logout", "--forget"]).await.ok();
    assert_eq!(desk.home.logins()["logins"], json!({}));
    desk.close().await;
}
