//! Measures bookings of one event while 50,000 reservations of another event end at the same instant.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::environment::{BenchEnvironment, VISITORS};
use crate::figures::{Figure, Goal};
use crate::fixtures::{SampleFixture, Stock};
use crate::http::post;
use crate::load::{LoadResult, RequestWriter, open_loop};
use crate::numbers::float;
use crate::sample::{BenchSample, finish};

/// The number of reservations that end, and of entries that wait for their tickets.
const RESERVATIONS: u32 = 50_000;
/// Time from the fixture to the end of the reservations. It is longer than the interval at which the worker looks for reservations
/// that it does not know yet.
const RESERVED_FOR: Duration = Duration::from_secs(30);
/// Duration of the load before there are reservations.
const QUIET: Duration = Duration::from_secs(10);
/// Bookings of the other event per second. The load is sent in slices of a second.
const RATE: u32 = 500;
const CONNECTIONS: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(120);

/// Measures bookings at a fixed rate before there are reservations, and from their end until all their tickets were passed on.
pub async fn run(environment: &mut BenchEnvironment) -> Fallible<Vec<Figure>> {
    let other = environment.next_fixture(1);
    other.create(&environment.database, Stock { available: 1_000_000, ..Stock::default() }, VISITORS).await?;
    environment.database.settle().await?;
    let port = environment.ports.booking();
    let requests = bookings(environment, other);
    let start = Instant::now();
    let quiet = slices(port, &requests, async || Ok(start.elapsed() < QUIET)).await?;

    let ending = environment.next_fixture(1);
    ending.create(&environment.database, Stock { booked: RESERVATIONS, waiting: RESERVATIONS, ..Stock::default() }, VISITORS).await?;
    let end = Instant::now() + RESERVED_FOR;
    reserve(environment, ending).await?;
    environment.database.settle().await?;
    tokio::time::sleep_until(end.into()).await;
    let busy = slices(port, &requests, async || {
        if end.elapsed() > TIMEOUT {
            return Err("the tickets of the reservations were not passed on within two minutes".into());
        }
        Ok(promoted(environment, ending).await? < i64::from(RESERVATIONS))
    })
    .await?;
    check_order(environment, ending).await?;
    let seconds = seconds_until_last_promotion(environment, ending).await?;
    finish(environment, ending, &mut BenchSample::default()).await?;
    finish(environment, other, &mut BenchSample::default()).await?;
    let (before, during) = (quiet.milliseconds(0.99), busy.milliseconds(0.99));
    let figures = [
        Figure::new("expiry_rate", &[f64::from(RESERVATIONS) / seconds], "reservations/s", None),
        Figure::new("expiry_last_promotion", &[seconds], "s", None),
        Figure::new("booking_p99_before_expiry", &[before], "ms", None),
        Figure::new("booking_p99_during_expiry", &[during], "ms", None),
        Figure::new("booking_p99_expiry_ratio", &[during / before], "", Some(Goal::AtMost(2.0))),
    ];
    Ok(figures.into_iter().flatten().collect())
}

/// Turns the confirmed bookings of a fixture into reservations that end at the same instant.
async fn reserve(environment: &BenchEnvironment, fixture: SampleFixture) -> Fallible<()> {
    let (event, seconds) = (fixture.event(1), RESERVED_FOR.as_secs());
    let sql = format!(
        "UPDATE bookings SET status = 'reserved', expires_at = now() + interval '{seconds} seconds' WHERE event_id = '{event}';
         UPDATE ticket_types SET reserved = booked, booked = 0 WHERE event_id = '{event}';"
    );
    environment.database.run(&sql).await?;
    environment.database.run("VACUUM (ANALYZE) bookings").await?;
    environment.database.run("CHECKPOINT").await
}

fn bookings(environment: &BenchEnvironment, fixture: SampleFixture) -> RequestWriter {
    let tokens = environment.tokens.clone();
    let body = format!(r#"{{"eventId":"{}","ticketTypeId":"{}"}}"#, fixture.event(1), fixture.ticket_type(1));
    Arc::new(move |index, out| post(out, "POST", "/api/book", tokens.token(index), &body))
}

/// Sends slices of the load while `more` returns true, at least one.
async fn slices(port: u16, requests: &RequestWriter, more: impl AsyncFn() -> Fallible<bool>) -> Fallible<LoadResult> {
    let mut all = LoadResult::new()?;
    loop {
        let slice = open_loop(port, CONNECTIONS, RATE, u64::from(RATE), requests).await?;
        slice.ensure_success()?;
        all.add(slice)?;
        if !more().await? {
            return Ok(all);
        }
    }
}

async fn promoted(environment: &BenchEnvironment, fixture: SampleFixture) -> Fallible<i64> {
    environment.database.number(&format!("SELECT sum(booked)::bigint FROM ticket_types WHERE event_id = '{}'", fixture.event(1))).await
}

/// Fails if an entry was promoted before one with a lower number.
async fn check_order(environment: &BenchEnvironment, fixture: SampleFixture) -> Fallible<()> {
    let overtaken = format!(
        "SELECT count(*) FROM (SELECT ended_at < lag(ended_at) OVER (ORDER BY number) AS early FROM waitlist_entries
                                WHERE event_id = '{}' AND status = 'promoted') AS e WHERE early",
        fixture.event(1)
    );
    match environment.database.number(&overtaken).await? {
        0 => Ok(()),
        overtaken => Err(format!("{overtaken} entries were promoted before one with a lower number").into()),
    }
}

/// Returns the time from the end of the reservations to the last promotion.
async fn seconds_until_last_promotion(environment: &BenchEnvironment, fixture: SampleFixture) -> Fallible<f64> {
    let event = fixture.event(1);
    let milliseconds = format!(
        "SELECT (1000 * extract(epoch FROM (SELECT max(ended_at) FROM waitlist_entries WHERE event_id = '{event}')
                                         - (SELECT min(expires_at) FROM bookings WHERE event_id = '{event}')))::bigint"
    );
    Ok(float(u64::try_from(environment.database.number(&milliseconds).await?)?) / 1000.0)
}
