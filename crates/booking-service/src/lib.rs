//! Events, bookings and waiting lists over HTTP.
//!
//! A handler parses, makes a command, and turns its outcome into an answer. What a command does is decided in
//! `rowlock-inventory`; no SQL is written here.

mod accounts;
pub mod cli;
mod held;
mod lanes;
mod outcome;
mod reads;
mod resources;
mod routes;
mod service;
mod settings;
mod spreadsheet;

pub use lanes::LaneSettings;
pub use service::{StartError, start};
pub use settings::{BookingSettings, MaintenanceSettings};

/// The name of every route that is served: `GET /api/events`.
pub fn routes() -> Vec<String> {
    routes::routes().names()
}

/// The public routes described (OpenAPI 3.1); `rowlock-openapi` makes the whole document of it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    <routes::Description as utoipa::OpenApi>::openapi()
}
