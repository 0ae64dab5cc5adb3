//! Everything that runs during a storm: the services, the servers, and a proxy on each line between them.

use std::time::Duration;

use rowlock_messaging::amqp::AmqpSettings;
use rowlock_test_support::proxy::Proxy;
use tokio::sync::Mutex;

use crate::Fallible;
use crate::options::Options;
use crate::process::{Recipe, Service};
use crate::server::Server;

/// Delays before the worker tries a message again: those of production are minutes, which no storm lasts.
const RETRY_DELAYS_MS: [u64; 4] = [500, 1_000, 2_000, 4_000];

/// One of the processes of Rowlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// auth-service.
    Auth,
    /// One of the two booking-services.
    Booking(usize),
    /// One of the two workers.
    Worker(usize),
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Auth, Self::Booking(0), Self::Booking(1), Self::Worker(0), Self::Worker(1)];

    /// Its binary.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Auth => "auth-service",
            Self::Booking(_) => "booking-service",
            Self::Worker(_) => "reallocation-worker",
        }
    }

    /// Its place among the ports.
    fn index(self) -> usize {
        match self {
            Self::Auth => 0,
            Self::Booking(index) => 1 + index,
            Self::Worker(index) => 3 + index,
        }
    }

    /// What it is called in the report.
    pub fn name(self) -> String {
        match self {
            Self::Auth => self.binary().to_owned(),
            Self::Booking(index) | Self::Worker(index) => format!("{}-{}", self.binary(), index + 1),
        }
    }
}

/// A process with its lines.
#[derive(Debug)]
pub struct Actor {
    /// Which one.
    pub part: Part,
    /// The process.
    pub service: Mutex<Service>,
    /// Its line to PostgreSQL.
    pub database: Proxy,
    /// Its line to RabbitMQ; auth-service uses none.
    pub broker: Proxy,
}

/// All that is up.
#[derive(Debug)]
pub struct Stage {
    /// The command line.
    pub options: Options,
    /// The services, in the order of [`Part::ALL`].
    pub actors: Vec<Actor>,
    /// PostgreSQL.
    pub postgres: Mutex<Server>,
    /// RabbitMQ.
    pub rabbitmq: Mutex<Server>,
}

impl Stage {
    /// Starts the services and waits until they are ready.
    pub async fn start(options: Options) -> Fallible<Self> {
        let mut actors = Vec::new();
        for part in Part::ALL {
            let database = Proxy::start(format!("127.0.0.1:{}", options.pg_port)).await;
            let (broker, amqp_url) = Proxy::in_front_of(&secret(&options, "amqp-url")?).await;
            let settings = Settings { options: &options, database: database.address().port(), amqp_url };
            let recipe = Recipe {
                name: part.name(),
                program: options.bin_dir.join(part.binary()),
                settings: settings.of(part)?,
                management: port(&options, part)? + 1,
                logs: options.out.join("log"),
            };
            actors.push(Actor { part, service: Mutex::new(Service::new(recipe)?), database, broker });
        }
        let postgres = Mutex::new(Server::postgres(options.server_command.clone(), options.pg_pid));
        let rabbitmq = Mutex::new(Server::broker(options.server_command.clone(), options.broker_pid));
        let stage = Self { options, actors, postgres, rabbitmq };
        for actor in &stage.actors {
            actor.service.lock().await.start()?;
        }
        for actor in &stage.actors {
            actor.service.lock().await.until_ready().await?;
        }
        Ok(stage)
    }

    /// One of the processes.
    pub fn actor(&self, part: Part) -> Fallible<&Actor> {
        self.actors.get(part.index()).ok_or_else(|| format!("there is no {}", part.name()).into())
    }

    /// The public port of a service.
    pub fn port(&self, part: Part) -> Fallible<u16> {
        port(&self.options, part)
    }

    /// Whether every service says that it is ready.
    pub async fn all_ready(&self) -> bool {
        for actor in &self.actors {
            if !actor.service.lock().await.is_ready().await {
                return false;
            }
        }
        true
    }

    /// Services that have ended although nobody ended them, a sentence each.
    pub async fn ended_by_themselves(&self) -> Fallible<Vec<String>> {
        let mut found = Vec::new();
        for actor in &self.actors {
            let mut service = actor.service.lock().await;
            if let Some(status) = service.ended()? {
                found.push(format!("{} ended by itself: {status}; see {}", service.name, service.log()));
                service.kill().await?;
                service.start()?;
            }
        }
        Ok(found)
    }

    /// How the harness itself reaches RabbitMQ: without a proxy.
    pub fn amqp(&self) -> Fallible<AmqpSettings> {
        let mut settings = AmqpSettings::new(secret(&self.options, "amqp-url")?.into());
        "rowlock-chaos".clone_into(&mut settings.connection_name);
        settings.retry_delays = RETRY_DELAYS_MS.map(Duration::from_millis).to_vec();
        Ok(settings)
    }

    /// The environment of an operator's command at one of the databases, past the proxies.
    pub fn operator_settings(&self) -> Fallible<Vec<(&'static str, String)>> {
        let settings = Settings { options: &self.options, database: self.options.pg_port, amqp_url: secret(&self.options, "amqp-url")? };
        settings.of(Part::Booking(0))
    }

    /// Ends all services.
    pub async fn tear_down(self) -> Fallible<()> {
        for actor in &self.actors {
            actor.service.lock().await.kill().await?;
        }
        Ok(())
    }
}

/// One of the secrets that the script has made.
pub fn secret(options: &Options, name: &str) -> Fallible<String> {
    let path = options.secrets.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

fn port(options: &Options, part: Part) -> Fallible<u16> {
    Ok(options.first_port + 2 * u16::try_from(part.index())?)
}

/// What the services are told. Everything that is not the default is here.
struct Settings<'a> {
    options: &'a Options,
    database: u16,
    amqp_url: String,
}

impl Settings<'_> {
    fn of(&self, part: Part) -> Fallible<Vec<(&'static str, String)>> {
        let listen = format!("127.0.0.1:{}", port(self.options, part)?);
        let mut settings = vec![("ROWLOCK__LOG__FORMAT", "json".to_owned())];
        match part {
            Part::Auth => settings.extend([
                self.database("rowlock_auth")?,
                ("ROWLOCK__HTTP__LISTEN", listen),
                ("ROWLOCK__KEYS__ENCRYPTION_KEY", secret(self.options, "encryption-key")?),
                ("ROWLOCK__BOOTSTRAP__TOKEN", secret(self.options, "bootstrap-token")?),
                // What a log-in costs is not what is tried here, and nobody logs in anew during a storm who was in before.
                ("ROWLOCK__PASSWORDS__BCRYPT_COST", "4".to_owned()),
                ("ROWLOCK__TOKENS__ACCESS_TTL_SECONDS", "86400".to_owned()),
                ("ROWLOCK__AMQP__URL", self.amqp_url.clone()),
                ("ROWLOCK__AMQP__RETRY_DELAYS_MS", retry_delays()),
                // One address and a few accounts are the whole crowd.
                ("ROWLOCK__LIMITS__LOG_IN_PER_ADDRESS", "0".to_owned()),
                ("ROWLOCK__LIMITS__LOG_IN_PER_ACCOUNT", "0".to_owned()),
                ("ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_ADDRESS", "0".to_owned()),
                ("ROWLOCK__LIMITS__CREATE_ACCOUNT_PER_EMAIL", "0".to_owned()),
            ]),
            Part::Booking(_) => settings.extend([
                self.database("rowlock_booking")?,
                ("ROWLOCK__AMQP__URL", self.amqp_url.clone()),
                ("ROWLOCK__AMQP__RETRY_DELAYS_MS", retry_delays()),
                ("ROWLOCK__HTTP__LISTEN", listen),
                ("ROWLOCK__TOKENS__JWKS_URL", format!("http://127.0.0.1:{}/.well-known/jwks.json", port(self.options, Part::Auth)?)),
                ("ROWLOCK__TOKENS__REVOCATIONS_URL", format!("http://127.0.0.1:{}/internal/revocations", port(self.options, Part::Auth)?)),
                ("ROWLOCK__LIMITS__BOOK_PER_ACCOUNT", "0".to_owned()),
            ]),
            Part::Worker(_) => settings.extend([
                self.database("rowlock_booking")?,
                ("ROWLOCK__AMQP__URL", self.amqp_url.clone()),
                ("ROWLOCK__AMQP__RETRY_DELAYS_MS", retry_delays()),
            ]),
        }
        Ok(settings)
    }

    fn database(&self, name: &str) -> Fallible<(&'static str, String)> {
        let url = format!("postgres://{name}:{}@127.0.0.1:{}/{name}", secret(self.options, name)?, self.database);
        Ok(("ROWLOCK__DATABASE__URL", url))
    }
}

fn retry_delays() -> String {
    RETRY_DELAYS_MS.map(|delay| delay.to_string()).join(",")
}
