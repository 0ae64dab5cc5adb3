//! Events, bookings and waiting lists over HTTP.
//!
//! A handler parses, makes a command, and turns its outcome into an answer. What a command does is decided in
//! `rowlock-inventory`; no SQL is written here.

mod accounts;
pub mod cli;
mod lanes;
mod outcome;
mod reads;
mod resources;
mod routes;
mod service;
mod settings;

use actix_web::http::Method;

pub use lanes::LaneSettings;
pub use service::{StartError, start};
pub use settings::{BookingSettings, MaintenanceSettings};

/// Every route that is served: its method and path.
pub fn routes() -> Vec<(Method, &'static str)> {
    routes::routes().list()
}

/// The public routes described (OpenAPI 3.1); `rowlock-openapi` makes the whole document of it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    <routes::Description as utoipa::OpenApi>::openapi()
}
