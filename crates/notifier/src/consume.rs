//! The consumer: stores the deliveries of each message and acknowledges it after the commit. It sends nothing.
//!
//! A message that cannot be read becomes a dead letter. While the database is unavailable, consuming is paused and no attempt is
//! counted.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rowlock_domain::messages::{NotificationMessage, UnreadableMessage, parse_notification_message, parse_webhook_message};
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Consumer, Delivery, DeliveryTag, LinkError, LinkMetrics, Topology, shorten};
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::delivery::NewRow;
use crate::metrics::DeliveryMetrics;
use crate::pace::{Pace, Permit};
use crate::settings::PaceSettings;
use crate::store::{Inserted, Store};
use crate::webhooks::OfferedMessage;

/// Delay between two checks whether the database is back.
const DATABASE_RETRY_DELAY: Duration = Duration::from_millis(250);

/// Maximum delay before the next attempt to connect to the broker.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Maximum number of unacknowledged deliveries from the queue of messages that can wait. Most are batches then, which would otherwise
/// move from the broker into the memory of this process while it takes few messages.
const PACED_PREFETCH: u16 = 50;

/// The consequences of a message that are not stored yet.
struct Pending<'a> {
    message: &'a Delivery,
    /// The delivery to a person, or the broadcast to all holders of an event.
    row: Option<NewRow>,
    /// The message as webhooks get it.
    offered: Option<OfferedMessage>,
}

impl<'a> Pending<'a> {
    fn read(message: &'a Delivery) -> Result<Self, UnreadableMessage> {
        let NotificationMessage { id, notification } = parse_notification_message(&message.body)?;
        let row = notification.map(|notification| NewRow::of(id, notification));
        let offered = parse_webhook_message(&message.body)?.map(OfferedMessage::try_from).transpose()?;
        Ok(Self { message, row, offered })
    }
}

/// Consumes one queue of messages that people are told about.
#[derive(Clone)]
pub(crate) struct MessageConsumer {
    pub(crate) store: Store,
    pub(crate) amqp: AmqpSettings,
    /// The queue.
    pub(crate) topology: Topology,
    pub(crate) prefetch: u16,
    /// The pace of messages that can wait, or `None` if they are taken at once.
    pub(crate) pace: Option<PaceSettings>,
    /// How long holders are told after a change of their event.
    pub(crate) change_delay: Duration,
    pub(crate) clock: Clock,
    pub(crate) link_metrics: LinkMetrics,
    pub(crate) metrics: DeliveryMetrics,
    /// Wakes the sender.
    pub(crate) wake: Arc<Notify>,
    /// Wakes the dispatcher of webhooks.
    pub(crate) wake_webhooks: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl MessageConsumer {
    /// Consumes until `stop` is cancelled, connecting again whenever the link ends.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), MAX_BACKOFF);
        loop {
            // No message can be stored without the database, so none is received.
            if !self.wait_for_database().await {
                return;
            }
            let ended = self.consume_link(&mut backoff).await;
            if self.stop.is_cancelled() {
                return;
            }
            if let Err(error) = ended {
                tracing::warn!(%error, "the connection to RabbitMQ ended; connecting again");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = backoff.wait() => {}
            }
        }
    }

    /// Connects and consumes until `stop` is cancelled or the link ends.
    async fn consume_link(&self, backoff: &mut Backoff) -> Result<(), LinkError> {
        let connecting = async {
            // Before anything is consumed, so that no message is lost when an earlier version is replaced.
            Topology::bind_notifications(&self.amqp).await?;
            let prefetch = if self.pace.is_some() { self.prefetch.min(PACED_PREFETCH) } else { self.prefetch };
            Consumer::connect_to(self.topology.clone(), &self.amqp, prefetch).await
        };
        let mut consumer = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            consumer = connecting => consumer?.recording(&self.link_metrics),
        };
        backoff.reset();
        tracing::info!(queue = self.topology.work_queue, "connected to RabbitMQ; consuming notifications");
        let mut pace = self.pace.map(|settings| Pace::new(settings, Instant::now()));
        while let Some(max) = self.permit(&mut consumer, pace.as_mut()).await? {
            let batch = tokio::select! {
                () = self.stop.cancelled() => break,
                batch = consumer.next_batch(max.min(self.prefetch.into())) => batch?,
            };
            let mut pending = self.read(&mut consumer, &batch).await?;
            if !self.store_all(&mut consumer, &mut pending).await? {
                break;
            }
            let tags: Vec<DeliveryTag> = batch.iter().map(|delivery| delivery.tag).collect();
            consumer.ack(&tags).await?;
            if let Some(pace) = &mut pace {
                pace.took(batch.len(), Instant::now());
                if batch.len() < max {
                    // The next look at the queue may be long after the next message.
                    self.metrics.show_waiting(0);
                }
            }
        }
        // The broker requeues the deliveries that are still unacknowledged.
        consumer.close().await;
        Ok(())
    }

    /// Waits until messages may be taken and returns their maximum number, or `None` if `stop` is cancelled first.
    async fn permit(&self, consumer: &mut Consumer, pace: Option<&mut Pace>) -> Result<Option<usize>, LinkError> {
        let Some(pace) = pace else { return Ok(Some(self.prefetch.into())) };
        loop {
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            if pace.should_look(Instant::now()) {
                let depth = consumer.depth().await?;
                let waiting = pace.looked(depth, consumer.received(), Instant::now());
                self.metrics.show_waiting(waiting);
            }
            let delay = match pace.permit(Instant::now()) {
                Permit::Take(max) => return Ok(Some(max)),
                Permit::Count => match self.store.unsent_about_tickets(pace.max_backlog()).await {
                    Ok(unsent) => {
                        pace.counted(unsent, Instant::now());
                        continue;
                    }
                    // The batch cannot be stored either, and then consuming is paused.
                    Err(_) => return Ok(Some(1)),
                },
                Permit::Wait(delay) => delay,
            };
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Returns the rows that the messages lead to. Unreadable messages become dead letters.
    async fn read<'a>(&self, consumer: &mut Consumer, batch: &'a [Delivery]) -> Result<Vec<Pending<'a>>, LinkError> {
        let mut pending = Vec::with_capacity(batch.len());
        for message in batch {
            match Pending::read(message) {
                Ok(read) => pending.push(read),
                Err(error) => self.dead_letter(consumer, message, &error).await?,
            }
        }
        Ok(pending)
    }

    async fn dead_letter(&self, consumer: &mut Consumer, message: &Delivery, error: &impl Display) -> Result<(), LinkError> {
        // The error may quote the message, which may be long.
        let reason = shorten(&error.to_string());
        consumer.dead_letter(message, &reason, self.clock.now()).await?;
        tracing::warn!(message_id = message.message_id, %reason, "a message is unreadable and was moved to the dead letters");
        Ok(())
    }

    /// Stores rows, however long the database is away. Returns false if `stop` is cancelled first.
    async fn store_all(&self, consumer: &mut Consumer, pending: &mut Vec<Pending<'_>>) -> Result<bool, LinkError> {
        loop {
            let error = match self.store(consumer, pending).await? {
                Ok(Inserted { deliveries, requests }) => {
                    self.metrics.count_stored(deliveries);
                    if deliveries > 0 {
                        self.wake.notify_one();
                    }
                    if requests > 0 {
                        self.wake_webhooks.notify_one();
                    }
                    return Ok(true);
                }
                Err(error) => error,
            };
            tracing::warn!(%error, "consuming is paused until the database is back; messages stay unacknowledged");
            consumer.pause().await?;
            tokio::time::sleep(DATABASE_RETRY_DELAY).await;
            if !self.wait_for_database().await {
                return Ok(false);
            }
            consumer.resume().await?;
        }
    }

    /// Stores rows and returns the number of new deliveries. If the database refuses them, they are stored message by message, so that
    /// only the messages with the wrong values become dead letters.
    async fn store(&self, consumer: &mut Consumer, pending: &mut Vec<Pending<'_>>) -> Result<Result<Inserted, DatabaseError>, LinkError> {
        let rows = pending.iter().filter_map(|pending| pending.row.clone()).collect();
        let offered = pending.iter().filter_map(|pending| pending.offered.clone()).collect();
        match self.store.insert(rows, offered, self.change_delay).await {
            Err(DatabaseError::Refused(_)) => {}
            result => return Ok(result),
        }
        let mut stored = Inserted::default();
        while let Some(Pending { message, row, offered }) = pending.last() {
            match self.store.insert(row.iter().cloned().collect(), offered.iter().cloned().collect(), self.change_delay).await {
                Ok(Inserted { deliveries, requests }) => {
                    stored.deliveries = stored.deliveries.saturating_add(deliveries);
                    stored.requests = stored.requests.saturating_add(requests);
                }
                Err(error @ DatabaseError::Refused(_)) => self.dead_letter(consumer, message, &error).await?,
                Err(error) => return Ok(Err(error)),
            }
            pending.pop();
        }
        Ok(Ok(stored))
    }

    /// Waits until the database responds. Returns false if `stop` is cancelled first.
    async fn wait_for_database(&self) -> bool {
        loop {
            if self.store.is_available().await {
                return true;
            }
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(DATABASE_RETRY_DELAY) => {}
            }
        }
    }
}
