//! Measures the worker: how many returned tickets it reallocates per second, and how soon the next entry is promoted after a
//! cancellation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Fallible;
use crate::database::Database;
use crate::environment::{BenchEnvironment, EVENTS, VISITORS};
use crate::fixtures::{SampleFixture, Stock};
use crate::http::post;
use crate::load::{RequestWriter, closed_loop, open_loop};
use crate::numbers::float;
use crate::sample::{BenchSample, Scale, finish};

/// Rate of the open-loop load, in cancellations per second.
pub const CANCELS_PER_SECOND: u32 = 500;
const POLL_INTERVAL: Duration = Duration::from_millis(2);
const TIMEOUT: Duration = Duration::from_secs(60);

/// Measures tickets of one event: its capacity is raised while many entries wait.
pub async fn one_event(environment: &mut BenchEnvironment, scale: &Scale) -> Fallible<BenchSample> {
    let fixture = environment.next_fixture(1);
    run(environment, fixture, scale.reallocated, scale.reallocated * 2, 1).await
}

/// Measures tickets of 200 events, reallocated by several workers.
pub async fn many_events(environment: &mut BenchEnvironment, scale: &Scale, workers: usize) -> Fallible<BenchSample> {
    environment.set_workers(workers).await?;
    let fixture = environment.next_fixture(EVENTS);
    let each = scale.reallocated / 100;
    run(environment, fixture, each, each, 16).await
}

async fn run(environment: &BenchEnvironment, fixture: SampleFixture, each: u32, waiting: u32, clients: usize) -> Fallible<BenchSample> {
    fixture.create(&environment.database, Stock { booked: 1, waiting, ..Stock::default() }, VISITORS).await?;
    environment.database.settle().await?;
    let (tokens, events) = (environment.tokens.clone(), u64::from(fixture.events));
    let raise: RequestWriter = Arc::new(move |index, out| {
        let number = fixture.event_number(index);
        let body = format!(r#"{{"ticketTypes":[{{"id":"{}","totalTickets":{}}}]}}"#, fixture.ticket_type(number), each + 1);
        post(out, "PATCH", &format!("/admin/events/{}", fixture.event(number)), tokens.admin(), &body);
    });
    let processes = environment.processes(environment.workers.first().map_or(0, |worker| worker.pid));
    let start = processes.read();
    let started = Instant::now();
    let load = closed_loop(environment.ports.booking(), clients, TIMEOUT, events, &raise).await?;
    load.ensure_success()?;
    let remaining = i64::from(waiting - each) * i64::try_from(events)?;
    while count_waiting(&environment.database, fixture).await? > remaining {
        if started.elapsed() > TIMEOUT {
            return Err("the worker has not reallocated all tickets within 60 seconds".into());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let elapsed = started.elapsed().as_secs_f64();
    let used = start.until(&processes.read());
    let moved = u64::from(each) * events;
    let mut sample = BenchSample { rate: float(moved) / elapsed, ..BenchSample::default() };
    finish(environment, fixture, &mut sample).await?;
    Ok(sample.with_cost(used, moved))
}

async fn count_waiting(database: &Database, fixture: SampleFixture) -> Fallible<i64> {
    let (first, last) = fixture.events_between();
    database.number(&format!("SELECT sum(waiting)::bigint FROM ticket_types WHERE event_id BETWEEN '{first}' AND '{last}'")).await
}

/// Returns three latencies in milliseconds: the median and the 99th percentile from the response to a cancellation until the
/// next entry is promoted, and the 99th percentile of the cancellation itself. All tickets and entries are alike, so the nth
/// response is paired with the nth promotion.
pub async fn delay(environment: &mut BenchEnvironment, seconds: u32) -> Fallible<(f64, f64, f64)> {
    let total = CANCELS_PER_SECOND * seconds;
    let fixture = environment.next_fixture(1);
    fixture.create(&environment.database, Stock { booked: total, waiting: total, ..Stock::default() }, VISITORS).await?;
    environment.database.settle().await?;
    let (tokens, event) = (environment.tokens.clone(), fixture.event(1));
    let cancel: RequestWriter = Arc::new(move |index, out| {
        post(out, "POST", "/api/cancelbooking", tokens.token(index), &format!(r#"{{"eventId":"{event}"}}"#));
    });
    let watch = async {
        let (mut promotions, started) = (Vec::new(), Instant::now());
        while promotions.len() < usize::try_from(total)? && started.elapsed() < TIMEOUT {
            let promoted = usize::try_from(i64::from(total) - count_waiting(&environment.database, fixture).await?)?;
            let now = Instant::now();
            promotions.resize(promoted.max(promotions.len()), now);
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Fallible::Ok(promotions)
    };
    let (load, promotions) = tokio::join!(open_loop(environment.ports.booking(), 64, CANCELS_PER_SECOND, u64::from(total), &cancel), watch);
    let (load, promotions) = (load?, promotions?);
    load.ensure_success()?;
    if promotions.len() != load.responses.len() {
        return Err(format!("{} bookings were cancelled, but {} entries were promoted", load.responses.len(), promotions.len()).into());
    }
    let mut delays = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for (answered, promoted) in load.responses.iter().zip(&promotions) {
        delays.saturating_record(u64::try_from(promoted.saturating_duration_since(*answered).as_micros())?);
    }
    finish(environment, fixture, &mut BenchSample::default()).await?;
    let milliseconds = |quantile| float(delays.value_at_quantile(quantile)) / 1000.0;
    Ok((milliseconds(0.5), milliseconds(0.99), load.milliseconds(0.99)))
}
