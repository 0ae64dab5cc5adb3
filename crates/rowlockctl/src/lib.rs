//! `rowlockctl`, for people who look after a box office.
//!
//! It talks to the public API through the gateway, as an administrator; dead letters alone it reads from RabbitMQ itself. What
//! it shows is what the API says: with `--json` unchanged, otherwise as tables. It decides nothing that the services decide.

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

/// Does what the command line says. What the exit codes mean is at the end of `rowlockctl --help`.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}
