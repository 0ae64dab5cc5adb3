//! `make up`: sets up and runs the whole system of this checkout.
//!
//! It is safe to run at any time: it leaves healthy processes alone, restarts those that have exited or changed, and keeps all data.

use std::path::{Path, PathBuf};

use crate::{
    api::Login,
    checkout::Checkout,
    failure::{Failure, Result, ensure, sentence},
    files, gateway,
    ports::{self, Ports},
    postgres::{self, Postgres},
    rabbitmq::RabbitMq,
    samples,
    services::{self, SERVICES},
    shell::{is_root, step, variable},
    system::{self, System},
    tools::{self, Server},
};

const FIRST_PORT: u16 = 23_100;
const DEFAULT_GATEWAY_PORT: u16 = 3000;

/// Sets up and runs the system, and prints how to use it.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    let mut up = Up { system: System::of_checkout(checkout), trusted_proxies: String::new() };
    let _lock = checkout.lock()?;
    println!("Rowlock: setting up in {}", checkout.root().display());
    let gateway_port = up.check_gateway_port()?;
    up.keep_https(gateway_port)?;
    up.check_servers()?;
    up.keep_trusted_proxies()?;
    let mut servers = vec![Server::Nginx];
    servers.extend(up.system.database.is_none().then_some(Server::Postgres));
    servers.extend(up.system.amqp.is_none().then_some(Server::RabbitMq));
    let programs = install_and_build(checkout, &servers)?;
    up.choose_ports(gateway_port)?;
    up.system.make_secrets()?;
    up.start_servers()?;
    up.system.write_urls()?;
    up.write_databases_file()?;
    step!("Preparing the databases");
    up.system.create_databases()?;
    up.system.migrate(&programs, &SERVICES)?;
    up.write_notes()?;
    for service in &SERVICES {
        up.system.start_or_restart(&programs, service)?;
    }
    for service in &SERVICES {
        up.system.wait_for(service)?;
    }
    let login = up.create_administrator(&programs)?;
    up.system.start_or_restart_gateway(&up.trusted_proxies)?;
    up.create_sample_events()?;
    print!("{}", summary(&up.system.gateway_url()?, &login));
    Ok(())
}

/// Installs missing servers while the services are built, because the installation mostly waits for the network and the disk.
fn install_and_build(checkout: &Checkout, servers: &[Server]) -> Result<PathBuf> {
    tools::authorize(servers)?;
    std::thread::scope(|scope| {
        let installation = scope.spawn(|| tools::need(checkout, servers));
        let programs = system::build_services(checkout);
        installation.join().unwrap_or_else(|_| Err(sentence!("Installing the packages failed unexpectedly.")))?;
        programs
    })
}

struct Up {
    system: System,
    trusted_proxies: String,
}

impl Up {
    fn note(&self, name: &str) -> PathBuf {
        self.system.folder().join(name)
    }

    /// Returns the port of the gateway, which must be free unless the gateway itself has it.
    fn check_gateway_port(&self) -> Result<u16> {
        let before = self.system.ports.find(ports::GATEWAY);
        let port = match variable("ROWLOCK_PORT") {
            None => before.unwrap_or(DEFAULT_GATEWAY_PORT),
            Some(text) => text
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| sentence!("ROWLOCK_PORT must be a number from 1 to 65535, and it is '{text}'."))?,
        };
        ensure!(port >= 1024 || is_root(), "Ports below 1024 are for root. Choose another one, for example: ROWLOCK_PORT=3001 make up");
        if self.system.processes.alive("gateway") && before == Some(port) {
            return Ok(port);
        }
        self.system.processes.end_orphans("gateway");
        ensure!(
            !ports::is_open(port),
            "Port {port} is taken by another program. Stop that, or choose another port: ROWLOCK_PORT={} make up",
            port.saturating_add(1)
        );
        Ok(port)
    }

    fn servers_now(&self) -> String {
        let kind = |given: bool| if given { "given" } else { "private" };
        format!("database={} amqp={}", kind(self.system.database.is_some()), kind(self.system.amqp.is_some()))
    }

    /// The kind of server is recorded at set-up, so that forgetting a variable does not silently start an empty system.
    fn check_servers(&self) -> Result<()> {
        let now = self.servers_now();
        match files::read_note(&self.note("servers")) {
            Some(before) if before != now => Err(sentence!(
                "This system was set up with other servers ({before}; now: {now}). Give ROWLOCK_DATABASE_URL and ROWLOCK_AMQP_URL as before, or run 'make reset' first."
            )),
            _ => Ok(()),
        }
    }

    /// The proxies are stored, so that a restart without the variable does not make all clients share one address. An empty value
    /// clears them.
    fn keep_trusted_proxies(&mut self) -> Result<()> {
        let note = self.note("trusted-proxies");
        let stored = || files::read_note(&note).unwrap_or_default();
        self.trusted_proxies = std::env::var("ROWLOCK_TRUSTED_PROXIES").unwrap_or_else(|_| stored());
        gateway::check_trusted_proxies(&self.system, &self.trusted_proxies)?;
        files::write(&note, &self.trusted_proxies)
    }

    fn keep_https(&mut self, gateway_port: u16) -> Result<()> {
        let before = self.system.https.clone();
        let https = before.clone().or_environment(|name| std::env::var(name).ok()).check(&self.system.checkout, gateway_port)?;
        if let Some(port) = https.redirect_port()? {
            let is_ours = self.system.processes.alive("gateway") && before.redirect_port()? == Some(port);
            ensure!(is_ours || !ports::is_open(port), "Port {port} is taken by another program. Choose another ROWLOCK_REDIRECT_PORT.");
        }
        self.system.https = https;
        self.system.https.save(&self.note(System::HTTPS_NOTE))
    }

    fn choose_ports(&mut self, gateway_port: u16) -> Result<()> {
        let first = match variable("ROWLOCK_PORT_BASE") {
            None => FIRST_PORT,
            Some(text) => text.parse().map_err(|_| sentence!("ROWLOCK_PORT_BASE must be a port, and it is '{text}'."))?,
        };
        let names = [&ports::SERVERS[..], &services::port_names()].concat();
        let before = self.system.ports.clone();
        let is_kept = |name: &str, port: u16| !ports::is_open(port) || is_ours(&self.system, name);
        let mut chosen: Ports = before.choose(&names, first, is_kept, ports::is_open)?;
        chosen.set(ports::GATEWAY, gateway_port);
        chosen.save(&self.note("ports.env"))?;
        self.system.ports = chosen;
        Ok(())
    }

    fn start_servers(&self) -> Result<()> {
        let System { processes, ports, .. } = &self.system;
        let mut database = None;
        if self.system.database.is_none() {
            let postgres = Postgres::place(&self.system.checkout, processes, "postgres")?;
            let port = ports.get(ports::POSTGRES)?;
            let password = self.system.secrets().join("postgres");
            if processes.alive("postgres") {
                step!("PostgreSQL runs");
            } else {
                step!("Starting PostgreSQL");
                postgres.init(&password, "scram-sha-256", &[])?;
                postgres.clear_after_kill()?;
                postgres.launch(port, &[&["max_connections=300"][..], &postgres::SIZED].concat())?;
            }
            database = Some((postgres, port, password));
        }
        if self.system.amqp.is_none() {
            let broker = RabbitMq::new(processes, ports)?;
            if processes.alive("rabbitmq") {
                step!("RabbitMQ runs");
            } else {
                step!("Starting RabbitMQ");
                broker.launch(&self.system.secret("rabbitmq")?)?;
            }
            broker.wait()?;
        }
        database.map_or(Ok(()), |(postgres, port, password)| postgres.wait(port, &password))
    }

    /// Writes the URLs of the databases to a file for people.
    fn write_databases_file(&self) -> Result<()> {
        let urls = serde_json::json!({
            "rowlock_auth": self.system.database_url("rowlock_auth", "rowlock_auth")?,
            "rowlock_booking": self.system.database_url("rowlock_booking", "rowlock_booking")?,
            "rowlock_notifier": self.system.database_url("rowlock_notifier", "rowlock_notifier")?,
        });
        files::write_private(&self.note("databases.json"), format!("{urls:#}\n"))
    }

    fn write_notes(&self) -> Result<()> {
        let place = if self.system.database.is_some() {
            "on the server that ROWLOCK_DATABASE_URL named".to_owned()
        } else {
            let postgres = Postgres::place(&self.system.checkout, &self.system.processes, "postgres")?;
            format!("{} (its user is {}; 'make reset' deletes them)", postgres.data().display(), postgres.user()?)
        };
        let text = format!("What this checkout runs keeps its state here, but for this:\n  PostgreSQL's data: {place}\n");
        files::write(&self.note("where"), text)?;
        files::write(&self.note("servers"), format!("{}\n", self.servers_now()))
    }

    /// The login is stored before the account is created, so that an interrupted start leaves no account that nobody can use.
    fn create_administrator(&self, programs: &Path) -> Result<Login> {
        let file = self.note("admin-login.json");
        let created = self.note("admin-created");
        if !created.exists() && files::read_note(&file).is_none() {
            let email = variable("ROWLOCK_ADMIN_EMAIL").unwrap_or_else(|| "admin@rowlock.example".to_owned());
            let password = variable("ROWLOCK_ADMIN_PASSWORD").map_or_else(files::random_password, Ok)?;
            let login = serde_json::json!({"email": email, "password": password});
            files::write_private(&file, format!("{login:#}\n"))?;
        }
        let json = |source| Failure::Json { what: file.display().to_string(), source };
        let login: Login = serde_json::from_str(&files::read(&file)?).map_err(json)?;
        if !created.exists() {
            step!("Creating the first administrator");
            self.system.create_admin(programs, &login, "admin", "Administrator")?;
            files::write(&created, "")?;
        }
        Ok(login)
    }

    fn create_sample_events(&self) -> Result<()> {
        let created = self.note("sample-events-created");
        if created.exists() {
            return Ok(());
        }
        step!("Creating the sample events");
        let api = crate::api::Api::of(&self.system)?;
        samples::create_on(&self.system, &api)?;
        files::write(&created, "")
    }
}

/// Returns whether the part that owns the port is running, so that the open port is its own.
fn is_ours(system: &System, name: &str) -> bool {
    let alive = |part: &str| system.processes.alive(part);
    match name {
        ports::POSTGRES => alive("postgres"),
        ports::AMQP | ports::AMQP_DIST => alive("rabbitmq"),
        // epmd outlives its node.
        ports::EPMD => alive("rabbitmq") || RabbitMq::new(&system.processes, &system.ports).is_ok_and(|broker| broker.has_epmd()),
        ports::AMQP_TOOLS => true,
        _ => SERVICES.iter().any(|service| service.ports().any(|port| port == name) && alive(service.name)),
    }
}

fn summary(url: &str, login: &Login) -> String {
    let Login { email, password } = login;
    let events = format!("curl -s {url}/api/events | jq .");
    let width = events.len().saturating_add(4);
    format!(
        "
Rowlock is open at {url}
Open this address in a browser, and sign in to see the organizers' desk:

  Administrator   {email}
  Password        {password}     (also in .local/admin-login.json)
  Mails           {url}/dev/mail     (nothing is sent; this page shows what would be)

What to try next:
  {events:<width$} the events on sale
  {:<width$} six people, three tickets
  {:<width$} what runs, and where
  {:<width$} what it is doing
  {:<width$} stop it; the data stay
",
        "make demo", "make status", "make logs", "make down"
    )
}
