//! Starts and holds the processes under test: the services, the servers, and a proxy for each connection between them.

use std::time::Duration;

use rowlock_messaging::amqp::AmqpSettings;
use rowlock_test_support::proxy::Proxy;
use tokio::sync::Mutex;

use crate::Fallible;
use crate::mail_server::MailServer;
use crate::options::Options;
use crate::process::{ServiceConfig, ServiceProcess};
use crate::server::Server;
use crate::webhook_receiver::WebhookReceiver;

/// Retry delays of the worker. The production delays are minutes, which is longer than a run.
const RETRY_DELAYS_MS: [u64; 4] = [500, 1_000, 2_000, 4_000];

/// Identifies one of the service processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceId {
    /// `auth-service`.
    Auth,
    /// One of the two booking-services.
    Booking(usize),
    /// One of the two workers.
    Worker(usize),
    /// One of the two notifiers.
    Notifier(usize),
}

impl ServiceId {
    /// All services.
    pub const ALL: [Self; 7] =
        [Self::Auth, Self::Booking(0), Self::Booking(1), Self::Worker(0), Self::Worker(1), Self::Notifier(0), Self::Notifier(1)];

    /// Returns the name of the binary.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Auth => "auth-service",
            Self::Booking(_) => "booking-service",
            Self::Worker(_) => "reallocation-worker",
            Self::Notifier(_) => "notifier",
        }
    }

    /// Returns the position in [`ServiceId::ALL`], which also determines the ports.
    fn index(self) -> usize {
        match self {
            Self::Auth => 0,
            Self::Booking(index) => 1 + index,
            Self::Worker(index) => 3 + index,
            Self::Notifier(index) => 5 + index,
        }
    }

    /// Returns the name for the report and the log.
    pub fn name(self) -> String {
        match self {
            Self::Auth => self.binary().to_owned(),
            Self::Booking(index) | Self::Worker(index) | Self::Notifier(index) => format!("{}-{}", self.binary(), index + 1),
        }
    }
}

/// A service process and the proxies of its connections.
#[derive(Debug)]
pub struct ManagedService {
    /// Identity of the service.
    pub id: ServiceId,
    /// The process.
    pub process: Mutex<ServiceProcess>,
    /// Proxy to PostgreSQL.
    pub database: Proxy,
    /// Proxy to RabbitMQ.
    pub broker: Proxy,
}

/// All running parts of the test.
#[derive(Debug)]
pub struct ChaosEnvironment {
    /// Command-line options.
    pub options: Options,
    /// The services, in the order of [`ServiceId::ALL`].
    pub services: Vec<ManagedService>,
    /// PostgreSQL server.
    pub postgres: Mutex<Server>,
    /// RabbitMQ server.
    pub rabbitmq: Mutex<Server>,
    /// Mail server that the notifiers send to.
    pub mail_server: MailServer,
    /// Receiver of webhooks that the notifiers send to.
    pub webhook_receiver: WebhookReceiver,
}

impl ChaosEnvironment {
    /// Starts the services and waits until they are ready.
    ///
    /// `seed` determines the failures of the servers that the notifiers send to.
    pub async fn start(options: Options, seed: u64) -> Fallible<Self> {
        let mail_server = MailServer::start(seed).await;
        let webhook_receiver = WebhookReceiver::start(!seed).await;
        let mut services = Vec::new();
        for service_id in ServiceId::ALL {
            let database = Proxy::start(format!("127.0.0.1:{}", options.pg_port)).await;
            let (broker, amqp_url) = Proxy::in_front_of(&secret(&options, "amqp-url")?).await;
            let mail = mail_server.connections.address().port();
            let settings = Settings { options: &options, database: database.address().port(), amqp_url, mail };
            let config = ServiceConfig {
                name: service_id.name(),
                program: options.bin_dir.join(service_id.binary()),
                settings: settings.for_service(service_id)?,
                management: port(&options, service_id)? + 1,
                logs: options.out.join("log"),
            };
            services.push(ManagedService { id: service_id, process: Mutex::new(ServiceProcess::new(config)?), database, broker });
        }
        let postgres = Mutex::new(Server::postgres(options.server_command.clone(), options.pg_pid));
        let rabbitmq = Mutex::new(Server::broker(options.server_command.clone(), options.broker_pid));
        let environment = Self { options, services, postgres, rabbitmq, mail_server, webhook_receiver };
        for managed in &environment.services {
            managed.process.lock().await.start()?;
        }
        for managed in &environment.services {
            managed.process.lock().await.wait_until_ready().await?;
        }
        Ok(environment)
    }

    /// Returns a service.
    pub fn service(&self, service_id: ServiceId) -> Fallible<&ManagedService> {
        self.services.get(service_id.index()).ok_or_else(|| format!("the service {} does not exist", service_id.name()).into())
    }

    /// Returns the public port of a service.
    pub fn port(&self, service_id: ServiceId) -> Fallible<u16> {
        port(&self.options, service_id)
    }

    /// Returns whether every service is ready.
    pub async fn all_ready(&self) -> bool {
        for managed in &self.services {
            if !managed.process.lock().await.is_ready().await {
                return false;
            }
        }
        true
    }

    /// Restarts services that have exited unexpectedly, and returns a description of each exit.
    pub async fn restart_exited(&self) -> Fallible<Vec<String>> {
        let mut exits = Vec::new();
        for managed in &self.services {
            let mut service = managed.process.lock().await;
            if let Some(status) = service.try_exit_status()? {
                exits.push(format!("{} exited unexpectedly ({status}); see {}", service.name, service.log()));
                service.kill().await?;
                service.start()?;
            }
        }
        Ok(exits)
    }

    /// Returns the AMQP settings of the harness, which connects to RabbitMQ directly.
    pub fn amqp(&self) -> Fallible<AmqpSettings> {
        let mut settings = AmqpSettings::new(secret(&self.options, "amqp-url")?.into());
        "rowlock-chaos".clone_into(&mut settings.connection_name);
        settings.retry_delays = RETRY_DELAYS_MS.map(Duration::from_millis).to_vec();
        Ok(settings)
    }

    /// Returns the environment of operator commands for the booking database, which connect directly.
    pub fn operator_settings(&self) -> Fallible<Vec<(&'static str, String)>> {
        let (database, amqp_url) = (self.options.pg_port, secret(&self.options, "amqp-url")?);
        let settings = Settings { options: &self.options, database, amqp_url, mail: self.mail_server.connections.address().port() };
        settings.for_service(ServiceId::Booking(0))
    }

    /// Kills all services.
    pub async fn tear_down(self) -> Fallible<()> {
        for managed in &self.services {
            managed.process.lock().await.kill().await?;
        }
        Ok(())
    }
}

/// Reads one of the secrets that the script has created.
pub fn secret(options: &Options, name: &str) -> Fallible<String> {
    let path = options.secrets.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

fn port(options: &Options, service_id: ServiceId) -> Fallible<u16> {
    Ok(options.first_port + 2 * u16::try_from(service_id.index())?)
}

/// Environment variables of the services. Every setting that differs from its default is here.
struct Settings<'a> {
    options: &'a Options,
    database: u16,
    amqp_url: String,
    mail: u16,
}

impl Settings<'_> {
    fn for_service(&self, service_id: ServiceId) -> Fallible<Vec<(&'static str, String)>> {
        let listen = format!("127.0.0.1:{}", port(self.options, service_id)?);
        let mut settings = vec![("ROWLOCK__LOG__FORMAT", "json".to_owned())];
        match service_id {
            ServiceId::Auth => settings.extend([
                self.database("rowlock_auth")?,
                ("ROWLOCK__HTTP__LISTEN", listen),
                ("ROWLOCK__KEYS__ENCRYPTION_KEY", secret(self.options, "encryption-key")?),
                ("ROWLOCK__BOOTSTRAP__TOKEN", secret(self.options, "bootstrap-token")?),
                // The cost of a login is not under test, and tokens must stay valid for the whole run.
                ("ROWLOCK__PASSWORDS__BCRYPT_COST", "4".to_owned()),
                ("ROWLOCK__TOKENS__ACCESS_TTL_SECONDS", "86400".to_owned()),
                ("ROWLOCK__AMQP__URL", self.amqp_url.clone()),
                ("ROWLOCK__AMQP__RETRY_DELAYS_MS", retry_delays()),
                // All clients share one address and a few accounts, so the rate limits are disabled.
                ("ROWLOCK__LIMITS__LOG_IN_PER_ADDRESS", "0".to_owned()),
                ("ROWLOCK__LIMITS__LOG_IN_PER_ACCOUNT", "0".to_owned()),
                ("ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_ADDRESS", "0".to_owned()),
                ("ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_EMAIL", "0".to_owned()),
            ]),
            ServiceId::Booking(_) => settings.extend([
                self.database("rowlock_booking")?,
                ("ROWLOCK__AMQP__URL", self.amqp_url.clone()),
                ("ROWLOCK__AMQP__RETRY_DELAYS_MS", retry_delays()),
                ("ROWLOCK__HTTP__LISTEN", listen),
                ("ROWLOCK__TOKENS__JWKS_URL", self.auth_url("/.well-known/jwks.json")?),
                ("ROWLOCK__TOKENS__REVOCATIONS_URL", self.auth_url("/internal/revocations")?),
                ("ROWLOCK__LIMITS__BOOK_PER_ACCOUNT", "0".to_owned()),
                ("ROWLOCK__SEALING__KEY", secret(self.options, "sealing-key")?),
            ]),
            ServiceId::Worker(_) => settings.extend([
                self.database("rowlock_booking")?,
                ("ROWLOCK__AMQP__URL", self.amqp_url.clone()),
                ("ROWLOCK__AMQP__RETRY_DELAYS_MS", retry_delays()),
            ]),
            ServiceId::Notifier(_) => settings.extend([
                self.database("rowlock_notifier")?,
                ("ROWLOCK__AMQP__URL", self.amqp_url.clone()),
                ("ROWLOCK__AMQP__RETRY_DELAYS_MS", retry_delays()),
                ("ROWLOCK__HTTP__LISTEN", listen),
                ("ROWLOCK__TOKENS__JWKS_URL", self.auth_url("/.well-known/jwks.json")?),
                ("ROWLOCK__TOKENS__REVOCATIONS_URL", self.auth_url("/internal/revocations")?),
                ("ROWLOCK__API__AUTH_URL", self.auth_url("")?),
                ("ROWLOCK__API__BOOKING_URL", format!("http://127.0.0.1:{}", port(self.options, ServiceId::Booking(0))?)),
                ("ROWLOCK__SEALING__KEY", secret(self.options, "sealing-key")?),
                ("ROWLOCK__SITE__PUBLIC_URL", "http://box.example".to_owned()),
                ("ROWLOCK__MAIL__FROM", "Box office <tickets@box.example>".to_owned()),
                // The production delays and leases are minutes, which is longer than a run.
                ("ROWLOCK__MAIL__RETRY_DELAYS_MS", "200,500,1000,2000".to_owned()),
                ("ROWLOCK__NOTIFIER__LEASE_MS", "12000".to_owned()),
                ("ROWLOCK__NOTIFIER__POLL_INTERVAL_MS", "200".to_owned()),
                ("ROWLOCK__WEBHOOKS__ALLOW_PRIVATE_TARGETS", "true".to_owned()),
                ("ROWLOCK__WEBHOOKS__RETRY_DELAYS_MS", "200,500,1000,2000".to_owned()),
                ("ROWLOCK__WEBHOOKS__TIMEOUT_MS", "2000".to_owned()),
                ("ROWLOCK__SMTP__HOST", "127.0.0.1".to_owned()),
                ("ROWLOCK__SMTP__PORT", self.mail.to_string()),
                ("ROWLOCK__SMTP__SECURITY", "none".to_owned()),
                ("ROWLOCK__SMTP__TIMEOUT_MS", "600".to_owned()),
            ]),
        }
        Ok(settings)
    }

    fn auth_url(&self, path: &str) -> Fallible<String> {
        Ok(format!("http://127.0.0.1:{}{path}", port(self.options, ServiceId::Auth)?))
    }

    fn database(&self, name: &str) -> Fallible<(&'static str, String)> {
        let url = format!("postgres://{name}:{}@127.0.0.1:{}/{name}", secret(self.options, name)?, self.database);
        Ok(("ROWLOCK__DATABASE__URL", url))
    }
}

fn retry_delays() -> String {
    RETRY_DELAYS_MS.map(|delay| delay.to_string()).join(",")
}
