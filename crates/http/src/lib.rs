//! HTTP layer shared by all services: servers, request extractors, problem documents, access tokens, rate limits, deadlines, and
//! the parts of the OpenAPI document that several routes share.
//!
//! The crate contains no ticketing logic. It only uses names, states and error codes of the domain.

mod auth;
mod body;
mod client;
mod client_address;
mod cors;
mod deadline;
mod graceful_shutdown;
mod head;
mod idempotency;
mod language;
mod limits;
pub mod management;
pub mod openapi;
pub mod problem;
mod query;
mod request_log;
pub mod revocations;
mod routes;
mod server;
pub mod tokens;

pub use auth::{AdminCaller, Administrator, Caller, Door, MaybeRevokedCaller, Organiser, Owner, RequiredRole, request_id};
pub use body::{BoundedVec, InvalidBody, JsonBody, NonNullPatch, Patch, WholeNumber, integer_field, text_field};
pub use client::service_client;
pub use client_address::client_address;
pub use cors::Origin;
pub use graceful_shutdown::GracefulShutdown;
pub use idempotency::{KeyedRequest, REPLAYED_HEADER, key_reused};
pub use language::preferred_language;
pub use limits::{RateLimit, per_minute};
pub use query::{Page, QueryFields, decode_cursor, encode_cursor};
pub use routes::Routes;
pub(crate) use server::serve;
pub use server::{HttpSettings, bind, no_such_route, public_server, serve_public};
