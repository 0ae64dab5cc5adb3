//! Checks each response by itself: every request receives a valid one before its timeout, also while a service shuts down.

use super::{ONE_EFFECT, VALID_RESPONSES, location};
use crate::audit::{AuditResult, Evidence};
use crate::http::{ApiResponse, SendError};
use crate::request_log::{Attempt, EntryPoint, LoggedRequest, Operation};

const CLEAN_SHUTDOWN: &str = "no request fails while a service shuts down";

/// Rejections that are valid because the state may have changed since the client's last response.
const VALID_REJECTIONS: [&str; 6] =
    ["sold-out", "already-waiting", "account-limit", "already-promoted", "capacity-below-booked", "reservation-expired"];

/// Rejections that are valid for requests about transfers, because the other side or a return may have been faster.
const VALID_TRANSFER_REJECTIONS: [&str; 5] =
    ["transfer-ended", "tickets-offered", "booking-cancelled", "booking-not-confirmed", "account-limit"];

/// Checks that every response is one that the API documents, and that each request receives one.
pub(super) fn check(request: &LoggedRequest, evidence: &Evidence, verdict: &mut AuditResult) {
    let name = request.operation.name();
    for attempt in &request.attempts {
        match &attempt.result {
            Err(SendError::Timeout) if !request.probe => {
                verdict.add_violation(
                    VALID_RESPONSES,
                    format!("a {name} request received no response in {} s", attempt.duration().as_secs()),
                    location(request),
                );
            }
            Ok(response) if !is_valid_response(&request.operation, response) => {
                verdict.add_violation(
                    VALID_RESPONSES,
                    format!("a {name} request received an invalid response {}: {}", attempt.kind(), response.body),
                    location(request),
                );
            }
            _ => {}
        }
        let shutting_down = evidence.shutdowns.iter().any(|shutdown| attempt.ended >= shutdown.from && attempt.ended <= shutdown.until);
        if attempt.entry_point == EntryPoint::Gateway && shutting_down && failed(attempt) && !is_unknown_without_key(request, attempt) {
            let error = attempt.result.as_ref().err();
            let what =
                format!("a {name} request through the gateway failed with {} {error:?} while a service was shutting down", attempt.kind());
            verdict.add_violation(CLEAN_SHUTDOWN, what, location(request));
        }
    }
    if !request.probe && request.final_response().is_none() {
        let last = request.attempts.last().map(Attempt::kind).unwrap_or_default();
        verdict.add_violation(
            VALID_RESPONSES,
            format!("a {name} request received no final response in {} attempts; the last result was {last}", request.attempts.len()),
            location(request),
        );
    }
    let mut successes = request.attempts.iter().filter_map(|attempt| attempt.result.as_ref().ok()).filter(|response| response.is_success());
    if let Some(first) = successes.next()
        && !request.key.is_empty()
        && let Some(other) = successes.find(|response| response.body != first.body || response.status != first.status)
    {
        verdict.add_violation(
            ONE_EFFECT,
            format!("the same request received two different responses, {} and {}", first.body, other.body),
            location(request),
        );
    }
}

fn is_valid_response(operation: &Operation, response: &ApiResponse) -> bool {
    let retryable = matches!(response.status, 503 | 429)
        && matches!(response.code.as_str(), "unavailable" | "overloaded" | "outcome-unknown" | "rate-limited");
    let is_above = |limit: &str| (response.status, response.code.as_str()) == (422, "invalid-input") && response.body.contains(limit);
    let above_limit = match operation {
        // Capacities change continuously, so a request may exceed the current capacity of the ticket type.
        Operation::Book { .. } => is_above("in total"),
        // Another entry of the same wish may have been changed, which changes this one as well.
        Operation::ChangeEntry { .. } => is_above("in total") || is_above("the quantity of the entry"),
        // Another account may have accepted tickets of the booking.
        Operation::Cancel { .. } | Operation::OfferTransfer { .. } => is_above("the number of tickets in the booking"),
        _ => false,
    };
    // The entry was promoted, and its offer has lapsed.
    let ended = matches!(operation, Operation::ChangeEntry { .. })
        && (response.status, response.code.as_str()) == (404, "waitlist-entry-not-found");
    let is_transfer =
        matches!(operation, Operation::OfferTransfer { .. } | Operation::AnswerTransfer { .. } | Operation::WithdrawTransfer { .. });
    response.is_success()
        || (is_transfer && response.status == 409 && VALID_TRANSFER_REJECTIONS.contains(&response.code.as_str()))
        || retryable
        || above_limit
        || ended
        || (response.status == 409 && VALID_REJECTIONS.contains(&response.code.as_str()))
}

/// A change without a key is sent to only one service. If that service closes the connection at the moment when the gateway
/// uses it, the outcome is unknown, and the response says so. With a key the gateway retries on the other service.
fn is_unknown_without_key(request: &LoggedRequest, attempt: &Attempt) -> bool {
    request.key.is_empty() && attempt.result.as_ref().is_ok_and(|response| response.code == "outcome-unknown")
}

fn failed(attempt: &Attempt) -> bool {
    match &attempt.result {
        Ok(response) => response.status >= 500,
        // Probes have a short timeout, so a timeout is no failure.
        Err(SendError::Timeout) => false,
        Err(SendError::ConnectionFailed(_)) => true,
    }
}
