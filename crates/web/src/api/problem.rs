//! Errors of the API: problem documents, and the failure to get a response at all.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A problem document (RFC 9457) of the API.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Problem {
    /// HTTP status.
    #[serde(default)]
    pub(crate) status: u16,
    /// Stable error code, such as `sold-out`.
    pub(crate) code: String,
    /// Invalid fields of the request.
    #[serde(default)]
    pub(crate) errors: Vec<FieldProblem>,
    /// All other members.
    #[serde(flatten)]
    pub(crate) members: Map<String, Value>,
    /// Seconds after which a retry makes sense.
    #[serde(skip)]
    pub(crate) retry_after: Option<u64>,
}

/// An invalid field of a request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FieldProblem {
    /// Name of the field with its path, such as `ticketTypes[1].name`.
    pub(crate) field: String,
    /// Why the value is invalid, in English, as the end of a sentence that begins with the field.
    pub(crate) message: String,
}

/// Why a call of the API failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The API refused the request.
    #[error("the API responded {}: {}", .0.status, .0.code)]
    Problem(Box<Problem>),
    /// No response arrived.
    #[error("the API cannot be reached: {0}")]
    Unreachable(reqwest::Error),
    /// The response is not the expected document.
    #[error("the API sent a response that cannot be read: {0}")]
    Unreadable(reqwest::Error),
}

impl ApiError {
    /// Returns the code of the problem document, or an empty text if there is none.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.code,
            Self::Unreachable(_) | Self::Unreadable(_) => "",
        }
    }
}

impl Problem {
    /// Returns an extension member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
}

/// Reads the problem document of an unsuccessful response.
pub(crate) async fn read_problem(response: reqwest::Response) -> ApiError {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    match response.json::<Problem>().await {
        Ok(problem) => ApiError::Problem(Box::new(Problem { status, retry_after, ..problem })),
        Err(error) => ApiError::Unreadable(error),
    }
}
