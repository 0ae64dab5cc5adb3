//! Load generator. In a closed loop a fixed number of clients each have one request in flight. In an open loop requests are
//! sent at a fixed rate, whether or not the service keeps up, and a latency counts from the scheduled time of the request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::Fallible;
use crate::http::Connection;
use crate::numbers::float;

/// Appends the request with this number to a buffer.
pub type RequestWriter = Arc<dyn Fn(u64, &mut Vec<u8>) + Send + Sync>;

/// Results of a load.
#[derive(Debug)]
pub struct LoadResult {
    /// Number of responses by status; 0 counts connections that were closed or refused.
    pub statuses: BTreeMap<u16, u64>,
    /// Time from the first request to the last response.
    pub elapsed: Duration,
    /// Latency in microseconds.
    pub latency: Histogram<u64>,
    /// Times of the responses, in ascending order. Recorded only in an open loop.
    pub responses: Vec<Instant>,
}

impl LoadResult {
    /// Returns the results of no requests.
    pub fn new() -> Fallible<Self> {
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        Ok(Self { statuses: BTreeMap::new(), elapsed: Duration::ZERO, latency, responses: Vec::new() })
    }

    fn record(&mut self, status: u16, from: Instant) {
        *self.statuses.entry(status).or_default() += 1;
        self.latency.saturating_record(u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds the results of another load, except its duration.
    pub fn add(&mut self, other: Self) -> Fallible<()> {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.latency.add(other.latency)?;
        self.responses.extend(other.responses);
        Ok(())
    }

    /// Returns the number of responses with a 2xx status.
    pub fn successes(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, count)| count).sum()
    }

    /// Returns the number of 2xx responses per second.
    pub fn rate(&self) -> f64 {
        float(self.successes()) / self.elapsed.as_secs_f64()
    }

    /// Returns a quantile of the latency in milliseconds.
    pub fn milliseconds(&self, quantile: f64) -> f64 {
        float(self.latency.value_at_quantile(quantile)) / 1000.0
    }

    /// Fails if a response has another status than 2xx.
    pub fn ensure_success(&self) -> Fallible<()> {
        if self.statuses.keys().all(|status| (200..300).contains(status)) {
            Ok(())
        } else {
            Err(format!("not all responses are 2xx; responses by status: {:?}", self.statuses).into())
        }
    }
}

/// Runs clients with one request in flight each until `time` has elapsed or `max_requests` requests have been sent.
pub async fn closed_loop(port: u16, clients: usize, time: Duration, max_requests: u64, requests: &RequestWriter) -> Fallible<LoadResult> {
    let sent = Arc::new(AtomicU64::new(0));
    let connections = connect(port, clients).await?;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (sent, requests) = (sent.clone(), requests.clone());
        tasks.spawn(async move {
            let (mut load, mut request) = (LoadResult::new()?, Vec::with_capacity(2048));
            while start.elapsed() < time {
                let index = sent.fetch_add(1, Ordering::Relaxed);
                if index >= max_requests {
                    break;
                }
                request.clear();
                requests(index, &mut request);
                let from = Instant::now();
                let status = connection.call(&request).await?;
                load.record(status, from);
            }
            Fallible::Ok(load)
        });
    }
    collect(tasks, start).await
}

/// Runs clients that connect simultaneously and have one request in flight each, for a limited time. A client whose
/// connection is closed or refused reconnects; that counts as a response with status 0.
pub async fn overload_loop(port: u16, clients: usize, time: Duration, requests: &RequestWriter) -> Fallible<LoadResult> {
    let sent = Arc::new(AtomicU64::new(0));
    // One histogram for all clients; one for each of several thousand would take gigabytes.
    let load = Arc::new(Mutex::new(LoadResult::new()?));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (sent, requests, load) = (sent.clone(), requests.clone(), load.clone());
        let record = move |status, from| load.lock().unwrap_or_else(PoisonError::into_inner).record(status, from);
        tasks.spawn(async move {
            let mut request = Vec::with_capacity(2048);
            let mut open: Option<Connection> = None;
            while start.elapsed() < time {
                let from = Instant::now();
                let connection = match open.take() {
                    Some(connection) => Ok(connection),
                    None => Connection::open(port).await,
                };
                let Ok(mut connection) = connection else {
                    record(0, from);
                    continue;
                };
                request.clear();
                requests(sent.fetch_add(1, Ordering::Relaxed), &mut request);
                match connection.call(&request).await {
                    Ok(status) => {
                        record(status, from);
                        open = Some(connection);
                    }
                    Err(_) => record(0, from),
                }
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result?;
    }
    let mut all = LoadResult::new()?;
    all.add(std::mem::replace(&mut *load.lock().unwrap_or_else(PoisonError::into_inner), LoadResult::new()?))?;
    all.elapsed = start.elapsed();
    Ok(all)
}

/// Sends requests at a fixed rate over a number of connections. The latency of a delayed request counts from its scheduled
/// time.
pub async fn open_loop(port: u16, connections: usize, per_second: u32, total: u64, requests: &RequestWriter) -> Fallible<LoadResult> {
    let next = Arc::new(AtomicU64::new(0));
    let connections = connect(port, connections).await?;
    let start = Instant::now() + Duration::from_millis(5);
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (next, requests) = (next.clone(), requests.clone());
        tasks.spawn(async move {
            let (mut load, mut request) = (LoadResult::new()?, Vec::with_capacity(2048));
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= total {
                    return Fallible::Ok(load);
                }
                request.clear();
                requests(index, &mut request);
                let due = start + Duration::from_secs_f64(float(index) / f64::from(per_second));
                tokio::time::sleep_until(due.into()).await;
                let status = connection.call(&request).await?;
                load.record(status, due);
                load.responses.push(Instant::now());
            }
        });
    }
    collect(tasks, start).await
}

async fn connect(port: u16, count: usize) -> Fallible<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(port).await?);
    }
    Ok(connections)
}

async fn collect(mut tasks: JoinSet<Fallible<LoadResult>>, start: Instant) -> Fallible<LoadResult> {
    let mut all = LoadResult::new()?;
    while let Some(load) = tasks.join_next().await {
        all.add(load??)?;
    }
    all.elapsed = start.elapsed();
    all.responses.sort_unstable();
    Ok(all)
}
