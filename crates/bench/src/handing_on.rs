//! The worker: how fast returned tickets are handed on, and how soon somebody has the ticket that was given back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Fallible;
use crate::database::Database;
use crate::fixtures::{Place, Stock};
use crate::http::post;
use crate::load::{Requests, closed_loop, open_loop};
use crate::numbers::float;
use crate::slice::{Scale, Slice, finish};
use crate::stage::{EVENTS, SETTLE, Stage, VISITORS};

/// Cancellations a second of the open loop.
pub const CANCELS_PER_SECOND: u32 = 500;
const LOOK_EVERY: Duration = Duration::from_millis(2);
const LIMIT: Duration = Duration::from_secs(60);

/// Tickets of one event: its capacity is raised while many wait.
pub async fn one_event(stage: &mut Stage, scale: &Scale) -> Fallible<Slice> {
    let place = stage.next_place(1);
    run(stage, place, scale.handed_on, scale.handed_on * 2, 1).await
}

/// Tickets of 200 events, by several workers.
pub async fn many_events(stage: &mut Stage, scale: &Scale, workers: usize) -> Fallible<Slice> {
    stage.set_workers(workers).await?;
    let place = stage.next_place(EVENTS);
    let each = scale.handed_on / 100;
    run(stage, place, each, each, 16).await
}

async fn run(stage: &Stage, place: Place, each: u32, waiting: u32, clients: usize) -> Fallible<Slice> {
    place.make(&stage.database, Stock { booked: 1, waiting, ..Stock::default() }, VISITORS).await?;
    stage.database.settle(SETTLE).await?;
    let (people, events) = (stage.people.clone(), u64::from(place.events));
    let raise: Requests = Arc::new(move |index, out| {
        let number = place.turn(index);
        let body = format!(r#"{{"ticketTypes":[{{"id":"{}","totalTickets":{}}}]}}"#, place.ticket_type(number), each + 1);
        post(out, "PATCH", &format!("/admin/events/{}", place.event(number)), people.admin(), &body);
    });
    let processes = stage.processes(stage.workers.first().map_or(0, |worker| worker.pid));
    let start = processes.read();
    let began = Instant::now();
    let load = closed_loop(stage.ports.booking(), clients, LIMIT, events, &raise).await?;
    load.all_good()?;
    let left = i64::from(waiting - each) * i64::try_from(events)?;
    while still_waiting(&stage.database, place).await? > left {
        if began.elapsed() > LIMIT {
            return Err("the worker has not handed on all tickets within a minute".into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let elapsed = began.elapsed().as_secs_f64();
    let used = start.until(&processes.read());
    let moved = u64::from(each) * events;
    let mut slice = Slice { rate: float(moved) / elapsed, ..Slice::default() };
    finish(stage, place, &mut slice).await?;
    Ok(slice.with_cost(used, moved))
}

async fn still_waiting(database: &Database, place: Place) -> Fallible<i64> {
    let (first, last) = place.events_between();
    database.number(&format!("SELECT sum(waiting)::bigint FROM ticket_types WHERE event_id BETWEEN '{first}' AND '{last}'")).await
}

/// Median and 99th percentile, in milliseconds, from the answer to a cancellation until the next in the queue has the
/// ticket. Tickets and people in the queue are all alike, so the nth answer is followed by the nth promotion.
pub async fn delay(stage: &mut Stage, seconds: u32) -> Fallible<(f64, f64, f64)> {
    let total = CANCELS_PER_SECOND * seconds;
    let place = stage.next_place(1);
    place.make(&stage.database, Stock { booked: total, waiting: total, ..Stock::default() }, VISITORS).await?;
    stage.database.settle(SETTLE).await?;
    let (people, event) = (stage.people.clone(), place.event(1));
    let cancel: Requests = Arc::new(move |index, out| {
        post(out, "POST", "/api/cancelbooking", people.token(index), &format!(r#"{{"eventId":"{event}"}}"#));
    });
    let watch = async {
        let (mut seen, began) = (Vec::new(), Instant::now());
        while seen.len() < usize::try_from(total)? && began.elapsed() < LIMIT {
            let promoted = usize::try_from(i64::from(total) - still_waiting(&stage.database, place).await?)?;
            let now = Instant::now();
            seen.resize(promoted.max(seen.len()), now);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Fallible::Ok(seen)
    };
    let (load, seen) = tokio::join!(open_loop(stage.ports.booking(), 64, CANCELS_PER_SECOND, u64::from(total), &cancel), watch);
    let (load, seen) = (load?, seen?);
    load.all_good()?;
    if seen.len() != load.answers.len() {
        return Err(format!("{} were cancelled, {} handed on", load.answers.len(), seen.len()).into());
    }
    let mut delays = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for (answered, promoted) in load.answers.iter().zip(&seen) {
        delays.saturating_record(u64::try_from(promoted.saturating_duration_since(*answered).as_micros())?);
    }
    finish(stage, place, &mut Slice::default()).await?;
    let milliseconds = |quantile| float(delays.value_at_quantile(quantile)) / 1000.0;
    Ok((milliseconds(0.5), milliseconds(0.99), load.milliseconds(0.99)))
}
