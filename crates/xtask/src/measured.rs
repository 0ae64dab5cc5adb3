//! `make bench` and `make chaos`: both run the release binaries against servers with default durability, which are started for one
//! run and removed with their data afterwards, even if the run fails. `BUILD=debug` lets `make chaos` run the build of the tests,
//! which a machine that has run them need not compile again.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    checkout::Checkout,
    failure::{Result, ensure, sentence},
    files,
    gateway::Upstreams,
    ports,
    postgres::{self, query},
    private::{Durability, FURTHER_PORTS, PrivateServers, Running},
    services,
    shell::{self, step, variable},
    system::given_programs,
    tools::{self, Server},
};

/// Creates WAL files before anything is measured. A server that has been in use recycles its WAL files. A new server has to create
/// each when it is needed, which stalls commits for 50 ms.
const FILL_WAL: &str = "SELECT pg_logical_emit_message(false, 'rowlock', ''), pg_switch_wal() FROM generate_series(1, 128)";

/// Which of the two is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bench,
    Chaos,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Chaos => "chaos",
        }
    }

    fn servers(self, checkout: &Checkout) -> PrivateServers {
        let mut settings = vec!["max_connections=200".to_owned()];
        if self == Self::Bench {
            settings.extend(postgres::SIZED.map(str::to_owned));
            settings.extend(variable("PG_SETTINGS").unwrap_or_default().split_whitespace().map(str::to_owned));
        }
        PrivateServers::in_folder(checkout, checkout.state().join(self.name()), Durability::Full(settings))
    }
}

/// Which build is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Release,
    Debug,
}

impl Build {
    /// Returns the build that the variable `BUILD` names for `make chaos`. Figures of a debug build would mean nothing, so
    /// `make bench` has no choice.
    fn chosen(kind: Kind) -> Result<Self> {
        match (variable("BUILD").as_deref(), kind) {
            (None | Some("release"), _) => Ok(Self::Release),
            (Some("debug"), Kind::Chaos) => Ok(Self::Debug),
            (Some("debug"), Kind::Bench) => Err(sentence!("'make bench' measures the release build only. Leave BUILD out.")),
            (Some(other), _) => Err(sentence!("BUILD is {other}. It must be release or debug.")),
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Debug => "debug",
        }
    }

    fn command(self, checkout: &Checkout, arguments: &[&str], packages: &[&str]) -> Command {
        match self {
            Self::Release => {
                let mut command = shell::cargo_build(checkout.root(), arguments, packages);
                command.arg("--release");
                command
            }
            // The features of the dependencies are those of the tests only if everything is built.
            Self::Debug => {
                let mut command = shell::cargo_build(checkout.root(), arguments, &[]);
                command.arg("--workspace");
                command
            }
        }
    }
}

/// Returns whether a switch such as QUICK=1 is on.
fn is_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value != "0")
}

/// Returns the folder of another release that `BASELINE` names.
fn baseline() -> Result<Option<PathBuf>> {
    let Some(folder) = variable("BASELINE").map(PathBuf::from) else { return Ok(None) };
    for program in ["booking-service", "reallocation-worker"] {
        let program = folder.join(program);
        ensure!(
            program.is_file(),
            "BASELINE names a folder with the release binaries of another version, but there is no {}.",
            program.display()
        );
    }
    Ok(Some(folder))
}

/// Measures Rowlock against what its database can do by itself.
pub(crate) fn bench(checkout: &Checkout) -> Result<()> {
    // Before anything is built.
    baseline()?;
    let run = Run::prepare(checkout, Kind::Bench)?;
    let out = run.target.join("bench");
    // A full run logs a gigabyte (one line per booking), so only the logs of the latest run are kept.
    files::delete(&out.join("log"))?;
    let running = run.start_servers()?;
    let result = run.measure(&running.0, &out);
    files::keep_logs(&running.0.system.folder().join("log"), &out.join("log"))?;
    result?;
    println!("The report is in {}/report.json, the picture in {0}/clients.svg.", out.display());
    Ok(())
}

/// Injects the faults of a production environment, and then checks that every promise was kept.
pub(crate) fn chaos(checkout: &Checkout) -> Result<()> {
    let mut run = Run::prepare(checkout, Kind::Chaos)?;
    let mut out = run.target.join("chaos");
    if is_on("CONTROL") && given_programs()?.is_none() {
        step!("Building the services without the row lock");
        let target = run.target.join("chaos-control");
        let features = "booking-service/without-row-lock,reallocation-worker/without-row-lock";
        let packages = [services::measured_packages(), vec![services::NOTIFIER.name]].concat();
        let mut command = run.build.command(checkout, &["--features", features], &packages);
        shell::build(command.arg("--target-dir").arg(&target))?;
        run.programs = target.join(run.build.folder());
    }
    if is_on("CONTROL") {
        out = run.target.join("chaos-control/report");
    }
    files::delete(&out)?;
    let running = run.start_servers()?;
    let result = run.inject_faults(&running.0, &out);
    files::keep_logs(&running.0.system.folder().join("log"), &out.join("log"))?;
    result
}

/// Restarts a server of a running `make chaos` after it was killed, and prints the new pid. The tool of `make chaos` calls it.
pub(crate) fn restart_server(checkout: &Checkout, name: &str) -> Result<()> {
    let servers = Kind::Chaos.servers(checkout);
    ensure!(servers.system.is_set_up(), "No run of 'make chaos' is running in this checkout.");
    println!("{}", servers.restart(name)?);
    Ok(())
}

struct Run<'a> {
    checkout: &'a Checkout,
    kind: Kind,
    build: Build,
    target: PathBuf,
    /// The folder of the services.
    programs: PathBuf,
    /// This program, which the fault injection calls to restart a server. A later build may replace the file, after which the
    /// path of the running program is unknown.
    this: PathBuf,
    _lock: files::Lock,
}

impl<'a> Run<'a> {
    fn prepare(checkout: &'a Checkout, kind: Kind) -> Result<Self> {
        let build = Build::chosen(kind)?;
        let more = if kind == Kind::Bench { &[Server::Redis][..] } else { &[] };
        tools::need(checkout, &[&[Server::Postgres, Server::RabbitMq, Server::Nginx], more].concat())?;
        let name = kind.name();
        let lock = files::Lock::take(
            &checkout.state().join(format!("{name}.lock")),
            &format!("Another 'make {name}' is running in this checkout. Wait until it has ended."),
        )?;
        let this = std::env::current_exe().map_err(crate::failure::Failure::file("this program", "found"))?;
        let target = checkout.target()?;
        let given = given_programs()?;
        // Both tools are built together, so that features are unified in the same way for both.
        let mut packages = vec!["rowlock-bench", "rowlock-chaos"];
        if given.is_none() {
            packages.extend(services::measured_packages());
            packages.extend(["web", "notifier"]);
        }
        step!("Building");
        shell::build(&mut build.command(checkout, &["--bins"], &packages))?;
        let programs = given.unwrap_or_else(|| target.join(build.folder()));
        Ok(Self { checkout, kind, build, target, programs, this, _lock: lock })
    }

    fn start_servers(&self) -> Result<Running> {
        step!("Starting PostgreSQL, RabbitMQ and the gateway");
        let running = Running::start(self.kind.servers(self.checkout))?;
        let servers = &running.0;
        let system = &servers.system;
        let (port, password) = (system.ports.get(ports::POSTGRES)?, system.secret("postgres")?);
        let superuser = |sql: &str| shell::output(&mut query(port, &password, "postgres", sql));
        if self.kind == Kind::Bench {
            superuser(FILL_WAL)?;
            superuser("CHECKPOINT")?;
        }
        servers.prepare_databases(&self.programs, &[&services::MEASURED[..], &[services::NOTIFIER]].concat())?;
        if self.kind == Kind::Bench {
            // A second copy of the schema, for pgbench only.
            superuser("CREATE DATABASE rowlock_pgbench TEMPLATE rowlock_booking")?;
        }
        let first = system.ports.get(FURTHER_PORTS)?;
        let address = |offset: u16| format!("127.0.0.1:{}", first.saturating_add(offset));
        // The services get their ports in this order. `make bench`: booking-service, auth-service. `make chaos`: auth-service, two
        // booking-services, two workers, two notifiers. The management port of each follows its public port.
        system.start_private_gateway(&match self.kind {
            Kind::Bench => Upstreams { auth: address(2), booking: vec![address(0)], notifier: None, web: None },
            Kind::Chaos => Upstreams { auth: address(0), booking: vec![address(2), address(4)], notifier: None, web: None },
        })?;
        Ok(running)
    }

    /// Returns the tool with the options that both tools have.
    fn tool(&self, servers: &PrivateServers, subcommand: Option<&str>, out: &Path) -> Result<Command> {
        let system = &servers.system;
        let mut command = Command::new(self.target.join(self.build.folder()).join(format!("rowlock-{}", self.kind.name())));
        command.args(subcommand).arg("--bin-dir").arg(&self.programs).arg("--secrets").arg(system.secrets()).arg("--out").arg(out);
        for (option, port) in [("--pg-port", ports::POSTGRES), ("--gateway-port", ports::GATEWAY), ("--first-port", FURTHER_PORTS)] {
            command.arg(option).arg(system.ports.get(port)?.to_string());
        }
        for (option, name) in [("--pg-pid", "postgres"), ("--broker-pid", "rabbitmq")] {
            command.arg(option).arg(servers.pid(name)?.to_string());
        }
        command.args(["--commit", &self.checkout.commit()]);
        Ok(command)
    }

    fn measure(&self, servers: &PrivateServers, out: &Path) -> Result<()> {
        let mut command = self.tool(servers, Some("run"), out)?;
        command.arg("--pg-bin").arg(servers.postgres()?.programs()).arg("--gateway-pid").arg(servers.pid("gateway")?.to_string());
        if is_on("QUICK") {
            command.arg("--quick");
        }
        if let Some(only) = variable("ONLY") {
            command.arg("--only").arg(only);
        }
        if let Some(baseline) = baseline()? {
            command.arg("--baseline").arg(baseline);
        }
        shell::run(&mut command)
    }

    fn inject_faults(&self, servers: &PrivateServers, out: &Path) -> Result<()> {
        let mut command = self.tool(servers, None, out)?;
        command.arg("--server-command").arg(&self.this);
        for (option, name) in [("--seed", "SEED"), ("--minutes", "MINUTES")] {
            if let Some(value) = variable(name) {
                command.args([option, &value]);
            }
        }
        if is_on("CONTROL") {
            command.arg("--control");
        }
        shell::run(&mut command)
    }
}
