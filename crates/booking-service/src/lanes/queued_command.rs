//! A command in the queue of a lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::gauge::Gauge;
use rowlock_domain::trace::TraceContext;
use rowlock_inventory::{Command, CommandRequest};
use rowlock_platform::telemetry::traces::Span;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::CommandResult;

/// A queued command and the channel on which its caller waits for the result.
pub(super) struct QueuedCommand {
    pub(super) command: Command,
    pub(super) result: oneshot::Sender<CommandResult>,
    /// Span from the arrival of the command to its result.
    pub(super) span: Span,
    /// Set when the command starts. The lane sets it before checking whether the client is still connected, so either the lane
    /// sees the disconnect or the timeout path sees that the command has started.
    pub(super) started: Arc<AtomicBool>,
    /// Released when the result is sent.
    pub(super) _permit: AdmissionPermit,
}

impl CommandRequest for QueuedCommand {
    fn command(&self) -> &Command {
        &self.command
    }

    fn trace(&self) -> Option<TraceContext> {
        self.span.context()
    }
}

impl QueuedCommand {
    /// Marks the command as started and returns whether its caller is still waiting. A command whose client has disconnected is
    /// dropped before it starts.
    pub(super) fn start(&self) -> bool {
        self.started.store(true, Ordering::SeqCst);
        !self.result.is_closed()
    }

    /// Marks the command as not started, because it was skipped without effect and is going to be run again.
    pub(super) fn reset(&self) {
        self.started.store(false, Ordering::SeqCst);
    }
}

/// A slot in a lane's bounded queue, counted by the gauge of waiting commands.
pub(super) struct AdmissionPermit {
    waiting: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl AdmissionPermit {
    pub(super) fn new(permit: OwnedSemaphorePermit, waiting: Gauge) -> Self {
        waiting.inc();
        Self { waiting, _permit: permit }
    }
}

impl Drop for AdmissionPermit {
    fn drop(&mut self) {
        self.waiting.dec();
    }
}
