//! PostgreSQL servers of single tests, with the programs of the test server: for settings that would disturb other tests, and for servers
//! that are killed.

#![allow(clippy::unwrap_used, reason = "a test cannot continue without its server")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rowlock_postgres::{ConnectionLimits, connect};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::closed_port::ClosedPort;
use crate::database::DATABASE_ENV;
use crate::environment::env_url;
use crate::wait::until;

/// Password of the superuser `postgres`.
pub const PASSWORD: &str = "rowlock-test";

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The programs of the test server, and the user and group who run it. PostgreSQL refuses to run as root.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    programs: PathBuf,
    user: u32,
    group: u32,
}

impl Installation {
    pub(crate) async fn of_test_server() -> Self {
        let url = env_url(DATABASE_ENV).into();
        let mut conn = connect(&url, ConnectionLimits::default(), "a test").await.unwrap();
        let mut setting = async |sql: &str| diesel::sql_query(sql).get_result::<Setting>(&mut conn).await.unwrap().value;
        let programs = setting("SELECT setting AS value FROM pg_config WHERE name = 'BINDIR'").await.into();
        let data = std::fs::metadata(setting("SELECT current_setting('data_directory') AS value").await).unwrap();
        Self { programs, user: data.uid(), group: data.gid() }
    }

    fn command(&self, program: &str, folder: &Path) -> Command {
        self.command_of_any(&self.programs.join(program), folder)
    }

    /// Returns a command that runs any program as the user of the server.
    pub(crate) fn command_of_any(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(self.user).gid(self.group);
        }
        command
    }

    /// Writes a file that only the server can read.
    pub(crate) fn write(&self, path: &Path, content: &str) {
        std::fs::write(path, content).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
        chown(path, Some(self.user), Some(self.group)).unwrap();
    }
}

/// A server that runs until it is dropped. Its data is deleted with it.
#[derive(Debug)]
pub struct PostgresServer {
    installation: Installation,
    folder: TempDir,
    port: u16,
    process: Child,
}

impl PostgresServer {
    /// Starts a server with these settings, such as `ssl=on`. `files` are written to its data folder before.
    pub async fn start(settings: &[&str], files: &[(&str, &str)]) -> Self {
        let installation = Installation::of_test_server().await;
        let folder = folder_of(&installation);
        let password = folder.path().join("password");
        installation.write(&password, PASSWORD);
        let mut init = installation.command("initdb", folder.path());
        init.args(["-D", "data", "-U", "postgres", "-A", "scram-sha-256", "-N", "-E", "UTF8", "--locale=C"]).arg("--pwfile").arg(&password);
        assert!(init.status().unwrap().success(), "initdb failed");
        for (name, content) in files {
            installation.write(&folder.path().join("data").join(name), content);
        }
        Self::launch(installation, folder, settings).await
    }

    /// Starts a standby that follows this server. It can be promoted with [`PostgresServer::promote`].
    pub async fn standby(&self, settings: &[&str]) -> Self {
        let folder = folder_of(&self.installation);
        let mut backup = self.installation.command("pg_basebackup", folder.path());
        backup.args(["-D", "data", "-R", "-X", "stream", "-c", "fast", "-d", &self.url("postgres")]);
        assert!(backup.status().unwrap().success(), "pg_basebackup failed");
        let standby = Self::launch(self.installation.clone(), folder, settings).await;
        until("the standby receives what the primary writes", async || {
            let sql = "SELECT count(*) AS count FROM pg_stat_replication WHERE state = 'streaming'";
            diesel::sql_query(sql).get_result::<Count>(&mut self.superuser().await).await.unwrap().count == 1
        })
        .await;
        standby
    }

    async fn launch(installation: Installation, folder: TempDir, settings: &[&str]) -> Self {
        // The reservation lasts until the server is started, so that no other process gets the port.
        let reserved = ClosedPort::reserve();
        let port = reserved.address.port();
        let mut command = installation.command("postgres", folder.path());
        command.args(["-D", "data", "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        // The processes of these servers are killed, but not the machine.
        command.args(["-c", "fsync=off", "-c", "lc_messages=C"]);
        for setting in settings {
            command.args(["-c", setting]);
        }
        let process = command.process_group(0).spawn().unwrap();
        let server = Self { installation, folder, port, process };
        let url = format!("{}?sslmode=prefer", server.url("postgres")).into();
        until("the server accepts connections", async || connect(&url, ConnectionLimits::default(), "a test").await.is_ok()).await;
        server
    }

    /// Returns the URL of a database for the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@{}/{database}", self.address())
    }

    /// Returns the address of the server.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Writes a text into a file that the server does not read, and returns its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Lets the server confirm a commit only when its standby has it, too, and waits until that is so.
    pub async fn wait_for_standby_at_each_commit(&self) {
        let mut conn = self.superuser().await;
        conn.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.unwrap();
        conn.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        until("commits wait for the standby", async || {
            let sql = "SELECT count(*) AS count FROM pg_stat_replication WHERE sync_state = 'sync'";
            diesel::sql_query(sql).get_result::<Count>(&mut conn).await.unwrap().count == 1
        })
        .await;
    }

    async fn superuser(&self) -> AsyncPgConnection {
        connect(&self.url("postgres").into(), ConnectionLimits::default(), "a test").await.unwrap()
    }

    /// Kills all processes of the server at once, as a crash of its machine does.
    pub fn kill(&mut self) {
        kill_process_group(Pid::from_child(&self.process), Signal::KILL).unwrap();
        self.process.wait().unwrap();
    }

    /// Makes a standby the primary and waits until it is.
    pub fn promote(&self) {
        let mut promote = self.installation.command("pg_ctl", self.folder.path());
        assert!(promote.args(["promote", "-w", "-D", "data"]).status().unwrap().success(), "the standby cannot be promoted");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // A killed server would leave shared memory behind. It ends its other processes itself.
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.process), Signal::QUIT);
            let _ = self.process.wait();
        }
    }
}

pub(crate) fn folder_of(installation: &Installation) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    chown(folder.path(), Some(installation.user), Some(installation.group)).unwrap();
    folder
}
