//! Arguments of `rowlockctl queue`.

use std::path::PathBuf;

use clap::Subcommand;
use rowlock_domain::ids::EventId;
use rowlock_domain::queue_log::QueueLogHash;

#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Reads the public logs of the waiting lists of an event, without a login, and checks that no record is missing or changed and
    /// that no entry was skipped. Fails with exit code 1 and names the record if something is wrong.
    Verify {
        /// The id of the event.
        event: EventId,
        /// Only the waiting list of this ticket type: its name or its id.
        #[arg(long = "type", value_name = "TYPE")]
        ticket_type: Option<String>,
        /// A hash of the log that was noted earlier. Fails if the log no longer contains it. If the event has several ticket types,
        /// --type is required.
        #[arg(long, value_name = "HASH")]
        known: Vec<QueueLogHash>,
        /// File with the output of an earlier run with --json. Fails if a log no longer contains what was its end then.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
}
