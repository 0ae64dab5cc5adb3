//! Runs one chaos test, from the start of the services to the report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rowlock_messaging::amqp::{AmqpSettings, Topology, queue_depth};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::accounts::{self, RegistrationTask, SharedRegistrationLog};
use crate::audit::{Evidence, Violation, audit};
use crate::client::{Client, Exchange};
use crate::environment::{ChaosEnvironment, ServiceId, secret};
use crate::events::EventCatalog;
use crate::faults::FaultSchedule;
use crate::http::ApiClient;
use crate::injector::{FaultInjector, FaultSummary};
use crate::options::Options;
use crate::postbox::Postbox;
use crate::prober::Prober;
use crate::report::{Report, RunInfo};
use crate::request_log::{RequestLog, count_requests};
use crate::sender::{RequestSender, StopSignal, TestAccount};
use crate::tables::{DatabaseReader, Tables};
use crate::{Fallible, administrator, messages};

/// Number of ticket clients.
const CLIENTS: usize = 60;
/// Number of tasks that register new accounts.
const REGISTRATION_TASKS: usize = 2;
/// Time after the last fault during which requests without a final response are still retried.
const DECISION_TIMEOUT: Duration = Duration::from_secs(45);
/// Timeout after that for everything in flight to finish.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The worker sweeps at least once in this time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(4);
/// Interval of the progress output.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(15);
/// Duration of the control run.
const CONTROL_TIME: Duration = Duration::from_secs(20);

/// Rule that the system as a whole violates if it does not survive the faults.
const RECOVERY_RULE: &str = "the system recovers by itself and shuts down cleanly";

/// Runs a chaos test. Returns whether it found no violation, or for a control run, whether it found some.
pub async fn run(options: Options) -> Fallible<bool> {
    let started = Instant::now();
    let seed = options.seed.unwrap_or_else(|| rand::random_range(1..1_000_000_000));
    println!("seed {seed} (to repeat this schedule: make chaos SEED={seed})");
    std::fs::create_dir_all(&options.out)?;
    let mut rng = StdRng::seed_from_u64(seed);
    let duration = if options.control { CONTROL_TIME } else { Duration::try_from_secs_f64(options.minutes * 60.0)? };
    let environment = ChaosEnvironment::start(options, rng.random()).await?;
    let amqp = environment.amqp()?;
    messages::declare_message_queue(&amqp).await?;
    let mut load = ClientLoad::create(&environment, &mut rng).await?;
    eprintln!("  starting {CLIENTS} clients");
    load.start(&mut rng, environment.options.control, environment.mail_server.postbox.clone());
    let progress = load.print_progress();
    let until = Instant::now() + duration;
    let summary = if environment.options.control {
        tokio::time::sleep(duration).await;
        FaultSummary::default()
    } else {
        let injector = FaultInjector {
            environment: &environment,
            prober: Prober::start(load.sender.clone(), load.prober.clone(), load.catalog.probes),
            sender: load.sender.clone(),
            account: load.prober.clone(),
            sale: load.catalog.probes,
        };
        injector.run(FaultSchedule::new(StdRng::seed_from_u64(rng.random())), until).await?
    };
    drop(progress);
    eprintln!("  all faults have ended; waiting until every request has a final response and nothing is in flight");
    let mut violations = environment.restart_exited().await?;
    load.stop().await;
    environment.mail_server.recover();
    environment.webhook_receiver.recover();
    violations.extend(settle(&environment, &amqp).await?);
    let reader = database(&environment, "rowlock_booking").await?;
    match reader.overdue_reservations().await? {
        0 => {}
        overdue => violations.push(format!("{overdue} bookings are still reserved although their time is over")),
    }
    reader.freeze_reservations().await?;
    violations.extend(settle(&environment, &amqp).await?);
    let (evidence, invariants) = collect_evidence(&environment, &amqp, load, &summary).await?;
    let mut verdict = audit(&evidence);
    for what in summary.violations.iter().chain(&violations) {
        verdict.violations.push(Violation {
            rule: RECOVERY_RULE,
            what: what.clone(),
            location: environment.options.out.join("log").display().to_string(),
        });
    }
    if !invariants.0 {
        let what = invariants.1.lines().filter(|line| !line.starts_with("ok")).collect::<Vec<_>>().join("; ");
        verdict.violations.push(Violation {
            rule: "booking-service audit reports no violation",
            what,
            location: "the booking database".to_owned(),
        });
    }
    let info = RunInfo {
        commit: environment.options.commit.clone(),
        seed,
        duration,
        total: started.elapsed(),
        counts: count_requests(&evidence.requests),
        account_answers: evidence.registrations.answers.clone(),
        deliveries: evidence.deliveries.len(),
        mails: evidence.mails_taken.len(),
        invariants: invariants.1,
    };
    let report = Report::new(info, summary, verdict);
    report.write(&environment.options.out)?;
    print!("{}", report.text());
    println!("The report is {}.", environment.options.out.join("report.json").display());
    let control = environment.options.control;
    environment.tear_down().await?;
    Ok(if control { report_control(&report.violations) } else { report.violations.is_empty() })
}

/// Prints which rules the missing row lock violated, and returns whether it violated any.
fn report_control(violations: &[Violation]) -> bool {
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    // A service that does not start proves nothing.
    for violation in violations.iter().filter(|violation| violation.rule != RECOVERY_RULE) {
        *found.entry(violation.rule).or_default() += 1;
    }
    if found.is_empty() {
        println!("The control run failed: the services have no row lock, but the audit found no violation.");
        return false;
    }
    println!("The control run succeeded. Without the row lock, the audit found these violations:");
    for (rule, count) in found {
        println!("  {count:>5} × {rule}");
    }
    true
}

/// All clients of the run.
struct ClientLoad {
    sender: RequestSender,
    catalog: EventCatalog,
    admin: TestAccount,
    visitors: Vec<TestAccount>,
    prober: TestAccount,
    registrations: SharedRegistrationLog,
    tasks: JoinSet<()>,
}

impl ClientLoad {
    async fn create(environment: &ChaosEnvironment, rng: &mut StdRng) -> Fallible<Self> {
        let gateway = ApiClient::at(environment.options.gateway_port)?;
        let admin = accounts::administrator(&gateway, &secret(&environment.options, "bootstrap-token")?).await?;
        // Before anything happens that the webhook is to report.
        let notifier = ApiClient::at(environment.port(ServiceId::Notifier(0))?)?;
        environment.webhook_receiver.register(&notifier, &admin.token).await?;
        let mut visitors = Vec::new();
        for index in 0..CLIENTS {
            visitors.push(accounts::visitor(&gateway, &format!("visitor-{index}")).await?);
        }
        let prober = accounts::visitor(&gateway, "prober").await?;
        let catalog = EventCatalog::create(&gateway, &admin.token, rng).await?;
        let sender = RequestSender { gateway, request_log: RequestLog::default(), stop_signal: StopSignal::default() };
        Ok(Self { sender, catalog, admin, visitors, prober, registrations: SharedRegistrationLog::default(), tasks: JoinSet::new() })
    }

    fn start(&mut self, rng: &mut StdRng, control: bool, postbox: Postbox) {
        let mut catalog = self.catalog.clone();
        if control {
            // All clients compete for one event, where a missing lock shows.
            catalog.small = vec![catalog.hot];
        }
        let addresses = self.visitors.iter().map(|account| account.email.clone()).collect();
        let exchange = Exchange { addresses, postbox };
        for account in &self.visitors {
            let client = Client::new(self.sender.clone(), account.clone(), catalog.clone(), exchange.clone(), rng.random());
            self.tasks.spawn(client.run());
        }
        self.tasks.spawn(administrator::run(self.sender.clone(), self.admin.clone(), catalog, rng.random()));
        for index in 0..REGISTRATION_TASKS {
            let (api, stop_signal, registrations) =
                (self.sender.gateway.clone(), self.sender.stop_signal.clone(), self.registrations.clone());
            let task = RegistrationTask { api, stop_signal, registrations, name_prefix: format!("newcomer-{index}") };
            self.tasks.spawn(task.run(rng.random()));
        }
    }

    /// Prints a progress line at intervals until the handle is dropped.
    fn print_progress(&self) -> tokio_util::task::AbortOnDropHandle<()> {
        let (request_log, start) = (self.sender.request_log.clone(), Instant::now());
        tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
            let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
            tick.tick().await;
            loop {
                tick.tick().await;
                eprintln!("  {:>5.1} s  {} requests so far", start.elapsed().as_secs_f64(), request_log.len());
            }
        }))
    }

    /// Stops the clients and waits until every request has a final response or was abandoned.
    async fn stop(&mut self) {
        self.sender.stop_signal.stopping.cancel();
        self.sender.stop_signal.give_up_at.send_replace(Some(Instant::now() + DECISION_TIMEOUT));
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Waits until nothing is in flight and the worker has swept once more. Returns a violation if something is still in flight
/// after the timeout.
async fn settle(environment: &ChaosEnvironment, amqp: &AmqpSettings) -> Fallible<Vec<String>> {
    let reader = database(environment, "rowlock_booking").await?;
    let notifier = database(environment, "rowlock_notifier").await?;
    let [urgent, others] = Topology::all_notifications(amqp);
    let families = [Topology::new(amqp), urgent, others];
    let start = Instant::now();
    loop {
        let rows = reader.in_flight().await?;
        let unsent = notifier.unsent().await?;
        let mut queued = 0;
        for family in &families {
            let retries = family.retry_queues.iter().map(|retry| &retry.queue);
            for queue in retries.chain([&family.work_queue]) {
                queued += queue_depth(amqp, queue).await?.unwrap_or_default();
            }
        }
        if rows == 0 && unsent == 0 && queued == 0 && environment.all_ready().await {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            return Ok(Vec::new());
        }
        if start.elapsed() > SETTLE_TIMEOUT {
            let seconds = SETTLE_TIMEOUT.as_secs();
            return Ok(vec![format!(
                "{rows} outbox messages or held ticket types, {unsent} mails or webhook requests and {queued} queued messages are still in \
                 flight after {seconds} seconds without load"
            )]);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn database(environment: &ChaosEnvironment, name: &str) -> Fallible<DatabaseReader> {
    DatabaseReader::at(environment.options.pg_port, &secret(&environment.options, "postgres")?, name).await
}

/// Collects everything that the audit needs, and runs `booking-service audit`.
async fn collect_evidence(
    environment: &ChaosEnvironment,
    amqp: &AmqpSettings,
    load: ClientLoad,
    summary: &FaultSummary,
) -> Fallible<(Evidence, (bool, String))> {
    let [booking, auth, notifier] = ["rowlock_booking", "rowlock_auth", "rowlock_notifier"].map(|name| database(environment, name));
    let tables = Tables::read(&booking.await?, &auth.await?, &notifier.await?).await?;
    let (mails_taken, unknown_mails) = environment.mail_server.taken();
    let (deliveries, unreadable) = messages::read_all(amqp).await?;
    let mut dead_letters = 0;
    for topology in Topology::all(amqp).into_iter().chain(Topology::all_notifications(amqp)) {
        dead_letters += u64::from(queue_depth(amqp, &topology.dead_queue).await?.unwrap_or_default());
    }
    let mut command = Command::new(environment.options.bin_dir.join("booking-service"));
    let output = command.arg("audit").env_clear().envs(environment.operator_settings()?).output().await?;
    let output_text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut sales = load.catalog.small.clone();
    sales.extend([load.catalog.hot, load.catalog.probes]);
    let registrations = std::mem::take(&mut *load.registrations.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let evidence = Evidence {
        sales,
        requests: load.sender.request_log.take(),
        registrations,
        tables,
        deliveries,
        unreadable,
        mails_taken,
        unknown_mails,
        webhook_messages: environment.webhook_receiver.taken(),
        dead_letters,
        shutdowns: summary.shutdowns.clone(),
    };
    Ok((evidence, (output.status.success(), output_text)))
}
