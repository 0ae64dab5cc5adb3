//! The command line: `serve`, `healthcheck`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rowlock_platform::cli::{BAD_SETTINGS, ConfigArgument, environment, fail, healthcheck, run_until_stopped};
use rowlock_platform::clock::Clock;

use crate::{WebSettings, start};

/// The web site of the Rowlock box office.
#[derive(Debug, Parser)]
#[command(name = "web", version)]
struct Arguments {
    #[command(flatten)]
    source: ConfigArgument,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves requests until it receives SIGTERM or SIGINT. This is the default.
    Serve,
    /// Checks whether the service that runs with the same settings is ready.
    Healthcheck,
}

/// Runs the command given on the command line. Returns exit code 0 on success, 2 if the settings or arguments are invalid, and 1
/// for any other failure.
pub async fn run() -> ExitCode {
    let Arguments { source: ConfigArgument { config }, command } = Arguments::parse();
    let settings = match WebSettings::load(config.as_deref(), environment()) {
        Ok(settings) => settings,
        Err(error) => return fail(BAD_SETTINGS, error),
    };
    match command {
        Some(Command::Healthcheck) => healthcheck(settings.management.listen),
        None | Some(Command::Serve) => serve(settings).await,
    }
}

async fn serve(settings: WebSettings) -> ExitCode {
    settings.log.start();
    let leave = settings.shutdown.total();
    match start(settings, Clock::system()) {
        Ok(running) => run_until_stopped(running, leave).await,
        Err(error) => fail(1, error),
    }
}
