//! Measures an overload: how many requests are served and rejected, the peak memory, and how soon the latency recovers.

use std::time::{Duration, Instant};

use crate::Fallible;
use crate::environment::{BenchEnvironment, VISITORS};
use crate::figures::{Figure, Goal};
use crate::fixtures::Stock;
use crate::load::{closed_loop, overload_loop};
use crate::meters::mebibytes;
use crate::numbers::float;
use crate::sales::requests;
use crate::sample::{BenchSample, Scale, finish};
use crate::workload::Workload;

/// Number of clients that send their next request as soon as they have a response, even a rejection. It exceeds the capacity
/// of a lane.
const OVERLOAD_CLIENTS: usize = 6_000;
/// Number of clients of the normal load before and after the overload.
const NORMAL_CLIENTS: usize = 64;
/// Duration of each recovery check.
const CHECK_TIME: Duration = Duration::from_millis(100);

/// Measures an overload.
pub async fn run(environment: &mut BenchEnvironment, scale: &Scale) -> Fallible<Vec<Figure>> {
    let fixture = environment.next_fixture(1);
    fixture.create(&environment.database, Stock { available: 20_000_000, ..Stock::default() }, VISITORS).await?;
    let (port, pid, requests) =
        (environment.ports.booking(), environment.booking.pid, requests(environment, Workload::Hot(NORMAL_CLIENTS), fixture));
    let before = closed_loop(port, NORMAL_CLIENTS, scale.time, u64::MAX, &requests).await?;
    before.ensure_success()?;
    let load = overload_loop(port, OVERLOAD_CLIENTS, scale.overload, &requests).await?;
    let overload_end = Instant::now();
    if let Some(status) = load.statuses.keys().find(|status| ![0, 201, 202, 503].contains(*status)) {
        return Err(format!("the overloaded service responded with status {status}").into());
    }
    let served = float(load.successes()) / load.elapsed.as_secs_f64();
    let rejected = float(load.statuses.get(&503).copied().unwrap_or_default()) / load.elapsed.as_secs_f64();
    let recovery = loop {
        let elapsed = overload_end.elapsed();
        let check = closed_loop(port, NORMAL_CLIENTS, CHECK_TIME, u64::MAX, &requests).await?;
        if check.ensure_success().is_ok() && check.milliseconds(0.5) <= before.milliseconds(0.5) * 2.0 {
            break elapsed;
        }
        if elapsed > Duration::from_secs(30) {
            return Err("the latency has not recovered within 30 seconds of the overload".into());
        }
    };
    finish(environment, fixture, &mut BenchSample::from_load(&load)).await?;
    let figures = [
        Figure::new("overload_served", &[served], "/s", None),
        Figure::new("overload_refused", &[rejected], "/s", None),
        Figure::new("overload_closed", &[float(load.statuses.get(&0).copied().unwrap_or_default())], "connections", None),
        Figure::new("overload_p99", &[load.milliseconds(0.99)], "ms", None),
        Figure::new("overload_recovery", &[recovery.as_secs_f64()], "s", Some(Goal::AtMost(2.0))),
        Figure::new("overload_memory_peak_booking-service", &[mebibytes(pid, "VmHWM")], "MiB", None),
    ];
    Ok(figures.into_iter().flatten().collect())
}
