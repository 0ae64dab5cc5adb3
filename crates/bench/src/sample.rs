//! Measures one sample: creates new events, applies a load for one or two seconds, and checks the invariants.

use std::time::{Duration, Instant};

use crate::Fallible;
use crate::environment::BenchEnvironment;
use crate::fixtures::SampleFixture;
use crate::load::LoadResult;
use crate::meters::ResourceUsage;
use crate::numbers::float;
use crate::sales;
use crate::workload::Workload;
use crate::{baselines, reallocation};

/// Steal time, in cores, above which a sample is discarded.
const MAX_STEAL: f64 = 0.1;
/// CPU usage of unrelated processes, in cores, above which a sample is discarded.
const MAX_FOREIGN: f64 = 0.3;
const MAX_ATTEMPTS: u32 = 4;

/// Duration of the samples and size of the fixtures.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Duration of the load.
    pub time: Duration,
    /// Rounds of each group.
    pub rounds: usize,
    /// Bookings of the full event.
    pub full_bookings: u32,
    /// Waiting-list entries of the full event.
    pub full_waiting: u32,
    /// Tickets reallocated in one sample.
    pub reallocated: u32,
    /// Logins in one sample.
    pub logins: u64,
    /// Messages in the outbox when the drain measurement starts.
    pub drained: u32,
    /// Duration of the overload.
    pub overload: Duration,
}

impl Scale {
    /// Returns the scale of a full or a quick run.
    pub fn new(quick: bool) -> Self {
        if quick {
            let time = Duration::from_secs(1);
            Self {
                time,
                rounds: 2,
                full_bookings: 100_000,
                full_waiting: 10_000,
                reallocated: 4_000,
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
                reallocated: 10_000,
                logins: 16,
                drained: 50_000,
                overload: Duration::from_secs(60),
            }
        }
    }
}

/// Results of one sample.
#[derive(Debug, Clone, Default)]
pub struct BenchSample {
    /// Operations per second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50: f64,
    /// 99th percentile of the latency in milliseconds.
    pub p99: f64,
    /// CPU time of the service per operation in microseconds, measured until the outbox is empty.
    pub service_us: f64,
    /// CPU time of PostgreSQL per operation in microseconds, measured until the outbox is empty.
    pub postgres_us: f64,
    /// CPU time of the broker per operation in microseconds, measured until the outbox is empty.
    pub broker_us: f64,
    /// CPU time of the workers per operation in microseconds, measured until the outbox is empty.
    pub workers_us: f64,
    /// CPU time of the whole system per operation in microseconds, without the load generator, measured until the outbox is empty.
    pub system_us: f64,
    /// CPU time of the load generator per operation in microseconds.
    pub clients_us: f64,
    /// Rows of the outbox at the end of the load.
    pub backlog: u64,
    /// Seconds from the end of the load until nothing was in flight.
    pub drain: f64,
    /// CPU usage and noise during the sample.
    pub used: ResourceUsage,
    /// Whether the machine was too noisy in all attempts.
    pub noisy: bool,
}

impl BenchSample {
    /// Creates a sample with the rate and the latencies of a load.
    pub fn from_load(load: &LoadResult) -> Self {
        Self { rate: load.rate(), p50: load.milliseconds(0.5), p99: load.milliseconds(0.99), ..Self::default() }
    }

    /// Adds the CPU time per operation.
    pub fn with_cost(mut self, used: ResourceUsage, operations: u64) -> Self {
        let each = |seconds: f64| seconds * 1e6 / float(operations.max(1));
        (self.service_us, self.postgres_us, self.broker_us, self.workers_us) =
            (each(used.service), each(used.postgres), each(used.broker), each(used.workers));
        (self.system_us, self.clients_us, self.used) = (each(used.system()), each(used.clients), used);
        self
    }
}

/// Measures one workload. Repeats the measurement if other processes or the hypervisor used too much CPU time.
pub async fn measure(environment: &mut BenchEnvironment, scale: &Scale, workload: Workload) -> Fallible<BenchSample> {
    let mut attempt = 1;
    loop {
        let mut sample = measure_once(environment, scale, workload).await.map_err(|error| format!("{}: {error}", workload.name()))?;
        sample.noisy = sample.used.steal > MAX_STEAL || sample.used.foreign > MAX_FOREIGN;
        let retry = if sample.noisy && attempt < MAX_ATTEMPTS { " - noisy, retrying" } else { "" };
        eprintln!(
            "  {:<42} {:>9.0}/s  p50 {:>7.2} ms  p99 {:>7.2} ms  {:>4.0}+{:.0}+{:.0}+{:<3.0} µs  {:.2} cores  backlog {:>6} ({:.1} s)  steal {:.2} foreign {:.2}{retry}",
            workload.name(),
            sample.rate,
            sample.p50,
            sample.p99,
            sample.service_us,
            sample.postgres_us,
            sample.broker_us,
            sample.workers_us,
            sample.used.cores,
            sample.backlog,
            sample.drain,
            sample.used.steal,
            sample.used.foreign
        );
        if retry.is_empty() {
            return Ok(sample);
        }
        attempt += 1;
    }
}

async fn measure_once(environment: &mut BenchEnvironment, scale: &Scale, workload: Workload) -> Fallible<BenchSample> {
    if !matches!(workload, Workload::Workers(_)) {
        environment.set_workers(1).await?;
    }
    match workload {
        Workload::Reallocate => reallocation::one_event(environment, scale).await,
        Workload::Workers(count) => reallocation::many_events(environment, scale, count).await,
        Workload::Engine(..)
        | Workload::Redis(_)
        | Workload::Events(_)
        | Workload::Event(_)
        | Workload::EventPage(_)
        | Workload::HelloPage(_)
        | Workload::HelloEvents(_)
        | Workload::HelloEvent(_)
        | Workload::Login
        | Workload::Bcrypt => baselines::run(environment, scale, workload).await,
        _ => sales::run(environment, scale, workload).await,
    }
}

/// Records the backlog at the end of the load and the time until nothing is in flight, and then checks the invariants.
pub async fn finish(environment: &BenchEnvironment, fixture: SampleFixture, sample: &mut BenchSample) -> Fallible<()> {
    let start = Instant::now();
    sample.backlog = environment.database.backlog().await?;
    environment.database.settle().await?;
    sample.drain = start.elapsed().as_secs_f64();
    environment.database.check(fixture).await
}
