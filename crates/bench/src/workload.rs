//! Defines the workloads of the benchmark.

use crate::pgbench::Script;

/// A workload. Rates are in bookings, cancellations, promotions or responses per second; the number is the number of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Bookings of one event over HTTP.
    Hot(usize),
    /// Bookings of one event through nginx.
    HotGateway(usize),
    /// Bookings of one event on an instance that runs one transaction per request.
    HotSingle(usize),
    /// Bookings of an event with many bookings and a long waiting list.
    HotFull(usize),
    /// Bookings of one event with access tokens that the service has not seen before.
    HotNewTokens(usize),
    /// Bookings of one event without `ticketTypeId`.
    HotWithoutType(usize),
    /// Bookings spread over 200 events.
    Spread(usize),
    /// Transactions of pgbench against the database.
    Engine(Script, usize),
    /// Calls of a script of Redis that takes a ticket.
    Redis(usize),
    /// Joining the waiting list of a sold-out event.
    Join(usize),
    /// Cancelling bookings of a sold-out event with thousands of waiting-list entries.
    Cancel(usize),
    /// Reallocation of tickets of one event by the worker.
    Reallocate,
    /// Reallocation of tickets of 200 events by this number of workers.
    Workers(usize),
    /// The public list of events.
    Events(usize),
    /// Single public events, cycling through 200.
    Event(usize),
    /// Pages of single public events from the web site, cycling through 200.
    EventPage(usize),
    /// One of these pages, served from memory.
    HelloPage(usize),
    /// The response of the public list, served from memory.
    HelloEvents(usize),
    /// The response of a single event, served from memory.
    HelloEvent(usize),
    /// Logins.
    Login,
    /// Hashing with bcrypt on two threads.
    Bcrypt,
}

impl Workload {
    /// Returns the name for the table and the report.
    pub fn name(self) -> String {
        match self {
            Self::Hot(clients) => format!("hot, c={clients}"),
            Self::HotGateway(clients) => format!("hot through nginx, c={clients}"),
            Self::HotSingle(clients) => format!("hot, one transaction per request, c={clients}"),
            Self::HotFull(clients) => format!("hot, full event, c={clients}"),
            Self::HotNewTokens(clients) => format!("hot, new tokens, c={clients}"),
            Self::HotWithoutType(clients) => format!("hot, without ticketTypeId, c={clients}"),
            Self::Spread(clients) => format!("200 events, c={clients}"),
            Self::Engine(Script::Full, clients) => format!("pgbench full, {clients} clients"),
            Self::Engine(Script::Spread, clients) => format!("pgbench full, 200 events, {clients} clients"),
            Self::Engine(Script::Batch(size), clients) => format!("pgbench {size} per transaction, {clients} clients"),
            Self::Redis(clients) => format!("Redis, c={clients}"),
            Self::Join(clients) => format!("joining the waiting list, c={clients}"),
            Self::Cancel(clients) => format!("cancelling, c={clients}"),
            Self::Reallocate => "reallocation, one event".to_owned(),
            Self::Workers(count) => format!("reallocation, 200 events, {count} workers"),
            Self::Events(clients) => format!("GET /api/events, c={clients}"),
            Self::Event(clients) => format!("GET /api/events/ID, c={clients}"),
            Self::EventPage(clients) => format!("page of an event, c={clients}"),
            Self::HelloPage(clients) => format!("page from memory, c={clients}"),
            Self::HelloEvents(clients) => format!("event list from memory, c={clients}"),
            Self::HelloEvent(clients) => format!("single event from memory, c={clients}"),
            Self::Login => "logins".to_owned(),
            Self::Bcrypt => "bcrypt on two threads".to_owned(),
        }
    }
}
