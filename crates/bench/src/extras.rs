//! Measures the figures that are not ratios: the CPU time of a booking, the drain rate of the outbox, memory, startup time
//! and size.

use std::time::{Duration, Instant};

use crate::Fallible;
use crate::environment::BenchEnvironment;
use crate::figures::{Figure, Goal};
use crate::http::Connection;
use crate::meters::mebibytes;
use crate::numbers::float;
use crate::plan::BenchSamples;
use crate::reallocation;
use crate::sample::Scale;
use crate::workload::Workload;

/// Number of idle connections during the memory measurement.
const IDLE: usize = 1000;

/// Returns the absolute rates and latencies behind the ratios, and the CPU time of a booking.
pub fn of_samples(samples: &BenchSamples) -> Vec<Figure> {
    let pick = |workload: Workload, of: fn(&crate::sample::BenchSample) -> f64| -> Vec<f64> {
        samples.iter().filter(|(other, _)| *other == workload).map(|(_, sample)| of(sample)).collect()
    };
    let hot = Workload::Hot(64);
    let mut figures = vec![
        Figure::new("cpu_per_booking", &pick(hot, |sample| sample.service_us + sample.postgres_us), "µs", Some(Goal::AtMost(90.0))),
        Figure::new("cpu_per_booking_service", &pick(hot, |sample| sample.service_us), "µs", None),
        Figure::new("cpu_per_booking_postgres", &pick(hot, |sample| sample.postgres_us), "µs", None),
        Figure::new("outbox_backlog_after_hot", &pick(hot, |sample| float(sample.backlog)), "messages", None),
        Figure::new("outbox_drained_after_hot", &pick(hot, |sample| sample.drain), "s", None),
    ];
    for workload in [
        Workload::Hot(1),
        hot,
        Workload::Hot(256),
        Workload::Spread(64),
        Workload::Spread(256),
        Workload::Join(64),
        Workload::Cancel(64),
        Workload::Reallocate,
    ] {
        figures.push(Figure::new(workload.name(), &pick(workload, |sample| sample.rate), "/s", None));
    }
    for workload in [Workload::Hot(1), hot, Workload::Hot(256), Workload::Spread(64)] {
        figures.push(Figure::new(format!("{}, p50", workload.name()), &pick(workload, |sample| sample.p50), "ms", None));
        figures.push(Figure::new(format!("{}, p99", workload.name()), &pick(workload, |sample| sample.p99), "ms", None));
    }
    figures.into_iter().flatten().collect()
}

/// Measures the time from the response to a cancellation until the next waiting-list entry is promoted, at 500 cancellations
/// per second.
pub async fn delay(environment: &mut BenchEnvironment, scale: &Scale) -> Fallible<Vec<Figure>> {
    let (mut p50, mut p99, mut cancel) = (Vec::new(), Vec::new(), Vec::new());
    environment.set_workers(1).await?;
    for _ in 0..scale.rounds.min(3) {
        let delay = reallocation::delay(environment, if scale.rounds > 2 { 4 } else { 2 }).await?;
        eprintln!("  reallocation at {} cancellations/s: p50 {:.1} ms, p99 {:.1} ms", reallocation::CANCELS_PER_SECOND, delay.0, delay.1);
        p50.push(delay.0);
        p99.push(delay.1);
        cancel.push(delay.2);
    }
    let figures = [
        Figure::new("reallocate_p50", &p50, "ms", Some(Goal::AtMost(15.0))),
        Figure::new("reallocate_p99", &p99, "ms", Some(Goal::AtMost(150.0))),
        Figure::new("cancel_p99_at_500", &cancel, "ms", None),
    ];
    Ok(figures.into_iter().flatten().collect())
}

/// Measures how fast the relay drains a full outbox.
pub async fn drain(environment: &BenchEnvironment, scale: &Scale) -> Fallible<Vec<Figure>> {
    let mut rates = Vec::new();
    for _ in 0..scale.rounds.min(3) {
        environment.database.settle().await?;
        let messages = scale.drained;
        let fill = format!(
            "INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
             SELECT '{}', gen_random_uuid(), 'booking.confirmed', '{{\"filler\":\"' || repeat('x', 450) || '\"}}', now() FROM generate_series(1, {messages})",
            environment.catalog.event(1)
        );
        environment.database.run(&fill).await?;
        // The measurement starts when the backlog shrinks, so that it excludes the time until the relay wakes up.
        let mut start = Instant::now();
        while environment.database.backlog().await? == u64::from(messages) && start.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let remaining = environment.database.backlog().await?;
        start = Instant::now();
        environment.database.settle().await?;
        rates.push(float(remaining) / start.elapsed().as_secs_f64());
    }
    Ok(Figure::new("outbox_drain_rate", &rates, "messages/s", Some(Goal::AtLeast(10_000.0))).into_iter().collect())
}

/// Measures the peak memory of each service after all workloads, and the memory of both HTTP services with 1,000 idle
/// connections.
pub async fn memory(environment: &BenchEnvironment) -> Fallible<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, port, service) in [
        ("booking-service", Some(environment.ports.booking()), Some(&environment.booking)),
        ("auth-service", Some(environment.ports.auth()), Some(&environment.auth)),
        ("reallocation-worker", None, environment.workers.first()),
    ] {
        let Some(service) = service else { continue };
        let goal = Some(Goal::AtMost(64.0));
        figures.push(Figure::new(format!("memory_peak_{name}"), &[mebibytes(service.pid, "VmHWM")], "MiB", goal));
        let Some(port) = port else { continue };
        let mut idle = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            idle.push(Connection::open(port).await?);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        figures.push(Figure::new(format!("memory_idle_1000_{name}"), &[mebibytes(service.pid, "VmRSS")], "MiB", goal));
        drop(idle);
    }
    Ok(figures.into_iter().flatten().collect())
}

/// Measures the startup time and the size of each binary.
pub fn footprint(environment: &BenchEnvironment) -> Fallible<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, service) in [
        ("booking-service", Some(&environment.booking)),
        ("auth-service", Some(&environment.auth)),
        ("reallocation-worker", environment.workers.first()),
    ] {
        let Some(service) = service else { continue };
        let size = std::fs::metadata(environment.options.bin_dir.join(name))?.len();
        figures.push(Figure::new(format!("startup_{name}"), &[service.startup.as_secs_f64() * 1000.0], "ms", None));
        figures.push(Figure::new(format!("binary_{name}"), &[float(size) / 1_048_576.0], "MiB", None));
    }
    Ok(figures.into_iter().flatten().collect())
}
