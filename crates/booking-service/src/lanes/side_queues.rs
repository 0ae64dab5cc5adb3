//! Queues for the commands of a lane whose rows are locked by another transaction.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_inventory::Command;

use super::queued_command::QueuedCommand;

/// The rows that a command locks: one ticket type, or all of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LockScope {
    event: EventId,
    ticket_type: Option<TicketTypeId>,
}

impl LockScope {
    pub(super) fn of(command: &Command) -> Self {
        Self { event: command.event(), ticket_type: command.only_type().map(|key| key.ticket_type) }
    }
}

/// The side queues of a lane. A queue exists as long as a task processes it.
#[derive(Clone, Default)]
pub(super) struct SideQueues(Arc<Mutex<HashMap<LockScope, VecDeque<QueuedCommand>>>>);

impl SideQueues {
    fn queues(&self) -> MutexGuard<'_, HashMap<LockScope, VecDeque<QueuedCommand>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends each command whose rows have a side queue to that queue, and returns the others.
    #[must_use]
    pub(super) fn divert_blocked(&self, batch: Vec<QueuedCommand>) -> Vec<QueuedCommand> {
        let mut queues = self.queues();
        if queues.is_empty() {
            return batch;
        }
        let mut unblocked = Vec::with_capacity(batch.len());
        for command in batch {
            match queues.get_mut(&LockScope::of(&command.command)) {
                Some(queue) => queue.push_back(command),
                None => unblocked.push(command),
            }
        }
        unblocked
    }

    /// Appends a command. Returns whether the queue is new, so that the caller has to start a task for it.
    #[must_use]
    pub(super) fn push(&self, scope: LockScope, command: QueuedCommand) -> bool {
        let mut queues = self.queues();
        let is_new = !queues.contains_key(&scope);
        queues.entry(scope).or_default().push_back(command);
        is_new
    }

    /// Takes up to `max` commands. Removes the queue and returns `None` if it is empty.
    #[must_use]
    pub(super) fn next_batch(&self, scope: LockScope, max: usize) -> Option<Vec<QueuedCommand>> {
        let mut queues = self.queues();
        let queue = queues.get_mut(&scope)?;
        if queue.is_empty() {
            queues.remove(&scope);
            return None;
        }
        let count = queue.len().min(max);
        Some(queue.drain(..count).collect())
    }
}
