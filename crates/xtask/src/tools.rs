//! Finds the programs that tasks need, and installs missing ones with apt.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, ensure, sentence},
    files,
    shell::{find_program, is_executable, is_root, run, run_logged, step},
};

const OLDEST_POSTGRES: u32 = 15;

/// A server that a task starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Postgres,
    RabbitMq,
    Nginx,
    PgBouncer,
    Redis,
}

/// Extends the PATH by the folders in which Debian installs some servers, outside the PATH of ordinary users.
///
/// Returns the new value; the caller sets it for this process's children.
pub(crate) fn extended_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}

/// Returns the folder of PostgreSQL's programs of that major version, or else of the newest supported one.
pub(crate) fn postgres_programs(major: Option<&str>) -> Option<PathBuf> {
    let on_path = find_program("postgres").and_then(|program| program.canonicalize().ok()?.parent().map(Path::to_path_buf));
    let packaged = files::entries(Path::new("/usr/lib/postgresql")).into_iter().map(|folder| folder.join("bin"));
    let folders = on_path.into_iter().chain(packaged).filter(|folder| is_executable(&folder.join("initdb")));
    let versions = folders.filter_map(|folder| {
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        Some((major_version(&String::from_utf8_lossy(&output.stdout))?, folder))
    });
    versions
        .filter(|(version, _)| *version >= OLDEST_POSTGRES && major.is_none_or(|major| version.to_string() == major))
        .max_by_key(|(version, _)| *version)
        .map(|(_, folder)| folder)
}

/// Returns the first number of a text such as `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`.
fn major_version(text: &str) -> Option<u32> {
    let digits: String = text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Returns the folder of RabbitMQ's own programs, which run as the calling user. Those in /usr/sbin are wrappers that switch the
/// user.
pub(crate) fn rabbitmq_programs() -> Option<PathBuf> {
    let on_path = find_program("rabbitmq-server").and_then(|program| program.canonicalize().ok()?.parent().map(Path::to_path_buf));
    let mut folders = [PathBuf::from("/usr/lib/rabbitmq/bin")].into_iter().chain(on_path);
    folders.find(|folder| is_executable(&folder.join("rabbitmq-server")) && folder.join("rabbitmq-env").exists())
}

fn is_installed(server: Server) -> bool {
    match server {
        Server::Postgres => postgres_programs(None).is_some(),
        Server::RabbitMq => rabbitmq_programs().is_some(),
        Server::Nginx => find_program("nginx").is_some(),
        Server::PgBouncer => find_program("pgbouncer").is_some(),
        Server::Redis => find_program("redis-server").is_some() && find_program("redis-benchmark").is_some(),
    }
}

/// Returns the packages of the missing tools: the small ones always, the servers only if named.
fn missing_packages(servers: &[Server]) -> Vec<&'static str> {
    let small = [("curl", "curl"), ("jq", "jq"), ("psql", "postgresql-client"), ("setpriv", "util-linux"), ("setsid", "util-linux")];
    let mut packages: Vec<&'static str> =
        small.iter().filter(|(program, _)| find_program(program).is_none()).map(|(_, package)| *package).collect();
    for server in servers.iter().filter(|server| !is_installed(**server)) {
        packages.push(match server {
            Server::Postgres => "postgresql",
            Server::RabbitMq => "rabbitmq-server",
            Server::Nginx => "nginx",
            Server::PgBouncer => "pgbouncer",
            Server::Redis => "redis-server",
        });
    }
    packages.dedup();
    packages
}

/// Asks for sudo's password if [`need`] will install something, so that the installation can run while other output is printed.
pub(crate) fn authorize(servers: &[Server]) -> Result<()> {
    let asks = !is_root() && !missing_packages(servers).is_empty() && find_program("sudo").is_some();
    if asks { run(Command::new("sudo").arg("-v")) } else { Ok(()) }
}

/// Installs missing tools: the small ones always, the servers only if named.
pub(crate) fn need(checkout: &Checkout, servers: &[Server]) -> Result<()> {
    let packages = missing_packages(servers);
    if !packages.is_empty() {
        install(checkout, &packages)?;
    }
    if let Some(server) = servers.iter().find(|server| !is_installed(**server)) {
        return Err(match server {
            Server::Postgres => sentence!(
                "PostgreSQL {OLDEST_POSTGRES} or newer is needed, and this system's packages do not have it. See https://wiki.postgresql.org/wiki/Apt, or give a server with ROWLOCK_DATABASE_URL."
            ),
            Server::RabbitMq => sentence!("RabbitMQ was not found after its installation. Give a server with ROWLOCK_AMQP_URL."),
            Server::Nginx => sentence!("nginx was not found after its installation."),
            Server::PgBouncer => sentence!("PgBouncer was not found after its installation."),
            Server::Redis => sentence!("Redis was not found after its installation."),
        });
    }
    Ok(())
}

/// Installs packages without starting their stock servers.
pub(crate) fn install(checkout: &Checkout, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    ensure!(
        find_program("apt-get").is_some(),
        "These are missing, and there is no apt-get to install them: {list}. Install them and try again."
    );
    let mut command = if is_root() {
        Command::new("bash")
    } else {
        ensure!(find_program("sudo").is_some(), "These are missing: {list}. Install them, or run this as root or with sudo installed.");
        let mut command = Command::new("sudo");
        command.arg("bash");
        command
    };
    step!("Installing {list} (their stock servers are not started)");
    command.arg(checkout.script("install-packages.sh")).args(packages);
    run_logged(&mut command, &checkout.state().join("log/install.log"), &format!("Installing {list} failed."))
}

/// Returns the folder of the Python environment with the packages of a requirements file. Each content of that file has one.
fn python_environment_folder(checkout: &Checkout, name: &str, requirements: &Path) -> Result<PathBuf> {
    let id: String = files::checksum(requirements)?.chars().take(12).collect();
    Ok(checkout.state().join("tools").join(format!("{name}-{id}")))
}

/// Name of the file that marks a complete Python environment.
const COMPLETE: &str = "complete";

/// Returns the Python environment with the packages of a requirements file if it is installed.
pub(crate) fn complete_python_environment(checkout: &Checkout, name: &str, requirements: &Path) -> Result<Option<PathBuf>> {
    let folder = python_environment_folder(checkout, name, requirements)?;
    Ok(folder.join(COMPLETE).exists().then_some(folder))
}

/// Returns a Python environment in `.local/tools` with the packages of a requirements file, which it installs once per content of
/// that file.
pub(crate) fn python_environment(checkout: &Checkout, name: &str, requirements: &Path) -> Result<PathBuf> {
    if let Some(folder) = complete_python_environment(checkout, name, requirements)? {
        return Ok(folder);
    }
    let folder = python_environment_folder(checkout, name, requirements)?;
    let complete = folder.join(COMPLETE);
    if !crate::shell::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        install(checkout, &["python3", "python3-venv"])?;
    }
    step!("Installing {name} (once)");
    files::delete(&folder)?;
    files::make_private_folder(&checkout.state())?;
    let log = checkout.state().join("log").join(format!("{name}.log"));
    let failure = format!("{name} could not be installed; it needs the network this once.");
    run_logged(Command::new("python3").args(["-m", "venv"]).arg(&folder), &log, &failure)?;
    let mut pip = Command::new(folder.join("bin/pip"));
    run_logged(pip.args(["install", "--disable-pip-version-check", "-r"]).arg(requirements), &log, &failure)?;
    std::fs::write(&complete, "").map_err(Failure::file(&complete, "written"))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major_version("postgres (PostgreSQL) 17.2 (Debian 17.2-1)"), Some(17));
        assert_eq!(major_version("unknown"), None);
    }
}
