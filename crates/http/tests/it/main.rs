//! The gateway in front of the services, with the configuration of `deploy/gateway`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod gateway;
mod gateway_streams;
mod gateway_tls;
