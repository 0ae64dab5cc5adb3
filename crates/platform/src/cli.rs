//! What the three binaries' command lines have in common.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use diesel_migrations::EmbeddedMigrations;
use rowlock_postgres::migrate;

use crate::database::DatabaseSettings;
use crate::lifecycle::run_until_signalled;
use crate::running::Running;

/// Exit code for settings that cannot be used.
pub const BAD_SETTINGS: u8 = 2;

/// Where settings come from, besides the environment.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArgument {
    /// A file with settings (TOML); the environment overrides it.
    #[arg(long, global = true, env = "ROWLOCK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The environment, for the settings. A variable that is not UTF-8 is none of ours.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// Prints one sentence to standard error and ends with a code.
pub fn fail(code: u8, error: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code)
}

/// Asks a running process, through its management port, whether it is ready. For health checks in images without a shell.
pub fn healthcheck(listen: SocketAddr) -> ExitCode {
    match is_ready(listen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => fail(1, format!("the service on {listen} is not ready")),
        Err(error) => fail(1, format!("the service on {listen} does not answer: {error}")),
    }
}

fn is_ready(listen: SocketAddr) -> std::io::Result<bool> {
    let limit = Duration::from_secs(3);
    // A service that listens on every address is reached on the loopback one.
    let target = if listen.ip().is_unspecified() { SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), listen.port()) } else { listen };
    let mut stream = TcpStream::connect_timeout(&target, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET /health/ready HTTP/1.0\r\nHost: {target}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_whitespace().nth(1) == Some("200"))
}

/// What the background may take to end after the last request has.
const BACKGROUND_MARGIN: Duration = Duration::from_secs(5);

/// Runs a service until a signal, drains it, and tells how that went. `leave` is what it may take to end what is in flight.
pub async fn run_until_stopped(running: Running, leave: Duration) -> ExitCode {
    let drain = leave + BACKGROUND_MARGIN;
    let stop = running.stop_token();
    let mut served = Ok(());
    let drained = run_until_signalled(stop, drain, async { served = running.wait().await }).await;
    match (served, drained) {
        (Ok(()), Ok(true)) => ExitCode::SUCCESS,
        (Ok(()), Ok(false)) => fail(1, "stopped before everything in flight had ended"),
        (Err(error), _) | (_, Err(error)) => fail(1, error),
    }
}

/// Brings a schema up to date and says what was done.
pub async fn run_migrations(database: &DatabaseSettings, migrations: EmbeddedMigrations) -> ExitCode {
    let Some(owner) = &database.migration_url else {
        return fail(BAD_SETTINGS, "database.migration_url (ROWLOCK__DATABASE__MIGRATION_URL): must be set for «migrate»");
    };
    match migrate(owner, &database.url, migrations).await {
        Ok(ran) if ran.is_empty() => println!("The schema is up to date."),
        Ok(ran) => println!("The schema is up to date. New: {}.", ran.join(", ")),
        Err(error) => return fail(1, error),
    }
    ExitCode::SUCCESS
}
