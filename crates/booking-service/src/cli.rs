//! The command line: `serve`, `migrate`, `audit`, `failed-messages`, `healthcheck`.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use rowlock_inventory::MIGRATIONS;
use rowlock_platform::cli::{BAD_SETTINGS, ConfigArgument, environment, fail, healthcheck, run_migrations, run_until_stopped};
use rowlock_platform::clock::Clock;
use rowlock_platform::outbox::failed;
use rowlock_postgres::{DatabaseError, Limits, connect};

use crate::{BookingSettings, MaintenanceSettings, start};

/// Events, bookings and waiting lists of the Rowlock box office.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    source: ConfigArgument,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until it is told to stop. This is the default.
    Serve,
    /// Brings the schema of the database up to date.
    Migrate,
    /// Checks what must be true of the database at every commit, while it is in use, and says what is wrong.
    Audit,
    /// Looks after messages that the broker refused several times.
    FailedMessages {
        #[command(subcommand)]
        action: FailedMessages,
    },
    /// Asks the service that runs with the same settings whether it is ready.
    Healthcheck,
}

#[derive(Debug, Subcommand)]
enum FailedMessages {
    /// Shows them, a line each.
    List {
        /// Most lines shown.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Puts all of them back into the outbox.
    Replay,
}

/// Does what the command line says. The exit code is 2 for settings or arguments that cannot be used, 1 for what failed.
pub async fn run() -> ExitCode {
    let Arguments { source: ConfigArgument { config }, command } = Arguments::parse();
    if let None | Some(Command::Serve) = command {
        return match BookingSettings::load(config.as_deref(), environment()) {
            Ok(settings) => serve(settings).await,
            Err(error) => fail(BAD_SETTINGS, error),
        };
    }
    let settings = match MaintenanceSettings::load(config.as_deref(), environment()) {
        Ok(settings) => settings,
        Err(error) => return fail(BAD_SETTINGS, error),
    };
    match command {
        None | Some(Command::Serve) => ExitCode::SUCCESS,
        Some(Command::Migrate) => {
            settings.log.start();
            run_migrations(&settings.database, MIGRATIONS).await
        }
        Some(Command::Audit) => match audit(&settings).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => fail(1, "the database is not as it must be; what is wrong is listed above"),
            Err(error) => fail(1, error),
        },
        Some(Command::FailedMessages { action }) => match failed_messages(&settings, action).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, error),
        },
        Some(Command::Healthcheck) => healthcheck(settings.management.listen),
    }
}

async fn serve(settings: BookingSettings) -> ExitCode {
    settings.log.start();
    let drain = settings.drain;
    match start(settings, Clock::system()) {
        Ok(running) => run_until_stopped(running, drain).await,
        Err(error) => fail(1, error),
    }
}

/// Prints every invariant with what was found, and tells whether all hold.
async fn audit(settings: &MaintenanceSettings) -> Result<bool, DatabaseError> {
    // It reads every booking, which takes as long as it takes.
    let limits = Limits { statement: Duration::ZERO, ..settings.database.limits };
    let mut conn = connect(&settings.database.url, limits, "booking-service audit").await?;
    let findings = rowlock_inventory::audit::check(&mut conn).await?;
    for finding in &findings {
        match &finding.example {
            None => println!("ok     no {}", finding.what),
            Some(example) => println!("WRONG  {} {}, one of them: {example}", finding.count, finding.what),
        }
    }
    Ok(findings.iter().all(|finding| finding.count == 0))
}

async fn failed_messages(settings: &MaintenanceSettings, action: FailedMessages) -> Result<(), DatabaseError> {
    let mut conn = connect(&settings.database.url, settings.database.limits, "booking-service failed-messages").await?;
    match action {
        FailedMessages::List { limit } => {
            let rows = failed::list(&mut conn, limit).await?;
            if rows.is_empty() {
                println!("There are no failed messages.");
            }
            for row in rows {
                println!("{}  {}  {}  {} attempts  {}", row.id, row.routing_key, row.message_id, row.attempts, row.reason);
            }
        }
        FailedMessages::Replay => println!("{} messages are in the outbox again.", failed::replay(&mut conn).await?),
    }
    Ok(())
}
