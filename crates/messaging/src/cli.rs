//! The commands of the services' command lines that inspect and replay messages: dead letters and failed messages.

use std::process::ExitCode;

use clap::Subcommand;
use rowlock_platform::cli::fail;
use rowlock_platform::database::DatabaseSettings;
use rowlock_postgres::{DatabaseError, connect};

use crate::amqp::{AmqpSettings, LinkError, Topology, dead_letters};
use crate::outbox::failed;

/// What an operator can do with messages that could not be handled.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum DeadLetters {
    /// Shows them with their reasons and leaves them where they are.
    List {
        /// Most letters shown.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Moves all of them back to the work queue, with their tries reset.
    Replay,
}

/// Runs a command on the dead letters of a family of queues and prints the result.
pub async fn run_dead_letters_command(amqp: &AmqpSettings, topology: &Topology, action: DeadLetters) -> ExitCode {
    match dead_letters_command(amqp, topology, action).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, error),
    }
}

async fn dead_letters_command(amqp: &AmqpSettings, topology: &Topology, action: DeadLetters) -> Result<(), LinkError> {
    match action {
        DeadLetters::List { limit } => {
            let letters = dead_letters::list(amqp, topology, limit).await?;
            if letters.is_empty() {
                println!("There are no dead letters.");
            }
            for letter in letters {
                let when = letter.failed_at.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_rfc3339());
                let id = letter.message_id.as_deref().unwrap_or("(no id)");
                println!("{id}  {}  given up {when} after {} tries: {}", letter.routing_key, letter.attempts, letter.reason);
                println!("    {}", letter.body_start.escape_debug());
            }
        }
        DeadLetters::Replay => {
            let replayed = dead_letters::replay(amqp, topology).await?;
            println!("{} messages are in the work queue again; {} could not be moved.", replayed.moved, replayed.kept);
        }
    }
    Ok(())
}

/// What an operator can do with messages that the broker refused several times.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum FailedMessages {
    /// Shows them, a line each.
    List {
        /// Most lines shown.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Puts all of them back into the outbox.
    Replay,
}

/// Runs a command on the messages that the broker refused and prints the result.
pub async fn run_failed_messages_command(database: &DatabaseSettings, action: FailedMessages) -> ExitCode {
    match failed_messages(database, action).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, error),
    }
}

async fn failed_messages(database: &DatabaseSettings, action: FailedMessages) -> Result<(), DatabaseError> {
    let mut conn = connect(&database.url, database.limits, "rowlock failed-messages").await?;
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
