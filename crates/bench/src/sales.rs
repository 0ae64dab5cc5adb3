//! Measures booking, joining the waiting list and cancelling.

use std::sync::Arc;

use crate::Fallible;
use crate::environment::{BenchEnvironment, EVENTS, VISITORS};
use crate::fixtures::{SampleFixture, Stock};
use crate::http::post;
use crate::load::{RequestWriter, closed_loop};
use crate::sample::{BenchSample, Scale, finish};
use crate::workload::Workload;

/// Number of bookings to cancel in one sample, and of entries that wait for their tickets.
pub const CANCELLABLE: u32 = 20_000;

/// Measures one of these workloads.
pub async fn run(environment: &mut BenchEnvironment, scale: &Scale, workload: Workload) -> Fallible<BenchSample> {
    let (fixture, clients) = prepare(environment, scale, workload).await?;
    let (port, service) = match workload {
        Workload::HotSingle(_) => (environment.ports.single(), environment.single.pid),
        Workload::HotGateway(_) => (environment.options.gateway_port, environment.booking.pid),
        _ => (environment.ports.booking(), environment.booking.pid),
    };
    let (table, condition, max_requests) = match workload {
        // Every visitor joins only once, because an account can have only one entry.
        Workload::Join(_) => ("waitlist_entries", "true", VISITORS),
        Workload::Cancel(_) => ("bookings", "status = 'cancelled'", u64::from(CANCELLABLE)),
        _ => ("bookings", "true", u64::MAX),
    };
    let requests = requests(environment, workload, fixture);
    environment.database.settle().await?;
    let before = environment.database.count(table, condition, fixture).await?;
    let processes = environment.processes(service);
    let start = processes.read();
    let load = closed_loop(port, clients, scale.time, max_requests, &requests).await?;
    let end = processes.read();
    let mut sample = BenchSample::from_load(&load);
    finish(environment, fixture, &mut sample).await?;
    // CPU time counts until the outbox is empty, but busy cores and noise only during the load.
    let noise = start.until(&end);
    let mut used = start.until(&processes.read());
    (used.steal, used.foreign, used.cores) = (noise.steal, noise.foreign, noise.cores);
    load.ensure_success()?;
    let written = environment.database.count(table, condition, fixture).await? - before;
    if written != load.successes() {
        return Err(format!("{} requests succeeded, but the database contains {written} new rows", load.successes()).into());
    }
    Ok(sample.with_cost(used, load.successes()))
}

async fn prepare(environment: &mut BenchEnvironment, scale: &Scale, workload: Workload) -> Fallible<(SampleFixture, usize)> {
    let plenty = Stock { available: 1_000_000, ..Stock::default() };
    let (events, stock, clients) = match workload {
        Workload::Spread(clients) => (EVENTS, plenty, clients),
        Workload::Join(clients) => (1, Stock { booked: 1, ..Stock::default() }, clients),
        Workload::Cancel(clients) => (1, Stock { booked: CANCELLABLE, waiting: CANCELLABLE, ..Stock::default() }, clients),
        Workload::HotFull(clients) => {
            let stock = Stock { booked: scale.full_bookings, waiting: scale.full_waiting, waiting_for_other_type: true, ..plenty };
            if let Some(fixture) = environment.full {
                return Ok((fixture, clients));
            }
            (1, stock, clients)
        }
        Workload::Hot(clients)
        | Workload::HotNewTokens(clients)
        | Workload::HotGateway(clients)
        | Workload::HotSingle(clients)
        | Workload::HotWithoutType(clients) => (1, plenty, clients),
        other => return Err(format!("{} is not a sales workload", other.name()).into()),
    };
    let fixture = environment.next_fixture(events);
    fixture.create(&environment.database, stock, VISITORS).await?;
    if matches!(workload, Workload::HotFull(_)) {
        // Finishes the maintenance of the new rows before the measurement instead of during it.
        environment.database.run("VACUUM (ANALYZE) bookings").await?;
        environment.database.run("VACUUM (ANALYZE) waitlist_entries").await?;
        environment.database.run("CHECKPOINT").await?;
        environment.full = Some(fixture);
    }
    Ok((fixture, clients))
}

/// Builds the requests of a sample. The requests of each sample start with a different visitor.
pub fn requests(environment: &BenchEnvironment, workload: Workload, fixture: SampleFixture) -> RequestWriter {
    let new_tokens = matches!(workload, Workload::HotNewTokens(_));
    let tokens = if new_tokens { environment.tokens.with_new_tokens(VISITORS) } else { environment.tokens.clone() };
    // The bookings to cancel belong to the first visitors.
    let first = if matches!(workload, Workload::Cancel(_)) { 0 } else { u64::from(environment.samples()) * 7919 };
    let path = if matches!(workload, Workload::Cancel(_)) { "/api/cancelbooking" } else { "/api/book" };
    let bodies: Vec<String> = (1..=u64::from(fixture.events)).map(|number| body(workload, fixture, number)).collect();
    Arc::new(move |index, out| {
        let body = usize::try_from(fixture.event_number(index) - 1).ok().and_then(|index| bodies.get(index));
        post(out, "POST", path, tokens.token(first + index), body.map_or("", String::as_str));
    })
}

fn body(workload: Workload, fixture: SampleFixture, number: u64) -> String {
    let event = fixture.event(number);
    match workload {
        Workload::Cancel(_) | Workload::HotWithoutType(_) => format!(r#"{{"eventId":"{event}"}}"#),
        _ => format!(r#"{{"eventId":"{event}","ticketTypeId":"{}"}}"#, fixture.ticket_type(number)),
    }
}
