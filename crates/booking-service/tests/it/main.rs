//! The booking service through its HTTP API, with a real PostgreSQL, a real RabbitMQ and real workers.

mod crowd;
mod handing_on;
