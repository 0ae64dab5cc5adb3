//! A link: one connection with one channel and timeouts for every operation.
//!
//! A link has one owner, who uses it through `&mut self`. It is never repaired: after the first error every call fails, and
//! the owner drops the link.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use amqprs::channel::{Channel, ConfirmSelectArguments};
use amqprs::connection::Connection;
use amqprs::error::Error;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};

use super::watch::{ChannelWatch, ConnectionWatch, LinkEvent};
use super::{AmqpSettings, LinkError};

/// How long to wait for the broker's close reason after a failure. By then amqprs has dropped the callbacks of a dead link, so
/// no reason can arrive later.
const CLOSE_REASON_TIMEOUT: Duration = Duration::from_millis(100);

/// How long a publisher waits before it sends what the TLS session has not sent yet. Confirms usually take less.
const FIRST_PUSH: Duration = Duration::from_millis(10);

/// Longest interval between two attempts to send it.
const MAX_PUSH_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Link {
    channel: Channel,
    // Dropping the connection would close its channel.
    connection: Connection,
    events: UnboundedReceiver<LinkEvent>,
    call_limit: Duration,
    send_limit: Duration,
    /// Set while a call is in flight. If it is set when a call starts, an earlier call was cancelled and its response could
    /// be mistaken for that of the new call.
    in_call: bool,
    ended: Option<LinkError>,
    is_encrypted: bool,
    /// Whether waiting sends what the TLS session has not sent yet; see [`pushing`].
    pushes: bool,
}

impl Link {
    pub(super) async fn open(settings: &AmqpSettings) -> Result<Self, LinkError> {
        let arguments = settings.checked_arguments()?;
        let is_encrypted = arguments.get_tls_adaptor().is_some();
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
        let channel = with_timeout("opening a channel", limit, setup).await?;
        let send_limit = settings.confirm_timeout;
        Ok(Self { channel, connection, events, call_limit: limit, send_limit, in_call: false, ended: None, is_encrypted, pushes: false })
    }

    /// Enables publisher confirms. From now on, waiting for a response or an event on an encrypted link also sends what the TLS
    /// session has not sent yet.
    pub(super) async fn enable_confirms(&mut self) -> Result<(), LinkError> {
        self.call("enabling publisher confirms", |channel| async move { channel.confirm_select(ConfirmSelectArguments::default()).await })
            .await?;
        self.pushes = self.is_encrypted;
        Ok(())
    }

    /// Makes a call and waits for the broker's response.
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
        let response = with_timeout(doing, self.call_limit, call(self.channel.clone()));
        match pushing(self.pushes.then(|| self.channel.clone()), response).await {
            Ok(response) => {
                self.in_call = false;
                Ok(response)
            }
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Sends a frame that has no response. amqprs only queues it, but waits while its queue is full.
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

    /// Returns an error if the link is known to have ended. Does not wait and does not consume events, because they may include
    /// confirms.
    pub(super) fn check(&mut self) -> Result<(), LinkError> {
        if self.ended.is_none() && !(self.connection.is_open() && self.channel.is_open()) {
            self.ended = Some(LinkError::Lost);
        }
        self.ended.clone().map_or(Ok(()), Err)
    }

    /// Waits for the next event. The end of the link is returned as an error. Cancel safe.
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

    /// Waits for the next event like `next_event`, but no longer than `limit`.
    pub(super) async fn next_event_within(&mut self, doing: &'static str, limit: Duration) -> Result<LinkEvent, LinkError> {
        let channel = self.pushes.then(|| self.channel.clone());
        match pushing(channel, timeout(limit, self.next_event())).await {
            Ok(event) => event,
            Err(_) => Err(self.end(LinkError::TimedOut { doing, limit })),
        }
    }

    /// Returns an event that has already arrived, like `next_event` but without waiting.
    pub(super) fn ready_event(&mut self) -> Result<Option<LinkEvent>, LinkError> {
        match self.events.try_recv() {
            Ok(LinkEvent::Ended(error)) => Err(self.end(error)),
            Ok(event) => Ok(Some(event)),
            Err(_) => Ok(None),
        }
    }

    /// Waits until the link ends and returns the reason. Other events are discarded. Cancel safe.
    pub(super) async fn ended(&mut self) -> LinkError {
        loop {
            if let Err(error) = self.next_event().await {
                return error;
            }
        }
    }

    /// Marks the link as ended and returns the first recorded reason.
    pub(super) fn end(&mut self, error: LinkError) -> LinkError {
        self.ended.get_or_insert(error).clone()
    }

    /// Ends the link and returns the broker's close reason, which is more specific than the client's error, if there is one.
    async fn explain(&mut self, error: LinkError) -> LinkError {
        if !matches!(error, LinkError::TimedOut { .. }) {
            let reason = timeout(CLOSE_REASON_TIMEOUT, self.ended()).await;
            if let Ok(reason @ (LinkError::Closed { .. } | LinkError::ConsumerCancelled)) = reason {
                return reason;
            }
            self.ended = None;
        }
        self.end(error)
    }

    /// Closes the connection. The broker requeues unacknowledged deliveries.
    pub(super) async fn close(mut self) {
        if self.check().is_err() {
            return;
        }
        // The broker processes frames in order, so its response means that everything sent before has been processed.
        let _ = with_timeout("closing", self.send_limit, self.connection.close()).await;
    }
}

/// Waits for the broker, and meanwhile makes amqprs send the rest of what was published, if there is a channel.
///
/// amqprs never flushes its stream. If the socket cannot take everything that was written, up to 64 KiB stay in the TLS session until
/// the next frame, and without one until the next heartbeat. A repeated `confirm.select` without a response is such a frame, and changes
/// nothing.
async fn pushing<T>(channel: Option<Channel>, waiting: impl Future<Output = T>) -> T {
    let Some(channel) = channel else { return waiting.await };
    tokio::select! {
        response = waiting => response,
        never = push_unsent(channel) => match never {},
    }
}

async fn push_unsent(channel: Channel) -> Infallible {
    let mut pause = FIRST_PUSH;
    loop {
        sleep(pause).await;
        // If this fails, the link has ended, which its events report.
        let _ = channel.confirm_select(ConfirmSelectArguments::new(true)).await;
        pause = (pause * 2).min(MAX_PUSH_INTERVAL);
    }
}

/// Runs a call of amqprs in a task of its own, with a timeout. amqprs panics if a call that waits for a response is dropped, so
/// an expired timeout stops the waiting but not the call.
async fn with_timeout<T, F>(doing: &'static str, limit: Duration, call: F) -> Result<T, LinkError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    match timeout(limit, tokio::spawn(call)).await {
        Ok(Ok(Ok(response))) => Ok(response),
        Ok(Ok(Err(error))) => Err(LinkError::Client { doing, reason: error.to_string() }),
        Ok(Err(error)) => Err(LinkError::Client { doing, reason: error.to_string() }),
        Err(_) => Err(LinkError::TimedOut { doing, limit }),
    }
}
