//! The command line: `serve`, `migrate`, `deliveries`, `dead-letters`, `failed-messages`, `healthcheck`.

mod deliveries;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rowlock_http::management::ManagementSettings;
use rowlock_messaging::amqp::{AmqpSettings, Topology};
use rowlock_messaging::cli::{DeadLetters, FailedMessages, run_dead_letters_command, run_failed_messages_command};
use rowlock_platform::cli::{BAD_SETTINGS, ConfigArgument, environment, fail, healthcheck, run_migrations, run_until_stopped};
use rowlock_platform::clock::Clock;
use rowlock_platform::database::DatabaseSettings;

use self::deliveries::{Deliveries, run_deliveries_command};
use crate::{MIGRATIONS, MaintenanceSettings, NotifierSettings, start};

/// Tells people by e-mail what happened to their tickets and accounts.
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
    /// Runs the notifier until SIGTERM or SIGINT. This is the default.
    Serve,
    /// Applies the pending migrations of the notifier's database.
    Migrate,
    /// Lists deliveries, or sends them again that failed or are unclear.
    Deliveries {
        #[command(subcommand)]
        action: Deliveries,
    },
    /// Lists or replays dead letters: messages that the notifier could not read.
    DeadLetters {
        #[command(subcommand)]
        action: DeadLetters,
    },
    /// Lists or replays failed messages: entries of the audit log that the broker rejected too often.
    FailedMessages {
        #[command(subcommand)]
        action: FailedMessages,
    },
    /// Checks whether the notifier that runs with the same settings is ready. Exits with 0 if it is.
    Healthcheck,
}

/// Runs the command of the command line. The exit code is 2 for invalid settings or arguments and 1 for other errors.
pub async fn run() -> ExitCode {
    let Arguments { source: ConfigArgument { config }, command } = Arguments::parse();
    let config = config.as_deref();
    match command.unwrap_or(Command::Serve) {
        Command::Serve => match NotifierSettings::load(config, environment()) {
            Ok(settings) => serve(settings).await,
            Err(error) => fail(BAD_SETTINGS, error),
        },
        Command::Migrate => match MaintenanceSettings::load(config, environment(), DatabaseSettings::read) {
            Ok(settings) => {
                settings.log.start();
                run_migrations(&settings.part, MIGRATIONS).await
            }
            Err(error) => fail(BAD_SETTINGS, error),
        },
        Command::Deliveries { action } => match MaintenanceSettings::load(config, environment(), DatabaseSettings::read) {
            Ok(settings) => run_deliveries_command(&settings.part, action).await,
            Err(error) => fail(BAD_SETTINGS, error),
        },
        Command::DeadLetters { action } => {
            let read = |reader: &mut _| AmqpSettings::read(reader, "notifier dead-letters");
            match MaintenanceSettings::load(config, environment(), read) {
                Ok(settings) => run_dead_letters_command(&settings.part, &Topology::all_notifications(&settings.part), action).await,
                Err(error) => fail(BAD_SETTINGS, error),
            }
        }
        Command::FailedMessages { action } => match MaintenanceSettings::load(config, environment(), DatabaseSettings::read) {
            Ok(settings) => run_failed_messages_command(&settings.part, action).await,
            Err(error) => fail(BAD_SETTINGS, error),
        },
        Command::Healthcheck => match MaintenanceSettings::load(config, environment(), ManagementSettings::read) {
            Ok(settings) => healthcheck(settings.part.listen),
            Err(error) => fail(BAD_SETTINGS, error),
        },
    }
}

async fn serve(settings: NotifierSettings) -> ExitCode {
    settings.log.start();
    let drain = settings.shutdown.total();
    match start(settings, Clock::system()) {
        Ok(running) => run_until_stopped(running, drain).await,
        Err(error) => fail(1, error),
    }
}
