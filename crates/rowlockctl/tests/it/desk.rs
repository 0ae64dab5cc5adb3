//! An operator's desk: a running system, its gateway, a home folder, and `rowlockctl`.

use std::path::PathBuf;
use std::process::Stdio;

use rowlock_test_support::gateway::Gateway;
use rowlock_test_support::system::{PASSWORD, System};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

/// The administrator of every system of a test.
pub(crate) const ADMIN: &str = "admin@example.org";

/// A folder that `rowlockctl` takes for the user's home.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// It must have worked without a word on standard error; gives what it said.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }

    /// It must have worked; gives its answer as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("one JSON document")
    }

    /// It must have worked; gives its answer as a JSON document for each line.
    #[track_caller]
    pub(crate) fn lines(self) -> Vec<Value> {
        self.ok().lines().map(|line| serde_json::from_str(line).expect("a JSON document per line")).collect()
    }

    /// It must have failed with a code and a word on standard error, and said nothing else; gives the error.
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

    /// `rowlockctl` with this home and nothing else of the test's environment. It is killed with its handle.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.prepared(Command::new(env!("CARGO_BIN_EXE_rowlockctl")), arguments)
    }

    /// The same by way of a program that starts programs.
    pub(crate) fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).env_clear().env("XDG_CONFIG_HOME", self.folder.path()).env("PATH", std::env::var_os("PATH").unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments)).await
    }

    /// A file in the home folder.
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

    /// What is kept of the logins.
    pub(crate) fn logins(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.logins_file()).unwrap()).unwrap()
    }

    /// Changes what is kept of the logins.
    pub(crate) fn change_logins(&self, change: impl FnOnce(&mut Value)) {
        let mut logins = self.logins();
        change(&mut logins);
        std::fs::write(self.logins_file(), logins.to_string()).unwrap();
    }
}

/// Waits for the end of a command.
pub(crate) async fn finish(mut command: Command) -> Ran {
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// All of it.
pub(crate) struct Desk {
    pub(crate) system: System,
    pub(crate) gateway: Gateway,
    pub(crate) home: Home,
}

impl Desk {
    /// A system of one of each, and nobody logged in.
    pub(crate) async fn open() -> Self {
        let system = System::new().await;
        let gateway = Gateway::before(&system).await;
        Self { system, gateway, home: Home::new() }
    }

    /// The same with the administrator logged in.
    pub(crate) async fn logged_in() -> Self {
        let desk = Self::open().await;
        desk.log_in().await;
        desk
    }

    pub(crate) async fn log_in(&self) {
        self.log_in_as(ADMIN).await.ok();
    }

    pub(crate) async fn log_in_as(&self, email: &str) -> Ran {
        let file = self.home.file("password", &format!("{PASSWORD}\n"));
        self.run(&["login", "--url", self.gateway.url(), "--email", email, "--password-file", file.to_str().unwrap()]).await
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(arguments).await
    }

    /// With `--json`.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Ran {
        self.home.run(&[arguments, &["--json"]].concat()).await
    }

    pub(crate) async fn close(self) {
        drop(self.gateway);
        self.system.stop().await;
    }
}
