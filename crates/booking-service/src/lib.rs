//! The booking service: events, bookings and waiting lists over HTTP.
//!
//! A handler parses the request, builds a command, and turns the outcome into a response. `rowlock-inventory` decides what a
//! command does and contains all SQL.

mod account_directory;
mod accounts;
mod chances;
mod checkins;
pub mod cli;
mod consumer_loop;
mod etag;
mod event_cache;
mod held_tickets;
mod lanes;
mod live;
mod outcome;
mod pictures;
mod resources;
mod routes;
mod sales;
mod service;
mod settings;
mod spreadsheet;
mod state;
mod ticket_keys;
mod ticket_printer;

pub use lanes::LaneSettings;
pub use live::LiveSettings;
pub use service::{StartError, start};
pub use settings::{BookingSettings, MaintenanceSettings};

/// Returns the name of every route, such as `GET /api/events`.
pub fn routes() -> Vec<String> {
    routes::routes().names()
}

/// Returns the OpenAPI 3.1 description of the public routes. `rowlock-openapi` merges it into the complete document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    <routes::Description as utoipa::OpenApi>::openapi()
}
