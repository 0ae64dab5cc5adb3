//! Shared parts of the OpenAPI 3.1 document: problems, parameters, headers, enumerations and security schemes.
//!
//! A service describes each route at its handler. `rowlock-openapi` merges the descriptions of all services and the [`shared`]
//! parts into one document.

mod enums;
mod parameters;
mod problems;
mod shared;

pub use enums::{
    AccountLanguage, AccountRole, Action, ActorRole, AdminRole, BookingOrigin, BookingStatus, EventStatus, QueueLogKind, TransferStatus,
    WaitlistStatus,
};
pub use parameters::{EventVersionHeader, IdempotencyKeyHeader, KnownVersionHeader, NaturallyIdempotentKeyHeader, PageParams};
pub use problems::{ProblemDocument, Problems};
pub use shared::{BOOTSTRAP_TOKEN, GUEST_LINK, TOKEN, shared};

/// Declares a type that represents the [`Problems`] of a route in `#[utoipa::path(responses(…))]`.
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
