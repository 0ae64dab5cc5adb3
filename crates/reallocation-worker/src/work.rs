//! The work itself: ticket types in, what came of each out.

use rowlock_domain::ids::TypeKey;
use rowlock_domain::trace::TraceContext;
use rowlock_inventory::command::Reallocate;
use rowlock_inventory::{Command, CommandError, Inventory, LockWait, Outcome, Traced};
use rowlock_platform::telemetry::Traces;
use rowlock_platform::telemetry::traces::{Span, SpanKind};

use crate::metrics::WorkMetrics;

/// Ticket types in one transaction.
const MOST_TOGETHER: usize = 50;

/// Hands on the tickets of ticket types.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) inventory: Inventory,
    pub(crate) limit: usize,
    pub(crate) metrics: WorkMetrics,
    pub(crate) traces: Traces,
}

/// A ticket type that may have tickets to hand on, and the trace in which they came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) key: TypeKey,
    pub(crate) trace: Option<TraceContext>,
}

impl From<TypeKey> for Task {
    fn from(key: TypeKey) -> Self {
        Self { key, trace: None }
    }
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
    pub(crate) async fn treat(&self, tasks: &[Task]) -> Vec<Treated> {
        let mut treated = Vec::with_capacity(tasks.len());
        for tasks in tasks.chunks(MOST_TOGETHER) {
            let limit = (self.limit / tasks.len()).max(1);
            let (spans, commands): (Vec<Span>, Vec<Traced>) = tasks.iter().map(|task| self.begin(*task, limit)).unzip();
            let outcomes = self.inventory.run(commands, LockWait::Skip).await;
            treated.extend(spans.into_iter().zip(outcomes).map(|(span, outcome)| self.judge(span, outcome)));
        }
        treated
    }

    /// Treats one ticket type and waits for its row: whoever sells without a pause leaves no gap to come upon, but there is
    /// a line for the row, and this gets its turn in it.
    pub(crate) async fn treat_in_line(self, task: Task) -> Treated {
        let (span, command) = self.begin(task, self.limit);
        let outcome = self.inventory.run_one(command).await;
        self.judge(span, outcome)
    }

    /// The command of a task and its span, which is a part of what brought the tickets back. What was found by looking is
    /// nobody's, and the looking is not worth a trace.
    fn begin(&self, task: Task, limit: usize) -> (Span, Traced) {
        let command = Command::Reallocate(Reallocate { key: task.key, limit });
        let traces = if task.trace.is_some() { self.traces.clone() } else { Traces::default() };
        let mut span = traces.begin(SpanKind::Consumer, "reallocate", task.trace);
        span.set("messaging.system", "rabbitmq");
        span.set("rowlock.ticket_type", task.key.ticket_type.to_string());
        let trace = span.context();
        (span, Traced { command, trace })
    }

    fn judge(&self, mut span: Span, outcome: Result<Outcome, CommandError>) -> Treated {
        match outcome {
            Ok(Outcome::Reallocated(done)) => {
                self.metrics.count(done);
                span.set("rowlock.promoted", i64::from(done.promoted));
                let progress = done.promoted > 0 || done.leftover > 0 || done.closed > 0 || done.cancelled > 0;
                match (progress, done.unfinished && done.promoted == 0) {
                    // What a walk left held has been announced anew; what is left to be closed has not.
                    (true, true) => Treated::More,
                    (true, false) => Treated::Done,
                    (false, _) => Treated::Idle,
                }
            }
            Ok(Outcome::Skipped) => {
                span.set("rowlock.outcome", "locked elsewhere");
                Treated::Locked
            }
            Ok(other) => Treated::Impossible(format!("{other:?}")),
            Err(error) => {
                span.fail(error.to_string());
                match error {
                    CommandError::Failed(reason) => Treated::Impossible(reason),
                    other => Treated::Later(other.to_string()),
                }
            }
        }
    }
}
