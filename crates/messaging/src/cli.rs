//! Commands of the service binaries that list and replay dead letters and failed messages.

use std::process::ExitCode;

use clap::Subcommand;
use rowlock_platform::cli::fail;
use rowlock_platform::database::DatabaseSettings;
use rowlock_postgres::{DatabaseError, connect};

use crate::amqp::{AmqpSettings, LinkError, Topology, dead_letters};
use crate::outbox::failed;

/// Subcommands for dead letters: messages that a consumer could not process.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum DeadLetters {
    /// Lists the dead letters with their reasons, oldest first, without removing them.
    List {
        /// Maximum number of dead letters to list.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Moves all dead letters back to the work queue and resets their attempt count.
    Replay,
}

/// Runs a command on the dead letters of queue families and prints the result, under the name of the queue if there are several.
/// The exit code is 1 on an error.
pub async fn run_dead_letters_command(amqp: &AmqpSettings, families: &[Topology], action: DeadLetters) -> ExitCode {
    for topology in families {
        if families.len() > 1 {
            println!("{}:", topology.dead_queue);
        }
        if let Err(error) = dead_letters_command(amqp, topology, action).await {
            return fail(1, error);
        }
    }
    ExitCode::SUCCESS
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
                println!("{id}  {}  dead-lettered {when} after {} attempts: {}", letter.routing_key, letter.attempts, letter.reason);
                println!("    {}", letter.body_start.escape_debug());
            }
        }
        DeadLetters::Replay => {
            let replayed = dead_letters::replay(amqp, topology).await?;
            println!(
                "{} messages were moved back to the work queue; {} could not be moved and are still dead letters.",
                replayed.moved, replayed.kept
            );
        }
    }
    Ok(())
}

/// Subcommands for failed messages: outbox rows that the broker rejected too often.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum FailedMessages {
    /// Lists the failed messages, one per line.
    List {
        /// Maximum number of messages to list.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Moves all failed messages back to the outbox.
    Replay,
}

/// Runs a command on the failed messages and prints the result. The exit code is 1 on an error.
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
        FailedMessages::Replay => println!("{} messages were moved back to the outbox.", failed::replay(&mut conn).await?),
    }
    Ok(())
}
