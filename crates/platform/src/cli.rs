//! Parts of the command line that the four service binaries share.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use diesel_migrations::EmbeddedMigrations;
use rowlock_postgres::migrate;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::database::DatabaseSettings;
use crate::lifecycle::run_until_signalled;
use crate::running::Running;

/// Exit code for invalid settings.
pub const BAD_SETTINGS: u8 = 2;

/// The option that names a settings file.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArgument {
    /// Settings file in TOML format. Environment variables override it.
    #[arg(long, global = true, env = "ROWLOCK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Returns the environment variables for [`SettingsReader::load`](crate::settings::SettingsReader::load). Variables that
/// are not UTF-8 are skipped, because no setting can come from them.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// Prints an error to standard error and returns `code` as the exit code.
pub fn fail(code: u8, error: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code)
}

/// Queries the readiness of a running process through its management port and returns 0 only if it is ready. Images without
/// a shell use this for their health check.
pub fn healthcheck(listen: SocketAddr) -> ExitCode {
    match is_ready(listen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => fail(1, format!("the service on {listen} is not ready")),
        Err(error) => fail(1, format!("the service on {listen} does not respond: {error}")),
    }
}

fn is_ready(listen: SocketAddr) -> std::io::Result<bool> {
    let limit = Duration::from_secs(3);
    // A service that listens on all interfaces is reached through the loopback interface.
    let target = if listen.ip().is_unspecified() { SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), listen.port()) } else { listen };
    let mut stream = TcpStream::connect_timeout(&target, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET /health/ready HTTP/1.0\r\nHost: {target}\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response.split_whitespace().nth(1) == Some("200"))
}

/// How long background tasks may take to end after the last request has ended.
const BACKGROUND_MARGIN: Duration = Duration::from_secs(5);

/// Raises the limit of open files to the maximum that the system allows. Many systems start processes with a limit of 1,024 for the
/// sake of old programs, and every connection takes one.
fn raise_open_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}

/// Runs a service until SIGTERM or SIGINT and drains it. `drain_timeout` is how long requests in flight may take to end.
/// The exit code is 0 only if everything ended in time and without an error.
pub async fn run_until_stopped(running: Running, drain_timeout: Duration) -> ExitCode {
    raise_open_file_limit();
    let drain = drain_timeout + BACKGROUND_MARGIN;
    let stop = running.stop_token();
    let mut served = Ok(());
    let drained = run_until_signalled(stop, drain, async { served = running.wait().await }).await;
    match (served, drained) {
        (Ok(()), Ok(true)) => ExitCode::SUCCESS,
        (Ok(()), Ok(false)) => fail(1, "the service stopped before all requests in flight had ended"),
        (Err(error), _) | (_, Err(error)) => fail(1, error),
    }
}

/// Applies the pending migrations and prints which ones were applied.
pub async fn run_migrations(database: &DatabaseSettings, migrations: EmbeddedMigrations) -> ExitCode {
    let Some(owner) = &database.migration_url else {
        return fail(BAD_SETTINGS, "database.migration_url (ROWLOCK__DATABASE__MIGRATION_URL): must be set for `migrate`");
    };
    match migrate(owner, &database.url, migrations).await {
        Ok(ran) if ran.is_empty() => println!("The schema is up to date."),
        Ok(ran) => println!("The schema is up to date. Applied migrations: {}.", ran.join(", ")),
        Err(error) => return fail(1, error),
    }
    ExitCode::SUCCESS
}
