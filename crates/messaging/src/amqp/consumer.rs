//! Consumer with explicit acknowledgements and a bounded prefetch window.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use amqprs::channel::{
    BasicAckArguments, BasicCancelArguments, BasicConsumeArguments, BasicQosArguments, ConsumerMessage, QueueDeclareArguments,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::link::Link;
use super::metrics::UpGuard;
use super::{AmqpSettings, Delivery, DeliveryTag, LinkError, LinkMetrics, Publisher, Topology};

/// Numbers of received deliveries and messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Number of deliveries, each a single message or a batch.
    pub deliveries: u64,
    /// Number of messages in them.
    pub messages: u64,
}

/// Receives messages from a work queue. Each message stays unacknowledged until the caller acknowledges, retries or
/// dead-letters it. The broker requeues what is still unacknowledged when the consumer is dropped.
///
/// A batch is returned as its messages, each a [`Delivery`] of its own, and acknowledged once all of them are. If the connection
/// ends before that, the broker delivers all messages of the batch again.
///
/// After its first error a consumer must be dropped and replaced by a new one, except after [`LinkError::NotAccepted`].
pub struct Consumer {
    pub(super) link: Link,
    pub(super) settings: AmqpSettings,
    pub(super) topology: Topology,
    pub(super) metrics: LinkMetrics,
    /// Publishes retries and dead letters over a connection of its own. A broker that is short of memory stops reading from
    /// publishing connections, and acknowledgements must still reach it.
    pub(super) copy_publisher: Option<Publisher>,
    queue: String,
    /// How often consuming was started. Makes each consumer tag unique.
    start_count: u32,
    consumer_tag: String,
    /// `None` while paused.
    incoming: Option<UnboundedReceiver<ConsumerMessage>>,
    /// Deliveries that were received but not yet returned to the caller.
    buffered: VecDeque<Delivery>,
    /// The unacknowledged deliveries, with the messages in them that are not settled. The broker closes the channel if any other
    /// delivery is acknowledged.
    unacked: BTreeMap<u64, BTreeSet<u32>>,
    /// Number of deliveries and of messages that were received so far.
    received: Received,
    up: Option<UpGuard>,
}

impl Consumer {
    /// Connects, declares the topology and starts consuming `tickets.released`. At most `prefetch` deliveries (at least one)
    /// are unacknowledged at a time.
    pub async fn connect(settings: &AmqpSettings, prefetch: u16) -> Result<Self, LinkError> {
        Self::connect_to(Topology::new(settings), settings, prefetch).await
    }

    /// Connects like [`connect`](Self::connect), but consumes the work queue of `topology`.
    pub async fn connect_to(topology: Topology, settings: &AmqpSettings, prefetch: u16) -> Result<Self, LinkError> {
        let mut link = Link::open(settings).await?;
        Topology::declare_all(settings, &mut link).await?;
        topology.declare(&mut link).await?;
        topology.bind(&mut link).await?;
        let queue = topology.work_queue.clone();
        Self::start(link, settings, topology, queue, prefetch).await
    }

    pub(super) async fn start(
        mut link: Link,
        settings: &AmqpSettings,
        topology: Topology,
        queue: String,
        prefetch: u16,
    ) -> Result<Self, LinkError> {
        // A prefetch of zero means no limit, and the client's buffers are unbounded.
        let window = BasicQosArguments::new(0, prefetch.max(1), false);
        link.call("setting the prefetch", |channel| async move { channel.basic_qos(window).await }).await?;
        let mut consumer = Self {
            link,
            settings: settings.clone(),
            topology,
            metrics: LinkMetrics::default(),
            copy_publisher: None,
            queue,
            start_count: 0,
            consumer_tag: String::new(),
            incoming: None,
            buffered: VecDeque::new(),
            unacked: BTreeMap::new(),
            received: Received::default(),
            up: None,
        };
        consumer.resume().await?;
        Ok(consumer)
    }

    /// Records metrics from now on.
    pub fn recording(mut self, metrics: &LinkMetrics) -> Self {
        self.up = Some(UpGuard::new(metrics));
        self.metrics = metrics.clone();
        self
    }

    /// Waits for a delivery and returns it together with those that have already arrived, at most `max`. Cancel safe.
    ///
    /// While the consumer is paused, this returns the deliveries that arrived before the pause. After those it only completes
    /// with an error, when the link ends.
    pub async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, LinkError> {
        self.link.check()?;
        while self.buffered.is_empty() {
            let message = match &mut self.incoming {
                None => return Err(self.link.ended().await),
                Some(incoming) => tokio::select! {
                    biased;
                    error = self.link.ended() => return Err(error),
                    message = incoming.recv() => message,
                },
            };
            match message {
                Some(message) => self.take(message),
                // The dispatcher has ended; its callback is about to report the reason.
                None => return Err(self.link.ended().await),
            }
        }
        while self.buffered.len() < max
            && let Some(message) = self.incoming.as_mut().and_then(|incoming| incoming.try_recv().ok())
        {
            self.take(message);
        }
        let count = self.buffered.len().min(max.max(1));
        Ok(self.buffered.drain(..count).collect())
    }

    fn take(&mut self, message: ConsumerMessage) {
        if let Some(delivery) = Delivery::read(message) {
            self.metrics.delivered.inc();
            self.received.deliveries += 1;
            for message in delivery.split() {
                self.received.messages += 1;
                self.unacked.entry(message.tag.delivery).or_default().insert(message.tag.item);
                self.buffered.push_back(message);
            }
        }
    }

    /// Acknowledges every unacknowledged message up to the one with this tag, and those that arrived with it.
    pub async fn ack_all_up_to(&mut self, tag: DeliveryTag) -> Result<(), LinkError> {
        let Some((&last, _)) = self.unacked.range(..=tag.delivery).next_back() else { return Ok(()) };
        self.unacked = self.unacked.split_off(&last.saturating_add(1));
        self.send_ack(last, true).await
    }

    /// Acknowledges these messages, ignoring tags that have already been acknowledged.
    pub async fn ack(&mut self, tags: &[DeliveryTag]) -> Result<(), LinkError> {
        let mut settled = BTreeSet::new();
        for tag in tags {
            if let Some(items) = self.unacked.get_mut(&tag.delivery)
                && items.remove(&tag.item)
                && items.is_empty()
            {
                self.unacked.remove(&tag.delivery);
                settled.insert(tag.delivery);
            }
        }
        // A single frame suffices for all deliveries before the first one that stays unacknowledged.
        let first_unacked = self.unacked.first_key_value().map_or(u64::MAX, |(delivery, _)| *delivery);
        let later = settled.split_off(&first_unacked);
        if let Some(&last) = settled.last() {
            self.send_ack(last, true).await?;
        }
        for delivery in later {
            self.send_ack(delivery, false).await?;
        }
        Ok(())
    }

    async fn send_ack(&mut self, tag: u64, multiple: bool) -> Result<(), LinkError> {
        self.link.send("acknowledging", |channel| async move { channel.basic_ack(BasicAckArguments::new(tag, multiple)).await }).await
    }

    /// Stops new deliveries. Deliveries that have been received can still be acknowledged, retried or dead-lettered.
    ///
    /// The broker closes the channel if a delivery stays unacknowledged for too long (30 minutes by default).
    pub async fn pause(&mut self) -> Result<(), LinkError> {
        let Some(mut incoming) = self.incoming.take() else { return self.link.check() };
        let cancel = BasicCancelArguments::new(&self.consumer_tag);
        self.link.call("pausing", |channel| async move { channel.basic_cancel(cancel).await }).await?;
        // The broker sends its response after the last delivery, so all deliveries have arrived.
        while let Ok(message) = incoming.try_recv() {
            self.take(message);
        }
        Ok(())
    }

    /// Resumes deliveries after a pause. Does nothing if the consumer is not paused.
    pub async fn resume(&mut self) -> Result<(), LinkError> {
        if self.incoming.is_some() {
            return self.link.check();
        }
        // A new tag each time, so that a late frame for an earlier tag cannot be confused with this one.
        self.start_count = self.start_count.saturating_add(1);
        let arguments = BasicConsumeArguments::new(&self.queue, &format!("rowlock-{}", self.start_count));
        let (consumer_tag, incoming) =
            self.link.call("starting to consume", |channel| async move { channel.basic_consume_rx(arguments).await }).await?;
        self.consumer_tag = consumer_tag;
        self.incoming = Some(incoming);
        Ok(())
    }

    /// Returns the number of deliveries, single messages and batches, that wait in the work queue or have arrived from it and do not
    /// count as [received](Self::received) yet.
    pub async fn depth(&mut self) -> Result<u32, LinkError> {
        let declaration = QueueDeclareArguments::new(&self.queue).passive(true).finish();
        let declared =
            self.link.call("reading the queue's depth", |channel| async move { channel.queue_declare(declaration).await }).await?;
        let arrived = self.incoming.as_ref().map_or(0, UnboundedReceiver::len);
        Ok(declared.map_or(0, |(_, messages, _)| messages).saturating_add(u32::try_from(arrived).unwrap_or(u32::MAX)))
    }

    /// Returns whether the consumer is paused.
    pub fn is_paused(&self) -> bool {
        self.incoming.is_none()
    }

    /// Returns the number of unacknowledged deliveries, single messages and batches.
    pub fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// Returns the numbers of deliveries and messages that were received since the consumer connected.
    pub fn received(&self) -> Received {
        self.received
    }

    /// Closes the connection. The broker requeues unacknowledged deliveries.
    pub async fn close(self) {
        if let Some(publisher) = self.copy_publisher {
            publisher.close().await;
        }
        self.link.close().await;
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("queue", &self.queue).field("unacked", &self.unacked.len()).finish_non_exhaustive()
    }
}
