//! RabbitMQ publishers and consumers. Only this module uses amqprs connections and channels.
//!
//! Invariants:
//!
//! - A message counts as published only after the broker has confirmed it.
//! - Every operation has a timeout, because a blocked or stalled broker sends nothing.
//! - A channel has one owner and at most one synchronous call in flight. After any error except a rejection (`basic.nack`) or
//!   a return, the owner drops the whole link and connects again with [`Backoff`].
//! - Every connection declares the topology first, so services can start in any order and a deleted queue is declared again.
//! - A delivery ends as acknowledged, as a retry or as a dead letter. The copy for a retry or dead-letter queue is confirmed
//!   before the original is acknowledged, so a message may be delivered twice but is never lost.

mod admin;
mod backoff;
mod confirms;
mod consumer;
pub mod dead_letters;
mod delivery;
mod error;
mod link;
mod message;
mod metrics;
mod publisher;
mod retry;
mod settings;
mod tap;
mod tls;
mod topology;
mod watch;

pub use admin::{QueueDeclaration, declare_queue, delete_queue, queue_depth};
pub use backoff::Backoff;
pub use confirms::Settlement;
pub use consumer::{Consumer, Received};
pub use delivery::{Delivery, DeliveryTag};
pub use error::LinkError;
pub use message::{Exchange, Headers, OutboundMessage, shorten};
pub use metrics::LinkMetrics;
pub use publisher::Publisher;
pub use retry::Disposition;
pub use settings::AmqpSettings;
pub use tap::Tap;
pub use tls::AmqpTlsSettings;
pub use topology::{RetryQueue, Topology};
