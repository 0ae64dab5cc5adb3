//! The servers of tests, and `make test`.
//!
//! Developers can keep the servers running between test runs; `make test` uses them if they run, and starts its own otherwise.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, ensure},
    files,
    private::{Durability, PrivateServers, Running, folder_of_run},
    shell::{cargo, find_program, run},
    tools::{self, Server},
};

/// The servers that tests use. They start nginx, PgBouncer and further PostgreSQL servers themselves.
const NEEDED: [Server; 4] = [Server::Postgres, Server::RabbitMq, Server::Nginx, Server::PgBouncer];

#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Starts the servers and prints how to use them.
    Start,
    /// Stops the servers and deletes their data.
    Stop,
    /// Prints the variables for a shell: eval "$(scripts/test-servers.sh env)".
    Env,
    /// Prints whether the servers run.
    Status,
}

fn kept(checkout: &Checkout) -> PrivateServers {
    PrivateServers::in_folder(checkout, checkout.state().join("test/kept"), Durability::None)
}

/// Starts, stops or describes the servers that are kept between test runs.
pub(crate) fn control(checkout: &Checkout, action: Action) -> Result<()> {
    let mut servers = kept(checkout);
    match action {
        Action::Start => {
            tools::need(checkout, &NEEDED)?;
            // Installed here and not by `env`, whose output a shell executes.
            python(checkout)?;
            if !servers.run() {
                servers.start()?;
            }
            println!("The tests' servers run. For 'cargo test' in this shell: eval \"$(scripts/test-servers.sh env)\"");
        }
        Action::Stop => {
            servers.stop()?;
            println!("The tests' servers are stopped.");
        }
        Action::Env => {
            ensure!(
                servers.run() && python_folder(checkout)?.is_some(),
                "The tests' servers do not run, or were started before the tests needed more packages. Start them with 'scripts/test-servers.sh start'."
            );
            for (name, value) in environment(checkout, &servers)? {
                println!("export {name}={value}");
            }
        }
        Action::Status => println!("The tests' servers {}.", if servers.run() { "run" } else { "do not run" }),
    }
    Ok(())
}

/// Returns the variables that the tests read.
pub(crate) fn environment(checkout: &Checkout, servers: &PrivateServers) -> Result<Vec<(&'static str, String)>> {
    let system = &servers.system;
    let python = python(checkout)?.to_string_lossy().into_owned();
    let nginx = find_program("nginx").map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(vec![
        ("ROWLOCK_TEST_DATABASE_URL", system.admin_database_url()?),
        ("ROWLOCK_TEST_AMQP_URL", system.amqp_url()?),
        ("ROWLOCK_TEST_NGINX", nginx),
        ("ROWLOCK_TEST_PYTHON", python),
    ])
}

/// Name of the Python environment of the tests.
const PYTHON: &str = "test-packages";

fn requirements(checkout: &Checkout) -> PathBuf {
    checkout.root().join("scripts/requirements-test.txt")
}

/// Returns a Python with the packages that the tests run against, which it installs if they are missing.
fn python(checkout: &Checkout) -> Result<PathBuf> {
    Ok(tools::python_environment(checkout, PYTHON, &requirements(checkout))?.join("bin/python"))
}

/// Returns the environment of that Python if it is installed.
fn python_folder(checkout: &Checkout) -> Result<Option<PathBuf>> {
    tools::complete_python_environment(checkout, PYTHON, &requirements(checkout))
}

/// Runs `cargo test` with these arguments, and the test of the backups if there are none.
pub(crate) fn test(checkout: &Checkout, arguments: &[String]) -> Result<()> {
    tools::need(checkout, &NEEDED)?;
    let kept = kept(checkout);
    let running;
    let servers = if kept.run() {
        println!("Using the servers that 'scripts/test-servers.sh start' keeps running.");
        &kept
    } else {
        println!("Starting PostgreSQL and RabbitMQ for the tests");
        running = Running::start(PrivateServers::in_folder(checkout, folder_of_run(checkout)?, Durability::None))?;
        &running.0
    };
    let mut result = cargo_test(checkout, servers, arguments);
    if result.is_ok() && arguments.is_empty() {
        result = run(&mut Command::new(checkout.script("test-backup.sh")));
    }
    if result.is_err() {
        // The servers' folders are about to be deleted, and their logs may explain the failure.
        let logs = checkout.root().join("target/test-logs");
        files::delete(&logs)?;
        files::keep_logs(&servers.system.folder().join("log"), &logs)?;
        println!("What PostgreSQL and RabbitMQ wrote is kept in target/test-logs.");
    }
    result
}

/// The totals that cargo prints for each crate, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: u64,
    failed: u64,
}

impl Totals {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …`; other lines are ignored.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |unit: &str| {
            let words: Vec<&str> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
            words.windows(2).find(|pair| pair.last() == Some(&unit)).and_then(|pair| pair.first()?.parse::<u64>().ok()).unwrap_or_default()
        };
        self.passed += number("passed");
        self.failed += number("failed");
    }
}

fn cargo_test(checkout: &Checkout, servers: &PrivateServers, arguments: &[String]) -> Result<()> {
    let program = |source| Failure::Program { program: "cargo".to_owned(), source };
    let mut command = cargo(checkout.root());
    command.args(["test", "--locked"]).envs(environment(checkout, servers)?);
    // With -p, `--workspace` would make cargo ignore -p.
    let selects = |argument: &String| argument.starts_with("-p") || argument.starts_with("--package") || argument == "--workspace";
    if !arguments.iter().any(selects) {
        command.arg("--workspace");
    }
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().map_err(program)?;
    let mut totals = Totals::default();
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).split(b'\n')) {
        let line = line.map_err(program)?;
        let text = String::from_utf8_lossy(&line);
        totals.add(&text);
        let _ = writeln!(std::io::stdout(), "{text}");
    }
    let status = child.wait().map_err(program)?;
    println!("\n{} passed, {} failed", totals.passed, totals.failed);
    if status.success() { Ok(()) } else { Err(Failure::Status { program: "cargo test".to_owned(), status }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_of_all_crates_are_added_up() {
        let mut totals = Totals::default();
        totals.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.05s");
        totals.add("test x ... ok");
        totals.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(totals, Totals { passed: 15, failed: 2 });
    }
}
