//! Which faults there are, and the schedule: all kinds in an order drawn from the seed, and again from the start.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::stage::Part;

/// One end of a line that is not a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Far {
    /// PostgreSQL.
    Postgres,
    /// RabbitMQ.
    RabbitMq,
}

impl Far {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::RabbitMq => "RabbitMQ",
        }
    }
}

/// What is done to a line between a service and a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Its connections are cut, and new ones are closed at once.
    Cut,
    /// It passes nothing on and closes nothing.
    Silent,
    /// It passes everything on this much later.
    Slow(Duration),
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// kill -9 of services at the same moment; each is started again after a time of its own.
    Kill(Vec<(Part, Duration)>),
    /// SIGTERM under load, started again after this time.
    Terminate(Part, Duration),
    /// A server crashes and is started again after this time.
    Crash(Far, Duration),
    /// A service is stopped with SIGSTOP for this time.
    Freeze(Part, Duration),
    /// So is a server with all its processes.
    FreezeServer(Far, Duration),
    /// The lines of some services to a server, for this time.
    Lines(Line, Far, Vec<Part>, Duration),
}

/// A fault: one deed, or two at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it counts as in the report.
    pub kind: String,
    /// What is done.
    pub deeds: Vec<Deed>,
}

/// The kinds, one of which is drawn after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KillAuth,
    KillBooking,
    KillWorker,
    KillBothBookings,
    KillAll,
    TerminateAuth,
    TerminateBooking,
    TerminateWorker,
    CrashRabbitMq,
    CrashPostgres,
    FreezeAuth,
    FreezeBooking,
    FreezeWorker,
    FreezePostgres,
    FreezeRabbitMq,
    CutDatabase,
    CutBroker,
    SilentDatabase,
    SlowDatabase,
    SlowBroker,
    CrashBoth,
    KillAndCutBroker,
}

const KINDS: [Kind; 22] = [
    Kind::KillAuth,
    Kind::KillBooking,
    Kind::KillWorker,
    Kind::KillBothBookings,
    Kind::KillAll,
    Kind::TerminateAuth,
    Kind::TerminateBooking,
    Kind::TerminateWorker,
    Kind::CrashRabbitMq,
    Kind::CrashPostgres,
    Kind::FreezeAuth,
    Kind::FreezeBooking,
    Kind::FreezeWorker,
    Kind::FreezePostgres,
    Kind::FreezeRabbitMq,
    Kind::CutDatabase,
    Kind::CutBroker,
    Kind::SilentDatabase,
    Kind::SlowDatabase,
    Kind::SlowBroker,
    Kind::CrashBoth,
    Kind::KillAndCutBroker,
];

/// The faults of a run, one after the other.
#[derive(Debug)]
pub struct Schedule {
    rng: StdRng,
    deck: Vec<Kind>,
}

impl Schedule {
    /// Drawn from this.
    pub fn new(rng: StdRng) -> Self {
        Self { rng, deck: Vec::new() }
    }

    /// How long the system is left alone before the next fault.
    pub fn pause(&mut self) -> Duration {
        self.millis(300, 1_500)
    }

    /// The next fault.
    pub fn draw(&mut self) -> Fault {
        if self.deck.is_empty() {
            self.deck = KINDS.to_vec();
            self.deck.shuffle(&mut self.rng);
        }
        let kind = self.deck.pop().unwrap_or(Kind::KillAll);
        self.fault(kind)
    }

    fn fault(&mut self, kind: Kind) -> Fault {
        let (booking, worker) = (Part::Booking(self.rng.random_range(0..2)), Part::Worker(self.rng.random_range(0..2)));
        let (kind, deeds) = match kind {
            Kind::KillAuth => ("kill -9 of auth-service", vec![self.kill(&[Part::Auth])]),
            Kind::KillBooking => ("kill -9 of a booking-service", vec![self.kill(&[booking])]),
            Kind::KillWorker => ("kill -9 of a worker", vec![self.kill(&[worker])]),
            Kind::KillBothBookings => ("kill -9 of both booking-services", vec![self.kill(&[Part::Booking(0), Part::Booking(1)])]),
            Kind::KillAll => ("kill -9 of all services", vec![self.kill(&Part::ALL)]),
            Kind::TerminateAuth => ("SIGTERM to auth-service", vec![Deed::Terminate(Part::Auth, self.downtime())]),
            Kind::TerminateBooking => ("SIGTERM to a booking-service", vec![Deed::Terminate(booking, self.downtime())]),
            Kind::TerminateWorker => ("SIGTERM to a worker", vec![Deed::Terminate(worker, self.downtime())]),
            Kind::CrashRabbitMq => ("kill -9 of RabbitMQ", vec![Deed::Crash(Far::RabbitMq, self.downtime())]),
            Kind::CrashPostgres => ("crash of PostgreSQL", vec![Deed::Crash(Far::Postgres, self.downtime())]),
            Kind::FreezeAuth => ("freeze of auth-service", vec![Deed::Freeze(Part::Auth, self.millis(1_000, 8_000))]),
            // Mostly longer than the relay's lease of ten seconds: the frozen one may lead.
            Kind::FreezeBooking => ("freeze of a booking-service", vec![Deed::Freeze(booking, self.millis(8_000, 15_000))]),
            Kind::FreezeWorker => ("freeze of a worker", vec![Deed::Freeze(worker, self.millis(1_000, 10_000))]),
            Kind::FreezePostgres => ("freeze of PostgreSQL", vec![Deed::FreezeServer(Far::Postgres, self.millis(1_000, 8_000))]),
            Kind::FreezeRabbitMq => ("freeze of RabbitMQ", vec![Deed::FreezeServer(Far::RabbitMq, self.millis(1_000, 10_000))]),
            Kind::CutDatabase => ("lines to PostgreSQL cut", vec![self.lines(Line::Cut, Far::Postgres)]),
            Kind::CutBroker => ("lines to RabbitMQ cut", vec![self.lines(Line::Cut, Far::RabbitMq)]),
            Kind::SilentDatabase => ("lines to PostgreSQL silent", vec![self.lines(Line::Silent, Far::Postgres)]),
            Kind::SlowDatabase => {
                let delay = self.millis(10, 60);
                ("lines to PostgreSQL slow", vec![self.lines(Line::Slow(delay), Far::Postgres)])
            }
            Kind::SlowBroker => {
                let delay = self.millis(50, 500);
                ("lines to RabbitMQ slow", vec![self.lines(Line::Slow(delay), Far::RabbitMq)])
            }
            Kind::CrashBoth => (
                "crash of PostgreSQL and RabbitMQ",
                vec![Deed::Crash(Far::Postgres, self.downtime()), Deed::Crash(Far::RabbitMq, self.downtime())],
            ),
            Kind::KillAndCutBroker => {
                ("kill -9 of services, lines to RabbitMQ cut", vec![self.kill(&[booking, worker]), self.lines(Line::Cut, Far::RabbitMq)])
            }
        };
        Fault { kind: kind.to_owned(), deeds }
    }

    fn kill(&mut self, parts: &[Part]) -> Deed {
        Deed::Kill(parts.iter().map(|part| (*part, self.downtime())).collect())
    }

    fn lines(&mut self, line: Line, far: Far) -> Deed {
        let all = Part::ALL.into_iter().filter(|part| far == Far::Postgres || *part != Part::Auth);
        let mut parts: Vec<_> = all.filter(|_| self.rng.random_bool(0.6)).collect();
        if parts.is_empty() {
            parts.push(Part::Booking(0));
        }
        Deed::Lines(line, far, parts, self.millis(500, 5_000))
    }

    fn downtime(&mut self) -> Duration {
        self.millis(0, 3_000)
    }

    fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(least..=most))
    }
}

impl Deed {
    /// What is done to whom, for the progress line.
    pub fn describe(&self) -> String {
        let names = |parts: &[Part]| parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(", ");
        let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
        match self {
            Self::Kill(parts) => {
                parts.iter().map(|(part, down)| format!("{} for {}", part.name(), seconds(down))).collect::<Vec<_>>().join(", ")
            }
            Self::Terminate(part, down) => format!("{}, back {} later", part.name(), seconds(down)),
            Self::Crash(far, down) => format!("{} for {}", far.name(), seconds(down)),
            Self::Freeze(part, time) => format!("{} for {}", part.name(), seconds(time)),
            Self::FreezeServer(far, time) => format!("{} for {}", far.name(), seconds(time)),
            Self::Lines(Line::Slow(delay), far, parts, time) => {
                format!("{} to {}, by {} ms for {}", names(parts), far.name(), delay.as_millis(), seconds(time))
            }
            Self::Lines(_, far, parts, time) => format!("{} to {} for {}", names(parts), far.name(), seconds(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_seed_draws_the_same_schedule_again() {
        let draw = |seed| {
            let mut schedule = Schedule::new(StdRng::seed_from_u64(seed));
            (0..50).map(|_| (schedule.pause(), schedule.draw())).collect::<Vec<_>>()
        };

        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn every_kind_has_its_turn_before_one_comes_again() {
        let mut schedule = Schedule::new(StdRng::seed_from_u64(1));

        let kinds: BTreeSet<_> = (0..KINDS.len()).map(|_| schedule.draw().kind).collect();

        assert_eq!(kinds.len(), KINDS.len());
    }
}
