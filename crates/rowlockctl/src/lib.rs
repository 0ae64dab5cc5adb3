//! `rowlockctl`, the command-line tool for administrators.
//!
//! It uses the public API through the gateway; only dead letters are read from RabbitMQ directly. With `--json` it prints the
//! API's documents unchanged, otherwise tables. All rules are enforced by the services.

mod api;
mod bars;
mod cli;
mod commands;
mod error;
mod input;
mod logins;
mod output;
mod pages;
mod resources;
mod server_url;
mod session;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Arguments;

/// Runs the command given on the command line. The exit codes are listed at the end of `rowlockctl --help`.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}
