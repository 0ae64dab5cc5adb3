//! A PgBouncer in front of the test server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test cannot continue without its pooler")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tokio::net::TcpStream;
use url::Url;

use crate::closed_port::ClosedPort;
use crate::postgres_server::{Installation, folder_of};
use crate::wait::until;

/// The first version that can serve prepared statements in transaction mode.
const PREPARED_STATEMENTS: (u32, u32) = (1, 21);

/// When PgBouncer passes a connection to the server on to the next client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// After each transaction.
    Transaction,
    /// When the client disconnects.
    Session,
}

/// A pooler that runs until it is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    port: u16,
    /// How it pools connections: by transactions if the installed version supports prepared statements then.
    pub mode: PoolMode,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts a pooler in front of the servers of these databases, with few connections for each of them. `ROWLOCK_TEST_PGBOUNCER` can
    /// name another program than the installed one.
    pub async fn in_front_of(databases: &[&SecretString]) -> Self {
        let program = std::env::var_os("ROWLOCK_TEST_PGBOUNCER").map_or_else(|| PathBuf::from("pgbouncer"), PathBuf::from);
        let mode = if version(&program) >= PREPARED_STATEMENTS { PoolMode::Transaction } else { PoolMode::Session };
        let installation = Installation::of_test_server().await;
        let folder = folder_of(&installation);
        // The reservation lasts until the pooler listens, so that no other process gets the port.
        let reserved = ClosedPort::reserve();
        let port = reserved.address.port();
        let (mut servers, mut users) = (String::new(), String::new());
        for database in databases {
            let url = Url::parse(database.expose_secret()).unwrap();
            let (name, host) = (url.path().trim_start_matches('/'), url.host_str().unwrap());
            writeln!(servers, "{name} = host={host} port={} dbname={name}", url.port().unwrap_or(5432)).unwrap();
            writeln!(users, "\"{}\" \"{}\"", url.username(), url.password().unwrap_or_default()).unwrap();
        }
        let (pool_mode, statements) = match mode {
            // In session mode, a client without a connection to the server would wait for one.
            PoolMode::Session => ("session\ndefault_pool_size = 60", ""),
            PoolMode::Transaction => ("transaction\ndefault_pool_size = 4", "max_prepared_statements = 200\n"),
        };
        let users_file = folder.path().join("users");
        installation.write(&users_file, &users);
        let config = folder.path().join("pgbouncer.ini");
        let listen = format!("listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n");
        let text = format!(
            "[databases]\n{servers}[pgbouncer]\n{listen}auth_type = trust\nauth_file = {}\npool_mode = {pool_mode}\n{statements}",
            users_file.display()
        );
        installation.write(&config, &text);
        let process = installation.command_of_any(&program, folder.path()).arg(&config).spawn().expect("pgbouncer");
        let mut pooler = Self { process, port, mode, _folder: folder };
        until("the pooler accepts connections", async || {
            assert!(pooler.process.try_wait().unwrap().is_none(), "PgBouncer has ended");
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        drop(reserved);
        pooler
    }

    /// Returns the URL of a database through the pooler.
    pub fn url(&self, database: &SecretString) -> String {
        let mut url = Url::parse(database.expose_secret()).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.into()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.wait();
    }
}

/// Returns the major and the minor version.
fn version(program: &Path) -> (u32, u32) {
    let output = Command::new(program).arg("--version").output().expect("pgbouncer is needed for this test; `make test` installs it");
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = text.lines().next().and_then(|line| line.strip_prefix("PgBouncer ")).expect("a version");
    let mut parts = numbers.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
