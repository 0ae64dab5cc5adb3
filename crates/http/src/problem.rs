//! Problem documents (RFC 9457), the format of every error response of the API.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use rowlock_domain::problem::ProblemCode;
use rowlock_postgres::DatabaseError;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An invalid field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field with its path, such as `ticketTypes[1].name`.
    pub field: String,
    /// Why the value is not valid, as the end of a sentence that begins with the field.
    pub message: String,
}

/// An error response.
#[derive(Debug, Clone)]
#[must_use = "a problem has no effect until it is returned"]
pub struct Problem {
    code: ProblemCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
    headers: Vec<(header::HeaderName, String)>,
}

impl Problem {
    /// Creates a problem. `detail` tells a person what happened and what to do. A 503 gets a `Retry-After` of one second.
    pub fn new(code: ProblemCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after = (code.status() == 503).then_some(Duration::from_secs(1));
        Self { code, detail: detail.into(), errors: Vec::new(), members: Map::new(), retry_after, headers: Vec::new() }
    }

    /// Creates a 422 problem that names every invalid field.
    pub fn invalid_input(errors: Vec<FieldError>) -> Self {
        Self::new(ProblemCode::InvalidInput, "Some values are missing or invalid; see errors.").with_errors(errors)
    }

    /// Creates a 422 problem for one invalid field.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_input(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// Sets the member `errors`, which names the invalid fields.
    pub fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// Adds an extension member to the document.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the `Retry-After` header, in whole seconds.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds a response header.
    pub fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Creates a 500 problem for an unexpected error. Logs the error with its causes and reveals nothing of it to the client.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %ErrorChain(error), "internal error");
        Self::new(ProblemCode::InternalError, "The error has been logged. Trying again later may help.")
    }

    /// Returns the stable code of the problem.
    pub const fn code(&self) -> ProblemCode {
        self.code
    }

    /// Returns the problem document as JSON.
    pub fn document(&self) -> Value {
        let mut document = self.members.clone();
        document.insert("type".to_owned(), format!("urn:rowlock:problem:{}", self.code.as_str()).into());
        document.insert("title".to_owned(), self.code.title().into());
        document.insert("status".to_owned(), self.code.status().into());
        document.insert("code".to_owned(), self.code.as_str().into());
        document.insert("detail".to_owned(), self.detail.clone().into_owned().into());
        if !self.errors.is_empty() {
            document.insert(
                "errors".to_owned(),
                self.errors.iter().map(|e| serde_json::json!({"field": e.field, "message": e.message})).collect(),
            );
        }
        Value::Object(document)
    }
}

/// Displays an error and its causes on one line.
struct ErrorChain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(_) => {
                tracing::warn!(%error, "a request failed because the database is unavailable");
                Self::new(ProblemCode::Unavailable, "The database cannot be reached at the moment. Nothing was changed; please try again.")
            }
            DatabaseError::Busy(_) => {
                tracing::warn!(%error, "a request failed because the database is busy");
                Self::new(ProblemCode::Overloaded, "The database is busy at the moment. Nothing was changed; please try again.")
            }
            DatabaseError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "the outcome of a request is unknown");
                Self::new(
                    ProblemCode::OutcomeUnknown,
                    "The connection to the database was lost during the commit, so the change may have taken effect. Send the same request again, with the same Idempotency-Key if it had one.",
                )
            }
            DatabaseError::Refused(_) => Self::internal(&error),
        }
    }
}

impl From<diesel::result::Error> for Problem {
    fn from(error: diesel::result::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        response.content_type("application/problem+json");
        if let Some(after) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, after.as_secs().max(1).to_string()));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.document().to_string())
    }
}
