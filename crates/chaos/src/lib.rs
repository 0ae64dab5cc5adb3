//! Chaos test (`make chaos`): runs the release binaries under load behind the gateway, injects faults, and then audits every
//! response against the stored data and the delivered messages.
//!
//! - [`options`], [`environment`], [`process`], [`server`]: the processes under test.
//! - [`mail_server`], [`postbox`], [`webhook_receiver`], [`failing_peer`]: the servers that the notifiers send to.
//! - [`events`], [`client`], [`administrator`], [`accounts`], [`sender`], [`request_log`], [`http`]: the clients, and the log
//!   of every response.
//! - [`faults`], [`injector`], [`prober`]: the fault schedule, its execution, and the measurement of the recovery time.
//! - [`messages`], [`tables`], [`model`], [`audit`], [`report`]: the audit and its result.

pub mod accounts;
pub mod administrator;
pub mod audit;
pub mod client;
pub mod environment;
pub mod events;
pub mod failing_peer;
pub mod faults;
pub mod http;
pub mod injector;
pub mod mail_server;
pub mod messages;
pub mod model;
pub mod options;
pub mod postbox;
pub mod prober;
pub mod process;
pub mod report;
pub mod request_log;
pub mod run;
pub mod sender;
pub mod server;
pub mod tables;
pub mod webhook_receiver;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::Options;

/// Result of an operation of the harness, with any error. Violations are not errors.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Runs the chaos test of the command line. The exit code is 1 if the audit finds violations or the run itself fails.
pub async fn start() -> ExitCode {
    // Dropping the future on a signal also kills the services, because their handles kill them on drop.
    let result = tokio::select! {
        result = run::run(Options::parse()) => result,
        () = wait_for_signal() => Err("interrupted".into()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn wait_for_signal() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
