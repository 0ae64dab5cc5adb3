//! Figures that are no ratio: what a booking costs, how the outbox drains, memory, start-up, size.

use std::time::{Duration, Instant};

use crate::Fallible;
use crate::figures::{Figure, Goal};
use crate::handing_on;
use crate::http::Connection;
use crate::meters::mebibytes;
use crate::numbers::float;
use crate::plan::Slices;
use crate::side::Side;
use crate::slice::Scale;
use crate::stage::{SETTLE, Stage};

/// Connections that are open and say nothing.
const IDLE: usize = 1000;

/// The absolute rates and latencies behind the ratios, and the cost of a booking.
pub fn of_slices(slices: &Slices) -> Vec<Figure> {
    let pick = |side: Side, of: fn(&crate::slice::Slice) -> f64| -> Vec<f64> {
        slices.iter().filter(|(other, _)| *other == side).map(|(_, slice)| of(slice)).collect()
    };
    let hot = Side::Hot(64);
    let mut figures = vec![
        Figure::new("cpu_per_booking", &pick(hot, |slice| slice.service_us + slice.postgres_us), "µs", Some(Goal::AtMost(90.0))),
        Figure::new("cpu_per_booking_service", &pick(hot, |slice| slice.service_us), "µs", None),
        Figure::new("cpu_per_booking_postgres", &pick(hot, |slice| slice.postgres_us), "µs", None),
        Figure::new("outbox_backlog_after_hot", &pick(hot, |slice| float(slice.backlog)), "messages", None),
        Figure::new("outbox_drained_after_hot", &pick(hot, |slice| slice.drain), "s", None),
    ];
    for side in [Side::Hot(1), hot, Side::Hot(256), Side::Spread(64), Side::Spread(256), Side::Join(64), Side::Cancel(64), Side::Reallocate]
    {
        figures.push(Figure::new(side.name(), &pick(side, |slice| slice.rate), "/s", None));
    }
    for side in [Side::Hot(1), hot, Side::Hot(256), Side::Spread(64)] {
        figures.push(Figure::new(format!("{}, p50", side.name()), &pick(side, |slice| slice.p50), "ms", None));
        figures.push(Figure::new(format!("{}, p99", side.name()), &pick(side, |slice| slice.p99), "ms", None));
    }
    figures.into_iter().flatten().collect()
}

/// From the answer to a cancellation until the next has the ticket, at 500 a second.
pub async fn delay(stage: &mut Stage, scale: &Scale) -> Fallible<Vec<Figure>> {
    let (mut p50, mut p99, mut cancel) = (Vec::new(), Vec::new(), Vec::new());
    stage.set_workers(1).await?;
    for _ in 0..scale.rounds.min(3) {
        let delay = handing_on::delay(stage, if scale.rounds > 2 { 4 } else { 2 }).await?;
        eprintln!("  handing on at {} cancellations/s: p50 {:.1} ms, p99 {:.1} ms", handing_on::CANCELS_PER_SECOND, delay.0, delay.1);
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

/// How fast a full outbox is emptied by the relay.
pub async fn drain(stage: &Stage, scale: &Scale) -> Fallible<Vec<Figure>> {
    let mut rates = Vec::new();
    for _ in 0..scale.rounds.min(3) {
        stage.database.settle(SETTLE).await?;
        let messages = scale.drained;
        let fill = format!(
            "INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
             SELECT '{}', gen_random_uuid(), 'booking.confirmed', '{{\"filler\":\"' || repeat('x', 450) || '\"}}', now() FROM generate_series(1, {messages})",
            stage.catalogue.event(1)
        );
        stage.database.run(&fill).await?;
        // From the first look that finds fewer: the relay has been woken.
        let mut start = Instant::now();
        while stage.database.backlog().await? == u64::from(messages) && start.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let left = stage.database.backlog().await?;
        start = Instant::now();
        stage.database.settle(SETTLE * 2).await?;
        rates.push(float(left) / start.elapsed().as_secs_f64());
    }
    Ok(Figure::new("outbox_drain_rate", &rates, "messages/s", Some(Goal::AtLeast(10_000.0))).into_iter().collect())
}

/// Peak memory of each service after all that was done to it, with a thousand idle connections at the end.
pub async fn memory(stage: &Stage) -> Fallible<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, port, service) in [
        ("booking-service", Some(stage.ports.booking()), Some(&stage.booking)),
        ("auth-service", Some(stage.ports.auth()), Some(&stage.auth)),
        ("reallocation-worker", None, stage.workers.first()),
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

/// Start-up and size.
pub fn footprint(stage: &Stage) -> Fallible<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, service) in
        [("booking-service", Some(&stage.booking)), ("auth-service", Some(&stage.auth)), ("reallocation-worker", stage.workers.first())]
    {
        let Some(service) = service else { continue };
        let size = std::fs::metadata(stage.options.bin_dir.join(name))?.len();
        figures.push(Figure::new(format!("startup_{name}"), &[service.startup.as_secs_f64() * 1000.0], "ms", None));
        figures.push(Figure::new(format!("binary_{name}"), &[float(size) / 1_048_576.0], "MiB", None));
    }
    Ok(figures.into_iter().flatten().collect())
}
