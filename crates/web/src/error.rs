//! Errors of pages. A handler returns one; `middleware::render_errors` turns it into a page that says what to do.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};

use crate::api::problem::{ApiError, Problem};
use crate::redirect::see_other;
use crate::view::links::encode;

/// Why a page cannot be shown.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PageError {
    /// The visitor has to sign in first, and then continues at `next`.
    #[error("the visitor is not signed in")]
    SignInNeeded { next: String },
    /// The visitor is not signed in, and what was asked for is no page that could lead to the sign-in.
    #[error("the visitor is not signed in")]
    SessionNeeded,
    /// This instance has the maximum number of live streams.
    #[error("the maximum number of live streams is open")]
    Busy,
    /// There is no such page.
    #[error("there is no such page")]
    NotFound,
    /// The link of a guest is incomplete or was replaced by a newer one.
    #[error("the link of the guest does not work")]
    UnknownGuestLink,
    /// The visitor may not see the page.
    #[error("the visitor is not permitted to see the page")]
    Forbidden,
    /// A form was sent from another site.
    #[error("the form comes from another site")]
    ForeignForm,
    /// The token of a form is not the visitor's.
    #[error("the token of the form is not the visitor's")]
    FormExpired,
    /// The body of the request is not a form.
    #[error("the body of the request is not a form")]
    BadForm,
    /// The body of the request is too large.
    #[error("the body of the request is too large")]
    BodyTooLarge,
    /// The API failed or refused.
    #[error(transparent)]
    Api(#[from] Arc<ApiError>),
    /// A template failed, or something that cannot happen.
    #[error("the page cannot be rendered")]
    Internal,
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        Self::Api(Arc::new(error))
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a template could not be rendered");
        Self::Internal
    }
}

impl PageError {
    /// Returns the error of a call in the name of a guest, who cannot sign in.
    pub(crate) fn for_guest(error: ApiError) -> Self {
        match error.code() {
            "unauthenticated" | "link-not-found" => Self::UnknownGuestLink,
            _ => error.into(),
        }
    }

    /// Returns the code of the API's problem document, or an empty text.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Api(error) => error.code(),
            _ => "",
        }
    }

    /// Returns the API's problem document.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Api(error) => match error.as_ref() {
                ApiError::Problem(problem) => Some(problem),
                ApiError::Unreachable(_) | ApiError::Unreadable(_) => None,
            },
            _ => None,
        }
    }

    /// Continues at `next` after the sign-in, if that is what is missing.
    pub(crate) fn then(self, next: impl Into<String>) -> Self {
        match self {
            Self::SignInNeeded { .. } => Self::SignInNeeded { next: next.into() },
            other => other,
        }
    }

    /// Returns how long to wait before a retry.
    fn retry_after(&self) -> Option<Duration> {
        if let Self::Busy = self {
            return Some(Duration::from_secs(5));
        }
        self.problem().and_then(|problem| problem.retry_after).map(Duration::from_secs)
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignInNeeded { .. } => StatusCode::SEE_OTHER,
            Self::SessionNeeded => StatusCode::UNAUTHORIZED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound | Self::UnknownGuestLink => StatusCode::NOT_FOUND,
            Self::BadForm => StatusCode::BAD_REQUEST,
            Self::Forbidden | Self::ForeignForm | Self::FormExpired => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Api(error) => match error.as_ref() {
                ApiError::Problem(problem) => StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY),
                ApiError::Unreachable(error) => {
                    tracing::warn!(%error, "the API cannot be reached");
                    StatusCode::SERVICE_UNAVAILABLE
                }
                ApiError::Unreadable(error) => {
                    tracing::warn!(%error, "the API sent a response that cannot be read");
                    StatusCode::BAD_GATEWAY
                }
            },
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::SignInNeeded { next } = self {
            return see_other(&format!("/signin?next={}", encode(next)));
        }
        let mut response = HttpResponse::build(self.status_code());
        if let Some(after) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, after.as_secs().max(1).to_string()));
        }
        response.finish()
    }
}
