//! The work itself: ticket types in, what came of each out.

use rowlock_domain::ids::TypeKey;
use rowlock_inventory::command::Reallocate;
use rowlock_inventory::{Command, CommandError, Inventory, LockWait, Outcome};

use crate::metrics::WorkMetrics;

/// Ticket types in one transaction.
const MOST_TOGETHER: usize = 50;

/// Hands on the tickets of ticket types.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) inventory: Inventory,
    pub(crate) limit: usize,
    pub(crate) metrics: WorkMetrics,
}

/// What came of a ticket type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Treated {
    /// Done as far as one transaction goes.
    Done,
    /// There was nothing to do.
    Idle,
    /// There is something left to close, which no message will tell of.
    More,
    /// Its row is locked by somebody else.
    Locked,
    /// The database is away or busy, or the outcome is not known: the same may be tried again, whatever happened.
    Later(String),
    /// It cannot be done: there is no such type, or the database refuses.
    Impossible(String),
}

impl Work {
    /// Treats each ticket type once, many in one transaction. None waits for a row that somebody else has locked.
    pub(crate) async fn treat(&self, keys: &[TypeKey]) -> Vec<Treated> {
        let mut treated = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MOST_TOGETHER) {
            let limit = (self.limit / keys.len()).max(1);
            let commands = keys.iter().map(|key| Command::Reallocate(Reallocate { key: *key, limit })).collect();
            treated.extend(self.inventory.run(commands, LockWait::Skip).await.into_iter().map(|outcome| self.judge(outcome)));
        }
        treated
    }

    /// Treats one ticket type and waits for its row: whoever sells without a pause leaves no gap to come upon, but there is
    /// a line for the row, and this gets its turn in it.
    pub(crate) async fn treat_in_line(self, key: TypeKey) -> Treated {
        let command = Command::Reallocate(Reallocate { key, limit: self.limit });
        self.judge(self.inventory.run_one(command).await)
    }

    fn judge(&self, outcome: Result<Outcome, CommandError>) -> Treated {
        match outcome {
            Ok(Outcome::Reallocated(done)) => {
                self.metrics.count(done);
                let progress = done.promoted > 0 || done.leftover > 0 || done.closed > 0 || done.cancelled > 0;
                match (progress, done.unfinished && done.promoted == 0) {
                    // What a walk left held has been announced anew; what is left to be closed has not.
                    (true, true) => Treated::More,
                    (true, false) => Treated::Done,
                    (false, _) => Treated::Idle,
                }
            }
            Ok(Outcome::Skipped) => Treated::Locked,
            Ok(other) => Treated::Impossible(format!("{other:?}")),
            Err(CommandError::Failed(reason)) => Treated::Impossible(reason),
            Err(error) => Treated::Later(error.to_string()),
        }
    }
}
