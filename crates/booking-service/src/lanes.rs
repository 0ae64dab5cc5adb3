//! Group commit: commands queue up while a batch commits, and the next batch takes all of them.
//!
//! A lane runs one transaction at a time and, while commands keep arriving, pipelines each transaction behind the COMMIT of the
//! previous one on the same connection. There is no batching timer: a lone command runs immediately. The commands of an event
//! always go to the same lane, in order of arrival. A command whose rows are locked by another transaction moves to a side
//! queue, followed by later commands for the same rows, so that it delays no other command. All queues are bounded: if a lane is
//! full, a request waits a quarter of a second for admission and is then rejected as `overloaded`.

mod lane;
mod metrics;
mod queued_command;
mod side_queues;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rowlock_domain::ids::EventId;
use rowlock_inventory::{Command, CommandError, Inventory, Outcome};
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::settings::SettingsReader;
use rowlock_platform::telemetry::Traces;
use rowlock_platform::telemetry::traces::{self, SpanKind};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use self::lane::Lane;
pub(crate) use self::metrics::LaneMetrics;
use self::queued_command::{AdmissionPermit, QueuedCommand};

/// Number and limits of the lanes.
#[derive(Debug, Clone, Copy)]
pub struct LaneSettings {
    /// Number of lanes per process.
    pub count: usize,
    /// Maximum number of commands in one transaction.
    pub max_batch: usize,
    /// Maximum number of commands queued in a lane, including its side queues.
    pub queue: usize,
    /// Maximum number of side queues that wait for row locks at the same time. Each of them uses a connection.
    pub side_queues: usize,
}

impl LaneSettings {
    /// Reads the section `lanes`. Returns `None` if a value is missing or out of range; the reader has recorded the error.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let count = reader.number("lanes.count", 1..=64);
        let max_batch = reader.number("lanes.max_batch", 1..=5_000);
        let queue = reader.number("lanes.queue", 1..=1_000_000);
        let side_queues = reader.number("lanes.side_queues", 1..=100);
        Some(Self { count: count?, max_batch: max_batch?, queue: queue?, side_queues: side_queues? })
    }
}

/// The result of a command that was admitted to a lane.
pub(crate) type CommandResult = Result<Outcome, CommandError>;

/// Dependencies shared by all lanes of a process.
#[derive(Debug, Clone)]
pub(crate) struct LaneContext {
    pub(crate) metrics: LaneMetrics,
    pub(crate) traces: Traces,
    /// Deadline of a command, measured from its admission to the lane.
    pub(crate) deadline: Duration,
}

/// How long a request waits for admission to a full lane before it is rejected with 503. Rejecting immediately makes clients
/// retry immediately, and the service then spends its time on rejections.
const ADMISSION_TIMEOUT: Duration = Duration::from_millis(250);

/// All lanes of a process.
#[derive(Debug)]
pub(crate) struct Lanes {
    handles: Vec<LaneHandle>,
    context: LaneContext,
}

/// Sending side of a lane, with the semaphore that bounds its queue.
#[derive(Debug)]
struct LaneHandle {
    sender: mpsc::UnboundedSender<QueuedCommand>,
    slots: Arc<Semaphore>,
}

impl Lanes {
    /// Starts the lanes. They end when all senders are dropped, or at the latest when the lifecycle stops.
    pub(crate) fn start(inventory: &Inventory, settings: LaneSettings, context: LaneContext, lifecycle: &Lifecycle) -> Self {
        let start_lane = |_| {
            let (sender, commands) = mpsc::unbounded_channel();
            let lane = Lane::new(inventory.clone(), settings, context.metrics.clone(), lifecycle.clone());
            lifecycle.spawn(lane.run(commands, lifecycle.stopping.clone()));
            LaneHandle { sender, slots: Arc::new(Semaphore::new(settings.queue)) }
        };
        let handles = (0..settings.count).map(start_lane).collect();
        Self { handles, context }
    }

    /// Queues a command and returns its outcome.
    ///
    /// # Errors
    ///
    /// `Overloaded` if the lane is full or the command has not started by the deadline; it is then dropped. `Unknown` if the
    /// command has started by the deadline but has no outcome yet. `Unavailable` if the service is stopping.
    pub(crate) async fn run(&self, command: Command) -> CommandResult {
        let lane = self.lane_of(command.event()).ok_or_else(service_stopping)?;
        let admitted = timeout(ADMISSION_TIMEOUT, lane.slots.clone().acquire_owned()).await;
        let permit = admitted.map_err(|_| CommandError::Overloaded)?.map_err(|_| service_stopping())?;
        let permit = AdmissionPermit::new(permit, self.context.metrics.waiting.clone());
        let (sender, mut receiver) = oneshot::channel();
        let started = Arc::new(AtomicBool::new(false));
        let span = self.context.traces.begin(SpanKind::Internal, "lane", traces::current());
        let queued = QueuedCommand { command, result: sender, span, started: started.clone(), _permit: permit };
        lane.sender.send(queued).map_err(|_| service_stopping())?;
        let in_time = timeout(self.context.deadline, &mut receiver).await;
        in_time
            .unwrap_or_else(|_| Ok(outcome_at_deadline(&mut receiver, &started)))
            .unwrap_or_else(|_| Err(CommandError::Unknown("the lane ended".to_owned())))
    }

    fn lane_of(&self, event: EventId) -> Option<&LaneHandle> {
        let lanes = u128::try_from(self.handles.len()).ok()?;
        let index = event.as_uuid().as_u128().checked_rem(lanes)?;
        self.handles.get(usize::try_from(index).ok()?)
    }
}

/// Returns the result of a command at its deadline: the outcome if it has just arrived, `Unknown` if the command has started,
/// and `Overloaded` if it has not.
fn outcome_at_deadline(receiver: &mut oneshot::Receiver<CommandResult>, started: &AtomicBool) -> CommandResult {
    receiver.close();
    match receiver.try_recv() {
        Ok(result) => result,
        Err(_) if started.load(Ordering::SeqCst) => Err(CommandError::Unknown("it did not finish by its deadline".to_owned())),
        Err(_) => Err(CommandError::Overloaded),
    }
}

fn service_stopping() -> CommandError {
    CommandError::Unavailable("the service is stopping".to_owned())
}
