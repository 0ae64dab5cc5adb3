//! Measures the live streams: the memory of an open stream, the CPU time at rest, and the time from a committed booking to its
//! arrival at every stream.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::Fallible;
use crate::environment::{BenchEnvironment, VISITORS};
use crate::figures::{Figure, Goal};
use crate::fixtures::{SampleFixture, Stock};
use crate::meters::mebibytes;
use crate::numbers::{count, float};
use crate::sample::{BenchSample, Scale, finish};

/// How long the streams are left alone.
const REST: Duration = Duration::from_secs(5);
/// Pause between two bookings, longer than the minimum interval between two updates.
const PAUSE: Duration = Duration::from_millis(400);
/// Maximum time until an update has arrived at every stream.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Number of connections that are opened at a time.
const OPENED_AT_ONCE: usize = 100;

/// The arrivals of the current booking at the streams.
#[derive(Debug)]
struct Arrivals {
    streams: usize,
    booked: Mutex<Instant>,
    latency: Mutex<Histogram<u64>>,
    arrived: AtomicUsize,
    all_arrived: Notify,
}

impl Arrivals {
    fn start(&self) {
        self.arrived.store(0, Ordering::SeqCst);
        *self.booked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn arrive(&self) {
        let booked = *self.booked.lock().unwrap_or_else(PoisonError::into_inner);
        let micros = u64::try_from(booked.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
        if self.arrived.fetch_add(1, Ordering::SeqCst) + 1 == self.streams {
            self.all_arrived.notify_one();
        }
    }

    async fn all(&self) -> Fallible<()> {
        let waited = tokio::time::timeout(TIMEOUT, self.all_arrived.notified()).await;
        waited.map_err(|_| format!("an update arrived at only {} of {} streams", self.arrived.load(Ordering::SeqCst), self.streams).into())
    }
}

/// Measures streams of one event.
pub async fn run(environment: &mut BenchEnvironment, scale: &Scale) -> Fallible<Vec<Figure>> {
    let streams = environment.options.streams;
    let fixture = environment.next_fixture(1);
    fixture.create(&environment.database, Stock { available: 1_000_000, ..Stock::default() }, VISITORS).await?;
    let service = environment.booking.pid;
    let before = mebibytes(service, "VmRSS");
    let arrivals = Arc::new(Arrivals {
        streams,
        booked: Mutex::new(Instant::now()),
        latency: Mutex::new(Histogram::new_with_bounds(1, 60_000_000, 3)?),
        arrived: AtomicUsize::new(0),
        all_arrived: Notify::new(),
    });
    let mut tasks = open(environment.ports.booking(), &fixture.event(1), streams, &arrivals).await?;
    arrivals.all().await?;

    let processes = environment.processes(service);
    let start = processes.read();
    tokio::time::sleep(REST).await;
    let rest = start.until(&processes.read()).service / REST.as_secs_f64() * 100.0;
    let memory = mebibytes(service, "VmRSS");

    arrivals.latency.lock().unwrap_or_else(PoisonError::into_inner).reset();
    let start = processes.read();
    let bookings: u32 = if scale.rounds > 2 { 20 } else { 5 };
    for number in 0..bookings {
        arrivals.start();
        book(environment, fixture, number.into()).await?;
        arrivals.all().await?;
        tokio::time::sleep(PAUSE).await;
    }
    let used = start.until(&processes.read()).service;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    let latency = arrivals.latency.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let milliseconds = |quantile| float(latency.value_at_quantile(quantile)) / 1000.0;
    let per_update = used * 1e6 / (f64::from(bookings) * float(count(streams)));
    finish(environment, fixture, &mut BenchSample::default()).await?;
    let figures = [
        Figure::new(format!("live_memory_{streams}_streams"), &[memory], "MiB", Some(Goal::AtMost(200.0))),
        Figure::new("live_memory_per_stream", &[(memory - before) * 1024.0 / float(count(streams))], "KiB", None),
        Figure::new("live_cpu_at_rest", &[rest], "% of a core", Some(Goal::AtMost(10.0))),
        Figure::new("live_cpu_per_update_and_stream", &[per_update], "µs", None),
        Figure::new("live_arrival_p50", &[milliseconds(0.5)], "ms", None),
        Figure::new("live_arrival_p99", &[milliseconds(0.99)], "ms", Some(Goal::AtMost(1000.0))),
    ];
    Ok(figures.into_iter().flatten().collect())
}

async fn book(environment: &BenchEnvironment, fixture: SampleFixture, visitor: u64) -> Fallible<()> {
    let body = format!(r#"{{"eventId":"{}","ticketTypeId":"{}"}}"#, fixture.event(1), fixture.ticket_type(1));
    let token = environment.tokens.token(visitor).to_owned();
    match environment.call(environment.ports.booking(), "POST", "/api/book", &token, &body).await? {
        201 => Ok(()),
        status => Err(format!("a booking was answered with status {status}").into()),
    }
}

/// Opens the streams. Each counts the updates that it receives.
async fn open(port: u16, event: &str, streams: usize, arrivals: &Arc<Arrivals>) -> Fallible<JoinSet<()>> {
    let mut tasks = JoinSet::new();
    let request = format!("GET /api/events/{event}/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    for opened in 0..streams {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let arrivals = arrivals.clone();
        tasks.spawn(async move {
            let mut received = Vec::with_capacity(4096);
            while matches!(stream.read_buf(&mut received).await, Ok(read) if read > 0) {
                // An update is small and written at once, so its beginning is not split.
                for _ in received.windows(EVENT.len()).filter(|part| *part == EVENT) {
                    arrivals.arrive();
                }
                received.clear();
            }
        });
        if opened % OPENED_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(tasks)
}

/// The beginning of an update.
const EVENT: &[u8] = b"event: availability";
