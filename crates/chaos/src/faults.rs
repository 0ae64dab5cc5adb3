//! Defines the faults and their schedule: all kinds in an order drawn from the seed, repeated in a new order.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::environment::ServiceId;

/// A server that the services depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// PostgreSQL.
    Postgres,
    /// RabbitMQ.
    RabbitMq,
}

impl Dependency {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::RabbitMq => "RabbitMQ",
        }
    }
}

/// Fault of the connections between a service and a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// Open connections are cut, and new ones are closed immediately.
    Cut,
    /// Nothing is forwarded, but the connections stay open.
    Frozen,
    /// Everything is forwarded with this delay.
    Slow(Duration),
}

/// A single action of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAction {
    /// Kills services with SIGKILL simultaneously and restarts each of them after its own delay.
    Kill(Vec<(ServiceId, Duration)>),
    /// Stops a service with SIGTERM under load and restarts it after this delay.
    Terminate(ServiceId, Duration),
    /// Crashes a server and restarts it after this delay.
    Crash(Dependency, Duration),
    /// Freezes a service with SIGSTOP for this time.
    Freeze(ServiceId, Duration),
    /// Freezes a server with all its processes for this time.
    FreezeServer(Dependency, Duration),
    /// Disturbs the connections of some services to a server for this time.
    Connections(LinkFault, Dependency, Vec<ServiceId>, Duration),
    /// Disturbs the connections of the notifiers to the servers that they send to for this time.
    NotifierConnections(LinkFault, Duration),
}

/// A fault, which consists of one action or two simultaneous ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Kind of the fault in the report.
    pub kind: String,
    /// Actions.
    pub actions: Vec<FaultAction>,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultKind {
    KillAuth,
    KillBooking,
    KillWorker,
    KillNotifier,
    KillBothBookings,
    KillAll,
    TerminateAuth,
    TerminateBooking,
    TerminateWorker,
    TerminateNotifier,
    CrashRabbitMq,
    CrashPostgres,
    FreezeAuth,
    FreezeBooking,
    FreezeWorker,
    FreezeNotifier,
    FreezePostgres,
    FreezeRabbitMq,
    CutDatabase,
    CutBroker,
    FreezeDatabaseConnections,
    SlowDatabase,
    SlowBroker,
    CutNotifier,
    FreezeNotifierConnections,
    CrashBoth,
    KillAndCutBroker,
}

const FAULT_KINDS: [FaultKind; 27] = [
    FaultKind::KillAuth,
    FaultKind::KillBooking,
    FaultKind::KillWorker,
    FaultKind::KillNotifier,
    FaultKind::KillBothBookings,
    FaultKind::KillAll,
    FaultKind::TerminateAuth,
    FaultKind::TerminateBooking,
    FaultKind::TerminateWorker,
    FaultKind::TerminateNotifier,
    FaultKind::CrashRabbitMq,
    FaultKind::CrashPostgres,
    FaultKind::FreezeAuth,
    FaultKind::FreezeBooking,
    FaultKind::FreezeWorker,
    FaultKind::FreezeNotifier,
    FaultKind::FreezePostgres,
    FaultKind::FreezeRabbitMq,
    FaultKind::CutDatabase,
    FaultKind::CutBroker,
    FaultKind::FreezeDatabaseConnections,
    FaultKind::SlowDatabase,
    FaultKind::SlowBroker,
    FaultKind::CutNotifier,
    FaultKind::FreezeNotifierConnections,
    FaultKind::CrashBoth,
    FaultKind::KillAndCutBroker,
];

/// Infinite sequence of faults.
#[derive(Debug)]
pub struct FaultSchedule {
    rng: StdRng,
    deck: Vec<FaultKind>,
}

impl FaultSchedule {
    /// Creates a schedule that draws from this generator.
    pub fn new(rng: StdRng) -> Self {
        Self { rng, deck: Vec::new() }
    }

    /// Draws the pause before the next fault.
    pub fn pause(&mut self) -> Duration {
        self.millis(300, 1_500)
    }

    /// Draws the next fault.
    pub fn draw(&mut self) -> Fault {
        if self.deck.is_empty() {
            self.deck = FAULT_KINDS.to_vec();
            self.deck.shuffle(&mut self.rng);
        }
        let kind = self.deck.pop().unwrap_or(FaultKind::KillAll);
        self.fault(kind)
    }

    fn fault(&mut self, kind: FaultKind) -> Fault {
        let (booking, worker) = (ServiceId::Booking(self.rng.random_range(0..2)), ServiceId::Worker(self.rng.random_range(0..2)));
        let notifier = ServiceId::Notifier(self.rng.random_range(0..2));
        let (kind, actions) = match kind {
            FaultKind::KillAuth => ("kill -9 of auth-service", vec![self.kill(&[ServiceId::Auth])]),
            FaultKind::KillBooking => ("kill -9 of a booking-service", vec![self.kill(&[booking])]),
            FaultKind::KillWorker => ("kill -9 of a worker", vec![self.kill(&[worker])]),
            FaultKind::KillNotifier => ("kill -9 of a notifier", vec![self.kill(&[notifier])]),
            FaultKind::KillBothBookings => {
                ("kill -9 of both booking-services", vec![self.kill(&[ServiceId::Booking(0), ServiceId::Booking(1)])])
            }
            FaultKind::KillAll => ("kill -9 of all services", vec![self.kill(&ServiceId::ALL)]),
            FaultKind::TerminateAuth => ("SIGTERM to auth-service", vec![FaultAction::Terminate(ServiceId::Auth, self.downtime())]),
            FaultKind::TerminateBooking => ("SIGTERM to a booking-service", vec![FaultAction::Terminate(booking, self.downtime())]),
            FaultKind::TerminateWorker => ("SIGTERM to a worker", vec![FaultAction::Terminate(worker, self.downtime())]),
            FaultKind::TerminateNotifier => ("SIGTERM to a notifier", vec![FaultAction::Terminate(notifier, self.downtime())]),
            FaultKind::CrashRabbitMq => ("kill -9 of RabbitMQ", vec![FaultAction::Crash(Dependency::RabbitMq, self.downtime())]),
            FaultKind::CrashPostgres => ("crash of PostgreSQL", vec![FaultAction::Crash(Dependency::Postgres, self.downtime())]),
            FaultKind::FreezeAuth => ("freeze of auth-service", vec![FaultAction::Freeze(ServiceId::Auth, self.millis(1_000, 8_000))]),
            // Usually longer than the relay's lease of ten seconds, because the frozen service may be the active relay.
            FaultKind::FreezeBooking => ("freeze of a booking-service", vec![FaultAction::Freeze(booking, self.millis(8_000, 15_000))]),
            FaultKind::FreezeWorker => ("freeze of a worker", vec![FaultAction::Freeze(worker, self.millis(1_000, 10_000))]),
            // Sometimes longer than the lease of a delivery, which then becomes unclear.
            FaultKind::FreezeNotifier => ("freeze of a notifier", vec![FaultAction::Freeze(notifier, self.millis(1_000, 15_000))]),
            FaultKind::FreezePostgres => {
                ("freeze of PostgreSQL", vec![FaultAction::FreezeServer(Dependency::Postgres, self.millis(1_000, 8_000))])
            }
            FaultKind::FreezeRabbitMq => {
                ("freeze of RabbitMQ", vec![FaultAction::FreezeServer(Dependency::RabbitMq, self.millis(1_000, 10_000))])
            }
            FaultKind::CutDatabase => ("connections to PostgreSQL cut", vec![self.connections(LinkFault::Cut, Dependency::Postgres)]),
            FaultKind::CutBroker => ("connections to RabbitMQ cut", vec![self.connections(LinkFault::Cut, Dependency::RabbitMq)]),
            FaultKind::FreezeDatabaseConnections => {
                ("connections to PostgreSQL frozen", vec![self.connections(LinkFault::Frozen, Dependency::Postgres)])
            }
            FaultKind::SlowDatabase => {
                let delay = self.millis(10, 60);
                ("connections to PostgreSQL slow", vec![self.connections(LinkFault::Slow(delay), Dependency::Postgres)])
            }
            FaultKind::SlowBroker => {
                let delay = self.millis(50, 500);
                ("connections to RabbitMQ slow", vec![self.connections(LinkFault::Slow(delay), Dependency::RabbitMq)])
            }
            FaultKind::CutNotifier => {
                ("connections to mail and webhooks cut", vec![FaultAction::NotifierConnections(LinkFault::Cut, self.millis(500, 5_000))])
            }
            FaultKind::FreezeNotifierConnections => {
                let action = FaultAction::NotifierConnections(LinkFault::Frozen, self.millis(500, 5_000));
                ("connections to mail and webhooks frozen", vec![action])
            }
            FaultKind::CrashBoth => (
                "crash of PostgreSQL and RabbitMQ",
                vec![FaultAction::Crash(Dependency::Postgres, self.downtime()), FaultAction::Crash(Dependency::RabbitMq, self.downtime())],
            ),
            FaultKind::KillAndCutBroker => (
                "kill -9 of services, connections to RabbitMQ cut",
                vec![self.kill(&[booking, worker]), self.connections(LinkFault::Cut, Dependency::RabbitMq)],
            ),
        };
        Fault { kind: kind.to_owned(), actions }
    }

    fn kill(&mut self, service_ids: &[ServiceId]) -> FaultAction {
        FaultAction::Kill(service_ids.iter().map(|service_id| (*service_id, self.downtime())).collect())
    }

    fn connections(&mut self, fault: LinkFault, dependency: Dependency) -> FaultAction {
        let all = ServiceId::ALL.into_iter().filter(|service_id| dependency == Dependency::Postgres || *service_id != ServiceId::Auth);
        let mut service_ids: Vec<_> = all.filter(|_| self.rng.random_bool(0.6)).collect();
        if service_ids.is_empty() {
            service_ids.push(ServiceId::Booking(0));
        }
        FaultAction::Connections(fault, dependency, service_ids, self.millis(500, 5_000))
    }

    fn downtime(&mut self) -> Duration {
        self.millis(0, 3_000)
    }

    fn millis(&mut self, min: u64, max: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(min..=max))
    }
}

impl FaultAction {
    /// Describes the action and its targets for the progress output.
    pub fn describe(&self) -> String {
        let names = |service_ids: &[ServiceId]| service_ids.iter().map(|service_id| service_id.name()).collect::<Vec<_>>().join(", ");
        let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
        match self {
            Self::Kill(service_ids) => service_ids
                .iter()
                .map(|(service_id, down)| format!("{} for {}", service_id.name(), seconds(down)))
                .collect::<Vec<_>>()
                .join(", "),
            Self::Terminate(service_id, down) => format!("{}, restarted after {}", service_id.name(), seconds(down)),
            Self::Crash(dependency, down) => format!("{} for {}", dependency.name(), seconds(down)),
            Self::Freeze(service_id, time) => format!("{} for {}", service_id.name(), seconds(time)),
            Self::FreezeServer(dependency, time) => format!("{} for {}", dependency.name(), seconds(time)),
            Self::Connections(LinkFault::Slow(delay), dependency, service_ids, time) => {
                format!("{} to {}, delayed by {} ms for {}", names(service_ids), dependency.name(), delay.as_millis(), seconds(time))
            }
            Self::Connections(_, dependency, service_ids, time) => {
                format!("{} to {} for {}", names(service_ids), dependency.name(), seconds(time))
            }
            Self::NotifierConnections(_, time) => format!("all notifiers for {}", seconds(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_schedule() {
        let draw = |seed| {
            let mut schedule = FaultSchedule::new(StdRng::seed_from_u64(seed));
            (0..50).map(|_| (schedule.pause(), schedule.draw())).collect::<Vec<_>>()
        };

        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn every_kind_is_drawn_before_any_kind_repeats() {
        let mut schedule = FaultSchedule::new(StdRng::seed_from_u64(1));

        let kinds: BTreeSet<_> = (0..FAULT_KINDS.len()).map(|_| schedule.draw().kind).collect();

        assert_eq!(kinds.len(), FAULT_KINDS.len());
    }
}
