//! One run from the start of the services to the report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rowlock_messaging::amqp::{AmqpSettings, Topology, queue_depth};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::accounts::{self, Newcomers, SharedRegister};
use crate::audit::{Evidence, Violation, audit};
use crate::client::Client;
use crate::desk::{Closing, Desk, Person};
use crate::events::Program;
use crate::faults::Schedule;
use crate::http::Api;
use crate::inject::{Damage, Injector};
use crate::ledger::{Ledger, sums};
use crate::options::Options;
use crate::prober::Prober;
use crate::report::{Circumstances, Report};
use crate::stage::{Stage, secret};
use crate::tables::{Look, Tables};
use crate::{Fallible, administrator, messages};

/// Clients of the box office.
const CLIENTS: usize = 60;
/// Newcomers at a time.
const NEWCOMERS: usize = 2;
/// How long undecided requests are asked about after the last fault was healed.
const DECIDE: Duration = Duration::from_secs(45);
/// How long it may take after that until nothing is in flight.
const SETTLE: Duration = Duration::from_secs(60);
/// So long the worker sweeps at least once.
const SWEEP: Duration = Duration::from_secs(4);
/// How often the progress is told.
const PROGRESS: Duration = Duration::from_secs(15);
/// How long the control goes on.
const CONTROL: Duration = Duration::from_secs(20);

/// The rule for what the faults did to the system as a whole.
const COMES_BACK: &str = "the system comes back by itself, and stops when asked to";

/// Makes a run. Tells whether all was as it must be.
pub async fn run(options: Options) -> Fallible<bool> {
    let begun = Instant::now();
    let seed = options.seed.unwrap_or_else(|| rand::random_range(1..1_000_000_000));
    println!("seed {seed} (the same schedule again: make chaos SEED={seed})");
    std::fs::create_dir_all(&options.out)?;
    let mut rng = StdRng::seed_from_u64(seed);
    let storm = if options.control { CONTROL } else { Duration::try_from_secs_f64(options.minutes * 60.0)? };
    let stage = Stage::start(options).await?;
    let amqp = stage.amqp()?;
    messages::listen(&amqp).await?;
    let mut crowd = Crowd::gather(&stage, &mut rng).await?;
    eprintln!("  {CLIENTS} clients begin");
    crowd.begin(&mut rng, stage.options.control);
    let told = crowd.tell_progress();
    let until = Instant::now() + storm;
    let damage = if stage.options.control {
        tokio::time::sleep(storm).await;
        Damage::default()
    } else {
        let injector = Injector {
            stage: &stage,
            prober: Prober::start(crowd.desk.clone(), crowd.prober.clone(), crowd.program.probes),
            desk: crowd.desk.clone(),
            person: crowd.prober.clone(),
            sale: crowd.program.probes,
        };
        injector.run(Schedule::new(StdRng::seed_from_u64(rng.random())), until).await?
    };
    drop(told);
    eprintln!("  all faults are healed; waiting until every request is decided and nothing is in flight");
    let mut wrong = stage.ended_by_themselves().await?;
    crowd.end().await;
    wrong.extend(settle(&stage, &amqp).await?);
    let (evidence, invariants) = gather(&stage, &amqp, crowd, &damage).await?;
    let mut verdict = audit(&evidence);
    for what in damage.wrong.iter().chain(&wrong) {
        verdict.violations.push(Violation {
            rule: COMES_BACK,
            what: what.clone(),
            look: stage.options.out.join("log").display().to_string(),
        });
    }
    if !invariants.0 {
        let what = invariants.1.lines().filter(|line| !line.starts_with("ok")).collect::<Vec<_>>().join("; ");
        verdict.violations.push(Violation { rule: "booking-service audit finds nothing", what, look: "the booking database".to_owned() });
    }
    let circumstances = Circumstances {
        commit: stage.options.commit.clone(),
        seed,
        storm,
        total: begun.elapsed(),
        sums: sums(&evidence.requests),
        account_answers: evidence.register.answers.clone(),
        deliveries: evidence.deliveries.len(),
        invariants: invariants.1,
    };
    let report = Report::new(circumstances, damage, verdict);
    report.write(&stage.options.out)?;
    print!("{}", report.text());
    println!("The report is {}.", stage.options.out.join("report.json").display());
    let control = stage.options.control;
    stage.tear_down().await?;
    Ok(if control { found_out(&report.violations) } else { report.violations.is_empty() })
}

/// Whether the missing lock was found out, and by what.
fn found_out(violations: &[Violation]) -> bool {
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    // A service that does not start is no proof of anything.
    for violation in violations.iter().filter(|violation| violation.rule != COMES_BACK) {
        *found.entry(violation.rule).or_default() += 1;
    }
    if found.is_empty() {
        println!("The control failed: the services have no row lock, and nothing was found.");
        return false;
    }
    println!("The control succeeded. Without the row lock these were found broken:");
    for (rule, count) in found {
        println!("  {count:>5} × {rule}");
    }
    true
}

/// Everybody who asks for something.
struct Crowd {
    desk: Desk,
    program: Program,
    admin: Person,
    visitors: Vec<Person>,
    prober: Person,
    register: SharedRegister,
    at_work: JoinSet<()>,
}

impl Crowd {
    async fn gather(stage: &Stage, rng: &mut StdRng) -> Fallible<Self> {
        let gateway = Api::at(stage.options.gateway_port)?;
        let admin = accounts::administrator(&gateway, &secret(&stage.options, "bootstrap-token")?).await?;
        let mut visitors = Vec::new();
        for index in 0..CLIENTS {
            visitors.push(accounts::visitor(&gateway, &format!("visitor-{index}")).await?);
        }
        let prober = accounts::visitor(&gateway, "prober").await?;
        let program = Program::make(&gateway, &admin.token, rng).await?;
        let desk = Desk { gateway, ledger: Ledger::default(), closing: Closing::default() };
        Ok(Self { desk, program, admin, visitors, prober, register: SharedRegister::default(), at_work: JoinSet::new() })
    }

    fn begin(&mut self, rng: &mut StdRng, control: bool) {
        let mut program = self.program.clone();
        if control {
            // All at the one event, where a missing lock is felt.
            program.small = vec![program.hot];
        }
        for person in &self.visitors {
            let client = Client::new(self.desk.clone(), person.clone(), program.clone(), rng.random());
            self.at_work.spawn(client.run());
        }
        self.at_work.spawn(administrator::run(self.desk.clone(), self.admin.clone(), program, rng.random()));
        for index in 0..NEWCOMERS {
            let (api, closing, register) = (self.desk.gateway.clone(), self.desk.closing.clone(), self.register.clone());
            let newcomers = Newcomers { api, closing, register, name: format!("newcomer-{index}") };
            self.at_work.spawn(newcomers.run(rng.random()));
        }
    }

    /// A line now and then until it is dropped.
    fn tell_progress(&self) -> tokio_util::task::AbortOnDropHandle<()> {
        let (ledger, start) = (self.desk.ledger.clone(), Instant::now());
        tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
            let mut tick = tokio::time::interval(PROGRESS);
            tick.tick().await;
            loop {
                tick.tick().await;
                eprintln!("  {:>5.1} s  {} requests so far", start.elapsed().as_secs_f64(), ledger.len());
            }
        }))
    }

    /// Nothing new is begun, and what was begun is decided or given up.
    async fn end(&mut self) {
        self.desk.closing.ending.cancel();
        self.desk.closing.give_up.send_replace(Some(Instant::now() + DECIDE));
        while self.at_work.join_next().await.is_some() {}
    }
}

/// Waits until nothing is in flight and the worker has swept once more. What is still in flight too late is told.
async fn settle(stage: &Stage, amqp: &AmqpSettings) -> Fallible<Vec<String>> {
    let look = booking_database(stage).await?;
    let topology = Topology::new(amqp);
    let start = Instant::now();
    loop {
        let rows = look.in_flight().await?;
        let mut queued = queue_depth(amqp, &topology.work_queue).await?.unwrap_or_default();
        for retry in &topology.retry_queues {
            queued += queue_depth(amqp, &retry.queue).await?.unwrap_or_default();
        }
        if rows == 0 && queued == 0 && stage.all_ready().await {
            tokio::time::sleep(SWEEP).await;
            return Ok(Vec::new());
        }
        if start.elapsed() > SETTLE {
            let seconds = SETTLE.as_secs();
            return Ok(vec![format!(
                "after {seconds} quiet seconds {rows} messages or held types and {queued} queued messages are in flight"
            )]);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn booking_database(stage: &Stage) -> Fallible<Look> {
    Look::at(stage.options.pg_port, &secret(&stage.options, "postgres")?, "rowlock_booking").await
}

/// Reads all that the audit looks at, and asks `booking-service audit` for its own opinion.
async fn gather(stage: &Stage, amqp: &AmqpSettings, crowd: Crowd, damage: &Damage) -> Fallible<(Evidence, (bool, String))> {
    let auth = Look::at(stage.options.pg_port, &secret(&stage.options, "postgres")?, "rowlock_auth").await?;
    let tables = Tables::read(&booking_database(stage).await?, &auth).await?;
    let (deliveries, unreadable) = messages::read_all(amqp).await?;
    let mut dead_letters = 0;
    for topology in [Topology::new(amqp), Topology::accounts(amqp)] {
        dead_letters += u64::from(queue_depth(amqp, &topology.dead_queue).await?.unwrap_or_default());
    }
    let mut command = Command::new(stage.options.bin_dir.join("booking-service"));
    let output = command.arg("audit").env_clear().envs(stage.operator_settings()?).output().await?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut sales = crowd.program.small.clone();
    sales.extend([crowd.program.hot, crowd.program.probes]);
    let register = std::mem::take(&mut *crowd.register.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let evidence = Evidence {
        sales,
        requests: crowd.desk.ledger.take(),
        register,
        tables,
        deliveries,
        unreadable,
        dead_letters,
        drains: damage.drains.clone(),
    };
    Ok((evidence, (output.status.success(), said)))
}
