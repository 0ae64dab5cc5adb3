//! What the run was and what it found, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::Fallible;
use crate::audit::{Verdict, Violation};
use crate::inject::{Damage, Faced};
use crate::ledger::Sums;

/// From a returned ticket to its new holder.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandingOn {
    /// Tickets that found a new holder.
    pub tickets: usize,
    /// The median, in milliseconds.
    pub p50_ms: f64,
    /// Of a hundred, the slowest.
    pub p99_ms: f64,
    /// The slowest of all.
    pub worst_ms: f64,
}

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was tried.
    pub commit: String,
    /// What everything was drawn from.
    pub seed: u64,
    /// How long faults were made.
    pub storm_seconds: u64,
    /// From the start of the services to the end of the audit.
    pub seconds: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, Faced>,
    /// What was asked and answered.
    #[serde(flatten)]
    pub sums: Sums,
    /// Answers to newcomers.
    pub account_answers: BTreeMap<String, u64>,
    /// Promises that were looked up.
    pub promises: u64,
    /// Messages that were delivered, with those that came twice.
    pub deliveries: usize,
    /// Messages that were replayed.
    pub replayed: u64,
    /// From a returned ticket to its new holder.
    pub handing_on: HandingOn,
    /// What `booking-service audit` said.
    pub invariants: String,
    /// What must not be.
    pub violations: Vec<Violation>,
}

/// Parts of a report that are not in the verdict.
#[derive(Debug)]
pub struct Circumstances {
    /// What was tried.
    pub commit: String,
    /// What everything was drawn from.
    pub seed: u64,
    /// How long faults were made.
    pub storm: Duration,
    /// How long all took.
    pub total: Duration,
    /// What was asked and answered.
    pub sums: Sums,
    /// Answers to newcomers.
    pub account_answers: BTreeMap<String, u64>,
    /// Messages that were delivered.
    pub deliveries: usize,
    /// What `booking-service audit` said.
    pub invariants: String,
}

impl Report {
    /// Puts the report together.
    pub fn new(circumstances: Circumstances, damage: Damage, mut verdict: Verdict) -> Self {
        let Circumstances { commit, seed, storm, total, sums, account_answers, deliveries, invariants } = circumstances;
        let handing_on = HandingOn::of(&mut verdict.delays);
        Self {
            commit,
            seed,
            storm_seconds: storm.as_secs(),
            seconds: total.as_secs(),
            faults: damage.faced,
            sums,
            account_answers,
            promises: verdict.promises,
            deliveries,
            replayed: verdict.replayed,
            handing_on,
            invariants,
            violations: verdict.violations,
        }
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let faults: u32 = self.faults.values().map(|faced| faced.times).sum();
        let _ =
            writeln!(text, "\nseed {}, {} s of storm, {} s in all, commit {}", self.seed, self.storm_seconds, self.seconds, self.commit);
        let _ = writeln!(text, "\n{faults} faults, and the longest time until everything was served again:");
        for (kind, faced) in &self.faults {
            let _ = writeln!(text, "  {:>3} × {kind:<44} {:>6} ms", faced.times, faced.longest_recovery_ms);
        }
        let requests: u64 = self.sums.requests.values().sum();
        let by_kind: Vec<_> = self.sums.requests.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let _ = writeln!(text, "\n{requests} requests: {}", by_kind.join(", "));
        for (kind, count) in self.sums.answers.iter().chain(&self.account_answers) {
            let _ = writeln!(text, "  {count:>7} {kind}");
        }
        let HandingOn { tickets, p50_ms, p99_ms, worst_ms } = &self.handing_on;
        let _ = writeln!(
            text,
            "\n{tickets} returned tickets found a new holder after: p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms, worst {worst_ms:.0} ms"
        );
        let _ = writeln!(text, "{} deliveries, {} messages replayed by the naive model", self.deliveries, self.replayed);
        let _ = writeln!(text, "{} promises checked, {} violations", self.promises, self.violations.len());
        for violation in self.violations.iter().take(50) {
            let _ = writeln!(text, "  VIOLATION  {violation}");
        }
        if self.violations.len() > 50 {
            let _ = writeln!(text, "  … and {} more in report.json", self.violations.len() - 50);
        }
        text
    }

    /// Writes it as JSON.
    pub fn write(&self, folder: &std::path::Path) -> Fallible<()> {
        std::fs::create_dir_all(folder)?;
        Ok(std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)? + "\n")?)
    }
}

impl HandingOn {
    fn of(delays: &mut [i64]) -> Self {
        delays.sort_unstable();
        let at = |percent: usize| {
            let index = (delays.len() * percent / 100).min(delays.len().saturating_sub(1));
            delays.get(index).and_then(|micros| u32::try_from(*micros).ok()).map_or(0.0, |micros| f64::from(micros) / 1000.0)
        };
        Self { tickets: delays.len(), p50_ms: at(50), p99_ms: at(99), worst_ms: at(100) }
    }
}
