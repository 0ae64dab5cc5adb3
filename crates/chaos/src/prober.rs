//! Asks all the time whether the system serves: a booking and a log-in through the gateway, each with a short deadline,
//! so that one request stuck in a frozen process does not hide that others are served.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use crate::accounts::PASSWORD;
use crate::desk::{Desk, Person};
use crate::events::Sale;
use crate::http::Question;
use crate::ledger::{Door, Operation};

const EVERY: Duration = Duration::from_millis(100);
const DEADLINE: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A booking.
    Book,
    /// A log-in.
    LogIn,
}

/// Which questions were answered well, and when they were asked.
type Successes = Arc<Mutex<Vec<(Asked, Instant)>>>;

/// Asks until it is dropped.
#[derive(Debug)]
pub struct Prober {
    successes: Successes,
    _asking: AbortOnDropHandle<()>,
}

impl Prober {
    /// Begins to ask.
    pub fn start(desk: Desk, person: Person, sale: Sale) -> Self {
        let successes = Successes::default();
        let asking = ask_all_the_time(desk, person, sale, Arc::clone(&successes));
        Self { successes, _asking: AbortOnDropHandle::new(tokio::spawn(asking)) }
    }

    /// Whether a booking and a log-in that were asked for after an instant have been answered well.
    pub fn served_after(&self, instant: Instant) -> bool {
        let successes = lock(&self.successes);
        [Asked::Book, Asked::LogIn].iter().all(|wanted| successes.iter().any(|(what, sent)| what == wanted && *sent >= instant))
    }

    /// Forgets what was before.
    pub fn forget(&self) {
        lock(&self.successes).clear();
    }
}

fn lock(successes: &Successes) -> MutexGuard<'_, Vec<(Asked, Instant)>> {
    successes.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn ask_all_the_time(desk: Desk, person: Person, sale: Sale, successes: Successes) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while !desk.closing.ending.is_cancelled() {
        tick.tick().await;
        let (asker, who, found) = (desk.clone(), person.clone(), Arc::clone(&successes));
        tokio::spawn(async move {
            let operation = Operation::Book { event: sale.event, ticket_type: sale.ticket_type, quantity: 1, join: true };
            let attempt = asker.probe(&asker.gateway, Door::Gateway, &who, operation, DEADLINE).await;
            if attempt.answer.is_ok_and(|reply| reply.is_promise()) {
                lock(&found).push((Asked::Book, attempt.sent));
            }
        });
        let (asker, email, found) = (desk.clone(), person.email.clone(), Arc::clone(&successes));
        tokio::spawn(async move {
            let sent = Instant::now();
            let body = json!({"email": email, "password": PASSWORD});
            let question = Question { deadline: DEADLINE, ..Question::post("/api/loginaccount", &body) };
            if asker.gateway.ask(&question).await.is_ok_and(|reply| reply.is_promise()) {
                lock(&found).push((Asked::LogIn, sent));
            }
        });
    }
}
