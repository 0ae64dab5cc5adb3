//! Report of a run, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::Fallible;
use crate::audit::{AuditResult, Violation};
use crate::injector::{FaultStats, FaultSummary};
use crate::request_log::RequestCounts;

/// Delays from the return of a ticket until its promotion.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReallocationDelays {
    /// Number of reallocated tickets.
    pub tickets: usize,
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// Maximum in milliseconds.
    pub worst_ms: f64,
}

/// The report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Commit under test.
    pub commit: String,
    /// Seed of the run.
    pub seed: u64,
    /// Duration of the fault injection in seconds.
    #[serde(rename = "faultSeconds")]
    pub fault_seconds: u64,
    /// Duration from the start of the services to the end of the audit, in seconds.
    pub seconds: u64,
    /// Statistics of the faults, by kind.
    pub faults: BTreeMap<String, FaultStats>,
    /// Request counts.
    #[serde(flatten)]
    pub counts: RequestCounts,
    /// Number of responses to registrations, by route and kind.
    pub account_answers: BTreeMap<String, u64>,
    /// Number of successful responses that were audited.
    #[serde(rename = "auditedResponses")]
    pub audited_responses: u64,
    /// Number of deliveries, including redeliveries.
    pub deliveries: usize,
    /// Number of messages that were replayed.
    pub replayed: u64,
    /// Number of mails that the mail server has taken.
    pub mails: usize,
    /// Number of changes about which somebody was told by mail.
    pub told: u64,
    /// Number of changes about which it is unknown whether the mail was sent.
    pub unclear: u64,
    /// Changes whose mail a later one about the same booking or place has overtaken.
    pub overtaken: u64,
    /// Number of messages that the receiver of webhooks has confirmed.
    #[serde(rename = "handedOn")]
    pub handed_on: usize,
    /// Delays of the reallocation.
    #[serde(rename = "reallocationDelays")]
    pub reallocation_delays: ReallocationDelays,
    /// Output of `booking-service audit`.
    pub invariants: String,
    /// Violations that the audit found.
    pub violations: Vec<Violation>,
}

/// Data of a report that the audit does not produce.
#[derive(Debug)]
pub struct RunInfo {
    /// Commit under test.
    pub commit: String,
    /// Seed of the run.
    pub seed: u64,
    /// Duration of the fault injection.
    pub duration: Duration,
    /// Duration of the whole run.
    pub total: Duration,
    /// Request counts.
    pub counts: RequestCounts,
    /// Number of responses to registrations, by route and kind.
    pub account_answers: BTreeMap<String, u64>,
    /// Number of deliveries, including redeliveries.
    pub deliveries: usize,
    /// Number of mails that the mail server has taken.
    pub mails: usize,
    /// Output of `booking-service audit`.
    pub invariants: String,
}

impl Report {
    /// Combines the results into a report.
    pub fn new(info: RunInfo, summary: FaultSummary, mut verdict: AuditResult) -> Self {
        let RunInfo { commit, seed, duration, total, counts, account_answers, deliveries, mails, invariants } = info;
        let reallocation_delays = ReallocationDelays::of(&mut verdict.delays);
        Self {
            commit,
            seed,
            fault_seconds: duration.as_secs(),
            seconds: total.as_secs(),
            faults: summary.faults,
            counts,
            account_answers,
            audited_responses: verdict.audited_responses,
            deliveries,
            replayed: verdict.replayed,
            mails,
            told: verdict.told,
            unclear: verdict.unclear,
            overtaken: verdict.overtaken,
            handed_on: verdict.handed_on,
            reallocation_delays,
            invariants,
            violations: verdict.violations,
        }
    }

    /// Formats the report as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let faults: u32 = self.faults.values().map(|stats| stats.times).sum();
        let _ = writeln!(
            text,
            "\nseed {}, {} s of fault injection, {} s in total, commit {}",
            self.seed, self.fault_seconds, self.seconds, self.commit
        );
        let _ = writeln!(text, "\n{faults} faults by kind, with the longest recovery time:");
        for (kind, stats) in &self.faults {
            let _ = writeln!(text, "  {:>3} × {kind:<44} {:>6} ms", stats.times, stats.longest_recovery_ms);
        }
        let requests: u64 = self.counts.requests.values().sum();
        let by_kind: Vec<_> = self.counts.requests.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let _ = writeln!(text, "\n{requests} requests: {}", by_kind.join(", "));
        for (kind, count) in self.counts.answers.iter().chain(&self.account_answers) {
            let _ = writeln!(text, "  {count:>7} {kind}");
        }
        let ReallocationDelays { tickets, p50_ms, p99_ms, worst_ms } = &self.reallocation_delays;
        let _ = writeln!(
            text,
            "\n{tickets} returned tickets were reallocated, with a delay of p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms, max {worst_ms:.0} ms"
        );
        let _ = writeln!(text, "{} deliveries, {} messages replayed by the reference model", self.deliveries, self.replayed);
        let _ =
            writeln!(text, "{} mails, {} changes told once, {} unclear, {} overtaken", self.mails, self.told, self.unclear, self.overtaken);
        let _ = writeln!(text, "{} messages handed to a webhook", self.handed_on);
        let _ = writeln!(text, "{} successful responses audited, {} violations", self.audited_responses, self.violations.len());
        for violation in self.violations.iter().take(50) {
            let _ = writeln!(text, "  VIOLATION  {violation}");
        }
        if self.violations.len() > 50 {
            let _ = writeln!(text, "  … and {} more in report.json", self.violations.len() - 50);
        }
        text
    }

    /// Writes the report as JSON into a directory.
    pub fn write(&self, folder: &std::path::Path) -> Fallible<()> {
        std::fs::create_dir_all(folder)?;
        Ok(std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)? + "\n")?)
    }
}

impl ReallocationDelays {
    fn of(delays: &mut [i64]) -> Self {
        delays.sort_unstable();
        let at = |percent: usize| {
            let index = (delays.len() * percent / 100).min(delays.len().saturating_sub(1));
            delays.get(index).and_then(|micros| u32::try_from(*micros).ok()).map_or(0.0, |micros| f64::from(micros) / 1000.0)
        };
        Self { tickets: delays.len(), p50_ms: at(50), p99_ms: at(99), worst_ms: at(100) }
    }
}
