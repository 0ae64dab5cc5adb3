//! A PostgreSQL server with `ssl = on`, on which users have to authenticate by channel binding or by a certificate.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use rowlock_postgres::{ConnectionLimits, connect};
use rowlock_test_support::closed_port::ClosedPort;
use rowlock_test_support::database::DATABASE_ENV;
use rowlock_test_support::tls::{Authority, Issued};
use rowlock_test_support::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Password of the superuser.
pub(crate) const PASSWORD: &str = "rowlock-test";

/// A server that runs until it is dropped. Its data is deleted with it.
pub(crate) struct EncryptedServer {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for EncryptedServer {
    fn drop(&mut self) {
        // A killed server would leave shared memory behind.
        kill_process(Pid::from_child(&self.process), Signal::QUIT).unwrap();
        self.process.wait().unwrap();
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// The programs of the test server, and the user and group who run it. PostgreSQL refuses to run as root.
struct Installation {
    programs: PathBuf,
    user: u32,
    group: u32,
}

impl Installation {
    async fn of_test_server() -> Self {
        let url = std::env::var(DATABASE_ENV).unwrap().into();
        let mut conn = connect(&url, ConnectionLimits::default(), "a test").await.unwrap();
        let mut setting = async |sql: &str| diesel::sql_query(sql).get_result::<Setting>(&mut conn).await.unwrap().value;
        let programs = setting("SELECT setting AS value FROM pg_config WHERE name = 'BINDIR'").await.into();
        let data = std::fs::metadata(setting("SELECT current_setting('data_directory') AS value").await).unwrap();
        Self { programs, user: data.uid(), group: data.gid() }
    }

    fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(self.user).gid(self.group);
        }
        command
    }

    /// Writes a file that only the server can read.
    fn write(&self, path: &Path, content: &str) {
        std::fs::write(path, content).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        chown(path, Some(self.user), Some(self.group)).unwrap();
    }
}

impl EncryptedServer {
    /// Starts a server with this certificate. Its user `certified` needs a certificate of `clients`, and the superuser a password.
    pub(crate) async fn start(certificate: &Issued, clients: &Authority) -> Self {
        let installation = Installation::of_test_server().await;
        let folder = tempfile::tempdir().unwrap();
        chown(folder.path(), Some(installation.user), Some(installation.group)).unwrap();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        installation.write(&password, PASSWORD);
        let mut init = installation.command("initdb", folder.path());
        init.arg("-D").arg(&data).arg("--pwfile").arg(&password).args(["-U", "postgres", "-A", "scram-sha-256", "-N", "--locale=C"]);
        assert!(init.status().unwrap().success());
        installation.write(&data.join("server.crt"), &certificate.certificate);
        installation.write(&data.join("server.key"), &certificate.key);
        installation.write(&data.join("clients.crt"), &clients.certificate);
        let rules = "hostssl all certified 127.0.0.1/32 cert\nhostssl all postgres 127.0.0.1/32 scram-sha-256\n";
        installation.write(&data.join("pg_hba.conf"), rules);

        // The reservation lasts until the server is started, so that no other process gets the port.
        let reserved = ClosedPort::reserve();
        let port = reserved.address.port();
        let mut command = installation.command("postgres", folder.path());
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "ssl=on", "ssl_ca_file=clients.crt"];
        for setting in settings {
            command.args(["-c", setting]);
        }
        let server = Self { process: command.stderr(Stdio::null()).spawn().unwrap(), port, folder };
        let url = server.url(&format!("postgres:{PASSWORD}"), "sslmode=require").into();
        until("the server accepts connections", async || connect(&url, ConnectionLimits::default(), "a test").await.is_ok()).await;
        server
    }

    /// Writes a text into a file of the test and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Returns a URL for a user, with these parameters.
    pub(crate) fn url(&self, user: &str, parameters: &str) -> String {
        format!("postgres://{user}@localhost:{}/postgres?{parameters}&hostaddr=127.0.0.1", self.port)
    }
}
