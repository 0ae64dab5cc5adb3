//! Makes the faults and heals them, and measures how long the system needs to serve again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use rustix::process::Signal;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::Fallible;
use crate::desk::{Desk, Person};
use crate::events::Sale;
use crate::faults::{Deed, Far, Fault, Line, Schedule};
use crate::http::{Api, Question};
use crate::ledger::{Attempt, Door, Operation};
use crate::prober::Prober;
use crate::stage::{Actor, Part, Stage};

/// Within this time after a fault is healed everything must be served and every service be ready.
const RECOVERY: Duration = Duration::from_secs(60);
/// What the services promise: requests in flight end within this time after SIGTERM.
const DRAIN: Duration = Duration::from_secs(15);
/// So many requests are in a service when it is asked to stop.
const IN_FLIGHT: usize = 24;

/// What happened to one kind of fault.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Faced {
    /// How often it was made.
    pub times: u32,
    /// The longest time from its end until everything was served again.
    pub longest_recovery_ms: u128,
}

/// A SIGTERM: from the signal until the process had ended.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// The signal.
    pub from: Instant,
    /// The end.
    pub until: Instant,
}

/// What came of all faults.
#[derive(Debug, Default)]
pub struct Damage {
    /// By kind.
    pub faced: BTreeMap<String, Faced>,
    /// When booking-services were draining and nothing else was wrong.
    pub drains: Vec<Drain>,
    /// What must not be, a sentence each.
    pub wrong: Vec<String>,
}

/// Who makes the faults.
#[derive(Debug)]
pub struct Injector<'a> {
    /// What they are made to.
    pub stage: &'a Stage,
    /// What tells when all is served again.
    pub prober: Prober,
    /// For requests straight to a service.
    pub desk: Desk,
    /// Who sends them.
    pub person: Person,
    /// What they are for.
    pub sale: Sale,
}

impl Injector<'_> {
    /// Makes faults until a time.
    pub async fn run(&self, mut schedule: Schedule, until: Instant) -> Fallible<Damage> {
        let start = Instant::now();
        let mut damage = Damage::default();
        loop {
            tokio::time::sleep(schedule.pause()).await;
            if Instant::now() >= until {
                return Ok(damage);
            }
            damage.wrong.extend(self.stage.ended_by_themselves().await?);
            let fault = schedule.draw();
            self.prober.forget();
            let at = start.elapsed();
            let drained = self.make(&fault).await?;
            let healed = Instant::now();
            let recovery = self.recover(healed).await;
            let deeds: Vec<_> = fault.deeds.iter().map(Deed::describe).collect();
            let deeds = deeds.join("; ");
            let faced = damage.faced.entry(fault.kind.clone()).or_default();
            faced.times += 1;
            if let Some(time) = recovery {
                eprintln!("  {:>5.1} s  {}: {deeds}; serves again after {} ms", at.as_secs_f64(), fault.kind, time.as_millis());
                faced.longest_recovery_ms = faced.longest_recovery_ms.max(time.as_millis());
            } else {
                let missing = format!("{}: {deeds}: not everything was served again {} s after it", fault.kind, RECOVERY.as_secs());
                eprintln!("  {:>5.1} s  {missing}", at.as_secs_f64());
                damage.wrong.push(missing);
            }
            for outcome in drained {
                damage.wrong.extend(outcome.wrong);
                damage.drains.extend(outcome.drain);
            }
        }
    }

    /// Waits until a booking and a log-in that were asked for after an instant are answered and all services are ready.
    async fn recover(&self, healed: Instant) -> Option<Duration> {
        while healed.elapsed() < RECOVERY {
            if self.prober.served_after(healed) && self.stage.all_ready().await {
                return Some(healed.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// Makes a fault and heals it.
    async fn make(&self, fault: &Fault) -> Fallible<Vec<Terminated>> {
        let done = try_join_all(fault.deeds.iter().map(|deed| self.do_it(deed))).await?;
        Ok(done.into_iter().flatten().collect())
    }

    async fn do_it(&self, deed: &Deed) -> Fallible<Option<Terminated>> {
        match deed {
            Deed::Kill(parts) => {
                // All at the same moment, before any of them is started again.
                for (part, _) in parts {
                    self.stage.actor(*part)?.service.lock().await.kill().await?;
                }
                try_join_all(parts.iter().map(|(part, downtime)| self.start_after(*part, *downtime))).await?;
            }
            Deed::Terminate(part, downtime) => return self.terminate(*part, *downtime).await.map(Some),
            Deed::Crash(far, downtime) => {
                let mut server = self.server(*far).lock().await;
                server.crash().await?;
                tokio::time::sleep(*downtime).await;
                server.start().await?;
            }
            Deed::Freeze(part, time) => {
                let service = self.stage.actor(*part)?.service.lock().await;
                service.signal(Signal::STOP)?;
                tokio::time::sleep(*time).await;
                service.signal(Signal::CONT)?;
            }
            Deed::FreezeServer(far, time) => {
                let server = self.server(*far).lock().await;
                server.signal_all(Signal::STOP)?;
                tokio::time::sleep(*time).await;
                server.signal_all(Signal::CONT)?;
            }
            Deed::Lines(line, far, parts, time) => {
                let lines =
                    parts.iter().map(|part| self.stage.actor(*part).map(|actor| line_to(actor, *far))).collect::<Fallible<Vec<_>>>()?;
                for proxy in &lines {
                    match line {
                        Line::Cut => proxy.refuse(),
                        Line::Silent => proxy.pause(),
                        Line::Slow(delay) => proxy.slow(*delay),
                    }
                }
                tokio::time::sleep(*time).await;
                for proxy in lines {
                    proxy.pass();
                }
            }
        }
        Ok(None)
    }

    fn server(&self, far: Far) -> &tokio::sync::Mutex<crate::server::Server> {
        match far {
            Far::Postgres => &self.stage.postgres,
            Far::RabbitMq => &self.stage.rabbitmq,
        }
    }

    async fn start_after(&self, part: Part, downtime: Duration) -> Fallible<()> {
        tokio::time::sleep(downtime).await;
        self.stage.actor(part)?.service.lock().await.start()
    }

    /// Clients with a connection each that the service has answered on. What is sent on it has reached the service, which
    /// cannot be said of a connection that may still wait in the kernel.
    async fn accepted_connections(&self, part: Part) -> Fallible<Vec<Api>> {
        let apis = (0..IN_FLIGHT).map(|_| Api::at(self.stage.port(part)?)).collect::<Fallible<Vec<_>>>()?;
        let path = format!("/api/events/{}", self.sale.event);
        let question = Question::get(&path, &self.person.token);
        join_all(apis.iter().map(|api| api.ask(&question))).await;
        Ok(apis)
    }

    /// Asks a service to stop while requests are on their way into it, and sees whether it keeps its word.
    async fn terminate(&self, part: Part, downtime: Duration) -> Fallible<Terminated> {
        let actor = self.stage.actor(part)?;
        let mut terminated = Terminated::default();
        let mut service = actor.service.lock().await;
        let sent = CancellationToken::new();
        let direct = async {
            if !matches!(part, Part::Booking(_)) {
                return Ok(Vec::new());
            }
            let apis = self.accepted_connections(part).await?;
            // So that they are still on their way when the signal comes.
            actor.database.slow(Duration::from_millis(60));
            sent.cancel();
            let operation = Operation::Book { event: self.sale.event, ticket_type: self.sale.ticket_type, quantity: 1, join: true };
            let asking = apis.iter().map(|api| self.desk.probe(api, Door::Direct, &self.person, operation.clone(), crate::http::DEADLINE));
            Fallible::Ok(join_all(asking).await)
        };
        let stop = async {
            if matches!(part, Part::Booking(_)) {
                sent.cancelled().await;
                service.until_waiting(IN_FLIGHT, DRAIN).await;
            }
            let from = Instant::now();
            service.signal(Signal::TERM)?;
            let status = service.until_ended(DRAIN + Duration::from_secs(5)).await?;
            Fallible::Ok((from, Instant::now(), status))
        };
        let (attempts, (from, until, status)) = tokio::try_join!(direct, stop)?;
        actor.database.pass();
        match status {
            Some(status) if status.success() && until - from <= DRAIN => {}
            Some(status) => terminated.wrong.push(format!(
                "{} ended {:.1} s after SIGTERM with {status} instead of 0 within {} s; see {}",
                service.name,
                (until - from).as_secs_f64(),
                DRAIN.as_secs(),
                service.log()
            )),
            None => terminated.wrong.push(format!("{} did not end after SIGTERM; see {}", service.name, service.log())),
        }
        let lost: Vec<_> = attempts.iter().filter(|attempt| !answered_properly(attempt)).collect();
        if let Some(first) = lost.first() {
            terminated.wrong.push(format!(
                "{} of {} requests that {} had before SIGTERM were not answered properly, the first with: {} after {} ms ({:?}); see {}",
                lost.len(),
                attempts.len(),
                service.name,
                first.kind(),
                first.took().as_millis(),
                first.answer.as_ref().err(),
                service.log()
            ));
        }
        if matches!(part, Part::Booking(_)) {
            terminated.drain = Some(Drain { from, until });
        }
        tokio::time::sleep(downtime).await;
        service.start()?;
        Ok(terminated)
    }
}

#[derive(Debug, Default)]
struct Terminated {
    drain: Option<Drain>,
    wrong: Vec<String>,
}

fn answered_properly(attempt: &Attempt) -> bool {
    attempt.answer.as_ref().is_ok_and(|reply| reply.status < 500)
}

fn line_to(actor: &Actor, far: Far) -> &rowlock_test_support::proxy::Proxy {
    match far {
        Far::Postgres => &actor.database,
        Far::RabbitMq => &actor.broker,
    }
}
