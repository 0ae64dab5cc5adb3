//! Roles of administrators and the second factor.

use std::process::Stdio;

use rowlock_domain::states::AdminRole;
use rowlock_test_support::system::PASSWORD;
use rowlock_test_support::totp::code;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::fixture::{ADMIN, CommandOutput, Fixture, finish};

/// Runs a command with text on its standard input.
async fn run_with_input(fixture: &Fixture, arguments: &[&str], input: &str) -> CommandOutput {
    let mut command = fixture.home.command(arguments);
    let file = fixture.home.file("input", input);
    command.stdin(Stdio::from(std::fs::File::open(file).unwrap()));
    finish(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_factor_is_enabled_asked_for_and_disabled() {
    let fixture = Fixture::logged_in().await;
    let mut child = fixture.home.command(&["totp", "enable"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).await.unwrap();
    let secret = line.trim().rsplit(' ').next().unwrap().to_owned();
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(format!("{}\n", code(&secret, 0)).as_bytes()).await.unwrap();
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
    assert!(child.wait().await.unwrap().success(), "{line}{out}");
    let recovery: Vec<_> = out.lines().skip(1).collect();
    assert_eq!(recovery.len(), 10, "{out}");

    let password = fixture.home.file("password", &format!("{PASSWORD}\n"));
    let password = password.to_str().unwrap();
    let log_in = ["login", "--url", fixture.gateway.url(), "--email", ADMIN, "--password-file", password];
    fixture.run(&log_in).await.failed(2, "--totp");
    fixture.run(&[&log_in[..], &["--totp", "000000"]].concat()).await.failed(3, "The code is wrong");
    let next = code(&secret, 1);
    fixture.run(&[&log_in[..], &["--totp", &next]].concat()).await.ok();
    fixture.run(&[&log_in[..], &["--totp", &next]].concat()).await.failed(3, "already used");
    let output = run_with_input(&fixture, &log_in, &format!("{}\n", recovery[0])).await;
    assert!(output.code == 0 && output.err.contains("Code of your authenticator app"), "{output:?}");
    fixture.run(&["totp", "enable"]).await.failed(7, "disabletotp");
    let disable = ["totp", "disable", "--password-file", password];
    let output = run_with_input(&fixture, &disable, &format!("{}\n", recovery[1])).await;
    assert!(output.code == 0 && output.out.contains("The second factor is disabled"), "{output:?}");
    fixture.run(&log_in).await.ok();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_changes_the_role_of_an_administrator() {
    let fixture = Fixture::logged_in().await;
    let door = fixture.system.administrator(AdminRole::Door).await;
    let changed = fixture.json(&["accounts", "role", &door.name, "organiser"]).await.json();
    assert_eq!(changed["adminRole"], "organiser");
    let table = fixture.run(&["accounts", "list"]).await.ok();
    assert!(table.contains("organiser") && table.contains("owner"), "{table}");
    fixture.run(&["accounts", "role", ADMIN, "door"]).await.failed(7, "last administrator with the role `owner`");
    fixture.run(&["accounts", "role", ADMIN, "king"]).await.failed(2, "organiser");
    fixture.log_in_as(&format!("{}@example.org", door.name)).await.ok();
    fixture.run(&["accounts", "list"]).await.failed(4, "with the role `owner`");
    fixture.close().await;
}
