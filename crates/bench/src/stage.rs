//! Everything that runs during a benchmark.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::Fallible;
use crate::database::Database;
use crate::fixtures::{Place, Stock};
use crate::http::{Connection, get, post};
use crate::load::{Requests, closed_loop};
use crate::meters::Processes;
use crate::options::RunOptions;
use crate::people::People;
use crate::pgbench::Pgbench;
use crate::service::{Launcher, Service};

/// Different people who send requests. The services remember the tokens of more.
pub const VISITORS: u64 = 40_000;
/// Events of a spread load.
pub const EVENTS: u32 = 200;
/// What auth-service hashes with, and the raw hashes beside it.
pub const BCRYPT_COST: u32 = 12;
/// How many accounts log in.
pub const LOGINS: u64 = 4;
/// Their password.
pub const PASSWORD: &str = "correct horse";

/// The ports of the services, counted from the first free one.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    first: u16,
}

impl Ports {
    /// booking-service.
    pub fn booking(self) -> u16 {
        self.first
    }
    /// auth-service.
    pub fn auth(self) -> u16 {
        self.first + 2
    }
    /// The instance of booking-service with a transaction per request.
    pub fn single(self) -> u16 {
        self.first + 4
    }
    /// The list from memory.
    pub fn hello_list(self) -> u16 {
        self.first + 10
    }
    /// One event from memory.
    pub fn hello_event(self) -> u16 {
        self.first + 11
    }
    fn worker(self, index: u16) -> u16 {
        self.first + 6 + index
    }
    fn keys(self) -> u16 {
        self.first + 12
    }
}

/// All that is up.
#[derive(Debug)]
pub struct Stage {
    /// The command line.
    pub options: RunOptions,
    /// Visitors.
    pub people: People,
    /// `rowlock_booking`.
    pub database: Database,
    /// `rowlock_engine`: the same schema, for pgbench alone.
    pub engine: Database,
    /// The engine's limit.
    pub pgbench: Pgbench,
    /// Where what listens.
    pub ports: Ports,
    /// The services under load.
    pub booking: Service,
    /// One transaction per request.
    pub single: Service,
    /// Log-ins.
    pub auth: Service,
    /// Workers; the first is always up.
    pub workers: Vec<Service>,
    /// What HTTP costs by itself.
    hello: Vec<Service>,
    launcher: Launcher,
    /// 200 events for the public list.
    pub catalogue: Place,
    /// An event with many bookings and a long queue, once it is needed.
    pub full: Option<Place>,
    slices: u32,
}

impl Stage {
    /// Starts the services.
    pub async fn set_up(options: RunOptions) -> Fallible<Self> {
        let ports = Ports { first: options.first_port };
        let people = People::new(VISITORS);
        people.show_keys(ports.keys()).await?;
        let password = secret(&options, "postgres")?;
        let database = Database::connect(options.pg_port, &password, "rowlock_booking").await?;
        let engine = Database::connect(options.pg_port, &password, "rowlock_engine").await?;
        let pgbench = Pgbench::new(options.pg_bin.join("pgbench"), options.pg_port, password, options.out.join("scripts"))?;
        let launcher = Launcher { bin_dir: options.bin_dir.clone(), logs: options.out.join("log") };
        let catalogue = Place { slice: 0, events: EVENTS };
        catalogue.make(&database, Stock { available: 500, ..Stock::default() }, VISITORS).await?;
        let settings = Settings { options: &options, ports };
        let auth = launcher.start("auth-service", ports.auth() + 1, &settings.auth()?).await?;
        let booking = launcher.start("booking-service", ports.booking() + 1, &settings.booking(ports.booking())?).await?;
        let mut single = settings.booking(ports.single())?;
        single.push(("ROWLOCK__LANES__MAX_BATCH", "1".to_owned()));
        single.push(("ROWLOCK__OUTBOX__RELAY", "false".to_owned()));
        let single = launcher.start("booking-service", ports.single() + 1, &single).await?;
        let workers = vec![launcher.start("reallocation-worker", ports.worker(0), &settings.worker()?).await?];
        let mut stage = Self {
            options,
            people,
            database,
            engine,
            pgbench,
            ports,
            booking,
            single,
            auth,
            workers,
            hello: Vec::new(),
            launcher,
            catalogue,
            full: None,
            slices: 0,
        };
        stage.start_hello().await?;
        stage.make_logins().await?;
        stage.introduce().await?;
        Ok(stage)
    }

    /// Everybody sends one request, which is refused after the look at the token: signatures are checked before the sale
    /// begins. What it costs when they are not is measured by a side of its own.
    async fn introduce(&self) -> Fallible<()> {
        let people = self.people.clone();
        let requests: Requests = Arc::new(move |index, out| post(out, "POST", "/api/book", people.token(index), "{}"));
        closed_loop(self.ports.booking(), 16, Duration::from_secs(30), VISITORS, &requests).await?;
        Ok(())
    }

    async fn start_hello(&mut self) -> Fallible<()> {
        for (path, name, port) in [
            ("/api/events?limit=100".to_owned(), "events.json", self.ports.hello_list()),
            (format!("/api/events/{}", self.catalogue.event(1)), "event.json", self.ports.hello_event()),
        ] {
            let (mut connection, mut request) = (Connection::open(self.ports.booking()).await?, Vec::new());
            get(&mut request, &path);
            match connection.call(&request).await? {
                200 => std::fs::write(self.options.out.join(name), connection.body())?,
                status => return Err(format!("GET {path} was answered with {status}").into()),
            }
            self.hello.push(self.launcher.start_hello(port, &self.options.out.join(name)).await?);
        }
        Ok(())
    }

    async fn make_logins(&self) -> Fallible<()> {
        for index in 0..LOGINS {
            let (name, email) = (format!("visitor{index}"), login_email(index));
            let body = json!({"name": name, "username": name, "email": email, "password": PASSWORD}).to_string();
            let status = self.call(self.ports.auth(), "POST", "/api/createaccount", "", &body).await?;
            if status != 201 {
                return Err(format!("an account could not be made: {status}").into());
            }
        }
        Ok(())
    }

    /// One request with a body on a new connection.
    pub async fn call(&self, port: u16, method: &str, path: &str, token: &str, body: &str) -> Fallible<u16> {
        let mut request = Vec::new();
        post(&mut request, method, path, token, body);
        Ok(Connection::open(port).await?.call(&request).await?)
    }

    /// The place of the next slice; no two share an event.
    pub fn next_place(&mut self, events: u32) -> Place {
        self.slices += 1;
        Place { slice: self.slices, events }
    }

    /// How many slices there have been.
    pub fn slices(&self) -> u32 {
        self.slices
    }

    /// Sees to it that so many workers run.
    pub async fn set_workers(&mut self, count: usize) -> Fallible<()> {
        while self.workers.len() > count.max(1) {
            if let Some(worker) = self.workers.pop() {
                worker.stop().await?;
            }
        }
        while self.workers.len() < count {
            let port = self.ports.worker(u16::try_from(self.workers.len())?);
            let settings = Settings { options: &self.options, ports: self.ports }.worker()?;
            self.workers.push(self.launcher.start("reallocation-worker", port, &settings).await?);
        }
        Ok(())
    }

    /// Whose processor time counts for what.
    pub fn processes(&self, service: u32) -> Processes {
        let options = &self.options;
        let mut others = vec![options.broker_pid, options.gateway_pid, self.booking.pid, self.single.pid, self.auth.pid];
        others.extend(self.workers.iter().chain(&self.hello).map(|service| service.pid));
        others.retain(|pid| *pid != service);
        Processes { postgres: options.pg_pid, observer: self.database.backend, service, others }
    }

    /// Stops the services.
    pub async fn tear_down(self) -> Fallible<()> {
        let all = [self.booking, self.single, self.auth].into_iter().chain(self.workers).chain(self.hello);
        for service in all {
            service.stop().await?;
        }
        Ok(())
    }
}

/// The e-mail of an account that logs in.
pub fn login_email(index: u64) -> String {
    format!("visitor{}@example.org", index % LOGINS)
}

/// How long to wait until nothing is in flight.
pub const SETTLE: Duration = Duration::from_secs(30);

fn secret(options: &RunOptions, name: &str) -> Fallible<String> {
    let path = options.secrets.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

struct Settings<'a> {
    options: &'a RunOptions,
    ports: Ports,
}

type Setting = (&'static str, String);

impl Settings<'_> {
    fn database(&self, name: &str) -> Fallible<Setting> {
        let url = format!("postgres://{name}:{}@127.0.0.1:{}/{name}", secret(self.options, name)?, self.options.pg_port);
        Ok(("ROWLOCK__DATABASE__URL", url))
    }

    fn broker(&self) -> Fallible<Setting> {
        Ok(("ROWLOCK__AMQP__URL", secret(self.options, "amqp-url")?))
    }

    fn auth(&self) -> Fallible<Vec<Setting>> {
        Ok(vec![
            self.database("rowlock_auth")?,
            ("ROWLOCK__HTTP__LISTEN", format!("127.0.0.1:{}", self.ports.auth())),
            ("ROWLOCK__KEYS__ENCRYPTION_KEY", secret(self.options, "encryption-key")?),
            ("ROWLOCK__PASSWORDS__BCRYPT_COST", BCRYPT_COST.to_string()),
            self.broker()?,
            ("ROWLOCK__LIMITS__LOG_IN_PER_ADDRESS", "0".to_owned()),
            ("ROWLOCK__LIMITS__LOG_IN_PER_ACCOUNT", "0".to_owned()),
        ])
    }

    fn booking(&self, port: u16) -> Fallible<Vec<Setting>> {
        Ok(vec![
            self.database("rowlock_booking")?,
            self.broker()?,
            ("ROWLOCK__HTTP__LISTEN", format!("127.0.0.1:{port}")),
            ("ROWLOCK__TOKENS__JWKS_URL", format!("http://127.0.0.1:{}/keys", self.ports.keys())),
            ("ROWLOCK__TOKENS__REVOCATIONS_URL", format!("http://127.0.0.1:{}/internal/revocations", self.ports.auth())),
            // A crowd of 40,000 that asks 20,000 times a second is what is measured.
            ("ROWLOCK__LIMITS__BOOK_PER_ACCOUNT", "0".to_owned()),
        ])
    }

    fn worker(&self) -> Fallible<Vec<Setting>> {
        Ok(vec![self.database("rowlock_booking")?, self.broker()?])
    }
}
