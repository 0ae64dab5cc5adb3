//! Callbacks that turn asynchronous frames of the broker into one stream of events.
//!
//! amqprs drops a callback when the task that calls it ends, for any reason including a panic. The drop is therefore the only
//! reliable sign of a dead link.

use amqprs::callbacks::{ChannelCallback, ConnectionCallback};
use amqprs::channel::Channel;
use amqprs::connection::Connection;
use amqprs::error::Error;
use amqprs::{Ack, BasicProperties, Cancel, Close, CloseChannel, Nack, Return};
use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;

use super::LinkError;

/// An asynchronous event of the link.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// `basic.ack` of one published message or, if `multiple`, of all messages up to it.
    Acked { tag: u64, multiple: bool },
    /// `basic.nack` of one published message or, if `multiple`, of all messages up to it.
    Nacked { tag: u64, multiple: bool },
    /// `basic.return` of a mandatory message that reached no queue. Its ack follows.
    Returned { message_id: String, reason: String },
    /// The link is of no more use.
    Ended(LinkError),
}

pub(super) struct ConnectionWatch(pub(super) UnboundedSender<LinkEvent>);

impl Drop for ConnectionWatch {
    fn drop(&mut self) {
        let _ = self.0.send(LinkEvent::Ended(LinkError::Lost));
    }
}

#[async_trait]
impl ConnectionCallback for ConnectionWatch {
    async fn close(&mut self, _: &Connection, close: Close) -> Result<(), Error> {
        let _ = self.0.send(LinkEvent::Ended(LinkError::Closed {
            what: "connection",
            code: close.reply_code(),
            reason: close.reply_text().clone(),
        }));
        Ok(())
    }

    // RabbitMQ only notifies clients that announce this capability, which amqprs does not. Timeouts detect a blocked broker.
    async fn blocked(&mut self, _: &Connection, _: String) {}
    async fn unblocked(&mut self, _: &Connection) {}
    async fn secret_updated(&mut self, _: &Connection) {}
}

pub(super) struct ChannelWatch(pub(super) UnboundedSender<LinkEvent>);

impl Drop for ChannelWatch {
    fn drop(&mut self) {
        let _ = self.0.send(LinkEvent::Ended(LinkError::Lost));
    }
}

#[async_trait]
impl ChannelCallback for ChannelWatch {
    async fn close(&mut self, _: &Channel, close: CloseChannel) -> Result<(), Error> {
        let event = LinkEvent::Ended(LinkError::Closed { what: "channel", code: close.reply_code(), reason: close.reply_text().clone() });
        let _ = self.0.send(event);
        // Returning an error ends the dispatcher at once. It thereby skips the close-ok frame, which is pointless because the
        // connection is about to be dropped, and amqprs panics if it can no longer be sent.
        Err(Error::ChannelUseError("closed by the broker".to_owned()))
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), Error> {
        let _ = self.0.send(LinkEvent::Ended(LinkError::ConsumerCancelled));
        // As above, no response is needed on a link that is about to be dropped.
        Err(Error::ChannelUseError("cancelled by the broker".to_owned()))
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, Error> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        let _ = self.0.send(LinkEvent::Acked { tag: ack.delivery_tag(), multiple: ack.mutiple() });
    }

    async fn publish_nack(&mut self, _: &Channel, nack: Nack) {
        let _ = self.0.send(LinkEvent::Nacked { tag: nack.delivery_tag(), multiple: nack.multiple() });
    }

    async fn publish_return(&mut self, _: &Channel, ret: Return, properties: BasicProperties, _: Vec<u8>) {
        let _ = self.0.send(LinkEvent::Returned {
            message_id: properties.message_id().cloned().unwrap_or_default(),
            reason: format!("{} {}", ret.reply_code(), ret.reply_text()),
        });
    }
}
