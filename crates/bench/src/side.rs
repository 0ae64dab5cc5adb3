//! What a slice measures.

use crate::pgbench::Script;

/// One side of a ratio. Rates are in bookings, cancellations, promotions or answers per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Bookings of one event over HTTP.
    Hot(usize),
    /// The same through nginx.
    HotGateway(usize),
    /// The same at an instance that has one transaction per request.
    HotSingle(usize),
    /// The same in an event with many bookings and a long queue.
    HotFull(usize),
    /// The same with tokens that the service has never seen.
    HotStrangers(usize),
    /// The same without naming the ticket type.
    HotPlain(usize),
    /// Bookings over 200 events.
    Spread(usize),
    /// What pgbench does by itself.
    Engine(Script, usize),
    /// Joining the queue of a sold-out event.
    Join(usize),
    /// Cancelling bookings of a sold-out event that thousands wait for.
    Cancel(usize),
    /// Tickets of one event that the worker hands on.
    Reallocate,
    /// Tickets of 200 events that so many workers hand on.
    Workers(usize),
    /// The public list of events.
    Events(usize),
    /// One public event of 200 by turns.
    Event(usize),
    /// The bytes of the list, from memory.
    HelloEvents(usize),
    /// The bytes of one event, from memory.
    HelloEvent(usize),
    /// Log-ins.
    Login,
    /// Hashes on two threads.
    Bcrypt,
}

impl Side {
    /// A name for the table and the report.
    pub fn name(self) -> String {
        match self {
            Self::Hot(clients) => format!("hot, c={clients}"),
            Self::HotGateway(clients) => format!("hot through nginx, c={clients}"),
            Self::HotSingle(clients) => format!("hot, a transaction per request, c={clients}"),
            Self::HotFull(clients) => format!("hot, full event, c={clients}"),
            Self::HotStrangers(clients) => format!("hot, new tokens, c={clients}"),
            Self::HotPlain(clients) => format!("hot, type not named, c={clients}"),
            Self::Spread(clients) => format!("200 events, c={clients}"),
            Self::Engine(Script::Full, clients) => format!("pgbench full, {clients} clients"),
            Self::Engine(Script::Spread, clients) => format!("pgbench full, 200 events, {clients} clients"),
            Self::Engine(Script::Batch(size), clients) => format!("pgbench {size} per transaction, {clients} clients"),
            Self::Join(clients) => format!("joining the queue, c={clients}"),
            Self::Cancel(clients) => format!("cancelling, c={clients}"),
            Self::Reallocate => "handing on, one event".to_owned(),
            Self::Workers(count) => format!("handing on, 200 events, {count} workers"),
            Self::Events(clients) => format!("GET /api/events, c={clients}"),
            Self::Event(clients) => format!("GET /api/events/ID, c={clients}"),
            Self::HelloEvents(clients) => format!("the list's bytes from memory, c={clients}"),
            Self::HelloEvent(clients) => format!("the event's bytes from memory, c={clients}"),
            Self::Login => "log-ins".to_owned(),
            Self::Bcrypt => "bcrypt on two threads".to_owned(),
        }
    }
}
