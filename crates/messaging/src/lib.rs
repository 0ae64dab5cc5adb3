//! Messaging: AMQP publishers and consumers, the queues with retries and dead letters, and the transactional outbox with its
//! relay.
//!
//! A message is first a row of the outbox, written in the same transaction as the change that it reports. The relay publishes
//! it at least once, in the order of the rows. Consumers acknowledge a delivery after their own commit.

pub mod amqp;
pub mod cli;
pub mod outbox;
