//! `ticket-keys`: lists the keys that sign the codes of tickets, adds one that replaces the current one, and removes one that leaked.

use std::process::ExitCode;
use std::time::Duration;

use chrono::SecondsFormat;
use clap::Subcommand;
use rowlock_domain::Timestamp;
use rowlock_inventory::tickets::{KeyRemoval, KeyRotation};
use rowlock_platform::cli::fail;
use rowlock_postgres::build_pool;

use crate::BookingSettings;
use crate::ticket_keys::{TicketKeys, signing_key};

#[derive(Debug, Subcommand)]
pub(super) enum TicketKeyAction {
    /// Lists all keys, the newest first.
    List,
    /// Adds a key that signs after `ticket_keys.publish_ahead_seconds`. Codes of earlier keys still admit.
    Rotate {
        /// Makes the new key sign at once, or the one that is pending.
        #[arg(long)]
        now: bool,
    },
    /// Removes a key that leaked. Its codes admit nobody any more, printed ones included.
    Remove {
        /// The id of the key, as `list` shows it.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

/// Runs the command and prints what it did. The exit code is 1 if it changed nothing or failed.
pub(super) async fn run(settings: BookingSettings, action: TicketKeyAction) -> ExitCode {
    settings.log.start();
    let pool = match build_pool(&settings.database.url, 1, settings.database.limits, "booking-service ticket-keys") {
        Ok(pool) => pool,
        Err(error) => return fail(1, error),
    };
    let keys = TicketKeys::new(pool, settings.sealing);
    let outcome = match action {
        TicketKeyAction::List => list(&keys).await,
        TicketKeyAction::Rotate { now } => rotate(&keys, if now { Duration::ZERO } else { settings.ticket_keys_publish_ahead }).await,
        TicketKeyAction::Remove { kid } => remove(&keys, &kid).await,
    };
    match outcome {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(reason) => fail(1, reason),
    }
}

async fn list(keys: &TicketKeys) -> Result<String, String> {
    let stored = keys.stored().await.map_err(|error| error.to_string())?;
    let signing = signing_key(&stored).map(|key| key.kid.as_str());
    let lines = stored.iter().map(|key| {
        let from = to_the_second(key.signs_from);
        let state = match key.removed_at {
            Some(at) => format!("removed at {}; its codes admit nobody", to_the_second(at)),
            None if signing == Some(key.kid.as_str()) => format!("signs since {from}"),
            None if key.may_sign => format!("signed since {from}; its codes still admit"),
            None => format!("published; signs from {from} on"),
        };
        format!("{}  {state}", key.kid)
    });
    let lines: Vec<_> = lines.collect();
    Ok(if lines.is_empty() { "There are no ticket keys yet. The first ticket creates one.".to_owned() } else { lines.join("\n") })
}

async fn rotate(keys: &TicketKeys, publish_ahead: Duration) -> Result<String, String> {
    match keys.rotate(publish_ahead).await.map_err(|error| error.to_string())? {
        KeyRotation::Scheduled { kid, signs_from } => Ok(format!(
            "The key {kid} is published now and signs the codes of tickets from {} on. Codes of earlier keys still admit.",
            to_the_second(signs_from)
        )),
        KeyRotation::Pending { kid, signs_from } => Err(format!(
            "nothing was changed: the key {kid} is pending and signs from {} on; use --now to make it sign at once",
            to_the_second(signs_from)
        )),
    }
}

async fn remove(keys: &TicketKeys, kid: &str) -> Result<String, String> {
    match keys.remove(kid).await.map_err(|error| error.to_string())? {
        KeyRemoval::Removed => Ok(format!("The key {kid} is removed. Codes that it signed admit nobody any more.")),
        KeyRemoval::Signs => Err(format!("nothing was changed: the key {kid} signs; run `booking-service ticket-keys rotate --now` first")),
        KeyRemoval::NotFound => Err(format!("nothing was changed: there is no published ticket key {kid}")),
    }
}

fn to_the_second(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
