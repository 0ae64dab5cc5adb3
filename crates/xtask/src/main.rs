//! The tasks of this checkout: `cargo xtask help` lists them. The Makefile and scripts/ call them.

mod api;
mod backup;
mod browser;
mod checkout;
mod control;
mod demo;
mod failure;
mod files;
mod gateway;
mod https;
mod manifest;
mod measured;
mod ports;
mod postgres;
mod private;
mod process;
mod rabbitmq;
mod restore;
mod samples;
mod server_url;
mod services;
mod shell;
mod system;
mod test_api;
mod test_backup;
mod test_docs;
mod test_servers;
mod test_system;
mod tools;
mod up;

use std::{os::unix::process::CommandExt, path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{
    checkout::Checkout,
    failure::{Failure, Result},
};

/// Runs the tasks of Rowlock's checkout. The variables that they read are in docs/configuration.md.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Sets up and runs the whole system.
    Up,
    /// Stops the system and keeps the data.
    Down,
    /// Lists what is running, with process ids and ports.
    Status,
    /// Follows the logs (PART=booking-service selects one service).
    Logs,
    /// Stops the system and deletes its data (asks first).
    Reset,
    /// Backs up all databases and their keys to a folder.
    Backup {
        /// A folder that does not exist yet; by default one named after the time, in backups/.
        folder: Option<PathBuf>,
    },
    /// Restores and verifies a backup.
    Restore { folder: Option<PathBuf> },
    /// Shows the waiting list on the running system: six people, three tickets.
    Demo,
    /// Creates sample events on the running system.
    SampleEvents,
    /// Runs the tests with private servers; the arguments are passed to cargo.
    Test {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Sends requests generated from the OpenAPI document and checks every response against it.
    TestApi,
    /// Runs the shell commands of the documentation against a private system.
    TestDocs,
    /// Tests the web site in a real browser; the arguments are passed to Playwright.
    TestWeb {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Takes the pictures of the web site for the documentation.
    Screenshots,
    /// Tests backup and restore with the services that cargo has built.
    TestBackup,
    /// Keeps the servers of the tests running between test runs.
    #[command(subcommand)]
    TestServers(test_servers::Action),
    /// Measures Rowlock on private servers, compared with pgbench.
    Bench,
    /// Injects faults under load and audits every guarantee.
    Chaos,
    /// Restarts a server of a running `make chaos`: server postgres start.
    #[command(hide = true)]
    Server { name: String, action: String },
}

impl Task {
    fn run(self) -> Result<()> {
        let checkout = &Checkout::find()?;
        match self {
            Self::Up => up::run(checkout),
            Self::Down => control::down(checkout),
            Self::Status => control::status(checkout),
            Self::Logs => control::logs(checkout),
            Self::Reset => control::reset(checkout),
            Self::Backup { folder } => backup::run_backup(checkout, folder.filter(|folder| !folder.as_os_str().is_empty())),
            Self::Restore { folder } => restore::run_restore(checkout, folder.as_deref()),
            Self::Demo => demo::run(&system::System::of_checkout(checkout)),
            Self::SampleEvents => {
                samples::create(&system::System::of_checkout(checkout))?.iter().for_each(|line| println!("{line}"));
                Ok(())
            }
            Self::Test { arguments } => test_servers::test(checkout, &arguments),
            Self::TestApi => test_api::run(checkout),
            Self::TestDocs => test_docs::run(checkout),
            Self::TestWeb { arguments } => browser::test(checkout, &arguments),
            Self::Screenshots => browser::take_pictures(checkout),
            Self::TestBackup => test_backup::run(checkout),
            Self::TestServers(action) => test_servers::control(checkout, action),
            Self::Bench => measured::bench(checkout),
            Self::Chaos => measured::chaos(checkout),
            Self::Server { name, .. } => measured::restart_server(checkout, &name),
        }
    }
}

/// Debian installs some servers outside the PATH of ordinary users. A process cannot safely change its own environment while it
/// runs, so the program replaces itself by one with a longer PATH.
fn extend_path() -> Result<()> {
    const DONE: &str = "ROWLOCK_XTASK_PATH_EXTENDED";
    if std::env::var_os(DONE).is_some() {
        return Ok(());
    }
    let program = |source| Failure::Program { program: "this program".to_owned(), source };
    let this = std::env::current_exe().map_err(program)?;
    let mut command = std::process::Command::new(this);
    command.args(std::env::args_os().skip(1)).env("PATH", tools::extended_path()).env(DONE, "yes");
    Err(program(command.exec()))
}

fn main() -> ExitCode {
    let task = Task::parse();
    match extend_path().and_then(|()| task.run()) {
        Ok(()) => ExitCode::SUCCESS,
        // The message of a program that was interrupted as well explains nothing.
        Err(_) if shell::check_interrupt().is_err() => ExitCode::from(130),
        Err(failure) => {
            eprintln!("\nrowlock: {failure}");
            ExitCode::FAILURE
        }
    }
}
