//! Slices that do not sell: the engine by itself, the public list, log-ins, and what they are compared with.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::Fallible;
use crate::fixtures::Stock;
use crate::http::{get, post};
use crate::load::{Requests, closed_loop};
use crate::numbers::float;
use crate::pgbench::Script;
use crate::side::Side;
use crate::slice::{Scale, Slice};
use crate::stage::{BCRYPT_COST, EVENTS, LOGINS, PASSWORD, Stage, VISITORS, login_email};

/// Measures one of them.
pub async fn run(stage: &mut Stage, scale: &Scale, side: Side) -> Fallible<Slice> {
    match side {
        Side::Engine(script, clients) => engine(stage, scale, script, clients).await,
        Side::Login | Side::Bcrypt => hashing(stage, scale, side).await,
        _ => reading(stage, scale, side).await,
    }
}

async fn engine(stage: &mut Stage, scale: &Scale, script: Script, clients: usize) -> Fallible<Slice> {
    let place = stage.next_place(if script == Script::Spread { EVENTS } else { 1 });
    place.make(&stage.engine, Stock { available: 1_000_000, ..Stock::default() }, VISITORS).await?;
    let processes = stage.processes(0);
    let start = processes.read();
    let began = Instant::now();
    let (rate, mean) = stage.pgbench.run(script, clients, scale.time, place).await?;
    let bookings = rate * began.elapsed().as_secs_f64();
    let used = start.until(&processes.read());
    stage.engine.check(place).await?;
    stage.engine.run("TRUNCATE outbox").await?;
    let slice = Slice { rate, p50: mean, used, ..Slice::default() };
    Ok(Slice { postgres_us: used.postgres * 1e6 / bookings.max(1.0), ..slice })
}

async fn reading(stage: &Stage, scale: &Scale, side: Side) -> Fallible<Slice> {
    let catalogue = stage.catalogue;
    let list: Requests = Arc::new(|_, out| get(out, "/api/events?limit=100"));
    let one: Requests = Arc::new(move |index, out| get(out, &format!("/api/events/{}", catalogue.event(catalogue.turn(index)))));
    let (port, clients, requests) = match side {
        Side::Events(clients) => (stage.ports.booking(), clients, list),
        Side::Event(clients) => (stage.ports.booking(), clients, one),
        Side::HelloEvents(clients) => (stage.ports.hello_list(), clients, list),
        Side::HelloEvent(clients) => (stage.ports.hello_event(), clients, one),
        other => return Err(format!("{} is not read", other.name()).into()),
    };
    let processes = stage.processes(stage.booking.pid);
    let start = processes.read();
    let load = closed_loop(port, clients, scale.time, u64::MAX, &requests).await?;
    let used = start.until(&processes.read());
    load.all_good()?;
    Ok(Slice::of(&load).with_cost(used, load.good()))
}

async fn hashing(stage: &Stage, scale: &Scale, side: Side) -> Fallible<Slice> {
    let processes = stage.processes(stage.auth.pid);
    let start = processes.read();
    let slice = if side == Side::Login {
        let requests: Requests = Arc::new(|index, out| {
            let body = json!({"email": login_email(index), "password": PASSWORD}).to_string();
            post(out, "POST", "/api/loginaccount", "", &body);
        });
        // So many, not so long: a hash takes a quarter of a second, and a slice must not end in the middle of some.
        let clients = usize::try_from(LOGINS)?;
        let load = closed_loop(stage.ports.auth(), clients, scale.time * 30, scale.logins, &requests).await?;
        load.all_good()?;
        Slice::of(&load)
    } else {
        let began = Instant::now();
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
        Slice { rate: float(each * 2) / began.elapsed().as_secs_f64(), ..Slice::default() }
    };
    Ok(Slice { used: start.until(&processes.read()), ..slice })
}
