//! Webhooks: hand messages to servers of organizers, signed as [Standard Webhooks](https://www.standardwebhooks.com) specifies.
//!
//! The consumer writes one row of `webhook_deliveries` for each message and webhook that wants it. The dispatcher claims due rows,
//! sends them and stores the outcome. In contrast to a mail, a delivery whose outcome is unknown is sent again, because receivers can
//! tell a repeated message by its id: each message arrives at least once.
//!
//! A target is a URL that a stranger may have chosen, so [`target`] resolves its name at each send and connects only to addresses in
//! the public Internet.

mod addresses;
mod client;
mod dispatcher;
mod housekeeping;
mod metrics;
mod model;
mod secret;
mod settings;
mod target;

pub(crate) use client::Client;
pub(crate) use dispatcher::{Dispatcher, MAX_SETTLING};
pub(crate) use housekeeping::keep_webhooks;
pub(crate) use metrics::WebhookMetrics;
pub(crate) use model::{ClaimedRequest, DeliveryStatus, DisabledReason, OfferedMessage, Sent};
pub(crate) use secret::Secret;
pub(crate) use settings::FAILURES_BEFORE_PAUSE;
pub use settings::WebhookSettings;
pub(crate) use target::{TargetPolicy, WebhookUrl};
