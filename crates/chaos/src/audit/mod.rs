//! The audit: everything that was promised and everything that must be true, against what is in the databases and what
//! was delivered. Pure: what it looks at was read before, so that each kind of violation can be planted in a test.

mod counters;
mod delivery;
mod promises;
mod replay;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

use crate::accounts::Register;
use crate::events::Sale;
use crate::inject::Drain;
use crate::ledger::Request;
use crate::messages::Message;
use crate::tables::Tables;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which promise or rule.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
    /// Where to look.
    pub look: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (look at {})", self.rule, self.what, self.look)
    }
}

/// All that the audit looks at.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What was on sale.
    pub sales: Vec<Sale>,
    /// What was asked and answered.
    pub requests: Vec<Request>,
    /// What newcomers were promised.
    pub register: Register,
    /// What is stored.
    pub tables: Tables,
    /// What was delivered, in the order of delivery.
    pub deliveries: Vec<Message>,
    /// Deliveries that could not be read.
    pub unreadable: Vec<String>,
    /// Messages in the worker's dead-letter queue.
    pub dead_letters: u64,
    /// Times at which a booking-service was draining.
    pub drains: Vec<Drain>,
}

/// What the audit found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many promises were looked up.
    pub promises: u64,
    /// How many messages were replayed.
    pub replayed: u64,
    /// Microseconds from each returned ticket to its new holder.
    pub delays: Vec<i64>,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

impl Verdict {
    fn complain(&mut self, rule: &'static str, what: impl Into<String>, look: impl Into<String>) {
        self.violations.push(Violation { rule, what: what.into(), look: look.into() });
    }
}

/// Looks at everything.
pub fn audit(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    promises::check(evidence, &mut verdict);
    counters::check(evidence, &mut verdict);
    delivery::check(evidence, &mut verdict);
    replay::check(evidence, &mut verdict);
    verdict
}
