//! `make down`, `make status`, `make logs` and `make reset`: what can be done with the system that `make up` runs.

use std::{
    io::{IsTerminal, Write},
    os::unix::process::CommandExt,
    process::Command,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, ensure},
    files, ports, postgres,
    rabbitmq::RabbitMq,
    services::SERVICES,
    shell::{step, variable},
    system::System,
};

const SERVICE_STOP_LIMIT: Duration = Duration::from_secs(40);

/// Stops what `make up` has started in this checkout, and nothing else. Data is kept.
pub(crate) fn down(checkout: &Checkout) -> Result<()> {
    if !checkout.state().is_dir() {
        println!("Nothing was started here.");
        return Ok(());
    }
    let _lock = checkout.lock()?;
    stop(&System::of_checkout(checkout))?;
    println!("Rowlock is stopped. 'make up' starts it again with the same data.");
    Ok(())
}

/// Returns the names of all parts in the order in which they are listed.
fn parts() -> Vec<&'static str> {
    ["postgres", "rabbitmq"].into_iter().chain(SERVICES.iter().map(|service| service.name)).chain(["gateway"]).collect()
}

/// Stops all parts, starting with the gateway, so that requests in flight can finish. Ignores parts that do not run.
fn stop(system: &System) -> Result<()> {
    let services = || SERVICES.iter().map(|service| service.name);
    for part in ["gateway"].into_iter().chain(services()).chain(["rabbitmq", "postgres"]) {
        if system.processes.alive(part) {
            step!("Stopping {part}");
        }
    }
    stop_services(system)?;
    if (system.processes.is_recorded("rabbitmq") || system.folder().join("rabbitmq").is_dir())
        && let Ok(broker) = RabbitMq::new(&system.processes, &system.ports)
    {
        broker.stop()?;
    }
    // Fast shutdown: sessions are terminated and all data is written.
    system.processes.stop("postgres", Signal::INT, Duration::from_secs(60))
}

/// Stops the gateway and then the services.
pub(crate) fn stop_services(system: &System) -> Result<()> {
    system.stop_gateway()?;
    // All services get the signal at once, so that they drain concurrently.
    for service in &SERVICES {
        system.processes.signal(service.name, Signal::TERM);
    }
    SERVICES.iter().try_for_each(|service| system.processes.stop(service.name, Signal::TERM, SERVICE_STOP_LIMIT))
}

/// Prints which parts of this checkout's system run, with pid and port, and which are not ready and why.
pub(crate) fn status(checkout: &Checkout) -> Result<()> {
    let system = System::of_checkout(checkout);
    if !system.is_set_up() {
        println!("Nothing has been set up here yet. 'make up' does it.");
        return Ok(());
    }
    println!("{}", row("part", "state", "pid", "port (the second is for operators)"));
    for part in parts() {
        let state = state_of(&system, part);
        let pid = system.processes.pid(part).map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let port = if state == "your own" { "-".to_owned() } else { ports_of(&system, part) };
        println!("{}", row(part, state, &pid, &port));
    }
    for service in SERVICES.iter().filter(|service| system.processes.alive(service.name) && !system.is_ready(service)) {
        println!("\n{} says: {}", service.name, system.health(service));
    }
    println!("\nAddress: {}   Logs: .local/log/   Data: see .local/where", system.gateway_url()?);
    Ok(())
}

fn row(part: &str, state: &str, pid: &str, ports: &str) -> String {
    format!("{part:<21} {state:<10} {pid:<8} {ports}")
}

fn ports_of(system: &System, part: &str) -> String {
    let names: Vec<&str> = match part {
        "postgres" => vec![ports::POSTGRES],
        "rabbitmq" => vec![ports::AMQP],
        "gateway" => vec![ports::GATEWAY],
        _ => SERVICES.iter().filter(|service| service.name == part).flat_map(crate::services::Service::ports).collect(),
    };
    let text = |name: &str| system.ports.find(name).map_or_else(|| "-".to_owned(), |port| port.to_string());
    names.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

fn state_of(system: &System, part: &str) -> &'static str {
    if system.processes.alive(part) {
        let service = SERVICES.iter().find(|service| service.name == part);
        return if service.is_none_or(|service| system.is_ready(service)) { "runs" } else { "not ready" };
    }
    // A server provided by the user has no pid file here.
    let servers = files::read_note(&system.folder().join("servers")).unwrap_or_default();
    match part {
        "postgres" if servers.contains("database=given") => "your own",
        "rabbitmq" if servers.contains("amqp=given") => "your own",
        _ if system.processes.is_recorded(part) => "has died",
        _ => "stopped",
    }
}

/// Follows the logs of all parts, or of the one that PART names.
pub(crate) fn logs(checkout: &Checkout) -> Result<()> {
    let system = System::of_checkout(checkout);
    let logs = match variable("PART") {
        Some(part) => {
            let log = system.processes.log(&part);
            ensure!(log.exists(), "There is no log of '{part}'. The parts are: {}.", parts().join(" "));
            vec![log]
        }
        None => {
            files::entries(&system.folder().join("log")).into_iter().filter(|log| log.extension().is_some_and(|end| end == "log")).collect()
        }
    };
    ensure!(!logs.is_empty(), "There are no logs yet. 'make up' starts the system.");
    let lines = variable("LINES_BEFORE").unwrap_or_else(|| "20".to_owned());
    let source = Command::new("tail").args(["-n", &lines, "-F", "--"]).args(logs).exec();
    Err(Failure::Program { program: "tail".to_owned(), source })
}

/// Stops this checkout's system and deletes its data, secrets and logs, after confirmation (RESET=yes: without).
pub(crate) fn reset(checkout: &Checkout) -> Result<()> {
    let state = checkout.state();
    if !state.is_dir() {
        println!("There is nothing to delete here.");
        return Ok(());
    }
    if variable("RESET").as_deref() != Some("yes") {
        confirm(checkout)?;
    }
    let _lock = checkout.lock()?;
    let system = System::of_checkout(checkout);
    let given = files::read_note(&state.join("servers")).is_some_and(|servers| servers.contains("given"));
    stop(&system)?;
    postgres::delete_data(checkout, &system.processes, "postgres")?;
    for path in files::entries(&state) {
        // `test` belongs to running tests, and `tools` contains no data.
        if !matches!(files::name_of(&path)?, "lock" | "test" | "tools") {
            files::delete(&path)?;
        }
    }
    println!("All data of this checkout are deleted.");
    if given {
        println!("The databases and queues on the servers that you provided were not deleted.");
    }
    Ok(())
}

fn confirm(checkout: &Checkout) -> Result<()> {
    println!("This deletes every account, event and booking of the system in {}.", checkout.root().display());
    ensure!(std::io::stdin().is_terminal(), "Nothing was deleted. Run it in a terminal, or say it is meant: RESET=yes make reset");
    print!("Type yes to go on: ");
    let mut answer = String::new();
    let read = std::io::stdout().flush().and_then(|()| std::io::stdin().read_line(&mut answer));
    ensure!(read.is_ok() && answer.trim() == "yes", "Nothing was deleted.");
    Ok(())
}
