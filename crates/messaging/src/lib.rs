//! Turns a row into a delivered message: the AMQP link with its publisher and consumer, the topology with retries and dead
//! letters, and the outbox with its relay.
//!
//! A message is a row of the outbox, written in the transaction that made it true. The relay publishes it at least once, in
//! order for each event; consumers acknowledge a delivery after their own commit.

pub mod amqp;
pub mod cli;
pub mod outbox;
