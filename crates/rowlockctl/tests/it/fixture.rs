//! Test fixture: a running system, its gateway, a home folder, and `rowlockctl`.

use std::path::PathBuf;
use std::process::Stdio;

use rowlock_test_support::gateway::Gateway;
use rowlock_test_support::system::{PASSWORD, System};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// E-mail address of the administrator of every test system.
pub(crate) const ADMIN: &str = "admin@example.org";

/// A folder that `rowlockctl` uses as the user's home.
pub(crate) struct Home {
    folder: TempDir,
}

/// Result of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    /// Asserts that the command succeeded and wrote nothing to standard error. Returns its output.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }

    /// Asserts that the command succeeded. Returns its output, parsed as one JSON document.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("one JSON document")
    }

    /// Asserts that the command succeeded. Returns its output, parsed as one JSON document per line.
    #[track_caller]
    pub(crate) fn lines(self) -> Vec<Value> {
        self.ok().lines().map(|line| serde_json::from_str(line).expect("a JSON document per line")).collect()
    }

    /// Asserts that the command failed with this exit code, that its message contains this text, and that it printed nothing
    /// else. Returns the message.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, word: &str) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        assert!(self.err.contains(word), "{word} is not in: {}", self.err);
        self.err
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Creates a `rowlockctl` command with this home and nothing else of the test's environment. Dropping its handle kills it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.prepared(Command::new(env!("CARGO_BIN_EXE_rowlockctl")), arguments)
    }

    /// Like [`Home::command`], for a program that starts `rowlockctl`.
    pub(crate) fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).env_clear().env("XDG_CONFIG_HOME", self.folder.path()).env("PATH", std::env::var_os("PATH").unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> CommandOutput {
        finish(self.command(arguments)).await
    }

    /// Creates a file in the home folder and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn logins_file(&self) -> PathBuf {
        self.path("rowlockctl/logins.json")
    }

    /// Returns the stored logins.
    pub(crate) fn logins(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.logins_file()).unwrap()).unwrap()
    }

    /// Changes the stored logins.
    pub(crate) fn change_logins(&self, change: impl FnOnce(&mut Value)) {
        let mut logins = self.logins();
        change(&mut logins);
        std::fs::write(self.logins_file(), logins.to_string()).unwrap();
    }
}

/// Waits until a command exits.
pub(crate) async fn finish(mut command: Command) -> CommandOutput {
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A running system with its gateway and a home folder.
pub(crate) struct Fixture {
    pub(crate) system: System,
    pub(crate) gateway: Gateway,
    pub(crate) home: Home,
}

impl Fixture {
    /// Starts a system with one instance of each service, and no login.
    pub(crate) async fn open() -> Self {
        let system = System::new().await;
        let gateway = Gateway::before(&system).await;
        Self { system, gateway, home: Home::new() }
    }

    /// Starts a system and logs the administrator in.
    pub(crate) async fn logged_in() -> Self {
        let fixture = Self::open().await;
        fixture.log_in().await;
        fixture
    }

    pub(crate) async fn log_in(&self) {
        self.log_in_as(ADMIN).await.ok();
    }

    pub(crate) async fn log_in_as(&self, email: &str) -> CommandOutput {
        let file = self.home.file("password", &format!("{PASSWORD}\n"));
        self.run(&["login", "--url", self.gateway.url(), "--email", email, "--password-file", file.to_str().unwrap()]).await
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.home.run(arguments).await
    }

    /// Runs a command with `--json`.
    pub(crate) async fn json(&self, arguments: &[&str]) -> CommandOutput {
        self.home.run(&[arguments, &["--json"]].concat()).await
    }

    pub(crate) async fn close(self) {
        drop(self.gateway);
        self.system.stop().await;
    }
}
