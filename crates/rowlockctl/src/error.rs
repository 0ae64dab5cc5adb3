//! Failures of commands: messages for people and exit codes for scripts.

use std::io::{self, Write};
use std::process::ExitCode;

use rowlock_domain::problem::ProblemCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::output::sanitize;
use crate::server_url::ServerUrl;

/// List of exit codes at the end of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  a failure that no other code describes
  2  the arguments, a file or a setting cannot be used
  3  you are not logged in, the login has expired, or the e-mail or password is wrong
  4  your account is not allowed to do this
  5  the server cannot be reached, or it is not Rowlock
  6  no such event, account, webhook or mail
  7  Rowlock rejected the request: an invalid value, or a rule
  8  the service is overloaded or a dependency is unavailable: nothing was changed, try again later
  9  the response was lost: check whether the command took effect before you repeat it";

/// An invalid field of a request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct InvalidField {
    field: String,
    message: String,
}

/// A problem document (RFC 9457) of the API.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<InvalidField>,
    /// Additional advice for the user.
    #[serde(skip)]
    pub(crate) advice: Option<String>,
    /// Value of `Retry-After`, in seconds.
    #[serde(skip)]
    pub(crate) retry_after: Option<u64>,
    /// The unchanged document.
    #[serde(skip)]
    pub(crate) document: Value,
}

impl Problem {
    /// Creates the problem that the service would return for an unknown account.
    pub(crate) fn account_not_found(which: &str) -> Self {
        let code = ProblemCode::AccountNotFound;
        let detail = format!("There is no account `{which}`.");
        let document = json!({"status": code.status(), "code": code.as_str(), "title": code.title(), "detail": detail});
        Self {
            status: code.status(),
            code: code.as_str().to_owned(),
            title: code.title().to_owned(),
            detail,
            errors: Vec::new(),
            advice: None,
            retry_after: None,
            document,
        }
    }
}

/// Reasons why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Arguments, files or settings are invalid.
    #[error("{0}")]
    Usage(String),
    /// There is no stored login for this server.
    #[error("You are not logged in at {0}. Log in with: rowlockctl login --url {0}")]
    NotLoggedIn(ServerUrl),
    /// The server no longer accepts the session.
    #[error("Your login at {url} has ended: {reason}. Log in again with: rowlockctl login --url {url}")]
    SessionEnded {
        /// URL of the server.
        url: ServerUrl,
        /// Why the session has ended.
        reason: &'static str,
    },
    /// The connection failed or could not be trusted.
    #[error("Cannot reach {url}: {reason}. Check the URL (--url or ROWLOCK_URL), and that Rowlock is running there.")]
    Unreachable {
        /// URL of the server.
        url: String,
        /// Message of the system or of TLS.
        reason: String,
    },
    /// The connection to RabbitMQ failed.
    #[error("Cannot reach RabbitMQ: {0}. Check its URL and password, and that it is running.")]
    BrokerUnreachable(String),
    /// The server responds, but not like Rowlock.
    #[error("{url} does not respond like Rowlock: {description}. Check that --url or ROWLOCK_URL is the URL of the gateway.")]
    UnexpectedResponse {
        /// URL of the server.
        url: String,
        /// Description of the response.
        description: String,
    },
    /// A change was sent, but its response was lost.
    #[error("The response was lost: {0}. The command may have taken effect; check before you repeat it.")]
    OutcomeUnknown(String),
    /// A change with an `Idempotency-Key` was sent several times, but each response was lost.
    #[error("{reason} To repeat it without doing it twice, add: --idempotency-key {key}")]
    KeyedOutcomeUnknown {
        /// The last failure.
        reason: String,
        /// The key.
        key: String,
    },
    /// The API rejected the request with a problem document.
    #[error("{}", rejection_message(.0))]
    Rejected(Box<Problem>),
    /// Any other failure.
    #[error("{0}")]
    Other(String),
    /// The reader of standard output closed it.
    #[error("the output was closed")]
    OutputClosed,
}

/// Formats a problem document, with advice and the invalid fields.
fn rejection_message(problem: &Problem) -> String {
    let Problem { title, detail, errors, .. } = problem;
    let mut text = if detail.is_empty() { format!("{title}.") } else { detail.clone() };
    if let Some(advice) = advice(problem) {
        text.push(' ');
        text.push_str(&advice);
    }
    for InvalidField { field, message } in errors {
        for part in ["\n  ", field, ": ", message] {
            text.push_str(part);
        }
    }
    text
}

fn advice(problem: &Problem) -> Option<String> {
    let retry = |seconds: Option<u64>| match seconds {
        Some(1) => "Try again in 1 second.".to_owned(),
        Some(seconds) => format!("Try again in {seconds} seconds."),
        None => "Try again later.".to_owned(),
    };
    Some(match problem.code.as_str() {
        "event-not-found" => "List the events with: rowlockctl events list".to_owned(),
        "account-not-found" => "List the accounts with: rowlockctl accounts list".to_owned(),
        "webhook-not-found" => "List the webhooks with: rowlockctl webhooks list".to_owned(),
        "delivery-not-found" => {
            "List the deliveries with: rowlockctl webhooks deliveries WEBHOOK, and mails with: rowlockctl mails list".to_owned()
        }
        "webhook-disabled" => "Enable it with: rowlockctl webhooks enable WEBHOOK".to_owned(),
        "precondition-failed" => "Check its current state, and repeat the command if you still want to.".to_owned(),
        "rate-limited" | "unavailable" | "overloaded" => retry(problem.retry_after),
        _ => return problem.advice.clone(),
    })
}

impl Failure {
    /// Returns whether it is unknown if a change was made.
    pub(crate) fn leaves_outcome_unknown(&self) -> bool {
        match self {
            Self::OutcomeUnknown(_) => true,
            Self::Rejected(problem) => problem.code == "outcome-unknown",
            _ => false,
        }
    }

    /// Returns the exit code; see [`EXIT_CODES`].
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::NotLoggedIn(_) | Self::SessionEnded { .. } => 3,
            Self::Unreachable { .. } | Self::BrokerUnreachable(_) | Self::UnexpectedResponse { .. } => 5,
            Self::OutcomeUnknown(_) | Self::KeyedOutcomeUnknown { .. } => 9,
            Self::Rejected(problem) => match (problem.status, problem.code.as_str()) {
                (_, "outcome-unknown") => 9,
                (401, _) => 3,
                (403, _) => 4,
                (404, _) => 6,
                (429 | 503, _) => 8,
                (400..=499, _) => 7,
                _ => 1,
            },
        }
    }

    /// Prints the failure to standard error, as a sentence or as JSON, and returns the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        let code = self.exit_code();
        if code != 0 {
            let text = if json { self.document().to_string() } else { format!("error: {}", sanitize_lines(&self.to_string())) };
            // If standard error cannot be written, there is no other way to report it.
            let _ = writeln!(io::stderr(), "{text}");
        }
        ExitCode::from(code)
    }

    fn document(&self) -> Value {
        let mut error = json!({"exitCode": self.exit_code(), "message": self.to_string()});
        if let (Self::Rejected(problem), Some(error)) = (self, error.as_object_mut()) {
            error.insert("problem".to_owned(), problem.document.clone());
        }
        json!({ "error": error })
    }
}

fn sanitize_lines(text: &str) -> String {
    text.lines().map(sanitize).collect::<Vec<_>>().join("\n")
}

impl From<io::Error> for Failure {
    /// Converts errors of writing standard output only. Errors on files name the file and are created where they occur.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Other(format!("Cannot write the output: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, code: &str) -> Failure {
        let document = json!({"type": "x", "title": "A title", "status": status, "code": code, "detail": "A detail."});
        Failure::Rejected(Box::new(serde_json::from_value(document).unwrap()))
    }

    #[test]
    fn rejections_map_to_exit_codes() {
        let codes = [
            (400, "unknown-field", 7),
            (401, "bad-credentials", 3),
            (403, "forbidden", 4),
            (404, "event-not-found", 6),
            (409, "last-administrator", 7),
            (412, "precondition-failed", 7),
            (422, "invalid-input", 7),
            (429, "rate-limited", 8),
            (500, "internal-error", 1),
            (503, "unavailable", 8),
            (503, "outcome-unknown", 9),
        ];
        for (status, code, exit_code) in codes {
            assert_eq!(problem(status, code).exit_code(), exit_code, "{code}");
        }
        for (_, code, _) in codes {
            assert!(ProblemCode::ALL.iter().any(|known| known.as_str() == code), "{code}");
        }
    }

    #[test]
    fn rejection_messages_contain_advice_and_every_invalid_field() {
        assert_eq!(problem(404, "event-not-found").to_string(), "A detail. List the events with: rowlockctl events list");
        let mut busy: Problem = serde_json::from_value(json!({"title": "Busy", "status": 503, "code": "overloaded"})).unwrap();
        busy.retry_after = Some(7);
        assert_eq!(rejection_message(&busy), "Busy. Try again in 7 seconds.");
        let errors = json!([{"field": "name", "message": "is required"}, {"field": "startsAt", "message": "must be a time"}]);
        let bad = json!({"title": "Bad", "status": 422, "code": "invalid-input", "detail": "See errors.", "errors": errors});
        assert_eq!(
            rejection_message(&serde_json::from_value(bad).unwrap()),
            "See errors.\n  name: is required\n  startsAt: must be a time"
        );
    }
}
