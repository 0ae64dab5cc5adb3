//! Metrics of the lanes.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use rowlock_inventory::{Command, CommandError, Outcome};

use super::CommandResult;

/// Metrics of all lanes of a process.
#[derive(Debug, Clone)]
pub(crate) struct LaneMetrics {
    pub(super) waiting: Gauge,
    batch_size: Histogram,
    commands: Family<CommandLabels, Counter>,
}

/// Labels of the counter of commands: the kind of command and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CommandLabels {
    pub(super) command: &'static str,
    pub(super) outcome: &'static str,
}

impl CommandLabels {
    pub(super) const fn new(command: &Command, result: &CommandResult) -> Self {
        let command = match command {
            Command::Book(_) => "book",
            Command::BookWish(_) => "book-wish",
            Command::Confirm(_) => "confirm",
            Command::CancelBooking(_) => "cancel",
            Command::LeaveWaitlist(_) => "leave",
            Command::ChangeEntry(_) => "change-entry",
            Command::ChangeEvent(_) => "change",
            Command::DeleteEvent(_) => "delete",
            Command::Reallocate(_) => "reallocate",
            Command::Expire(_) => "expire",
            Command::OfferTransfer(_) => "offer-transfer",
            Command::AcceptTransfer(_) => "accept-transfer",
            Command::EndTransfer(_) => "end-transfer",
        };
        let outcome = match result {
            Ok(Outcome::Booked(_)) => "booked",
            Ok(Outcome::Confirmed(_)) => "confirmed",
            Ok(Outcome::Waitlisted(_) | Outcome::WishWaitlisted(_)) => "waitlisted",
            Ok(Outcome::Returned(_)) => "returned",
            Ok(Outcome::Left(_) | Outcome::WishLeft(_)) => "left",
            Ok(
                Outcome::EntryChanged(_)
                | Outcome::WishChanged(_)
                | Outcome::Changed(_)
                | Outcome::Deleted
                | Outcome::Reallocated(_)
                | Outcome::Expired(_)
                | Outcome::TransferOffered(_)
                | Outcome::TransferAccepted(_)
                | Outcome::TransferEnded(_),
            ) => "done",
            Ok(Outcome::Replayed(_)) => "replayed",
            Ok(Outcome::Refused(_)) => "refused",
            Ok(Outcome::Skipped) => "skipped",
            Err(CommandError::Overloaded | CommandError::Busy(_)) => "overloaded",
            Err(CommandError::Unavailable(_)) => "unavailable",
            Err(CommandError::Unknown(_)) => "unknown",
            Err(CommandError::Failed(_)) => "failed",
        };
        Self { command, outcome }
    }
}

impl Default for LaneMetrics {
    fn default() -> Self {
        let batch_size = Histogram::new(exponential_buckets(1.0, 2.0, 12));
        Self { waiting: Gauge::default(), batch_size, commands: Family::default() }
    }
}

impl LaneMetrics {
    /// Registers these metrics for `/metrics`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("commands", "Commands by kind and outcome", self.commands.clone());
        let registry = registry.sub_registry_with_prefix("lane");
        registry.register("waiting_commands", "Commands that have been admitted to a lane and have no result yet", self.waiting.clone());
        registry.register("batch_size", "Commands per transaction", self.batch_size.clone());
    }

    /// Records the size of a batch, unless it is empty.
    pub(super) fn observe_batch(&self, size: u32) {
        if size > 0 {
            self.batch_size.observe(f64::from(size));
        }
    }

    /// Counts a command that has a result.
    pub(super) fn count_command(&self, labels: &CommandLabels) {
        self.commands.get_or_create(labels).inc();
    }
}
