//! The HTTP edge that all services share: reading requests, answering, serving.

mod auth;
mod client_address;
mod cors;
mod deadline;
mod head;
mod idempotency;
mod json;
mod limits;
mod query;
mod request_log;
mod routes;
mod server;

pub use auth::{AdminCaller, Caller, request_id};
pub use client_address::client_address;
pub use cors::Origin;
pub use idempotency::KeyedRequest;
pub use json::{JsonFields, Patch, boolean, integer, text, time};
pub use limits::{RateLimit, per_minute};
pub use query::{Page, QueryFields, decode_cursor, encode_cursor};
pub use routes::Routes;
pub(crate) use server::serve;
pub use server::{HttpSettings, Leave, bind, no_such_route, public_server, serve_public};
