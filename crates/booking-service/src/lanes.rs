//! Group commit: commands queue up while a batch commits, and the next batch takes all that wait.
//!
//! A lane runs one transaction at a time, and while commands keep coming, one behind the other on one connection. Nobody
//! waits for a timer: a lone command goes straight through. The commands of an event always go to the same lane, in the
//! order of their arrival. What is locked by somebody else moves to a side queue of its own, with the later commands for
//! the same tickets behind it, and holds up no other. All that waits is bounded; past that the answer is «overloaded» after
//! a quarter of a second.

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

/// How many lanes there are and what they hold.
#[derive(Debug, Clone, Copy)]
pub struct LaneSettings {
    /// Lanes per process.
    pub count: usize,
    /// Most commands in one transaction.
    pub max_batch: usize,
    /// Most commands that wait in a lane, side queues included.
    pub queue: usize,
    /// Side queues that wait for their rows at the same time, each with a connection.
    pub side_queues: usize,
}

impl LaneSettings {
    /// Reads the section `lanes`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let count = reader.number("lanes.count", 1..=64);
        let max_batch = reader.number("lanes.max_batch", 1..=5_000);
        let queue = reader.number("lanes.queue", 1..=1_000_000);
        let side_queues = reader.number("lanes.side_queues", 1..=100);
        Some(Self { count: count?, max_batch: max_batch?, queue: queue?, side_queues: side_queues? })
    }
}

type Answer = Result<Outcome, CommandError>;

/// A command that waits for its turn, and who waits for its answer.
struct Waiting {
    command: Command,
    answer: oneshot::Sender<Answer>,
    /// From its arrival to its answer.
    span: Span,
    /// Whether it may have taken effect. Set before it is looked whether anybody still waits, so that either this side sees
    /// that nobody does, or the other that it has begun.
    begun: Arc<AtomicBool>,
    /// Its room in the lane, given back with the answer.
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
    /// Whoever went away before their command began gets nothing done.
    fn begin(&self) -> bool {
        self.begun.store(true, Ordering::SeqCst);
        !self.answer.is_closed()
    }
}

/// A place among the bounded number of those who wait.
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

/// What the lanes count.
#[derive(Debug, Clone)]
pub(crate) struct LaneMetrics {
    waiting: Gauge,
    batch_size: Histogram,
    commands: Family<CommandLabels, Counter>,
}

/// What came of a command.
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
    /// Adds these metrics to what `/metrics` shows.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("commands", "Commands by what came of them", self.commands.clone());
        let registry = registry.sub_registry_with_prefix("lane");
        registry.register("waiting_commands", "Commands that were taken and have no answer yet", self.waiting.clone());
        registry.register("batch_size", "Commands in one transaction", self.batch_size.clone());
    }
}

/// What all lanes of a process work with.
#[derive(Debug, Clone)]
pub(crate) struct LaneParts {
    pub(crate) metrics: LaneMetrics,
    pub(crate) traces: Traces,
    /// How long a command may take.
    pub(crate) deadline: Duration,
}

/// So long somebody waits for room in a full lane before they are refused. Who were refused at once would be back at once,
/// and a service that is busy with refusing serves nobody.
const AT_THE_DOOR: Duration = Duration::from_millis(250);

/// All lanes of a process.
#[derive(Debug)]
pub(crate) struct Lanes {
    doors: Vec<Door>,
    parts: LaneParts,
}

/// Where commands enter a lane.
#[derive(Debug)]
struct Door {
    sender: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
}

impl Lanes {
    /// Starts the lanes. They end when nobody can send any more, or at the latest when the lifecycle stops.
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

    /// Runs a command in its turn. One that has not begun at the deadline does not begin any more.
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

/// What is known of a command at its deadline.
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

/// One lane.
#[derive(Clone)]
struct Lane {
    inventory: Inventory,
    max_batch: usize,
    side: Side,
    waiters: Arc<Semaphore>,
    metrics: LaneMetrics,
    lifecycle: Lifecycle,
}

/// So many transactions follow each other on a connection without a pause. In the pause whoever waits for the rows
/// elsewhere, such as a worker, gets them.
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

    /// Runs transactions one behind the other. Gives back who has to be begun with anew.
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
            // Without a row that all want, those who wait are better off together in one transaction than in two.
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

    /// Lets those who came meanwhile into a transaction that has its rows, as far as that is possible. The others are next.
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
            // Nobody gets ahead of an earlier command for the same event.
            let fits = begun.len() < self.max_batch && !behind.contains(&event);
            if let Err(waiting) = if fits { begun.admit(waiting) } else { Err(waiting) } {
                behind.insert(event);
                requests.push(waiting);
            }
        }
        Next { expected: in_demand(begun.requests()), requests }
    }

    /// Runs commands in one transaction and answers them. Those whose row is locked elsewhere are set aside.
    async fn transact(&self, mut batch: Vec<Waiting>, wait: LockWait) {
        batch.retain(Waiting::begin);
        let size = batch.len();
        self.tell(self.inventory.serve(batch, wait).await, size);
    }

    /// Answers those who wait for the outcomes of a transaction.
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
            // Nobody listens any more: the command was done all the same, as if the answer had been lost on its way.
            let _ = waiting.answer.send(outcome);
        }
    }

    /// Moves a command to the side queue of its tickets, and starts the queue if it is the first.
    fn set_aside(&self, waiting: Waiting) {
        let key = Tickets::of(&waiting.command);
        if self.side.push(key, waiting) {
            let lane = self.clone();
            self.lifecycle.spawn(async move { lane.wait_for_row(key).await });
        }
    }

    /// Works a side queue off, waiting for its row alone, until it is empty.
    async fn wait_for_row(&self, key: Tickets) {
        let Ok(_turn) = self.waiters.acquire().await else { return };
        while let Some(batch) = self.side.next_batch(key, self.max_batch) {
            // With `Wait` nothing is skipped.
            self.transact(batch, LockWait::Wait).await;
        }
    }
}

/// The types that so many of a batch want that more will come.
fn in_demand(batch: &[Waiting]) -> Vec<TypeKey> {
    let mut counts: HashMap<TypeKey, usize> = HashMap::new();
    for key in batch.iter().filter_map(|waiting| waiting.command.only_type()) {
        *counts.entry(key).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1 + batch.len() / 8);
    counts.into_keys().collect()
}

/// What a command needs the rows of: one ticket type, or all of an event.
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

/// The side queues of a lane. A queue is there as long as somebody works it off.
#[derive(Clone, Default)]
struct Side(Arc<Mutex<HashMap<Tickets, VecDeque<Waiting>>>>);

impl Side {
    fn queues(&self) -> MutexGuard<'_, HashMap<Tickets, VecDeque<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts those commands behind their side queue whose tickets have one, and gives back the others.
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

    /// Adds a command. Tells whether its queue is new and needs somebody to work it off.
    fn push(&self, key: Tickets, waiting: Waiting) -> bool {
        let mut queues = self.queues();
        let is_new = !queues.contains_key(&key);
        queues.entry(key).or_default().push_back(waiting);
        is_new
    }

    /// Takes the next commands; an empty queue is removed.
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
