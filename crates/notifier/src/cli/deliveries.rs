//! Commands that list deliveries and send them again.

use std::process::ExitCode;

use clap::Subcommand;
use rowlock_domain::ids::{AccountId, MessageId};
use rowlock_platform::cli::fail;
use rowlock_platform::database::DatabaseSettings;
use rowlock_postgres::{DatabaseError, connect};

use crate::delivery::Status;
use crate::store::{ListedDelivery, list, resend};

/// Subcommands for deliveries.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum Deliveries {
    /// Lists deliveries, the newest first.
    List {
        /// Lists only deliveries with this status: pending, sending, sent, failed, unclear or skipped.
        #[arg(long)]
        status: Option<Status>,
        /// Maximum number of deliveries to list.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Prints a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Makes the failed and unclear deliveries of a message pending again. A mail that was sent after all arrives twice.
    Resend {
        /// Id of the message, as `list` prints it.
        message_id: MessageId,
        /// Sends again only to the account with this id.
        #[arg(long)]
        recipient: Option<AccountId>,
    },
}

/// Runs a command on the deliveries and prints the result. The exit code is 1 on an error, or if there is nothing to send again.
pub(super) async fn run_deliveries_command(database: &DatabaseSettings, action: Deliveries) -> ExitCode {
    match deliveries_command(database, action).await {
        Ok(code) => code,
        Err(error) => fail(1, error),
    }
}

async fn deliveries_command(database: &DatabaseSettings, action: Deliveries) -> Result<ExitCode, DatabaseError> {
    let mut conn = connect(&database.url, database.limits, "notifier deliveries").await?;
    match action {
        Deliveries::List { status, limit, json } => {
            let statuses = status.map_or_else(|| Status::ALL.to_vec(), |status| vec![status]);
            let deliveries = list(&mut conn, &statuses, None, limit.into()).await?;
            if json {
                match serde_json::to_string_pretty(&deliveries) {
                    Ok(text) => println!("{text}"),
                    Err(error) => return Ok(fail(1, error)),
                }
            } else {
                print(&deliveries);
            }
        }
        Deliveries::Resend { message_id, recipient } => match resend(&mut conn, message_id, recipient).await? {
            0 => return Ok(fail(1, format!("the message {message_id} has no failed or unclear delivery to this recipient"))),
            count => println!("{count} deliveries are pending again."),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn print(deliveries: &[ListedDelivery]) {
    if deliveries.is_empty() {
        println!("There are no such deliveries.");
    }
    for delivery in deliveries {
        let ListedDelivery { message_id, recipient, channel, kind, status, attempts, created_at, detail, .. } = delivery;
        println!("{message_id}  to {recipient} by {channel}  {kind}  {status} after {attempts} attempts  {}", created_at.to_rfc3339());
        if let Some(detail) = detail {
            println!("    {}", detail.escape_debug());
        }
    }
}
