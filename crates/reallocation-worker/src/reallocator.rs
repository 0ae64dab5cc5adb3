//! Runs the reallocation of ticket types and classifies the results.

use rowlock_domain::ids::TypeKey;
use rowlock_domain::trace::TraceContext;
use rowlock_inventory::command::Reallocate;
use rowlock_inventory::{Command, CommandError, Inventory, LockWait, Outcome, TracedCommand};
use rowlock_platform::telemetry::Traces;
use rowlock_platform::telemetry::traces::{Span, SpanKind};

use crate::metrics::WorkerMetrics;

/// Maximum number of ticket types per transaction.
const MAX_TYPES_PER_TRANSACTION: usize = 50;

/// Reallocates the returned tickets of ticket types.
#[derive(Debug, Clone)]
pub(crate) struct Reallocator {
    pub(crate) inventory: Inventory,
    /// Maximum number of promotions per transaction.
    pub(crate) limit: usize,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) traces: Traces,
}

/// A ticket type that may have tickets to reallocate, and the trace in which they were returned.
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

/// The result of reallocating one ticket type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReallocationResult {
    /// The transaction made progress. Remaining tickets have been announced with a new message.
    Done,
    /// There was nothing to do.
    Idle,
    /// Entries or bookings remain to be closed, which no message announces. Reallocate the type again at once.
    MoreToClose,
    /// Another transaction holds the row lock.
    Locked,
    /// The database is unavailable or busy, or the outcome of the COMMIT is unknown. Retrying is safe in every case.
    Retry(String),
    /// The ticket type does not exist, or the database rejected a statement.
    Failed(String),
}

impl Reallocator {
    /// Reallocates each ticket type once, up to 50 of them per transaction, skipping rows that another transaction has locked.
    /// Returns one result per task, in the same order.
    pub(crate) async fn reallocate(&self, tasks: &[Task]) -> Vec<ReallocationResult> {
        let mut results = Vec::with_capacity(tasks.len());
        for tasks in tasks.chunks(MAX_TYPES_PER_TRANSACTION) {
            let limit = (self.limit / tasks.len()).max(1);
            let (spans, commands): (Vec<Span>, Vec<TracedCommand>) = tasks.iter().map(|task| self.start_task(*task, limit)).unzip();
            let outcomes = self.inventory.run(commands, LockWait::Skip).await;
            results.extend(spans.into_iter().zip(outcomes).map(|(span, outcome)| self.classify(span, outcome)));
        }
        results
    }

    /// Reallocates one ticket type, waiting for its row lock. During a continuous sale `SKIP LOCKED` would never find the row
    /// free, whereas PostgreSQL's lock queue gives this transaction its turn.
    pub(crate) async fn reallocate_waiting(self, task: Task) -> ReallocationResult {
        let (span, command) = self.start_task(task, self.limit);
        let outcome = self.inventory.run_one(command).await;
        self.classify(span, outcome)
    }

    /// Returns the span and the command of a task. The span continues the trace in which the tickets were returned. A task without
    /// a trace, as found by the sweep, gets no span, because traces that start at a sweep are not useful.
    fn start_task(&self, task: Task, limit: usize) -> (Span, TracedCommand) {
        let command = Command::Reallocate(Reallocate { key: task.key, limit });
        let traces = if task.trace.is_some() { self.traces.clone() } else { Traces::default() };
        let mut span = traces.begin(SpanKind::Consumer, "reallocate", task.trace);
        span.set("messaging.system", "rabbitmq");
        span.set("rowlock.ticket_type", task.key.ticket_type.to_string());
        let trace = span.context();
        (span, TracedCommand { command, trace })
    }

    /// Records the outcome of a task in its span and the metrics and classifies it.
    fn classify(&self, mut span: Span, outcome: Result<Outcome, CommandError>) -> ReallocationResult {
        match outcome {
            Ok(Outcome::Reallocated(done)) => {
                self.metrics.count(done);
                span.set("rowlock.promoted", i64::from(done.promoted));
                let progress = done.promoted > 0 || done.leftover > 0 || done.closed > 0 || done.cancelled > 0;
                match (progress, done.unfinished && done.promoted == 0) {
                    // Tickets that the allocation pass left held have been announced again; entries left to be closed have not.
                    (true, true) => ReallocationResult::MoreToClose,
                    (true, false) => ReallocationResult::Done,
                    (false, _) => ReallocationResult::Idle,
                }
            }
            Ok(Outcome::Skipped) => {
                span.set("rowlock.outcome", "locked elsewhere");
                ReallocationResult::Locked
            }
            Ok(other) => ReallocationResult::Failed(format!("unexpected outcome of a reallocation: {other:?}")),
            Err(error) => {
                span.fail(error.to_string());
                match error {
                    CommandError::Failed(reason) => ReallocationResult::Failed(reason),
                    other => ReallocationResult::Retry(other.to_string()),
                }
            }
        }
    }
}
