//! Tests of the binary: commands, exit codes and logs.

use std::io::Write;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::signing_keys::{kid_of, private_keys};
use crate::support::{
    BOOTSTRAP_TOKEN, ENCRYPTION_KEY, Empty, Migrated, PASSWORD, Service, close, credentials, environment, person, query, text,
};

pub(crate) fn binary(environment: Vec<(String, String)>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
    command.args(arguments).env_clear().envs(environment).kill_on_drop(true);
    command
}

/// Runs the binary and returns its exit code, standard output and standard error.
pub(crate) async fn run(environment: Vec<(String, String)>, arguments: &[&str]) -> (i32, String, String) {
    let output = binary(environment, arguments).output().await.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap(), out, err)
}

#[tokio::test]
async fn invalid_settings_exit_with_code_2_and_one_message() {
    for arguments in [&[][..], &["serve"], &["migrate"], &["rotate-keys"], &["healthcheck"]] {
        let environment = vec![("ROWLOCK__HTTP__WORKERS".to_owned(), "none".to_owned())];
        let (code, _, error) = run(environment, arguments).await;
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("ROWLOCK__HTTP__WORKERS") && error.contains("ROWLOCK__DATABASE__URL"), "{error}");
    }
    let (code, _, error) = run(vec![("ROWLOCK__DATABASE__URL".to_owned(), "postgres://u@127.0.0.1:1/d".to_owned())], &["migrate"]).await;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("ROWLOCK__DATABASE__MIGRATION_URL"), "{error}");
}

#[tokio::test]
async fn migrate_creates_the_schema_and_can_be_repeated() {
    let database = TestDatabase::new(&Empty).await;
    let owner = database.owner_url();
    let environment =
        || environment(&database.service_url(), &[("DATABASE__MIGRATION_URL", owner.expose_secret()), ("KEYS__ENCRYPTION_KEY", "")]);
    let (code, out, error) = run(environment(), &["migrate"]).await;
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("00000000000001"), "{out}");
    let (code, out, error) = run(environment(), &["migrate"]).await;
    assert_eq!((code, out.trim()), (0, "The schema is up to date."), "{error}");
    let service = Service::start(&database, &[]).await;
    service.create_account("ada").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn create_admin_creates_further_administrators() {
    let database = TestDatabase::new(&Migrated).await;
    let service = Service::start(&database, &[]).await;
    service.create_account("ada").await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{PASSWORD}").unwrap();
    let path = file.path().to_str().unwrap();
    let create = async |email: &str, username: &str| {
        let arguments = ["create-admin", "--email", email, "--username", username, "--name", "Root", "--password-file", path];
        run(environment(&database.service_url(), &[]), &arguments).await
    };
    for handle in ["root", "second"] {
        let (code, out, error) = create(&format!("{handle}@example.org"), handle).await;
        assert_eq!(code, 0, "{out}{error}");
        service.post("/admin/loginaccount", &credentials(handle)).await.expect(200);
    }
    let (code, out, _) = create("ROOT@example.org", "root").await;
    assert!(code == 0 && out.contains("already exists"), "{code} {out}");
    let (code, _, error) = create("ada@example.org", "new").await;
    assert!(code == 1 && error.contains("not an administrator"), "{code} {error}");
    let (code, _, error) = create("new@example.org", "ADA").await;
    assert!(code == 1 && error.contains("username"), "{code} {error}");
    let (code, _, error) = create("not an address", "new").await;
    assert!(code == 2 && error.contains("--email"), "{code} {error}");
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM accounts").await, ["3"]);
    service.bootstrap(BOOTSTRAP_TOKEN, &person("third")).await.problem(403, "forbidden");
    close(database, [service]).await;
}

#[tokio::test]
async fn create_admin_prints_only_a_login_that_works() {
    let database = TestDatabase::new(&Migrated).await;
    let create = async |password: &str, more: &[&str]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{password}").unwrap();
        let path = file.path().to_str().unwrap();
        let arguments = ["create-admin", "--email", "root@example.org", "--username", "root", "--name", "Root", "--password-file", path];
        run(environment(&database.service_url(), &[]), &[&arguments, more].concat()).await
    };
    let login = format!("Administrator: root@example.org   password: {PASSWORD}\n");
    for state in ["Created the administrator", "already exists"] {
        let (code, out, error) = create(PASSWORD, &["--show-login"]).await;
        assert!(code == 0 && out.contains(state) && out.ends_with(&login), "{code} {out}{error}");
    }
    let (code, out, error) = create(PASSWORD, &[]).await;
    assert!(code == 0 && !out.contains(PASSWORD), "{code} {out}{error}");
    let (code, out, error) = create("another password", &["--show-login"]).await;
    assert!(code == 0 && out.contains("password is not the one in") && !out.contains("another password"), "{code} {out}{error}");
    database.close().await;
}

#[tokio::test]
async fn create_admin_names_an_invalid_password() {
    let url = "postgres://u@127.0.0.1:1/d".into();
    for (content, reason) in [("short\n".to_owned(), "at least 8"), ("x".repeat(73), "72 bytes")] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{content}").unwrap();
        let path = file.path().to_str().unwrap();
        let arguments = ["create-admin", "--email", "a@example.org", "--username", "a", "--name", "A", "--password-file", path];
        let (code, _, error) = run(environment(&url, &[]), &arguments).await;
        assert!(code == 2 && error.contains(reason), "{code} {error}");
    }
    for (email, username) in [("a@localhost", "a"), ("a@example.org", "a\u{200b}"), ("a@exa\u{ad}mple.org", "a")] {
        let arguments = ["create-admin", "--email", email, "--username", username, "--name", "A", "--password-file", "/does/not/exist"];
        let (code, _, error) = run(environment(&url, &[]), &arguments).await;
        assert!(code == 2 && !error.contains("/does/not/exist"), "{email} {username}: {error}");
    }
    let arguments = ["create-admin", "--email", "a@example.org", "--username", "a", "--name", "A", "--password-file", "/does/not/exist"];
    let (code, _, error) = run(environment(&url, &[]), &arguments).await;
    assert!(code == 2 && error.contains("/does/not/exist"), "{code} {error}");
}

#[tokio::test]
async fn healthcheck_reports_whether_the_service_is_ready() {
    let database = TestDatabase::new(&Migrated).await;
    let service = Service::start(&database, &[]).await;
    let address = service.management_addr().to_string();
    let check = async || run(environment(&database.service_url(), &[("MANAGEMENT__LISTEN", &address)]), &["healthcheck"]).await;
    assert_eq!(check().await.0, 0);
    service.stop().await;
    assert_eq!(check().await.0, 1);
    database.close().await;
}

#[tokio::test]
async fn serve_stops_cleanly_and_logs_no_secrets_or_personal_data() {
    let database = TestDatabase::new(&Migrated).await;
    let changes = [("LOG__LEVEL", "debug"), ("LOG__FORMAT", "json"), ("KEYS__PUBLISH_AHEAD_SECONDS", "1")];
    let settings = || environment(&database.service_url(), &changes);
    let mut child = binary(settings(), &["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = String::new();
    let address = loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).await.unwrap(), 0, "the service ended: {lines}");
        lines.push_str(&line);
        let entry: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if entry["message"] == "started" {
            break text(&entry["http_addr"]);
        }
    };
    // The log has to be read on, because a full pipe would block the service.
    let rest = tokio::spawn(async move {
        let mut rest = String::new();
        log.read_to_string(&mut rest).await.unwrap();
        rest
    });
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let post = async |path: &str, body: Value| client.post(format!("http://{address}{path}")).json(&body).send().await.unwrap();
    assert_eq!(post("/api/createaccount", person("ada")).await.status(), 201);
    assert_eq!(post("/api/createaccount", person("ada")).await.status(), 409);
    assert_eq!(post("/api/loginaccount", json!({"email": "ada@example.org", "password": "a wrong password"})).await.status(), 401);
    let login: Value = post("/api/loginaccount", credentials("ada")).await.json().await.unwrap();
    let refresh = json!({"refreshToken": login["refreshToken"]});
    let refreshed: Value = post("/api/refreshtoken", refresh).await.json().await.unwrap();
    let (code, output, error) = run(settings(), &["rotate-keys"]).await;
    assert_eq!(code, 0, "{error}");
    until("the new key signs", async || {
        let login: Value = post("/api/loginaccount", credentials("ada")).await.json().await.unwrap();
        output.contains(&format!("Created the key {}", kid_of(&login["token"])))
    })
    .await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let status = child.wait().await.unwrap();
    let rest = rest.await.unwrap();
    assert!(status.success(), "{status}: {rest}");
    let log = lines + &rest + &output + &error;
    assert!(log.contains("\"route\":\"/api/loginaccount\""), "{log}");
    let tokens = [&login["token"], &login["refreshToken"], &refreshed["refreshToken"]].map(text);
    let password_of_the_role = database.service_url().expose_secret().to_owned();
    let private =
        [PASSWORD, "a wrong password", "ada@example.org", "Name of ada", ENCRYPTION_KEY, BOOTSTRAP_TOKEN, &password_of_the_role, "$2b$"];
    let private_keys = private_keys(&database).await;
    assert_eq!(private_keys.len(), 2);
    let hex = |key: &[u8]| key.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let written = private_keys.iter().flat_map(|key| [hex(key), STANDARD.encode(key), URL_SAFE_NO_PAD.encode(key), format!("{key:?}")]);
    let written: Vec<_> = written.chain(tokens).collect();
    for secret in private.into_iter().chain(written.iter().map(String::as_str)) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    database.close().await;
}
