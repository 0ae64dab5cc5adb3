//! The load generator. Closed loop: so many clients, each with one request at a time. Open loop: so many requests a
//! second, whether or not the service keeps up; a latency counts from when the request should have been sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::Fallible;
use crate::http::Connection;
use crate::numbers::float;

/// Writes the request with a number into a buffer.
pub type Requests = Arc<dyn Fn(u64, &mut Vec<u8>) + Send + Sync>;

/// What came of a load.
#[derive(Debug)]
pub struct Load {
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// In microseconds.
    pub latency: Histogram<u64>,
    /// When which request was answered with 2xx; open loop only.
    pub answers: Vec<Instant>,
}

impl Load {
    fn new() -> Fallible<Self> {
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        Ok(Self { statuses: BTreeMap::new(), elapsed: Duration::ZERO, latency, answers: Vec::new() })
    }

    fn note(&mut self, status: u16, from: Instant) {
        *self.statuses.entry(status).or_default() += 1;
        self.latency.saturating_record(u64::try_from(from.elapsed().as_micros()).unwrap_or(u64::MAX));
    }

    fn add(&mut self, other: Self) -> Fallible<()> {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.latency.add(other.latency)?;
        self.answers.extend(other.answers);
        Ok(())
    }

    /// Answers with 2xx.
    pub fn good(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, count)| count).sum()
    }

    /// Good answers per second.
    pub fn rate(&self) -> f64 {
        float(self.good()) / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latency in milliseconds.
    pub fn milliseconds(&self, quantile: f64) -> f64 {
        float(self.latency.value_at_quantile(quantile)) / 1000.0
    }

    /// Fails when an answer was not 2xx.
    pub fn all_good(&self) -> Fallible<()> {
        if self.statuses.keys().all(|status| (200..300).contains(status)) {
            Ok(())
        } else {
            Err(format!("answers other than 2xx: {:?}", self.statuses).into())
        }
    }
}

/// Clients with one request at a time each, for a time or until so many requests have been sent.
pub async fn closed_loop(port: u16, clients: usize, time: Duration, most: u64, requests: &Requests) -> Fallible<Load> {
    let sent = Arc::new(AtomicU64::new(0));
    let connections = connect(port, clients).await?;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (sent, requests) = (sent.clone(), requests.clone());
        tasks.spawn(async move {
            let (mut load, mut request) = (Load::new()?, Vec::with_capacity(2048));
            while start.elapsed() < time {
                let index = sent.fetch_add(1, Ordering::Relaxed);
                if index >= most {
                    break;
                }
                request.clear();
                requests(index, &mut request);
                let from = Instant::now();
                let status = connection.call(&request).await?;
                load.note(status, from);
            }
            Fallible::Ok(load)
        });
    }
    collect(tasks, start).await
}

/// Clients that come all at once, each with one request at a time for a time. One whose connection is closed on it opens
/// another; that counts as an answer with the status 0.
pub async fn crowd(port: u16, clients: usize, time: Duration, requests: &Requests) -> Fallible<Load> {
    let sent = Arc::new(AtomicU64::new(0));
    // One for all: a histogram for each of thousands would take gigabytes.
    let load = Arc::new(Mutex::new(Load::new()?));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (sent, requests, load) = (sent.clone(), requests.clone(), load.clone());
        let note = move |status, from| load.lock().unwrap_or_else(PoisonError::into_inner).note(status, from);
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
                    note(0, from);
                    continue;
                };
                request.clear();
                requests(sent.fetch_add(1, Ordering::Relaxed), &mut request);
                match connection.call(&request).await {
                    Ok(status) => {
                        note(status, from);
                        open = Some(connection);
                    }
                    Err(_) => note(0, from),
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    let mut all = Load::new()?;
    all.add(std::mem::replace(&mut *load.lock().unwrap_or_else(PoisonError::into_inner), Load::new()?))?;
    all.elapsed = start.elapsed();
    Ok(all)
}

/// So many requests a second, shared by a number of connections. One that is sent late counts from when it was due.
pub async fn open_loop(port: u16, connections: usize, per_second: u32, total: u64, requests: &Requests) -> Fallible<Load> {
    let next = Arc::new(AtomicU64::new(0));
    let connections = connect(port, connections).await?;
    let start = Instant::now() + Duration::from_millis(5);
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let (next, requests) = (next.clone(), requests.clone());
        tasks.spawn(async move {
            let (mut load, mut request) = (Load::new()?, Vec::with_capacity(2048));
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
                load.note(status, due);
                load.answers.push(Instant::now());
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

async fn collect(mut tasks: JoinSet<Fallible<Load>>, start: Instant) -> Fallible<Load> {
    let mut all = Load::new()?;
    while let Some(load) = tasks.join_next().await {
        all.add(load??)?;
    }
    all.elapsed = start.elapsed();
    all.answers.sort_unstable();
    Ok(all)
}
