//! Private servers for one run of tests or measurements: a PostgreSQL and a RabbitMQ with a folder of their own, so that runs affect
//! neither each other nor the system that `make up` runs. Stopping them deletes all of their files.

use std::{path::PathBuf, time::Duration};

use rustix::process::Signal;

use crate::{
    checkout::Checkout,
    failure::{Result, sentence},
    files,
    ports::{self, AMQP, AMQP_DIST, AMQP_TOOLS, EPMD, GATEWAY, POSTGRES, Ports},
    postgres::{self, Postgres},
    rabbitmq::RabbitMq,
    services::{self, Service},
    system::System,
};

/// How often a start is tried with other ports if another program takes one of them at the same time.
const TRIES: u32 = 5;

/// The ports after those of the servers and of the services, which the tools of `make bench` and `make chaos` give to their own
/// processes.
pub(crate) const FURTHER_PORTS: &str = "FURTHER";
const FURTHER_PORT_COUNT: u16 = 18;

/// How the servers treat their data.
#[derive(Clone, Debug)]
pub(crate) enum Durability {
    /// As in production, with these settings.
    Full(Vec<String>),
    /// None: the data of tests is thrown away.
    None,
}

/// Servers in one folder.
#[derive(Debug)]
pub(crate) struct PrivateServers {
    pub(crate) system: System,
    durability: Durability,
}

impl PrivateServers {
    /// Names the servers in a folder, whether or not they run.
    pub(crate) fn in_folder(checkout: &Checkout, folder: PathBuf, durability: Durability) -> Self {
        let ports = Ports::load(&folder.join("ports.env")).unwrap_or_default();
        Self { system: System::private(checkout, folder, ports), durability }
    }

    pub(crate) fn run(&self) -> bool {
        ["postgres", "rabbitmq"].into_iter().all(|name| self.system.processes.alive(name)) && self.system.is_set_up()
    }

    /// Starts the servers on new data, and retries with other ports if it fails.
    pub(crate) fn start(&mut self) -> Result<()> {
        let mut attempt = 1;
        loop {
            self.stop()?;
            match self.try_to_start() {
                Ok(()) => return Ok(()),
                Err(failure) if attempt == TRIES || crate::shell::check_interrupt().is_err() => {
                    self.stop()?;
                    return Err(failure);
                }
                Err(_) => attempt += 1,
            }
        }
    }

    fn try_to_start(&mut self) -> Result<()> {
        files::make_private_folder(&self.system.checkout.state())?;
        let names = [&[POSTGRES, AMQP, AMQP_DIST, EPMD, AMQP_TOOLS, GATEWAY][..], &services::port_names(), &[FURTHER_PORTS]].concat();
        let count =
            u16::try_from(names.len()).unwrap_or(u16::MAX).saturating_add(ports::AMQP_TOOLS_PORTS).saturating_add(FURTHER_PORT_COUNT);
        let first = ports::free_block(20_000_u16.saturating_add(files::random_below(11_000)?), count)?;
        self.system.ports = Ports::consecutive(first, &names);
        self.system.ports.save(&self.system.folder().join("ports.env"))?;
        self.system.make_secrets()?;
        let password = self.system.secrets().join("postgres");
        let postgres = self.postgres()?;
        match &self.durability {
            Durability::Full(_) => postgres.init(&password, "scram-sha-256", &[])?,
            // With scram, each of the thousands of connections that tests open would take milliseconds, so md5 is used.
            Durability::None => postgres.init(&password, "md5", &["--no-sync"])?,
        }
        self.launch_postgres()?;
        let broker = self.rabbitmq()?;
        broker.launch(&self.system.secret("rabbitmq")?)?;
        postgres.wait(self.system.ports.get(POSTGRES)?, &password)?;
        broker.wait()
    }

    pub(crate) fn postgres(&self) -> Result<Postgres> {
        Postgres::place(&self.system.checkout, &self.system.processes, "postgres")
    }

    fn rabbitmq(&self) -> Result<RabbitMq> {
        RabbitMq::new(&self.system.processes, &self.system.ports)
    }

    fn launch_postgres(&self) -> Result<()> {
        let throwaway = ["password_encryption=md5", "max_connections=500", "fsync=off", "synchronous_commit=off", "full_page_writes=off"];
        let small = ["shared_buffers=128MB", "wal_level=minimal", "max_wal_senders=0"];
        let settings = match &self.durability {
            Durability::Full(settings) => settings.clone(),
            Durability::None => throwaway.iter().chain(&small).map(|setting| (*setting).to_owned()).collect(),
        };
        self.postgres()?.launch(self.system.ports.get(POSTGRES)?, &settings)
    }

    /// Restarts a server that was killed, waits until it accepts connections, and returns its pid.
    pub(crate) fn restart(&self, name: &str) -> Result<i32> {
        let processes = &self.system.processes;
        if processes.alive(name) {
            return Err(sentence!("{name} is running."));
        }
        match name {
            "postgres" => {
                let postgres = self.postgres()?;
                postgres.clear_after_kill()?;
                self.launch_postgres()?;
                postgres.wait(self.system.ports.get(POSTGRES)?, &self.system.secrets().join("postgres"))?;
            }
            "rabbitmq" => {
                let broker = self.rabbitmq()?;
                broker.launch(&self.system.secret("rabbitmq")?)?;
                broker.wait()?;
            }
            _ => return Err(sentence!("There is no server '{name}'.")),
        }
        self.pid(name)
    }

    pub(crate) fn pid(&self, name: &str) -> Result<i32> {
        self.system.processes.pid(name).ok_or_else(|| sentence!("{name} has ended by itself."))
    }

    /// Stops everything that was started in the folder, and deletes it.
    pub(crate) fn stop(&self) -> Result<()> {
        let processes = &self.system.processes;
        for name in processes.names() {
            match name.as_str() {
                "rabbitmq" | "postgres" => {}
                "gateway" => self.system.stop_gateway()?,
                _ => processes.stop(&name, Signal::TERM, Duration::from_secs(20))?,
            }
        }
        match self.rabbitmq() {
            Ok(broker) => broker.stop()?,
            // Without its ports, the epmd of the node cannot be found.
            Err(_) => processes.stop("rabbitmq", Signal::TERM, Duration::from_secs(60))?,
        }
        // The data is thrown away, so the server need not flush it first.
        processes.stop("postgres", Signal::QUIT, Duration::from_secs(20))?;
        postgres::delete_data(&self.system.checkout, processes, "postgres")?;
        files::delete(processes.folder())
    }

    /// Creates the databases, and applies the migrations.
    pub(crate) fn prepare_databases(&self, programs: &std::path::Path, services: &[Service]) -> Result<()> {
        self.system.write_urls()?;
        self.system.create_databases()?;
        self.system.migrate(programs, services)
    }
}

/// Servers that are stopped when the value is dropped.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) PrivateServers);

impl Running {
    /// Starts the servers.
    pub(crate) fn start(mut servers: PrivateServers) -> Result<Self> {
        crate::shell::clean_up_on_signals()?;
        servers.start()?;
        Ok(Self(servers))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(failure) = self.0.stop() {
            eprintln!("rowlock: {failure}");
        }
    }
}

/// Returns the folder for the servers of this process's run, after removing what killed runs left behind.
pub(crate) fn folder_of_run(checkout: &Checkout) -> Result<PathBuf> {
    let tests = checkout.state().join("test");
    for folder in files::entries(&tests) {
        let name = files::name_of(&folder)?;
        let pid = name.strip_prefix("run-").and_then(|rest| rest.split('-').next()).and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| crate::process::run_name(pid).as_deref() != Some(name)) {
            PrivateServers::in_folder(checkout, folder, Durability::None).stop()?;
        }
    }
    let name = crate::process::run_name(std::process::id()).ok_or_else(|| sentence!("/proc is not available."))?;
    Ok(tests.join(name))
}
