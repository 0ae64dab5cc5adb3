//! Measures check-ins: the time that a scan takes when twenty doors admit the visitors of one event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::Fallible;
use crate::environment::{BenchEnvironment, VISITORS};
use crate::figures::{Figure, Goal};
use crate::fixtures::{SampleFixture, Stock};
use crate::http::{Connection, post};
use crate::numbers::{count, float};
use crate::sample::{BenchSample, finish};

const TICKETS: u32 = 10_000;
const DOORS: u32 = 20;
/// Scans per second of all doors together.
const RATE: u32 = 200;
/// Of this many tickets of a door, one is presented a second time, at the next door.
const TICKETS_PER_COPY: u32 = 10;

/// The results of the scans of a door.
struct DoorResults {
    admitted: u32,
    rejected: u32,
    /// The time from the planned instant of a scan to its response, in microseconds.
    latency: Histogram<u64>,
}

/// Measures check-ins at a fixed rate. A scan that has to wait for the previous one of its door counts from its planned instant.
pub async fn run(environment: &mut BenchEnvironment) -> Fallible<Vec<Figure>> {
    let fixture = environment.next_fixture(1);
    fixture.create(&environment.database, Stock { booked: TICKETS, ..Stock::default() }, VISITORS).await?;
    let codes = codes(environment, fixture).await?;
    let path: Arc<str> = format!("/admin/events/{}/checkins", fixture.event(1)).into();
    let processes = environment.processes(environment.booking.pid);
    let (before, start) = (processes.read(), Instant::now());
    let mut doors = JoinSet::new();
    for door in 0..DOORS {
        let scans = codes_of_door(&codes, door);
        let connection = Connection::open(environment.ports.booking()).await?;
        doors.spawn(scan_all(connection, path.clone(), environment.tokens.admin().to_owned(), door, scans, start));
    }
    let (mut admitted, mut rejected, mut latency) = (0, 0, Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?);
    while let Some(results) = doors.join_next().await {
        let results = results??;
        admitted += results.admitted;
        rejected += results.rejected;
        latency.add(results.latency)?;
    }
    let (elapsed, used) = (start.elapsed(), before.until(&processes.read()));
    if (admitted, rejected) != (TICKETS, TICKETS / TICKETS_PER_COPY) {
        return Err(format!("{admitted} of {TICKETS} tickets were admitted, and {rejected} copies rejected").into());
    }
    finish(environment, fixture, &mut BenchSample::default()).await?;
    let milliseconds = |quantile| float(latency.value_at_quantile(quantile)) / 1000.0;
    let scans = f64::from(admitted + rejected);
    let figures = [
        Figure::new("checkin_rate", &[scans / elapsed.as_secs_f64()], "/s", Some(Goal::AtLeast(f64::from(RATE) * 0.98))),
        Figure::new("checkin_p50", &[milliseconds(0.5)], "ms", None),
        Figure::new("checkin_p99", &[milliseconds(0.99)], "ms", Some(Goal::AtMost(50.0))),
        Figure::new("checkin_cpu", &[used.service * 1e6 / scans], "µs", None),
    ];
    Ok(figures.into_iter().flatten().collect())
}

/// Fetches the codes of all tickets, each as its holder.
async fn codes(environment: &BenchEnvironment, fixture: SampleFixture) -> Fallible<Vec<String>> {
    let mut connection = Connection::open(environment.ports.booking()).await?;
    let (mut codes, mut request) = (Vec::new(), Vec::new());
    for number in 0..TICKETS.into() {
        request.clear();
        let path = format!("/api/bookings/{}/tickets", fixture.booking(number));
        post(&mut request, "GET", &path, environment.tokens.token(number), "");
        let status = connection.call(&request).await?;
        let tickets: Value = serde_json::from_slice(connection.body())?;
        let code = tickets.pointer("/items/0/code").and_then(Value::as_str);
        codes.push(code.ok_or_else(|| format!("the tickets of a booking were answered with status {status}"))?.to_owned());
    }
    Ok(codes)
}

/// Returns the codes that a door scans: its share of the tickets, and the copies that come from the previous door.
fn codes_of_door(codes: &[String], door: u32) -> Vec<String> {
    let is_here = |(number, _): &(u64, &String)| {
        let scanned_at = |offset: u64| (number + offset) % u64::from(DOORS) == u64::from(door);
        scanned_at(0) || (number / u64::from(DOORS) % u64::from(TICKETS_PER_COPY) == 0 && scanned_at(1))
    };
    (0..count(codes.len())).zip(codes).filter(is_here).map(|(_, code)| code.clone()).collect()
}

/// Scans codes one after the other at the rate of one door.
async fn scan_all(
    mut connection: Connection,
    path: Arc<str>,
    token: String,
    door: u32,
    codes: Vec<String>,
    start: Instant,
) -> Fallible<DoorResults> {
    let interval = Duration::from_secs(1) * DOORS / RATE;
    let mut planned = start + interval * door / DOORS;
    let mut results = DoorResults { admitted: 0, rejected: 0, latency: Histogram::new_with_bounds(1, 60_000_000, 3)? };
    let mut request = Vec::new();
    for code in codes {
        tokio::time::sleep_until(planned.into()).await;
        request.clear();
        post(&mut request, "POST", &path, &token, &format!(r#"{{"code":"{code}","door":"Door {door}"}}"#));
        match connection.call(&request).await? {
            201 => results.admitted += 1,
            409 => results.rejected += 1,
            status => return Err(format!("a scan was answered with status {status}").into()),
        }
        results.latency.saturating_record(u64::try_from(planned.elapsed().as_micros()).unwrap_or(u64::MAX));
        planned += interval;
    }
    Ok(results)
}
