//! The link to RabbitMQ: the only code of the project that touches an amqprs connection or channel.
//!
//! What it keeps true:
//!
//! - A message counts as published when the broker has confirmed it, never earlier.
//! - Nothing waits for ever: every step has a time limit, because a blocked or frozen broker says nothing.
//! - One owner per channel, one synchronous call at a time. On any trouble other than a refusal (`basic.nack`)
//!   or a return, the whole link is thrown away; its owner connects anew with [`Backoff`].
//! - Whoever connects declares the topology first, so services start in any order and a lost queue comes back.
//! - A delivery ends as acknowledged, as retry or as dead letter. The copy is confirmed before the original is
//!   acknowledged, so a message can come twice but is never lost.

mod admin;
mod backoff;
mod consumer;
pub mod dead_letters;
mod delivery;
mod error;
mod ledger;
mod link;
mod message;
mod metrics;
mod publisher;
mod retry;
mod settings;
mod tap;
mod topology;
mod watch;

pub use admin::{QueueDeclaration, declare_queue, delete_queue, queue_depth};
pub use backoff::Backoff;
pub use consumer::Consumer;
pub use delivery::Delivery;
pub use error::LinkError;
pub use ledger::Settlement;
pub use message::{Exchange, Headers, OutboundMessage, shorten};
pub use metrics::LinkMetrics;
pub use publisher::Publisher;
pub use retry::Disposition;
pub use settings::AmqpSettings;
pub use tap::Tap;
pub use topology::{RetryQueue, Topology};
