//! Failures between the user and the server, and the messages about them.

use std::process::Stdio;

use rowlock_test_support::gateway::Gateway;
use rowlock_test_support::system::{PASSWORD, System};
use rowlock_test_support::tls::Authority;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fake_server::{FakeServer, problem, response};
use crate::fixture::{ADMIN, Fixture, Home, finish};

const EVENT: &str = "01920000-0000-7000-8000-000000000000";

#[tokio::test]
async fn an_unreachable_server_is_reported_with_its_url() {
    let home = Home::new();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}");
    let error = home.run(&["events", "list", "--url", &url]).await.failed(5, "no program listens on this port (connection refused)");
    assert!(error.contains(&url) && error.contains("--url or ROWLOCK_URL"), "{error}");
    let error = home.run(&["events", "list", "--json", "--url", &url]).await.failed(5, "exitCode");
    assert_eq!(serde_json::from_str::<Value>(&error).unwrap()["error"]["exitCode"], 5);
    home.run(&["events", "list", "--url", "http://no-such-host.invalid"]).await.failed(5, "Cannot reach http://no-such-host.invalid");
    let mut command = home.command(&["events", "list"]);
    command.env("ROWLOCK_URL", &url);
    finish(command).await.failed(5, &url);
    home.run(&["events", "list", "--url", "localhost:3000"]).await.failed(2, "https://tickets.example.org");
}

#[tokio::test]
async fn responses_of_other_servers_are_rejected() {
    let page = response(200, "text/html", "<html>");
    let redirect =
        "HTTP/1.1 301 Moved\r\nLocation: https://tickets.example.org/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned();
    for (reply, word) in [
        (page, "the response is not JSON"),
        (response(502, "text/html", "<html>"), "status 502"),
        (response(200, "application/json", "{}"), "not a page of a list"),
        (response(200, "application/json", r#"{"items": [{"id": 1}], "nextCursor": null}"#), "unexpected format"),
        (response(404, "application/problem+json", "{}"), "malformed problem document"),
        (redirect, "it redirects to https://tickets.example.org/"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), ""),
        (String::new(), ""),
    ] {
        let server = FakeServer::start(vec![("GET", reply)]).await;
        Home::new().run(&["events", "list", "--url", server.url()]).await.failed(5, word);
    }
}

#[tokio::test]
async fn overload_is_reported_with_the_time_to_retry() {
    for (status, code) in [(503, "unavailable"), (503, "overloaded"), (429, "rate-limited")] {
        let server = FakeServer::start(vec![("GET", problem(status, code, "Not now."))]).await;
        Home::new().run(&["events", "list", "--url", server.url()]).await.failed(8, "Not now. Try again in 7 seconds.");
    }
    let server = FakeServer::start(vec![("GET", problem(500, "internal-error", "It has been logged."))]).await;
    Home::new().run(&["events", "list", "--url", server.url()]).await.failed(1, "It has been logged.");
}

#[tokio::test]
async fn a_change_whose_response_is_lost_has_an_unknown_outcome() {
    let server = FakeServer::start(vec![("GET", problem(404, "event-not-found", "No."))]).await;
    let home = server.home().await;
    let create = ["events", "create", "A name", "--tickets", "5", "--url", server.url()];
    home.run(&create).await.failed(9, "The command may have taken effect");
    // A command that only reads can be repeated safely, so its failure is not reported as an unknown outcome.
    home.run(&["events", "show", EVENT, "--url", server.url()]).await.failed(6, "No.");

    let unsure = FakeServer::start(vec![("POST", problem(503, "outcome-unknown", "The answer of the service was lost."))]).await;
    unsure.has_login_of(&home, server.url());
    home.run(&["events", "create", "A name", "--tickets", "5", "--url", unsure.url()])
        .await
        .failed(9, "The answer of the service was lost.");
}

#[tokio::test]
async fn an_event_changed_by_another_administrator_is_not_cancelled() {
    let kinds = json!([]);
    let status = json!({"eventId": EVENT, "eventName": "A test", "status": "published", "bookedTickets": 0, "waitlistLength": 0, "ticketTypes": kinds});
    let body = status.to_string();
    let shown = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"4.7\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // The request to cancel carries the ETag of the version that was shown; this response is sent only if it does.
    let refusal = problem(412, "precondition-failed", "The event was changed.");
    let server = FakeServer::start(vec![("GET /admin/status", shown), ("if-match: \"4.7\"", refusal)]).await;
    let home = server.home().await;
    home.run(&["events", "cancel", EVENT, "--yes", "--url", server.url()])
        .await
        .failed(7, "The event was changed. Check its current state");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_are_not_administrators_are_named_in_the_error() {
    let fixture = Fixture::logged_in().await;
    let ada = fixture.system.user("ada").await;
    let login = json!({"email": "ada@example.org", "password": PASSWORD});
    let answer = ada.client.at(fixture.system.auth_url()).post("/api/loginaccount", login).await.expect(200);
    fixture.home.change_logins(|logins| logins["logins"][fixture.gateway.url()] = answer);
    for command in [&["accounts", "list"][..], &["auditlog"], &["events", "show", EVENT], &["events", "create", "A name", "--tickets", "5"]]
    {
        fixture.run(command).await.failed(4, "You are logged in as ada@example.org.");
    }
    fixture.run(&["whoami"]).await.ok();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn https_accepts_only_certificates_that_the_system_trusts() {
    let system = System::new().await;
    let authority = Authority::new("Rowlock's test authority");
    let gateway = Gateway::with_tls(&system, &authority.issue("localhost")).await;
    let home = Home::new();
    let trusted = home.file("trusted.pem", &authority.certificate);
    let password = home.file("password", PASSWORD);
    let login = ["login", "--url", gateway.url(), "--email", ADMIN, "--password-file", password.to_str().unwrap()];

    let mut command = home.command(&login);
    command.env("SSL_CERT_FILE", &trusted);
    finish(command).await.ok();
    let mut command = home.command(&["whoami"]);
    command.env("SSL_CERT_FILE", &trusted);
    assert!(finish(command).await.ok().contains(gateway.url()));

    let mut command = home.command(&login);
    command.env("SSL_CERT_FILE", home.file("other.pem", &Authority::new("Another authority").certificate));
    finish(command).await.failed(5, "certificate");
    let plain = gateway.url().replace("https://", "http://");
    home.run(&["events", "list", "--url", &plain]).await.failed(5, "it redirects to https://localhost");
    drop(gateway);
    system.stop().await;
}

#[tokio::test]
async fn completions_are_printed_and_a_closed_pipe_is_no_error() {
    let home = Home::new();
    for (shell, part) in [("bash", "_rowlockctl()"), ("zsh", "#compdef rowlockctl"), ("fish", "complete -c rowlockctl")] {
        let script = home.run(&["completions", shell]).await.ok();
        assert!(script.contains(part) && script.contains("dead-letters"), "{script}");
    }
    let mut command = home.command(&["completions", "zsh"]);
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}

#[tokio::test]
async fn the_help_explains_the_exit_codes() {
    let help = Home::new().run(&["--help"]).await.ok();
    for code in 0..=9 {
        assert!(help.contains(&format!("\n  {code}  ")), "{help}");
    }
    Home::new().run(&["sell"]).await.failed(2, "unrecognized subcommand");
}
