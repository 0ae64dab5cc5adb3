//! The command line: `serve`, `migrate`, `audit`, `ticket-keys`, `failed-messages`, `dead-letters`, `healthcheck`.

mod ticket_keys;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use rowlock_inventory::MIGRATIONS;
use rowlock_messaging::amqp::Topology;
use rowlock_messaging::cli::{DeadLetters, FailedMessages, run_dead_letters_command, run_failed_messages_command};
use rowlock_platform::cli::{BAD_SETTINGS, ConfigArgument, environment, fail, healthcheck, run_migrations, run_until_stopped};
use rowlock_platform::clock::Clock;
use rowlock_postgres::{ConnectionLimits, DatabaseError, connect};

use self::ticket_keys::TicketKeyAction;
use crate::{BookingSettings, MaintenanceSettings, start};

/// Rowlock's booking service: events, bookings and waiting lists.
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
    /// Serves requests until it receives SIGTERM or SIGINT. This is the default.
    Serve,
    /// Applies all pending database migrations.
    Migrate,
    /// Verifies the invariants of the database, which hold at every commit, and reports violations. Safe while the service runs.
    Audit,
    /// Lists, replaces and removes the keys that sign the codes of tickets.
    TicketKeys {
        #[command(subcommand)]
        action: TicketKeyAction,
    },
    /// Lists and manages outbox messages that the broker rejected several times.
    FailedMessages {
        #[command(subcommand)]
        action: FailedMessages,
    },
    /// Lists and manages dead-lettered messages about accounts and about sales.
    DeadLetters {
        #[command(subcommand)]
        action: DeadLetters,
    },
    /// Checks whether the service that runs with the same settings is ready.
    Healthcheck,
}

/// Runs the command given on the command line. Returns exit code 0 on success, 2 if the settings or arguments are invalid, and 1
/// for any other failure.
pub async fn run() -> ExitCode {
    let Arguments { source: ConfigArgument { config }, command } = Arguments::parse();
    if let None | Some(Command::Serve) = command {
        return match BookingSettings::load(config.as_deref(), environment()) {
            Ok(settings) => serve(settings).await,
            Err(error) => fail(BAD_SETTINGS, error),
        };
    }
    if let Some(Command::TicketKeys { action }) = command {
        return match BookingSettings::load(config.as_deref(), environment()) {
            Ok(settings) => ticket_keys::run(settings, action).await,
            Err(error) => fail(BAD_SETTINGS, error),
        };
    }
    if let Some(Command::DeadLetters { action }) = command {
        return match MaintenanceSettings::load_amqp(config.as_deref(), environment()) {
            Ok(amqp) => run_dead_letters_command(&amqp, &[Topology::accounts(&amqp), Topology::sales(&amqp)], action).await,
            Err(error) => fail(BAD_SETTINGS, error),
        };
    }
    let settings = match MaintenanceSettings::load(config.as_deref(), environment()) {
        Ok(settings) => settings,
        Err(error) => return fail(BAD_SETTINGS, error),
    };
    match command {
        None | Some(Command::Serve | Command::TicketKeys { .. } | Command::DeadLetters { .. }) => ExitCode::SUCCESS,
        Some(Command::Migrate) => {
            settings.log.start();
            run_migrations(&settings.database, MIGRATIONS).await
        }
        Some(Command::Audit) => match audit(&settings).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => fail(1, "audit failed: the invariants marked WRONG above do not hold"),
            Err(error) => fail(1, error),
        },
        Some(Command::FailedMessages { action }) => run_failed_messages_command(&settings.database, action).await,
        Some(Command::Healthcheck) => healthcheck(settings.management.listen),
    }
}

async fn serve(settings: BookingSettings) -> ExitCode {
    settings.log.start();
    let shutdown_timeout = settings.shutdown.total();
    match start(settings, Clock::system()) {
        Ok(running) => run_until_stopped(running, shutdown_timeout).await,
        Err(error) => fail(1, error),
    }
}

/// Prints each invariant with its result and returns whether all of them hold.
async fn audit(settings: &MaintenanceSettings) -> Result<bool, DatabaseError> {
    // The audit reads every booking, so it runs without a statement timeout.
    let limits = ConnectionLimits { statement: Duration::ZERO, ..settings.database.limits };
    let mut conn = connect(&settings.database.url, limits, "booking-service audit").await?;
    let findings = rowlock_inventory::audit::check(&mut conn).await?;
    for finding in &findings {
        match &finding.example {
            None => println!("ok     no {}", finding.violation),
            Some(example) => println!("WRONG  {} {}, one of them: {example}", finding.count, finding.violation),
        }
    }
    Ok(findings.iter().all(|finding| finding.count == 0))
}
