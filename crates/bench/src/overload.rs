//! Far more than can be served for a minute: who is refused, how much memory that takes, and how soon all is as before.

use std::time::{Duration, Instant};

use crate::Fallible;
use crate::figures::{Figure, Goal};
use crate::fixtures::Stock;
use crate::load::{closed_loop, crowd};
use crate::meters::mebibytes;
use crate::numbers::float;
use crate::sales::requests;
use crate::side::Side;
use crate::slice::{Scale, Slice, finish};
use crate::stage::{Stage, VISITORS};

/// Clients that have the next request ready as soon as they have an answer, be it a refusal: more than a lane holds.
const CROWD: usize = 6_000;
/// What is served at ease.
const EASE: usize = 64;
/// How often it is looked whether all is as before.
const LOOK: Duration = Duration::from_millis(100);

/// Measures an overload.
pub async fn run(stage: &mut Stage, scale: &Scale) -> Fallible<Vec<Figure>> {
    let place = stage.next_place(1);
    place.make(&stage.database, Stock { available: 20_000_000, ..Stock::default() }, VISITORS).await?;
    let (port, pid, requests) = (stage.ports.booking(), stage.booking.pid, requests(stage, Side::Hot(EASE), place));
    let before = closed_loop(port, EASE, scale.time, u64::MAX, &requests).await?;
    before.all_good()?;
    let load = crowd(port, CROWD, scale.overload, &requests).await?;
    let ended = Instant::now();
    if let Some(status) = load.statuses.keys().find(|status| ![0, 201, 202, 503].contains(*status)) {
        return Err(format!("an overloaded service answered with {status}").into());
    }
    let served = float(load.good()) / load.elapsed.as_secs_f64();
    let refused = float(load.statuses.get(&503).copied().unwrap_or_default()) / load.elapsed.as_secs_f64();
    let recovery = loop {
        let from = ended.elapsed();
        let look = closed_loop(port, EASE, LOOK, u64::MAX, &requests).await?;
        if look.all_good().is_ok() && look.milliseconds(0.5) <= before.milliseconds(0.5) * 2.0 {
            break from;
        }
        if from > Duration::from_secs(30) {
            return Err("half a minute after an overload the service is still slow".into());
        }
    };
    finish(stage, place, &mut Slice::of(&load)).await?;
    let figures = [
        Figure::new("overload_served", &[served], "/s", None),
        Figure::new("overload_refused", &[refused], "/s", None),
        Figure::new("overload_closed", &[float(load.statuses.get(&0).copied().unwrap_or_default())], "connections", None),
        Figure::new("overload_p99", &[load.milliseconds(0.99)], "ms", None),
        Figure::new("overload_recovery", &[recovery.as_secs_f64()], "s", Some(Goal::AtMost(2.0))),
        Figure::new("overload_memory_peak_booking-service", &[mebibytes(pid, "VmHWM")], "MiB", None),
    ];
    Ok(figures.into_iter().flatten().collect())
}
