//! `make chaos`: the real binaries under load, through the gateway, while everything that can fail does, and then an
//! audit of every promise that was made. Modules, from the outside in:
//!
//! - [`options`], [`stage`], [`process`], [`server`]: what runs.
//! - [`events`], [`client`], [`administrator`], [`accounts`], [`desk`], [`ledger`], [`http`]: those who ask and write down
//!   every answer.
//! - [`faults`], [`inject`], [`prober`]: what is done to it, and how soon it serves again.
//! - [`messages`], [`tables`], [`model`], [`audit`], [`report`]: what was promised against what is.

pub mod accounts;
pub mod administrator;
pub mod audit;
pub mod client;
pub mod desk;
pub mod events;
pub mod faults;
pub mod http;
pub mod inject;
pub mod ledger;
pub mod messages;
pub mod model;
pub mod options;
pub mod prober;
pub mod process;
pub mod report;
pub mod server;
pub mod stage;
pub mod storm;
pub mod tables;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::Options;

/// What went wrong, in words. Violations are no errors of the harness.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Does what the command line says. Exit code 1 with violations, or when the run could not be made.
pub async fn start() -> ExitCode {
    // On a signal the services are ended with the values that hold them.
    let done = tokio::select! {
        done = storm::run(Options::parse()) => done,
        () = stopped() => Err("interrupted".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn stopped() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
