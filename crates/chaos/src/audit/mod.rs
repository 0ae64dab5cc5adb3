//! Audits all responses, the stored data and the delivered messages against each other. The audit performs no I/O, so that a
//! test can plant each kind of violation.

mod counters;
mod delivery;
mod queue_logs;
mod replay;
mod responses;
#[cfg(test)]
mod tests;
mod told;
mod transfers;
mod wishes;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::accounts::RegistrationLog;
use crate::events::Sale;
use crate::injector::ShutdownInterval;
use crate::mail_server::DeliveryId;
use crate::messages::Message;
use crate::request_log::LoggedRequest;
use crate::tables::Tables;

/// A violated rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// The violation.
    pub what: String,
    /// Where to investigate.
    #[serde(rename = "look")]
    pub location: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (see {})", self.rule, self.what, self.location)
    }
}

/// Everything that the audit needs.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Ticket types on sale.
    pub sales: Vec<Sale>,
    /// Requests with their responses.
    pub requests: Vec<LoggedRequest>,
    /// Registrations of new accounts.
    pub registrations: RegistrationLog,
    /// Stored data.
    pub tables: Tables,
    /// Delivered messages, in the order of delivery.
    pub deliveries: Vec<Message>,
    /// Errors of deliveries that could not be parsed.
    pub unreadable: Vec<String>,
    /// Mails that the mail server has taken, whether its response arrived or not.
    pub mails_taken: Vec<DeliveryId>,
    /// Errors of mails that belong to no delivery.
    pub unknown_mails: Vec<String>,
    /// Ids of the messages that the receiver of webhooks has confirmed.
    pub webhook_messages: BTreeSet<Uuid>,
    /// Number of messages in the dead-letter queues.
    pub dead_letters: u64,
    /// Intervals during which a booking-service was shutting down.
    pub shutdowns: Vec<ShutdownInterval>,
}

/// Result of the audit.
#[derive(Debug, Default)]
pub struct AuditResult {
    /// Number of successful responses that were audited.
    pub audited_responses: u64,
    /// Number of messages that were replayed.
    pub replayed: u64,
    /// Number of changes about which somebody was told by mail.
    pub told: u64,
    /// Number of changes about which it is unknown whether the mail was sent.
    pub unclear: u64,
    /// Number of changes whose mail was not sent, because a later change of the same booking or place was told.
    pub overtaken: u64,
    /// Number of messages that the receiver of webhooks has confirmed.
    pub handed_on: usize,
    /// Time in microseconds from the return of each ticket until its promotion.
    pub delays: Vec<i64>,
    /// Violations.
    pub violations: Vec<Violation>,
}

impl AuditResult {
    fn add_violation(&mut self, rule: &'static str, what: impl Into<String>, location: impl Into<String>) {
        self.violations.push(Violation { rule, what: what.into(), location: location.into() });
    }
}

/// Audits everything.
pub fn audit(evidence: &Evidence) -> AuditResult {
    let mut verdict = AuditResult::default();
    responses::check(evidence, &mut verdict);
    counters::check(evidence, &mut verdict);
    queue_logs::check(evidence, &mut verdict);
    wishes::check(evidence, &mut verdict);
    delivery::check(evidence, &mut verdict);
    replay::check(evidence, &mut verdict);
    transfers::check(evidence, &mut verdict);
    told::check(evidence, &mut verdict);
    told::check_webhook(evidence, &mut verdict);
    verdict
}
