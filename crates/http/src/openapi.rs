//! What the descriptions of the routes (OpenAPI 3.1) have in common: problems, parameters, headers, words and log-in.
//!
//! A service describes each route at its handler; `rowlock-openapi` puts the descriptions of all services and what is
//! [`shared`] into one document.

mod parameters;
mod problems;
mod shared;
mod words;

pub use parameters::{EventVersionHeader, IdempotencyKeyHeader, KnownVersionHeader, NeedlessKeyHeader, PageParams};
pub use problems::{ProblemDocument, Problems};
pub use shared::{BOOTSTRAP_TOKEN, TOKEN, shared};
pub use words::{AccountRole, Action, ActorRole, BookingOrigin, BookingStatus, EventStatus, WaitlistStatus};

/// Declares a type that stands for the [`Problems`] of a route in `#[utoipa::path(responses(…))]`.
#[macro_export]
macro_rules! route_problems {
    ($name:ident = $problems:expr) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::response::Response>> {
                $problems.responses()
            }
        }
    };
}
