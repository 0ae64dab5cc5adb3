//! One connection with one channel, under time limits.
//!
//! A link is used by one owner through `&mut self` and never repaired: after the first error every call fails,
//! and the owner throws it away.

use std::future::Future;
use std::time::Duration;

use amqprs::channel::Channel;
use amqprs::connection::Connection;
use amqprs::error::Error;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::watch::{ChannelWatch, ConnectionWatch, LinkEvent};
use super::{AmqpSettings, LinkError};

/// The time in which amqprs drops an ended link's callbacks, after which there is no reason to be had.
const REASON_PATIENCE: Duration = Duration::from_millis(100);

pub(super) struct Link {
    channel: Channel,
    // The connection must outlive its channel.
    connection: Connection,
    events: UnboundedReceiver<LinkEvent>,
    call_limit: Duration,
    send_limit: Duration,
    /// Set while a call is under way. Found set at the start of a call, it means that the caller of an earlier
    /// one went away and that two answers could be mixed up.
    in_call: bool,
    ended: Option<LinkError>,
}

impl Link {
    pub(super) async fn open(settings: &AmqpSettings) -> Result<Self, LinkError> {
        settings.check()?;
        let arguments = settings.open_arguments()?;
        let limit = settings.connect_timeout;
        let connection = timeout(limit, Connection::open(&arguments))
            .await
            .map_err(|_| LinkError::TimedOut { doing: "connecting", limit })?
            .map_err(|error| LinkError::Connect(error.to_string()))?;
        let (sender, events) = unbounded_channel();
        let setup = {
            let connection = connection.clone();
            async move {
                connection.register_callback(ConnectionWatch(sender.clone())).await?;
                let channel = connection.open_channel(None).await?;
                channel.register_callback(ChannelWatch(sender)).await?;
                Ok(channel)
            }
        };
        let channel = limited("opening a channel", limit, setup).await?;
        Ok(Self { channel, connection, events, call_limit: limit, send_limit: settings.confirm_timeout, in_call: false, ended: None })
    }

    /// Makes a call that the broker answers.
    pub(super) async fn call<T, F>(&mut self, doing: &'static str, call: impl FnOnce(Channel) -> F) -> Result<T, LinkError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.check()?;
        if self.in_call {
            return Err(self.end(LinkError::Abandoned));
        }
        self.in_call = true;
        match limited(doing, self.call_limit, call(self.channel.clone())).await {
            Ok(answer) => {
                self.in_call = false;
                Ok(answer)
            }
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Sends something that has no answer of its own. amqprs only queues it, but blocks when its queue is full.
    pub(super) async fn send<F>(&mut self, doing: &'static str, send: impl FnOnce(Channel) -> F) -> Result<(), LinkError>
    where
        F: Future<Output = Result<(), Error>>,
    {
        self.check()?;
        let limit = self.send_limit;
        match timeout(limit, send(self.channel.clone())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.explain(LinkError::Client { doing, reason: error.to_string() }).await),
            Err(_) => Err(self.end(LinkError::TimedOut { doing, limit })),
        }
    }

    /// Whether the link is known to have ended, without waiting. Leaves the events alone: confirms may be among them.
    pub(super) fn check(&mut self) -> Result<(), LinkError> {
        if self.ended.is_none() && !(self.connection.is_open() && self.channel.is_open()) {
            self.ended = Some(LinkError::Lost);
        }
        self.ended.clone().map_or(Ok(()), Err)
    }

    /// The next event; the end of the link is an error. Safe to cancel.
    pub(super) async fn next_event(&mut self) -> Result<LinkEvent, LinkError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        match self.events.recv().await {
            Some(LinkEvent::Ended(error)) => Err(self.end(error)),
            Some(event) => Ok(event),
            None => Err(self.end(LinkError::Lost)),
        }
    }

    /// An event that is already there. Like `next_event` otherwise.
    pub(super) fn ready_event(&mut self) -> Result<Option<LinkEvent>, LinkError> {
        match self.events.try_recv() {
            Ok(LinkEvent::Ended(error)) => Err(self.end(error)),
            Ok(event) => Ok(Some(event)),
            Err(_) => Ok(None),
        }
    }

    /// Waits until the link ends, and says why. Safe to cancel.
    pub(super) async fn ended(&mut self) -> LinkError {
        loop {
            if let Err(error) = self.next_event().await {
                return error;
            }
        }
    }

    /// Declares the link ended.
    pub(super) fn end(&mut self, error: LinkError) -> LinkError {
        self.ended.get_or_insert(error).clone()
    }

    /// After a failure the broker's own reason, if it gave one, says more than the client's error.
    async fn explain(&mut self, error: LinkError) -> LinkError {
        if !matches!(error, LinkError::TimedOut { .. }) {
            let reason = timeout(REASON_PATIENCE, self.ended()).await;
            if let Ok(reason @ (LinkError::Closed { .. } | LinkError::ConsumerCancelled)) = reason {
                return reason;
            }
            self.ended = None;
        }
        self.end(error)
    }

    /// Says goodbye. What is unacknowledged goes back to its queue.
    pub(super) async fn close(mut self) {
        if self.check().is_err() {
            return;
        }
        // The broker handles frames in order, so its answer means that everything sent before was handled too.
        let _ = limited("closing", self.send_limit, self.connection.close()).await;
    }
}

/// Runs a call of amqprs to its end in a task of its own. amqprs panics when one that waits for an answer is
/// dropped half-way, so a time limit may only stop waiting for it, not stop it.
async fn limited<T, F>(doing: &'static str, limit: Duration, call: F) -> Result<T, LinkError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    match timeout(limit, tokio::spawn(call)).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => Err(LinkError::Client { doing, reason: error.to_string() }),
        Ok(Err(error)) => Err(LinkError::Client { doing, reason: error.to_string() }),
        Err(_) => Err(LinkError::TimedOut { doing, limit }),
    }
}
