//! Failures of commands: messages for people and exit codes for scripts.

use std::io::{self, Write};
use std::process::ExitCode;

use rowlock_domain::problem::ProblemCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::output::clean;
use crate::server_url::ServerUrl;

/// List of exit codes at the end of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed for a reason that none of the others names
  2  the arguments, a file or a setting cannot be used
  3  you are not logged in, or the login is over, or e-mail or password is wrong
  4  your account may not do this
  5  the server cannot be reached, or what answers is not Rowlock
  6  there is no such event or account
  7  Rowlock refuses it as it is: a bad value, or a rule
  8  too busy or partly away: nothing was changed, try again later
  9  the answer was lost: look whether it took effect before you repeat it";

/// An invalid field of a request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BadField {
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
    errors: Vec<BadField>,
    /// Additional advice for the user.
    #[serde(skip)]
    pub(crate) hint: Option<String>,
    /// Value of `Retry-After`, in seconds.
    #[serde(skip)]
    pub(crate) retry_after: Option<u64>,
    /// The unchanged document.
    #[serde(skip)]
    pub(crate) document: Value,
}

impl Problem {
    /// Creates the problem that the service would return for an unknown account.
    pub(crate) fn no_such_account(which: &str) -> Self {
        let code = ProblemCode::AccountNotFound;
        let detail = format!("There is no account «{which}».");
        let document = json!({"status": code.status(), "code": code.as_str(), "title": code.title(), "detail": detail});
        Self {
            status: code.status(),
            code: code.as_str().to_owned(),
            title: code.title().to_owned(),
            detail,
            errors: Vec::new(),
            hint: None,
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
    #[error("The login at {url} is over: {reason}. Log in again with: rowlockctl login --url {url}")]
    LoginOver {
        /// URL of the server.
        url: ServerUrl,
        /// Why the session has ended.
        reason: &'static str,
    },
    /// The connection failed or could not be trusted.
    #[error("{url} cannot be reached: {reason}. Is the address right (--url, ROWLOCK_URL), and does the system run there?")]
    Unreachable {
        /// URL of the server.
        url: String,
        /// Message of the system or of TLS.
        reason: String,
    },
    /// The connection to RabbitMQ failed.
    #[error("RabbitMQ cannot be reached: {0}. Are its address and password right, and does it run there?")]
    BrokerUnreachable(String),
    /// The server responds, but not like Rowlock.
    #[error("{url} answers, but not as Rowlock does: {what}. Is this the gateway's address (--url, ROWLOCK_URL)?")]
    NotRowlock {
        /// URL of the server.
        url: String,
        /// Description of the response.
        what: String,
    },
    /// A change was sent, but its response was lost.
    #[error("The answer was lost: {0}. It is not known whether it took effect; look before you repeat it.")]
    AnswerLost(String),
    /// The API refused the request.
    #[error("{}", sentence(.0))]
    Refused(Box<Problem>),
    /// Any other failure.
    #[error("{0}")]
    Other(String),
    /// The reader of standard output closed it.
    #[error("the output was closed")]
    OutputClosed,
}

/// Formats a problem document, with advice and the invalid fields.
fn sentence(problem: &Problem) -> String {
    let Problem { title, detail, errors, .. } = problem;
    let mut text = if detail.is_empty() { format!("{title}.") } else { detail.clone() };
    if let Some(hint) = hint(problem) {
        text.push(' ');
        text.push_str(&hint);
    }
    for BadField { field, message } in errors {
        for part in ["\n  ", field, ": ", message] {
            text.push_str(part);
        }
    }
    text
}

fn hint(problem: &Problem) -> Option<String> {
    let later = |seconds: Option<u64>| match seconds {
        Some(1) => "Try again in a second.".to_owned(),
        Some(seconds) => format!("Try again in {seconds} seconds."),
        None => "Try again later.".to_owned(),
    };
    Some(match problem.code.as_str() {
        "event-not-found" => "See which there are: rowlockctl events list".to_owned(),
        "account-not-found" => "See which there are: rowlockctl accounts list".to_owned(),
        "precondition-failed" => "Look at it again, and repeat the command if you still want it.".to_owned(),
        "rate-limited" | "unavailable" | "overloaded" => later(problem.retry_after),
        _ => return problem.hint.clone(),
    })
}

impl Failure {
    /// Returns the exit code; see [`EXIT_CODES`].
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::NotLoggedIn(_) | Self::LoginOver { .. } => 3,
            Self::Unreachable { .. } | Self::BrokerUnreachable(_) | Self::NotRowlock { .. } => 5,
            Self::AnswerLost(_) => 9,
            Self::Refused(problem) => match (problem.status, problem.code.as_str()) {
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
            let text = if json { self.document().to_string() } else { format!("error: {}", clean_lines(&self.to_string())) };
            // If standard error cannot be written, there is no other way to report it.
            let _ = writeln!(io::stderr(), "{text}");
        }
        ExitCode::from(code)
    }

    fn document(&self) -> Value {
        let mut error = json!({"exitCode": self.exit_code(), "message": self.to_string()});
        if let (Self::Refused(problem), Some(error)) = (self, error.as_object_mut()) {
            error.insert("problem".to_owned(), problem.document.clone());
        }
        json!({ "error": error })
    }
}

fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

impl From<io::Error> for Failure {
    /// Converts errors of writing standard output only. Errors on files name the file and are created where they occur.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Other(format!("The output cannot be written: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, code: &str) -> Failure {
        let document = json!({"type": "x", "title": "A title", "status": status, "code": code, "detail": "A detail."});
        Failure::Refused(Box::new(serde_json::from_value(document).unwrap()))
    }

    #[test]
    fn each_kind_of_refusal_has_its_exit_code() {
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
    fn a_refusal_names_what_to_do_and_every_bad_field() {
        assert_eq!(problem(404, "event-not-found").to_string(), "A detail. See which there are: rowlockctl events list");
        let mut busy: Problem = serde_json::from_value(json!({"title": "Busy", "status": 503, "code": "overloaded"})).unwrap();
        busy.retry_after = Some(7);
        assert_eq!(sentence(&busy), "Busy. Try again in 7 seconds.");
        let errors = json!([{"field": "name", "message": "is required"}, {"field": "startsAt", "message": "must be a time"}]);
        let bad = json!({"title": "Bad", "status": 422, "code": "invalid-input", "detail": "See errors.", "errors": errors});
        assert_eq!(sentence(&serde_json::from_value(bad).unwrap()), "See errors.\n  name: is required\n  startsAt: must be a time");
    }
}
