//! Slices of booking, joining and cancelling.

use std::sync::Arc;

use crate::Fallible;
use crate::fixtures::{Place, Stock};
use crate::http::post;
use crate::load::{Requests, closed_loop};
use crate::side::Side;
use crate::slice::{Scale, Slice, finish};
use crate::stage::{EVENTS, SETTLE, Stage, VISITORS};

/// Bookings to be cancelled in one slice, and as many who wait for them.
pub const CANCELLABLE: u32 = 20_000;

/// Measures one of them.
pub async fn run(stage: &mut Stage, scale: &Scale, side: Side) -> Fallible<Slice> {
    let (place, clients) = prepare(stage, scale, side).await?;
    let (port, service) = match side {
        Side::HotSingle(_) => (stage.ports.single(), stage.single.pid),
        Side::HotGateway(_) => (stage.options.gateway_port, stage.booking.pid),
        _ => (stage.ports.booking(), stage.booking.pid),
    };
    let (table, condition, most) = match side {
        // Each visitor joins once: an account waits only once.
        Side::Join(_) => ("waitlist_entries", "true", VISITORS),
        Side::Cancel(_) => ("bookings", "status = 'cancelled'", u64::from(CANCELLABLE)),
        _ => ("bookings", "true", u64::MAX),
    };
    let requests = requests(stage, side, place);
    stage.database.settle(SETTLE).await?;
    let before = stage.database.count(table, condition, place).await?;
    let processes = stage.processes(service);
    let start = processes.read();
    let load = closed_loop(port, clients, scale.time, most, &requests).await?;
    let end = processes.read();
    let mut slice = Slice::of(&load);
    finish(stage, place, &mut slice).await?;
    // The cost counts until the outbox is empty, the noise only as long as there was load.
    let noise = start.until(&end);
    let mut used = start.until(&processes.read());
    (used.steal, used.foreign) = (noise.steal, noise.foreign);
    load.all_good()?;
    let written = stage.database.count(table, condition, place).await? - before;
    if written != load.good() {
        return Err(format!("{} were promised, {written} are in the database", load.good()).into());
    }
    Ok(slice.with_cost(used, load.good()))
}

async fn prepare(stage: &mut Stage, scale: &Scale, side: Side) -> Fallible<(Place, usize)> {
    let plenty = Stock { available: 1_000_000, ..Stock::default() };
    let (events, stock, clients) = match side {
        Side::Spread(clients) => (EVENTS, plenty, clients),
        Side::Join(clients) => (1, Stock { booked: 1, ..Stock::default() }, clients),
        Side::Cancel(clients) => (1, Stock { booked: CANCELLABLE, waiting: CANCELLABLE, ..Stock::default() }, clients),
        Side::HotFull(clients) => {
            let stock = Stock { booked: scale.full_bookings, waiting: scale.full_waiting, waiting_elsewhere: true, ..plenty };
            if let Some(place) = stage.full {
                return Ok((place, clients));
            }
            (1, stock, clients)
        }
        Side::Hot(clients)
        | Side::HotStrangers(clients)
        | Side::HotGateway(clients)
        | Side::HotSingle(clients)
        | Side::HotPlain(clients) => (1, plenty, clients),
        other => return Err(format!("{} is no sale", other.name()).into()),
    };
    let place = stage.next_place(events);
    place.make(&stage.database, stock, VISITORS).await?;
    if matches!(side, Side::HotFull(_)) {
        // What the server would do about so many new rows sooner or later, it does before the measurement.
        stage.database.run("VACUUM (ANALYZE) bookings").await?;
        stage.database.run("VACUUM (ANALYZE) waitlist_entries").await?;
        stage.database.run("CHECKPOINT").await?;
        stage.full = Some(place);
    }
    Ok((place, clients))
}

/// The requests of a slice. Everybody asks once; each slice begins with other people.
pub fn requests(stage: &Stage, side: Side, place: Place) -> Requests {
    let strangers = matches!(side, Side::HotStrangers(_));
    let people = if strangers { stage.people.logged_in_anew(VISITORS) } else { stage.people.clone() };
    // Bookings to be cancelled belong to the first visitors.
    let first = if matches!(side, Side::Cancel(_)) { 0 } else { u64::from(stage.slices()) * 7919 };
    let path = if matches!(side, Side::Cancel(_)) { "/api/cancelbooking" } else { "/api/book" };
    let bodies: Vec<String> = (1..=u64::from(place.events)).map(|number| body(side, place, number)).collect();
    Arc::new(move |index, out| {
        let body = usize::try_from(place.turn(index) - 1).ok().and_then(|index| bodies.get(index));
        post(out, "POST", path, people.token(first + index), body.map_or("", String::as_str));
    })
}

fn body(side: Side, place: Place, number: u64) -> String {
    let event = place.event(number);
    match side {
        Side::Cancel(_) | Side::HotPlain(_) => format!(r#"{{"eventId":"{event}"}}"#),
        _ => format!(r#"{{"eventId":"{event}","ticketTypeId":"{}"}}"#, place.ticket_type(number)),
    }
}
