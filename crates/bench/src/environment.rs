//! Starts and holds everything that runs during a benchmark.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rowlock_messaging::amqp::AmqpSettings;
use serde_json::json;

use crate::Fallible;
use crate::database::Database;
use crate::fixtures::{SampleFixture, Stock};
use crate::http::{Connection, get, post};
use crate::load::{RequestWriter, closed_loop};
use crate::meters::MeteredProcesses;
use crate::options::RunOptions;
use crate::pgbench::Pgbench;
use crate::ports::Ports;
use crate::redis::Redis;
use crate::service::{Launcher, Service};
use crate::tokens::VisitorTokens;

/// Number of different accounts that send requests. It is smaller than the token caches of the services.
pub const VISITORS: u64 = 40_000;
/// Number of events in a spread load.
pub const EVENTS: u32 = 200;
/// Cost of bcrypt in auth-service and of the bcrypt baseline.
pub const BCRYPT_COST: u32 = 12;
/// Number of accounts that log in.
pub const LOGINS: u64 = 4;
/// Password of the accounts that log in.
pub const PASSWORD: &str = "correct horse";

/// All running parts of the benchmark.
#[derive(Debug)]
pub struct BenchEnvironment {
    /// Command-line options.
    pub options: RunOptions,
    /// Access tokens.
    pub tokens: VisitorTokens,
    /// Connection to `rowlock_booking`.
    pub database: Database,
    /// Connection to `rowlock_pgbench`: the same schema, used only by pgbench.
    pub engine: Database,
    /// Runs pgbench against `rowlock_pgbench`.
    pub pgbench: Pgbench,
    /// Redis; started when it is first used.
    pub redis: Option<Redis>,
    /// Ports of the services.
    pub ports: Ports,
    /// The instance of booking-service under load.
    pub booking: Service,
    /// The instance of booking-service that uses one transaction per request.
    pub single: Service,
    /// The instance of auth-service.
    pub auth: Service,
    /// The instance of the web site; started when it is first used.
    pub web: Option<Service>,
    /// The notifier; started by the measurement of the mails.
    pub notifier: Option<Service>,
    /// Workers; the first one always runs.
    pub workers: Vec<Service>,
    /// Servers of the HTTP baseline.
    hello: Vec<Service>,
    launcher: Launcher,
    /// Fixture of 200 events for the public reads.
    pub catalog: SampleFixture,
    /// Event with many bookings and a long waiting list; created when it is first used.
    pub full: Option<SampleFixture>,
    samples: u32,
}

impl BenchEnvironment {
    /// Starts the services.
    pub async fn set_up(options: RunOptions) -> Fallible<Self> {
        let ports = Ports { first: options.first_port };
        let tokens = VisitorTokens::new(VISITORS);
        tokens.serve_public_key(ports.keys()).await?;
        let password = secret(&options, "postgres")?;
        let database = Database::connect(options.pg_port, &password, "rowlock_booking").await?;
        let engine = Database::connect(options.pg_port, &password, "rowlock_pgbench").await?;
        let pgbench = Pgbench::new(options.pg_bin.join("pgbench"), options.pg_port, password, options.out.join("scripts"))?;
        let launcher = Launcher { bin_dir: options.bin_dir.clone(), logs: options.out.join("log") };
        let catalog = SampleFixture { sample: 0, events: EVENTS };
        catalog.create(&database, Stock { available: 500, ..Stock::default() }, VISITORS).await?;
        let settings = Settings { options: &options, ports };
        let auth = launcher.start("auth-service", ports.auth() + 1, &settings.auth()?).await?;
        let booking = launcher.start("booking-service", ports.booking() + 1, &settings.booking(ports.booking())?).await?;
        let mut single = settings.booking(ports.single())?;
        single.push(("ROWLOCK__LANES__MAX_BATCH", "1".to_owned()));
        single.push(("ROWLOCK__OUTBOX__RELAY", "false".to_owned()));
        let single = launcher.start("booking-service", ports.single() + 1, &single).await?;
        let workers = vec![launcher.start("reallocation-worker", ports.worker(0), &settings.worker()?).await?];
        let mut environment = Self {
            options,
            tokens,
            database,
            engine,
            pgbench,
            redis: None,
            ports,
            booking,
            single,
            auth,
            web: None,
            notifier: None,
            workers,
            hello: Vec::new(),
            launcher,
            catalog,
            full: None,
            samples: 0,
        };
        environment.start_hello().await?;
        environment.create_login_accounts().await?;
        environment.warm_token_caches().await?;
        Ok(environment)
    }

    /// Sends one invalid request per visitor. It is rejected after the token has been verified, so all tokens are cached
    /// before the measurements. [`Workload::HotNewTokens`] measures the cost of uncached tokens.
    async fn warm_token_caches(&self) -> Fallible<()> {
        let tokens = self.tokens.clone();
        let requests: RequestWriter = Arc::new(move |index, out| post(out, "POST", "/api/book", tokens.token(index), "{}"));
        closed_loop(self.ports.booking(), 16, Duration::from_secs(30), VISITORS, &requests).await?;
        Ok(())
    }

    async fn start_hello(&mut self) -> Fallible<()> {
        for (path, name, port) in [
            ("/api/events?limit=100".to_owned(), "events.json", self.ports.hello_list()),
            (format!("/api/events/{}", self.catalog.event(1)), "event.json", self.ports.hello_event()),
        ] {
            let (mut connection, mut request) = (Connection::open(self.ports.booking()).await?, Vec::new());
            get(&mut request, &path);
            match connection.call(&request).await? {
                200 => std::fs::write(self.options.out.join(name), connection.body())?,
                status => return Err(format!("GET {path} returned status {status}").into()),
            }
            self.hello.push(self.launcher.start_hello(port, &self.options.out.join(name)).await?);
        }
        Ok(())
    }

    /// Starts the web site and the server of one of its pages, unless they run.
    pub async fn start_pages(&mut self) -> Fallible<()> {
        if self.web.is_some() {
            return Ok(());
        }
        let settings = Settings { options: &self.options, ports: self.ports }.web();
        self.web = Some(self.launcher.start("web", self.ports.web() + 1, &settings).await?);
        let (mut connection, mut request) = (Connection::open(self.ports.web()).await?, Vec::new());
        get(&mut request, &format!("/events/{}", self.catalog.event(1)));
        match connection.call(&request).await? {
            200 => std::fs::write(self.options.out.join("page.html"), connection.body())?,
            status => return Err(format!("the page of an event was answered with status {status}").into()),
        }
        self.hello.push(self.launcher.start_hello(self.ports.hello_page(), &self.options.out.join("page.html")).await?);
        Ok(())
    }

    /// Starts the notifier with a mail server on this port. It has a low priority, as in an installation in which it has processors of
    /// its own: here all processes share the same ones.
    pub async fn start_notifier(&mut self, mail_port: u16) -> Fallible<()> {
        let settings = Settings { options: &self.options, ports: self.ports }.notifier(mail_port)?;
        self.notifier = Some(self.launcher.start_politely("notifier", self.ports.notifier() + 1, &settings).await?);
        Ok(())
    }

    /// Returns the settings of a connection to the broker.
    pub fn amqp(&self) -> Fallible<AmqpSettings> {
        Ok(AmqpSettings::new(secret(&self.options, "amqp-url")?.into()))
    }

    /// Opens a connection to `rowlock_auth`.
    pub async fn auth_database(&self) -> Fallible<Database> {
        Database::connect(self.options.pg_port, &secret(&self.options, "postgres")?, "rowlock_auth").await
    }

    async fn create_login_accounts(&self) -> Fallible<()> {
        for index in 0..LOGINS {
            let (name, email) = (format!("visitor{index}"), login_email(index));
            let body = json!({"name": name, "username": name, "email": email, "password": PASSWORD}).to_string();
            let status = self.call(self.ports.auth(), "POST", "/api/createaccount", "", &body).await?;
            if status != 201 {
                return Err(format!("cannot create a login account: status {status}").into());
            }
        }
        Ok(())
    }

    /// Sends one request with a body on a new connection and returns the status.
    pub async fn call(&self, port: u16, method: &str, path: &str, token: &str, body: &str) -> Fallible<u16> {
        let mut request = Vec::new();
        post(&mut request, method, path, token, body);
        Ok(Connection::open(port).await?.call(&request).await?)
    }

    /// Returns the fixture of the next sample. No two fixtures share an event.
    pub fn next_fixture(&mut self, events: u32) -> SampleFixture {
        self.samples += 1;
        SampleFixture { sample: self.samples, events }
    }

    /// Returns the number of samples so far.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// Starts or stops workers until this number runs (at least one).
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

    /// Replaces booking-service and the worker by those in a folder, or by those of this run if there is none.
    pub async fn use_programs(&mut self, folder: Option<&Path>) -> Fallible<()> {
        let settings = Settings { options: &self.options, ports: self.ports };
        let launcher = Launcher { bin_dir: folder.unwrap_or(&self.options.bin_dir).to_owned(), logs: self.launcher.logs.clone() };
        for worker in std::mem::take(&mut self.workers) {
            worker.stop().await?;
        }
        self.booking.end().await?;
        self.booking = launcher.start("booking-service", self.ports.booking() + 1, &settings.booking(self.ports.booking())?).await?;
        self.workers = vec![launcher.start("reallocation-worker", self.ports.worker(0), &settings.worker()?).await?];
        self.launcher = launcher;
        self.warm_token_caches().await
    }

    /// Assigns the processes of the benchmark to the meters.
    pub fn processes(&self, service: u32) -> MeteredProcesses {
        let options = &self.options;
        let mut workers: Vec<u32> = self.workers.iter().map(|worker| worker.pid).collect();
        let mut others = vec![options.gateway_pid, self.booking.pid, self.single.pid, self.auth.pid];
        others.extend(self.hello.iter().chain(&self.web).chain(&self.notifier).map(|service| service.pid));
        for pids in [&mut workers, &mut others] {
            pids.retain(|pid| *pid != service);
        }
        MeteredProcesses { postgres: options.pg_pid, observer: self.database.backend, service, broker: options.broker_pid, workers, others }
    }

    /// Stops the services.
    pub async fn tear_down(self) -> Fallible<()> {
        let all = [self.booking, self.single, self.auth].into_iter().chain(self.workers).chain(self.hello).chain(self.web);
        for service in all.chain(self.notifier) {
            service.stop().await?;
        }
        Ok(())
    }
}

/// Returns the e-mail address of an account that logs in.
pub fn login_email(index: u64) -> String {
    format!("visitor{}@example.org", index % LOGINS)
}

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
            // The benchmark measures 40,000 accounts that send 20,000 requests per second, so the rate limit is disabled.
            ("ROWLOCK__LIMITS__BOOK_PER_ACCOUNT", "0".to_owned()),
            ("ROWLOCK__SEALING__KEY", "a key of the benchmark with 32 characters".to_owned()),
        ])
    }

    fn web(&self) -> Vec<Setting> {
        vec![
            ("ROWLOCK__HTTP__LISTEN", format!("127.0.0.1:{}", self.ports.web())),
            // As in booking-service and in the server of the page from memory.
            ("ROWLOCK__HTTP__WORKERS", "1".to_owned()),
            ("ROWLOCK__API__AUTH_URL", format!("http://127.0.0.1:{}", self.ports.auth())),
            ("ROWLOCK__API__BOOKING_URL", format!("http://127.0.0.1:{}", self.ports.booking())),
            ("ROWLOCK__SESSION__KEY", "a key of the benchmark with 32 characters".to_owned()),
        ]
    }

    fn notifier(&self, mail_port: u16) -> Fallible<Vec<Setting>> {
        let (auth, booking) = (self.ports.auth(), self.ports.booking());
        Ok(vec![
            self.database("rowlock_notifier")?,
            self.broker()?,
            ("ROWLOCK__HTTP__LISTEN", format!("127.0.0.1:{}", self.ports.notifier())),
            ("ROWLOCK__TOKENS__JWKS_URL", format!("http://127.0.0.1:{}/keys", self.ports.keys())),
            ("ROWLOCK__TOKENS__REVOCATIONS_URL", format!("http://127.0.0.1:{auth}/internal/revocations")),
            ("ROWLOCK__API__AUTH_URL", format!("http://127.0.0.1:{auth}")),
            ("ROWLOCK__API__BOOKING_URL", format!("http://127.0.0.1:{booking}")),
            ("ROWLOCK__SEALING__KEY", "a key of the benchmark with 32 characters".to_owned()),
            ("ROWLOCK__MAIL__FROM", "Box office <tickets@box.example>".to_owned()),
            // Printing tickets takes far longer than anything else about a mail, and would hide it.
            ("ROWLOCK__MAIL__ATTACH_TICKETS", "false".to_owned()),
            ("ROWLOCK__SMTP__HOST", "127.0.0.1".to_owned()),
            ("ROWLOCK__SMTP__PORT", mail_port.to_string()),
            ("ROWLOCK__SMTP__SECURITY", "none".to_owned()),
        ])
    }

    fn worker(&self) -> Fallible<Vec<Setting>> {
        Ok(vec![self.database("rowlock_booking")?, self.broker()?])
    }
}
