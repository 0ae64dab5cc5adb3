//! Measures the workloads that do not sell tickets: pgbench, Redis, the public reads, logins, and the baselines that they are
//! compared with.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::Fallible;
use crate::environment::{BCRYPT_COST, BenchEnvironment, EVENTS, LOGINS, PASSWORD, VISITORS, login_email};
use crate::fixtures::Stock;
use crate::http::{get, post};
use crate::load::{RequestWriter, closed_loop};
use crate::numbers::float;
use crate::pgbench::Script;
use crate::redis::Redis;
use crate::sample::{BenchSample, Scale};
use crate::workload::Workload;

/// Measures one of these workloads.
pub async fn run(environment: &mut BenchEnvironment, scale: &Scale, workload: Workload) -> Fallible<BenchSample> {
    match workload {
        Workload::Engine(script, clients) => engine(environment, scale, script, clients).await,
        Workload::Redis(clients) => redis(environment, scale, clients).await,
        Workload::Login | Workload::Bcrypt => hashing(environment, scale, workload).await,
        Workload::EventPage(_) | Workload::HelloPage(_) => {
            environment.start_pages().await?;
            reading(environment, scale, workload).await
        }
        _ => reading(environment, scale, workload).await,
    }
}

async fn engine(environment: &mut BenchEnvironment, scale: &Scale, script: Script, clients: usize) -> Fallible<BenchSample> {
    let fixture = environment.next_fixture(if script == Script::Spread { EVENTS } else { 1 });
    fixture.create(&environment.engine, Stock { available: 1_000_000, ..Stock::default() }, VISITORS).await?;
    let processes = environment.processes(0);
    let start = processes.read();
    let started = Instant::now();
    let (rate, mean) = environment.pgbench.run(script, clients, scale.time, fixture).await?;
    let bookings = rate * started.elapsed().as_secs_f64();
    let used = start.until(&processes.read());
    environment.engine.check(fixture).await?;
    environment.engine.run("TRUNCATE outbox").await?;
    let sample = BenchSample { rate, p50: mean, used, ..BenchSample::default() };
    Ok(BenchSample { postgres_us: used.postgres * 1e6 / bookings.max(1.0), ..sample })
}

async fn redis(environment: &mut BenchEnvironment, scale: &Scale, clients: usize) -> Fallible<BenchSample> {
    let redis = match environment.redis.take() {
        Some(redis) => redis,
        None => Redis::start(environment.ports.redis(), &environment.options.out.join("redis")).await?,
    };
    let rate = redis.run(clients, scale.time).await?;
    environment.redis = Some(redis);
    Ok(BenchSample { rate, ..BenchSample::default() })
}

async fn reading(environment: &BenchEnvironment, scale: &Scale, workload: Workload) -> Fallible<BenchSample> {
    let catalog = environment.catalog;
    let list: RequestWriter = Arc::new(|_, out| get(out, "/api/events?limit=100"));
    let one: RequestWriter = Arc::new(move |index, out| get(out, &format!("/api/events/{}", catalog.event(catalog.event_number(index)))));
    let page: RequestWriter = Arc::new(move |index, out| get(out, &format!("/events/{}", catalog.event(catalog.event_number(index)))));
    let (port, clients, requests) = match workload {
        Workload::Events(clients) => (environment.ports.booking(), clients, list),
        Workload::Event(clients) => (environment.ports.booking(), clients, one),
        Workload::HelloEvents(clients) => (environment.ports.hello_list(), clients, list),
        Workload::HelloEvent(clients) => (environment.ports.hello_event(), clients, one),
        Workload::EventPage(clients) => (environment.ports.web(), clients, page),
        Workload::HelloPage(clients) => (environment.ports.hello_page(), clients, page),
        other => return Err(format!("{} is not a read workload", other.name()).into()),
    };
    let service = environment.web.as_ref().filter(|_| matches!(workload, Workload::EventPage(_))).unwrap_or(&environment.booking);
    let processes = environment.processes(service.pid);
    let start = processes.read();
    let load = closed_loop(port, clients, scale.time, u64::MAX, &requests).await?;
    let used = start.until(&processes.read());
    load.ensure_success()?;
    Ok(BenchSample::from_load(&load).with_cost(used, load.successes()))
}

async fn hashing(environment: &BenchEnvironment, scale: &Scale, workload: Workload) -> Fallible<BenchSample> {
    let processes = environment.processes(environment.auth.pid);
    let start = processes.read();
    let sample = if workload == Workload::Login {
        let requests: RequestWriter = Arc::new(|index, out| {
            let body = json!({"email": login_email(index), "password": PASSWORD}).to_string();
            post(out, "POST", "/api/loginaccount", "", &body);
        });
        // Limited by a number of logins instead of a time: one hash takes a quarter of a second, and the sample must not end
        // in the middle of a hash.
        let clients = usize::try_from(LOGINS)?;
        let load = closed_loop(environment.ports.auth(), clients, scale.time * 30, scale.logins, &requests).await?;
        load.ensure_success()?;
        BenchSample::from_load(&load)
    } else {
        let started = Instant::now();
        let hash = bcrypt::hash(PASSWORD, 4)?.replacen("$04$", &format!("${BCRYPT_COST:02}$"), 1);
        let each = scale.logins / 2;
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let hash = hash.clone();
                tokio::task::spawn_blocking(move || (0..each).try_for_each(|_| bcrypt::verify(PASSWORD, &hash).map(drop)))
            })
            .collect();
        for thread in threads {
            thread.await??;
        }
        BenchSample { rate: float(each * 2) / started.elapsed().as_secs_f64(), ..BenchSample::default() }
    };
    Ok(BenchSample { used: start.until(&processes.read()), ..sample })
}
