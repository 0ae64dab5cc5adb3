//! Group commit: commands queue up while a batch commits, and the next batch takes all of them.
//!
//! A lane runs one transaction at a time and, while commands keep arriving, pipelines each transaction behind the COMMIT of the
//! previous one on the same connection. There is no batching timer: a lone command runs immediately. The commands of an event
//! always go to the same lane, in order of arrival. A command whose rows are locked by another transaction moves to a side
//! queue, followed by later commands for the same rows, so that it delays no other command. All queues are bounded: if a lane is
//! full, a request waits a quarter of a second for admission and is then rejected as `overloaded`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_domain::trace::TraceContext;
use rowlock_inventory::{Answered, Begun, Behind, Command, CommandError, Inventory, LockWait, Next, Outcome, Request};
use rowlock_platform::lifecycle::Lifecycle;
use rowlock_platform::settings::SettingsReader;
use rowlock_platform::telemetry::Traces;
use rowlock_platform::telemetry::traces::{self, Span, SpanKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

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

type Answer = Result<Outcome, CommandError>;

/// A queued command and the channel on which its caller waits for the result.
struct Waiting {
    command: Command,
    answer: oneshot::Sender<Answer>,
    /// Span from the arrival of the command to its result.
    span: Span,
    /// Set when the command starts. The lane sets it before checking whether the client is still connected, so either the lane
    /// sees the disconnect or the timeout path sees that the command has started.
    begun: Arc<AtomicBool>,
    /// Slot in the lane's queue, released when the result is sent.
    _room: Room,
}

impl Request for Waiting {
    fn command(&self) -> &Command {
        &self.command
    }

    fn trace(&self) -> Option<TraceContext> {
        self.span.context()
    }
}

impl Waiting {
    /// Marks the command as started and returns whether its caller is still waiting. A command whose caller has gone is dropped
    /// before it starts.
    fn begin(&self) -> bool {
        self.begun.store(true, Ordering::SeqCst);
        !self.answer.is_closed()
    }
}

/// Slot in a lane's bounded queue, counted by the gauge of waiting commands.
struct Room {
    waiting: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    fn new(permit: OwnedSemaphorePermit, waiting: Gauge) -> Self {
        waiting.inc();
        Self { waiting, _permit: permit }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.waiting.dec();
    }
}

/// Metrics of the lanes of a process.
#[derive(Debug, Clone)]
pub(crate) struct LaneMetrics {
    waiting: Gauge,
    batch_size: Histogram,
    commands: Family<CommandLabels, Counter>,
}

/// Labels of the counter of commands: the kind of command and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    outcome: &'static str,
}

impl CommandLabels {
    fn of(command: &Command, outcome: &Answer) -> Self {
        let command = match command {
            Command::Book(_) => "book",
            Command::Cancel(_) => "cancel",
            Command::Leave(_) => "leave",
            Command::ChangeEntry(_) => "change-entry",
            Command::Change(_) => "change",
            Command::Delete(_) => "delete",
            Command::Reallocate(_) => "reallocate",
        };
        let outcome = match outcome {
            Ok(Outcome::Booked(_)) => "booked",
            Ok(Outcome::Waitlisted(_)) => "waitlisted",
            Ok(Outcome::Returned(_)) => "returned",
            Ok(Outcome::Left(_)) => "left",
            Ok(Outcome::EntryChanged(_) | Outcome::Changed(_) | Outcome::Deleted | Outcome::Reallocated(_)) => "done",
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
        registry.register("commands", "Commands by what came of them", self.commands.clone());
        let registry = registry.sub_registry_with_prefix("lane");
        registry.register("waiting_commands", "Commands that were taken and have no answer yet", self.waiting.clone());
        registry.register("batch_size", "Commands in one transaction", self.batch_size.clone());
    }
}

/// Dependencies shared by all lanes of a process.
#[derive(Debug, Clone)]
pub(crate) struct LaneParts {
    pub(crate) metrics: LaneMetrics,
    pub(crate) traces: Traces,
    /// Deadline of a command, measured from its admission to the lane.
    pub(crate) deadline: Duration,
}

/// How long a request waits for admission to a full lane before it is rejected with 503. Rejecting immediately makes clients
/// retry immediately, and the service then spends its time on rejections.
const AT_THE_DOOR: Duration = Duration::from_millis(250);

/// All lanes of a process.
#[derive(Debug)]
pub(crate) struct Lanes {
    doors: Vec<Door>,
    parts: LaneParts,
}

/// Sending side of a lane, with the semaphore that bounds its queue.
#[derive(Debug)]
struct Door {
    sender: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
}

impl Lanes {
    /// Starts the lanes. They end when all senders are dropped, or at the latest when the lifecycle stops.
    pub(crate) fn start(inventory: &Inventory, settings: LaneSettings, parts: LaneParts, lifecycle: &Lifecycle) -> Self {
        let door = |_| {
            let (sender, commands) = mpsc::unbounded_channel();
            let lane = Lane {
                inventory: inventory.clone(),
                max_batch: settings.max_batch,
                side: Side::default(),
                waiters: Arc::new(Semaphore::new(settings.side_queues)),
                metrics: parts.metrics.clone(),
                lifecycle: lifecycle.clone(),
            };
            lifecycle.spawn(lane.run(commands, lifecycle.stopping.clone()));
            Door { sender, room: Arc::new(Semaphore::new(settings.queue)) }
        };
        let doors = (0..settings.count).map(door).collect();
        Self { doors, parts }
    }

    /// Queues a command and returns its outcome. A command that has not started by the deadline is dropped and reported as
    /// `Overloaded`; for one that has started, the outcome is `Unknown`.
    pub(crate) async fn run(&self, command: Command) -> Answer {
        let door = self.door(command.event()).ok_or_else(stopped)?;
        let entered = timeout(AT_THE_DOOR, door.room.clone().acquire_owned()).await;
        let permit = entered.map_err(|_| CommandError::Overloaded)?.map_err(|_| stopped())?;
        let room = Room::new(permit, self.parts.metrics.waiting.clone());
        let (answer, mut answered) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let span = self.parts.traces.begin(SpanKind::Internal, "lane", traces::current());
        door.sender.send(Waiting { command, answer, span, begun: begun.clone(), _room: room }).map_err(|_| stopped())?;
        let in_time = timeout(self.parts.deadline, &mut answered).await;
        in_time
            .unwrap_or_else(|_| Ok(late(&mut answered, &begun)))
            .unwrap_or_else(|_| Err(CommandError::Unknown("the lane ended".to_owned())))
    }

    fn door(&self, event: EventId) -> Option<&Door> {
        let lanes = u128::try_from(self.doors.len()).ok()?;
        let index = event.as_uuid().as_u128().checked_rem(lanes)?;
        self.doors.get(usize::try_from(index).ok()?)
    }
}

/// Returns the result of a command at its deadline: the outcome if it has just arrived, `Unknown` if the command has started,
/// and `Overloaded` if it has not.
fn late(answered: &mut oneshot::Receiver<Answer>, begun: &AtomicBool) -> Answer {
    answered.close();
    match answered.try_recv() {
        Ok(answer) => answer,
        Err(_) if begun.load(Ordering::SeqCst) => Err(CommandError::Unknown("it took too long".to_owned())),
        Err(_) => Err(CommandError::Overloaded),
    }
}

fn stopped() -> CommandError {
    CommandError::Unavailable("the service is stopping".to_owned())
}

/// The state of one lane.
#[derive(Clone)]
struct Lane {
    inventory: Inventory,
    max_batch: usize,
    side: Side,
    waiters: Arc<Semaphore>,
    metrics: LaneMetrics,
    lifecycle: Lifecycle,
}

/// Maximum number of transactions pipelined on one connection. The pause after them lets other sessions that wait for the same
/// rows, such as a worker, acquire the locks.
const LONGEST_CHAIN: usize = 16;

impl Lane {
    async fn run(self, mut commands: mpsc::UnboundedReceiver<Waiting>, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            if batch.is_empty() {
                tokio::select! {
                    biased;
                    received = commands.recv_many(&mut batch, self.max_batch) => if received == 0 { return },
                    () = stop.cancelled() => {
                        commands.close();
                        while let Some(waiting) = commands.recv().await {
                            let _ = waiting.answer.send(Err(stopped()));
                        }
                        return;
                    }
                }
            }
            let free = self.side.keep_stuck(std::mem::take(&mut batch));
            if self.inventory.has_chains() {
                batch = self.run_chain(free, &mut commands).await;
            } else {
                self.transact(free, LockWait::Skip).await;
            }
        }
    }

    /// Runs a chain of pipelined transactions that starts with this batch. Returns the commands that a new chain has to start
    /// with.
    async fn run_chain(&self, batch: Vec<Waiting>, commands: &mut mpsc::UnboundedReceiver<Waiting>) -> Vec<Waiting> {
        if batch.is_empty() {
            return batch;
        }
        let mut begun = self.inventory.begin(batch).await;
        let mut length = 1;
        loop {
            for stuck in begun.take_out_stuck() {
                self.set_aside(stuck);
            }
            let next = self.fill(&mut begun, commands);
            begun.retain(Waiting::begin);
            let size = begun.len();
            let this = self.clone();
            let tell = move |answered| this.tell(answered, size);
            // Without a row in high demand, one transaction for all queued commands is cheaper than two.
            if length >= LONGEST_CHAIN || next.expected.is_empty() {
                begun.finish(Next::nothing(), tell).await;
                return next.requests;
            }
            match begun.finish(next, tell).await {
                Behind::Begun(next) => begun = next,
                Behind::NotBegun(requests) => return requests,
            }
            length += 1;
        }
    }

    /// Admits commands that arrived meanwhile to a transaction that already holds their row locks. Returns the others as the
    /// next batch.
    fn fill(&self, begun: &mut Begun<Waiting>, commands: &mut mpsc::UnboundedReceiver<Waiting>) -> Next<Waiting> {
        let mut arrived = Vec::new();
        while arrived.len() < self.max_batch
            && let Ok(waiting) = commands.try_recv()
        {
            arrived.push(waiting);
        }
        let (mut requests, mut behind) = (Vec::new(), HashSet::new());
        for waiting in self.side.keep_stuck(arrived) {
            let event = waiting.command.event();
            // A command must not overtake an earlier command for the same event.
            let fits = begun.len() < self.max_batch && !behind.contains(&event);
            if let Err(waiting) = if fits { begun.admit(waiting) } else { Err(waiting) } {
                behind.insert(event);
                requests.push(waiting);
            }
        }
        Next { expected: in_demand(begun.requests()), requests }
    }

    /// Runs commands in one transaction and sends their results. Commands whose rows are locked elsewhere move to side queues.
    async fn transact(&self, mut batch: Vec<Waiting>, wait: LockWait) {
        batch.retain(Waiting::begin);
        let size = batch.len();
        self.tell(self.inventory.serve(batch, wait).await, size);
    }

    /// Records metrics and sends the outcomes of a transaction to the callers.
    fn tell(&self, answered: Answered<Waiting>, size: usize) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        if size > 0 {
            self.metrics.batch_size.observe(f64::from(size));
        }
        for (mut waiting, outcome) in answered {
            if outcome == Ok(Outcome::Skipped) {
                waiting.begun.store(false, Ordering::SeqCst);
                self.set_aside(waiting);
                continue;
            }
            let labels = CommandLabels::of(&waiting.command, &outcome);
            waiting.span.set("rowlock.command", labels.command);
            waiting.span.set("rowlock.outcome", labels.outcome);
            waiting.span.set("rowlock.batch_size", i64::from(size));
            self.metrics.commands.get_or_create(&labels).inc();
            // If the receiver is gone, the command has still taken effect, as if the response had been lost in transit.
            let _ = waiting.answer.send(outcome);
        }
    }

    /// Moves a command to the side queue of its rows, and starts a task for the queue if it is new.
    fn set_aside(&self, waiting: Waiting) {
        let key = Tickets::of(&waiting.command);
        if self.side.push(key, waiting) {
            let lane = self.clone();
            self.lifecycle.spawn(async move { lane.wait_for_row(key).await });
        }
    }

    /// Processes a side queue until it is empty, waiting for its row locks without blocking the lane.
    async fn wait_for_row(&self, key: Tickets) {
        let Ok(_turn) = self.waiters.acquire().await else { return };
        while let Some(batch) = self.side.next_batch(key, self.max_batch) {
            // With `LockWait::Wait`, no command is skipped.
            self.transact(batch, LockWait::Wait).await;
        }
    }
}

/// Returns the ticket types that more than an eighth of a batch wants, so that the next batch probably wants them too.
fn in_demand(batch: &[Waiting]) -> Vec<TypeKey> {
    let mut counts: HashMap<TypeKey, usize> = HashMap::new();
    for key in batch.iter().filter_map(|waiting| waiting.command.only_type()) {
        *counts.entry(key).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1 + batch.len() / 8);
    counts.into_keys().collect()
}

/// The rows that a command locks: one ticket type, or all of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Tickets {
    event: EventId,
    only: Option<TicketTypeId>,
}

impl Tickets {
    fn of(command: &Command) -> Self {
        Self { event: command.event(), only: command.only_type().map(|key| key.ticket_type) }
    }
}

/// The side queues of a lane. A queue exists as long as a task processes it.
#[derive(Clone, Default)]
struct Side(Arc<Mutex<HashMap<Tickets, VecDeque<Waiting>>>>);

impl Side {
    fn queues(&self) -> MutexGuard<'_, HashMap<Tickets, VecDeque<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends each command whose rows have a side queue to that queue, and returns the others.
    fn keep_stuck(&self, batch: Vec<Waiting>) -> Vec<Waiting> {
        let mut queues = self.queues();
        if queues.is_empty() {
            return batch;
        }
        let mut free = Vec::with_capacity(batch.len());
        for waiting in batch {
            match queues.get_mut(&Tickets::of(&waiting.command)) {
                Some(queue) => queue.push_back(waiting),
                None => free.push(waiting),
            }
        }
        free
    }

    /// Appends a command. Returns whether the queue is new, so that the caller has to start a task for it.
    fn push(&self, key: Tickets, waiting: Waiting) -> bool {
        let mut queues = self.queues();
        let is_new = !queues.contains_key(&key);
        queues.entry(key).or_default().push_back(waiting);
        is_new
    }

    /// Takes up to `max` commands. Removes the queue and returns `None` if it is empty.
    fn next_batch(&self, key: Tickets, max: usize) -> Option<Vec<Waiting>> {
        let mut queues = self.queues();
        let queue = queues.get_mut(&key)?;
        if queue.is_empty() {
            queues.remove(&key);
            return None;
        }
        let count = queue.len().min(max);
        Some(queue.drain(..count).collect())
    }
}
