//! One slice: a fresh event, one or two seconds of load, then the invariants.

use std::time::{Duration, Instant};

use crate::Fallible;
use crate::fixtures::Place;
use crate::load::Load;
use crate::meters::Used;
use crate::numbers::float;
use crate::sales;
use crate::side::Side;
use crate::stage::{SETTLE, Stage};
use crate::{handing_on, lookups};

/// Stolen cores past which a slice is thrown away.
const MOST_STEAL: f64 = 0.1;
/// Cores of programs that are not ours, past which it is.
const MOST_FOREIGN: f64 = 0.3;
const TRIES: u32 = 4;

/// How long slices are and how large fixtures.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Seconds of load.
    pub time: Duration,
    /// Rounds of each group.
    pub rounds: usize,
    /// Bookings in the full event.
    pub full_bookings: u32,
    /// Entries in its queue.
    pub full_waiting: u32,
    /// Tickets handed on in one slice.
    pub handed_on: u32,
    /// Log-ins in one slice.
    pub logins: u64,
    /// Messages of the drain.
    pub drained: u32,
    /// How long there is far too much to do.
    pub overload: Duration,
}

impl Scale {
    /// For a full or a quick run.
    pub fn new(quick: bool) -> Self {
        if quick {
            let time = Duration::from_secs(1);
            Self {
                time,
                rounds: 2,
                full_bookings: 100_000,
                full_waiting: 10_000,
                handed_on: 4_000,
                logins: 8,
                drained: 10_000,
                overload: Duration::from_secs(10),
            }
        } else {
            let time = Duration::from_secs(2);
            Self {
                time,
                rounds: 6,
                full_bookings: 1_000_000,
                full_waiting: 100_000,
                handed_on: 10_000,
                logins: 16,
                drained: 50_000,
                overload: Duration::from_secs(60),
            }
        }
    }
}

/// What one slice has measured.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// Done per second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Processor time of the service per booking, in microseconds, until the outbox was empty.
    pub service_us: f64,
    /// The same of PostgreSQL.
    pub postgres_us: f64,
    /// Messages that waited when the load ended.
    pub backlog: u64,
    /// Seconds until they were gone.
    pub drain: f64,
    /// What else happened on the machine.
    pub used: Used,
    /// Whether it was too noisy each time.
    pub noisy: bool,
}

impl Slice {
    /// A slice with rate and latencies.
    pub fn of(load: &Load) -> Self {
        Self { rate: load.rate(), p50: load.milliseconds(0.5), p99: load.milliseconds(0.99), ..Self::default() }
    }

    /// Adds processor time per operation.
    pub fn with_cost(mut self, used: Used, operations: u64) -> Self {
        let each = |seconds: f64| seconds * 1e6 / float(operations.max(1));
        (self.service_us, self.postgres_us, self.used) = (each(used.service), each(used.postgres), used);
        self
    }
}

/// Measures one side; anew when the machine was not ours alone.
pub async fn measure(stage: &mut Stage, scale: &Scale, side: Side) -> Fallible<Slice> {
    let mut tried = 1;
    loop {
        let mut slice = once(stage, scale, side).await.map_err(|error| format!("{}: {error}", side.name()))?;
        slice.noisy = slice.used.steal > MOST_STEAL || slice.used.foreign > MOST_FOREIGN;
        let again = if slice.noisy && tried < TRIES { " - noisy, once more" } else { "" };
        eprintln!(
            "  {:<42} {:>9.0}/s  p50 {:>7.2} ms  p99 {:>7.2} ms  {:>4.0}+{:<4.0} µs  backlog {:>6} ({:.1} s)  steal {:.2} foreign {:.2}{again}",
            side.name(),
            slice.rate,
            slice.p50,
            slice.p99,
            slice.service_us,
            slice.postgres_us,
            slice.backlog,
            slice.drain,
            slice.used.steal,
            slice.used.foreign
        );
        if again.is_empty() {
            return Ok(slice);
        }
        tried += 1;
    }
}

async fn once(stage: &mut Stage, scale: &Scale, side: Side) -> Fallible<Slice> {
    if !matches!(side, Side::Workers(_)) {
        stage.set_workers(1).await?;
    }
    match side {
        Side::Reallocate => handing_on::one_event(stage, scale).await,
        Side::Workers(count) => handing_on::many_events(stage, scale, count).await,
        Side::Engine(..) | Side::Events(_) | Side::Event(_) | Side::HelloEvents(_) | Side::HelloEvent(_) | Side::Login | Side::Bcrypt => {
            lookups::run(stage, scale, side).await
        }
        _ => sales::run(stage, scale, side).await,
    }
}

/// After a load: how many messages wait, how long until none does, and whether all is as it must be.
pub async fn finish(stage: &Stage, place: Place, slice: &mut Slice) -> Fallible<()> {
    let start = Instant::now();
    slice.backlog = stage.database.backlog().await?;
    stage.database.settle(SETTLE).await?;
    slice.drain = start.elapsed().as_secs_f64();
    stage.database.check(place).await
}
