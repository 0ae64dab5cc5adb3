//! The API's description, held against the code, the gateway and the running services.

mod document;
mod examples;
mod routes;
