//! The booking service through its HTTP API, with a real PostgreSQL, a real RabbitMQ and real workers.

mod crowd;
mod faults;
mod handing_on;
mod idempotency;
mod startup;
