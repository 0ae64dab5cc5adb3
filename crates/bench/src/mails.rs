//! Measures the notifier: what bookings lose while it consumes their messages, the time from a booking to its mail, and the rate at
//! which mails are handed to a mail server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rowlock_messaging::amqp::{Topology, delete_queue};
use rowlock_test_support::smtp_server::SmtpServer;

use crate::Fallible;
use crate::environment::{BenchEnvironment, VISITORS};
use crate::figures::{Figure, Goal};
use crate::fixtures::Stock;
use crate::numbers::{count, float};
use crate::sample::{BenchSample, Scale, finish, measure};
use crate::tokens::account;
use crate::workload::Workload;

/// Pause between two bookings whose mails are timed.
const PAUSE: Duration = Duration::from_millis(10);
/// Maximum time until the mails of these bookings have arrived.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the mails are counted that have piled up in a sale.
const COUNTED: Duration = Duration::from_secs(8);
/// The part of this time in which most mails leave. Before it, the notifier waits until the sale is over, and after it, none may be left.
const PEAK: Duration = Duration::from_secs(1);
/// Time between two counts.
const COUNT_INTERVAL: Duration = Duration::from_millis(50);

/// The time of the latest mail by recipient, and the number of mails.
#[derive(Debug, Default)]
struct Arrivals {
    by_recipient: HashMap<String, Instant>,
    mails: u64,
}

/// A mail server that takes everything and stores nothing but the times.
struct MailSink {
    server: SmtpServer,
    arrivals: Arc<Mutex<Arrivals>>,
}

impl MailSink {
    /// Starts a server that runs until it is dropped.
    fn start() -> Self {
        let arrivals = Arc::<Mutex<Arrivals>>::default();
        let sink = arrivals.clone();
        let server = SmtpServer::observed(move |recipient| {
            let mut arrivals = lock(&sink);
            arrivals.mails += 1;
            arrivals.by_recipient.insert(recipient.to_owned(), Instant::now());
        });
        Self { server, arrivals }
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        lock(&self.arrivals)
    }

    /// Returns the time from each booking to its mail, for the mails that have arrived.
    fn delays(&self, booked: &[(String, Instant)]) -> Vec<Duration> {
        let arrivals = self.arrivals();
        booked.iter().filter_map(|(recipient, at)| Some(arrivals.by_recipient.get(recipient)?.saturating_duration_since(*at))).collect()
    }
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address(visitor: u64) -> String {
    format!("{}@people.example", account(visitor))
}

/// Creates the accounts of all visitors, to whom the mails go.
async fn create_accounts(environment: &BenchEnvironment) -> Fallible<()> {
    let hash = format!("$2b$04${}", "a".repeat(53));
    let sql = format!(
        "INSERT INTO accounts (id, name, name_normalized, username, username_normalized, username_key, email, email_normalized, email_key,
             role, password_hash, created_at)
         SELECT id::uuid, 'Visitor ' || index, 'visitor ' || index, 'bench' || index, 'bench' || index, 'bench' || index,
             id || '@people.example', id || '@people.example', id || '@people.example', 'user', '{hash}', now()
         FROM (SELECT index, '01990000-0000-7000-8000-' || lpad(to_hex(index), 12, '0') AS id FROM generate_series(0, {VISITORS} - 1) AS index) AS visitors
         ON CONFLICT DO NOTHING"
    );
    environment.auth_database().await?.run(&sql).await
}

/// The part of the notifications that exists while bookings are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notifications {
    /// There is no queue for them, as in an installation without a notifier.
    None,
    /// The broker stores them, and nobody consumes them.
    Queues,
    /// A notifier consumes them.
    Consumed,
}

impl Notifications {
    /// Establishes this state with empty queues.
    async fn establish(self, environment: &mut BenchEnvironment, sink: &MailSink) -> Fallible<()> {
        if let Some(notifier) = environment.notifier.take() {
            notifier.stop().await?;
        }
        let settings = environment.amqp()?;
        for queue in Topology::all_notifications(&settings).iter().flat_map(Topology::queues) {
            delete_queue(&settings, queue).await?;
        }
        if self != Self::None {
            Topology::bind_notifications(&settings).await?;
        }
        if self == Self::Consumed {
            environment.start_notifier(sink.server.address.port()).await?;
        }
        Ok(())
    }
}

/// Measures bookings without and with a notifier that consumes their messages, and the notifier itself. The states alternate, so that the
/// ratios do not depend on what else the machine does at the time.
pub async fn run(environment: &mut BenchEnvironment, scale: &Scale) -> Fallible<Vec<Figure>> {
    create_accounts(environment).await?;
    let sink = MailSink::start();
    Notifications::Consumed.establish(environment, &sink).await?;
    let mut delays = delays(environment, &sink, if scale.rounds > 2 { 500 } else { 200 }).await?;

    let mut order = [Notifications::None, Notifications::Queues, Notifications::Consumed];
    let (mut without, mut queued, mut with) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        for state in order {
            state.establish(environment, &sink).await?;
            let sample = measure(environment, scale, Workload::Hot(64)).await?;
            match state {
                Notifications::None => without.push(sample),
                Notifications::Queues => queued.push(sample),
                Notifications::Consumed => with.push(sample),
            }
        }
        order.reverse();
    }

    Notifications::Consumed.establish(environment, &sink).await?;
    measure(environment, scale, Workload::Hot(64)).await?;
    let rate = peak_rate(&sink).await;

    let ratios = |samples: &[BenchSample], of: fn(&BenchSample) -> f64| -> Vec<f64> {
        samples.iter().zip(&without).map(|(sample, without)| of(sample) / of(without)).collect()
    };
    delays.sort_unstable();
    let milliseconds = |percent: usize| {
        delays.get((delays.len() * percent / 100).min(delays.len().saturating_sub(1))).map_or(0.0, |delay| delay.as_secs_f64() * 1000.0)
    };
    let figures = [
        Figure::new("hot_with_notifier_vs_without", &ratios(&with, |sample| sample.rate), "", Some(Goal::AtLeast(0.97))),
        Figure::new("hot_with_its_queue_alone_vs_without", &ratios(&queued, |sample| sample.rate), "", None),
        Figure::new("cpu_per_booking_with_notifier_vs_without", &ratios(&with, |sample| sample.system_us), "", None),
        Figure::new("cpu_per_booking_with_its_queue_vs_without", &ratios(&queued, |sample| sample.system_us), "", None),
        Figure::new("mail_delay_p50", &[milliseconds(50)], "ms", None),
        Figure::new("mail_delay_p99", &[milliseconds(99)], "ms", Some(Goal::AtMost(2000.0))),
        Figure::new("mails_handed_over", &[rate], "/s", Some(Goal::AtLeast(2000.0))),
    ];
    Ok(figures.into_iter().flatten().collect())
}

/// Returns the mails per second in the part of the time after a sale in which most leave.
async fn peak_rate(sink: &MailSink) -> f64 {
    let start = Instant::now();
    let mut counts = vec![(start, sink.arrivals().mails)];
    let mut peak: f64 = 0.0;
    while start.elapsed() < COUNTED {
        tokio::time::sleep(COUNT_INTERVAL).await;
        let (now, mails) = (Instant::now(), sink.arrivals().mails);
        counts.push((now, mails));
        if let Some((since, before)) = counts.iter().rev().find(|(at, _)| now.duration_since(*at) >= PEAK) {
            peak = peak.max(float(mails - before) / now.duration_since(*since).as_secs_f64());
        }
    }
    peak
}

/// Books a ticket as a visitor.
async fn book(environment: &BenchEnvironment, visitor: u64, body: &str) -> Fallible<()> {
    let token = environment.tokens.token(visitor).to_owned();
    match environment.call(environment.ports.booking(), "POST", "/api/book", &token, body).await? {
        201 => Ok(()),
        status => Err(format!("a booking was answered with status {status}").into()),
    }
}

/// Books at a moderate rate and returns the time from each response to the arrival of the mail.
async fn delays(environment: &mut BenchEnvironment, sink: &MailSink, bookings: u64) -> Fallible<Vec<Duration>> {
    let fixture = environment.next_fixture(1);
    fixture.create(&environment.database, Stock { available: 1_000_000, ..Stock::default() }, VISITORS).await?;
    let body = format!(r#"{{"eventId":"{}","ticketTypeId":"{}"}}"#, fixture.event(1), fixture.ticket_type(1));
    let mut booked = Vec::new();
    // The first mail takes longer, because the notifier opens its connections for it.
    while sink.arrivals().mails == 0 {
        book(environment, bookings, &body).await?;
        tokio::time::sleep(PAUSE).await;
    }
    for visitor in 0..bookings {
        book(environment, visitor, &body).await?;
        booked.push((address(visitor), Instant::now()));
        tokio::time::sleep(PAUSE).await;
    }
    let start = Instant::now();
    let delays = loop {
        let delays = sink.delays(&booked);
        if count(delays.len()) == bookings {
            break delays;
        }
        if start.elapsed() > TIMEOUT {
            return Err(format!("mails went to {} of {bookings} visitors within {} s", delays.len(), TIMEOUT.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    finish(environment, fixture, &mut BenchSample::default()).await?;
    Ok(delays)
}
