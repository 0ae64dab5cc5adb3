//! Injects the faults, reverses them, and measures the recovery time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use rowlock_test_support::proxy::Proxy;
use rustix::process::Signal;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::Fallible;
use crate::environment::{ChaosEnvironment, ManagedService, ServiceId};
use crate::events::Sale;
use crate::faults::{Dependency, Fault, FaultAction, FaultSchedule, LinkFault};
use crate::http::{ApiClient, ApiRequest};
use crate::prober::Prober;
use crate::request_log::{Attempt, EntryPoint, Operation};
use crate::sender::{RequestSender, TestAccount};

/// Time after the end of a fault within which all requests must succeed again and all services be ready.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// Shutdown timeout of the services: they finish requests in flight and exit within this time after SIGTERM.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Number of requests in flight in a service when it receives SIGTERM.
const IN_FLIGHT: usize = 24;

/// Statistics of one kind of fault.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultStats {
    /// How often it was injected.
    pub times: u32,
    /// Longest time from its end until requests succeeded again, in milliseconds.
    pub longest_recovery_ms: u128,
}

/// Interval during which a booking-service was shutting down.
#[derive(Debug, Clone, Copy)]
pub struct ShutdownInterval {
    /// Time of the SIGTERM.
    pub from: Instant,
    /// Time of the exit.
    pub until: Instant,
}

/// Results of all faults.
#[derive(Debug, Default)]
pub struct FaultSummary {
    /// Statistics by kind of fault.
    pub faults: BTreeMap<String, FaultStats>,
    /// Intervals during which a booking-service was shutting down and no other fault was active.
    pub shutdowns: Vec<ShutdownInterval>,
    /// Descriptions of everything that went wrong.
    pub violations: Vec<String>,
}

/// Injects the faults.
#[derive(Debug)]
pub struct FaultInjector<'a> {
    /// The processes under test.
    pub environment: &'a ChaosEnvironment,
    /// Detects when requests succeed again.
    pub prober: Prober,
    /// Sends requests directly to a service.
    pub sender: RequestSender,
    /// Account of these requests.
    pub account: TestAccount,
    /// Ticket type of these requests.
    pub sale: Sale,
}

impl FaultInjector<'_> {
    /// Injects faults until this time.
    pub async fn run(&self, mut schedule: FaultSchedule, until: Instant) -> Fallible<FaultSummary> {
        let start = Instant::now();
        let mut summary = FaultSummary::default();
        loop {
            tokio::time::sleep(schedule.pause()).await;
            if Instant::now() >= until {
                return Ok(summary);
            }
            summary.violations.extend(self.environment.restart_exited().await?);
            let fault = schedule.draw();
            self.prober.reset();
            let at = start.elapsed();
            let terminations = self.inject(&fault).await?;
            let fault_end = Instant::now();
            let recovery = self.recover(fault_end).await;
            let actions: Vec<_> = fault.actions.iter().map(FaultAction::describe).collect();
            let actions = actions.join("; ");
            let stats = summary.faults.entry(fault.kind.clone()).or_default();
            stats.times += 1;
            if let Some(time) = recovery {
                eprintln!("  {:>5.1} s  {}: {actions}; recovered after {} ms", at.as_secs_f64(), fault.kind, time.as_millis());
                stats.longest_recovery_ms = stats.longest_recovery_ms.max(time.as_millis());
            } else {
                let violation = format!(
                    "{}: {actions}: the system had not recovered {} s after the end of the fault",
                    fault.kind,
                    RECOVERY_TIMEOUT.as_secs()
                );
                eprintln!("  {:>5.1} s  {violation}", at.as_secs_f64());
                summary.violations.push(violation);
            }
            for outcome in terminations {
                summary.violations.extend(outcome.violations);
                summary.shutdowns.extend(outcome.shutdown);
            }
        }
    }

    /// Waits until a booking and a login that were sent after an instant have succeeded and all services are ready. Returns
    /// the elapsed time, or None on timeout.
    async fn recover(&self, fault_end: Instant) -> Option<Duration> {
        while fault_end.elapsed() < RECOVERY_TIMEOUT {
            if self.prober.succeeded_after(fault_end) && self.environment.all_ready().await {
                return Some(fault_end.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// Injects a fault and reverses it.
    async fn inject(&self, fault: &Fault) -> Fallible<Vec<TerminationResult>> {
        let results = try_join_all(fault.actions.iter().map(|action| self.perform(action))).await?;
        Ok(results.into_iter().flatten().collect())
    }

    async fn perform(&self, action: &FaultAction) -> Fallible<Option<TerminationResult>> {
        match action {
            FaultAction::Kill(service_ids) => {
                // All services are killed before any of them is restarted.
                for (service_id, _) in service_ids {
                    self.environment.service(*service_id)?.process.lock().await.kill().await?;
                }
                try_join_all(service_ids.iter().map(|(service_id, downtime)| self.start_after(*service_id, *downtime))).await?;
            }
            FaultAction::Terminate(service_id, downtime) => return self.terminate(*service_id, *downtime).await.map(Some),
            FaultAction::Crash(dependency, downtime) => {
                let mut server = self.server(*dependency).lock().await;
                server.crash().await?;
                tokio::time::sleep(*downtime).await;
                server.start().await?;
            }
            FaultAction::Freeze(service_id, time) => {
                let service = self.environment.service(*service_id)?.process.lock().await;
                service.signal(Signal::STOP)?;
                tokio::time::sleep(*time).await;
                service.signal(Signal::CONT)?;
            }
            FaultAction::FreezeServer(dependency, time) => {
                let server = self.server(*dependency).lock().await;
                server.signal_all(Signal::STOP)?;
                tokio::time::sleep(*time).await;
                server.signal_all(Signal::CONT)?;
            }
            FaultAction::Connections(fault, dependency, service_ids, time) => {
                let proxies = service_ids
                    .iter()
                    .map(|service_id| self.environment.service(*service_id).map(|managed| proxy_to(managed, *dependency)))
                    .collect::<Fallible<Vec<_>>>()?;
                disturb(&proxies, *fault, *time).await;
            }
            FaultAction::NotifierConnections(fault, time) => {
                let ChaosEnvironment { mail_server, webhook_receiver, .. } = self.environment;
                disturb(&[&mail_server.connections, &webhook_receiver.connections], *fault, *time).await;
            }
        }
        Ok(None)
    }

    fn server(&self, dependency: Dependency) -> &tokio::sync::Mutex<crate::server::Server> {
        match dependency {
            Dependency::Postgres => &self.environment.postgres,
            Dependency::RabbitMq => &self.environment.rabbitmq,
        }
    }

    async fn start_after(&self, service_id: ServiceId, downtime: Duration) -> Fallible<()> {
        tokio::time::sleep(downtime).await;
        self.environment.service(service_id)?.process.lock().await.start()
    }

    /// Opens connections on which the service has already responded. A request on such a connection has reached the service,
    /// while a new connection might still wait in the kernel's accept queue.
    async fn accepted_connections(&self, service_id: ServiceId) -> Fallible<Vec<ApiClient>> {
        let apis = (0..IN_FLIGHT).map(|_| ApiClient::at(self.environment.port(service_id)?)).collect::<Fallible<Vec<_>>>()?;
        let path = format!("/api/events/{}", self.sale.event);
        let request = ApiRequest::get(&path, &self.account.token);
        join_all(apis.iter().map(|api| api.send(&request))).await;
        Ok(apis)
    }

    /// Sends SIGTERM to a service while requests are in flight, and checks that it finishes them and exits in time.
    async fn terminate(&self, service_id: ServiceId, downtime: Duration) -> Fallible<TerminationResult> {
        let managed = self.environment.service(service_id)?;
        let mut termination = TerminationResult::default();
        let mut service = managed.process.lock().await;
        let sent = CancellationToken::new();
        let direct = async {
            if !matches!(service_id, ServiceId::Booking(_)) {
                return Ok(Vec::new());
            }
            let apis = self.accepted_connections(service_id).await?;
            // The delay keeps the requests in flight until the signal arrives.
            managed.database.slow(Duration::from_millis(60));
            sent.cancel();
            let operation = Operation::Book {
                event: self.sale.event,
                ticket_type: self.sale.ticket_type,
                also: None,
                quantity: 1,
                min_quantity: 1,
                join: true,
            };
            let requests = apis
                .iter()
                .map(|api| self.sender.probe(api, EntryPoint::Direct, &self.account, operation.clone(), crate::http::REQUEST_TIMEOUT));
            Fallible::Ok(join_all(requests).await)
        };
        let stop = async {
            if matches!(service_id, ServiceId::Booking(_)) {
                sent.cancelled().await;
                service.wait_for_queued_commands(IN_FLIGHT, DRAIN_TIMEOUT).await;
                // The commands of other clients are queued, too. A request that was not read is lost when its connection is closed.
                service.wait_until_requests_are_read(self.environment.port(service_id)?, DRAIN_TIMEOUT).await;
            }
            let from = Instant::now();
            service.signal(Signal::TERM)?;
            let status = service.wait_for_exit(DRAIN_TIMEOUT + Duration::from_secs(5)).await?;
            Fallible::Ok((from, Instant::now(), status))
        };
        let (attempts, (from, until, status)) = tokio::try_join!(direct, stop)?;
        managed.database.pass();
        match status {
            Some(status) if status.success() && until - from <= DRAIN_TIMEOUT => {}
            Some(status) => termination.violations.push(format!(
                "{} exited {:.1} s after SIGTERM with {status} instead of status 0 within {} s; see {}",
                service.name,
                (until - from).as_secs_f64(),
                DRAIN_TIMEOUT.as_secs(),
                service.log()
            )),
            None => termination.violations.push(format!("{} did not exit after SIGTERM; see {}", service.name, service.log())),
        }
        let lost: Vec<_> = attempts.iter().filter(|attempt| !succeeded(attempt)).collect();
        if let Some(first) = lost.first() {
            termination.violations.push(format!(
                "{} of {} requests that {} had received before SIGTERM failed, the first with: {} after {} ms ({:?}); see {}",
                lost.len(),
                attempts.len(),
                service.name,
                first.kind(),
                first.duration().as_millis(),
                first.result.as_ref().err(),
                service.log()
            ));
        }
        if matches!(service_id, ServiceId::Booking(_)) {
            termination.shutdown = Some(ShutdownInterval { from, until });
        }
        tokio::time::sleep(downtime).await;
        service.start()?;
        Ok(termination)
    }
}

#[derive(Debug, Default)]
struct TerminationResult {
    shutdown: Option<ShutdownInterval>,
    violations: Vec<String>,
}

fn succeeded(attempt: &Attempt) -> bool {
    attempt.result.as_ref().is_ok_and(|response| response.status < 500)
}

/// Disturbs the connections through some proxies for a time.
async fn disturb(proxies: &[&Proxy], fault: LinkFault, time: Duration) {
    for proxy in proxies {
        match fault {
            LinkFault::Cut => proxy.refuse(),
            LinkFault::Frozen => proxy.pause(),
            LinkFault::Slow(delay) => proxy.slow(delay),
        }
    }
    tokio::time::sleep(time).await;
    for proxy in proxies {
        proxy.pass();
    }
}

fn proxy_to(managed: &ManagedService, dependency: Dependency) -> &Proxy {
    match dependency {
        Dependency::Postgres => &managed.database,
        Dependency::RabbitMq => &managed.broker,
    }
}
