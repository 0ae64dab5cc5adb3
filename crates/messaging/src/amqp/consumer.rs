//! Consuming with explicit acknowledgements and a bounded window.

use std::collections::{BTreeSet, VecDeque};

use amqprs::channel::{BasicAckArguments, BasicCancelArguments, BasicConsumeArguments, BasicQosArguments, ConsumerMessage};
use tokio::sync::mpsc::UnboundedReceiver;

use super::link::Link;
use super::metrics::UpGuard;
use super::{AmqpSettings, Delivery, LinkError, LinkMetrics, Publisher, Topology};

/// Takes deliveries from the work queue. Each is held until it is acknowledged, put off or given up; what is still
/// held when the consumer is dropped goes back to the queue.
///
/// It is good until its first error; then it must be dropped and a new one connected.
pub struct Consumer {
    pub(super) link: Link,
    pub(super) settings: AmqpSettings,
    pub(super) topology: Topology,
    pub(super) metrics: LinkMetrics,
    /// Retries and dead letters go over a connection of their own: the broker stops reading from one that publishes
    /// when it is short of memory, and acknowledgements must still reach it then.
    pub(super) copies: Option<Publisher>,
    queue: String,
    /// How often consuming began; numbers the consumer tags.
    beginnings: u32,
    consumer_tag: String,
    /// None while paused.
    incoming: Option<UnboundedReceiver<ConsumerMessage>>,
    /// Taken from the broker, not yet by the caller.
    buffered: VecDeque<Delivery>,
    /// Tags that the broker waits for. Acknowledging any other closes the channel.
    outstanding: BTreeSet<u64>,
    up: Option<UpGuard>,
}

impl Consumer {
    /// Connects, declares the topology and begins to take deliveries of `tickets.released`. At most `prefetch`, and at
    /// least one, are held at a time.
    pub async fn connect(settings: &AmqpSettings, prefetch: u16) -> Result<Self, LinkError> {
        Self::connect_to(Topology::new(settings), settings, prefetch).await
    }

    /// The same for any family of queues.
    pub async fn connect_to(topology: Topology, settings: &AmqpSettings, prefetch: u16) -> Result<Self, LinkError> {
        let mut link = Link::open(settings).await?;
        Topology::declare_all(settings, &mut link).await?;
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
        // Zero would mean «all», into buffers of the client that have no bound.
        let window = BasicQosArguments::new(0, prefetch.max(1), false);
        link.call("setting the prefetch", |channel| async move { channel.basic_qos(window).await }).await?;
        let mut consumer = Self {
            link,
            settings: settings.clone(),
            topology,
            metrics: LinkMetrics::default(),
            copies: None,
            queue,
            beginnings: 0,
            consumer_tag: String::new(),
            incoming: None,
            buffered: VecDeque::new(),
            outstanding: BTreeSet::new(),
            up: None,
        };
        consumer.resume().await?;
        Ok(consumer)
    }

    /// Counts what happens from now on.
    pub fn recording(mut self, metrics: &LinkMetrics) -> Self {
        self.up = Some(UpGuard::new(metrics));
        self.metrics = metrics.clone();
        self
    }

    /// Waits for a delivery, then takes those that are already there too, up to `max`. Safe to cancel.
    ///
    /// While paused it hands out what had arrived before, then waits for [`Consumer::resume`] in vain; it still
    /// notices when the link ends.
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
                // The dispatcher is gone, and its callback is about to say why.
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
            self.outstanding.insert(delivery.tag);
            self.buffered.push_back(delivery);
        }
    }

    /// Acknowledges every held delivery up to and including this one.
    pub async fn ack_all_up_to(&mut self, tag: u64) -> Result<(), LinkError> {
        let Some(&last) = self.outstanding.range(..=tag).next_back() else { return Ok(()) };
        self.outstanding = self.outstanding.split_off(&last.saturating_add(1));
        self.send_ack(last, true).await
    }

    /// Acknowledges these deliveries; those that are no longer held are left out.
    pub async fn ack(&mut self, tags: &[u64]) -> Result<(), LinkError> {
        let tags: BTreeSet<u64> = tags.iter().copied().filter(|tag| self.outstanding.contains(tag)).collect();
        let Some(&last) = tags.last() else { return Ok(()) };
        // One frame does for all when nothing in between stays.
        if self.outstanding.range(..=last).count() == tags.len() {
            return self.ack_all_up_to(last).await;
        }
        for tag in tags {
            self.outstanding.remove(&tag);
            self.send_ack(tag, false).await?;
        }
        Ok(())
    }

    async fn send_ack(&mut self, tag: u64, multiple: bool) -> Result<(), LinkError> {
        self.link.send("acknowledging", |channel| async move { channel.basic_ack(BasicAckArguments::new(tag, multiple)).await }).await
    }

    /// Stops new deliveries. What was delivered stays held and can still be acknowledged, put off or given up.
    ///
    /// The broker takes held deliveries back after a time (half an hour by default) and closes the channel.
    pub async fn pause(&mut self) -> Result<(), LinkError> {
        let Some(mut incoming) = self.incoming.take() else { return self.link.check() };
        let cancel = BasicCancelArguments::new(&self.consumer_tag);
        self.link.call("pausing", |channel| async move { channel.basic_cancel(cancel).await }).await?;
        // The broker's answer came after its last delivery, so all of them are here.
        while let Ok(message) = incoming.try_recv() {
            self.take(message);
        }
        Ok(())
    }

    /// Takes deliveries again after a pause.
    pub async fn resume(&mut self) -> Result<(), LinkError> {
        if self.incoming.is_some() {
            return self.link.check();
        }
        // A tag of its own each time, so that a late message for an earlier one cannot be mistaken.
        self.beginnings = self.beginnings.saturating_add(1);
        let arguments = BasicConsumeArguments::new(&self.queue, &format!("rowlock-{}", self.beginnings));
        let (consumer_tag, incoming) =
            self.link.call("beginning to consume", |channel| async move { channel.basic_consume_rx(arguments).await }).await?;
        self.consumer_tag = consumer_tag;
        self.incoming = Some(incoming);
        Ok(())
    }

    /// Whether [`Consumer::pause`] is in force.
    pub fn is_paused(&self) -> bool {
        self.incoming.is_none()
    }

    /// How many deliveries are held.
    pub fn held(&self) -> usize {
        self.outstanding.len()
    }

    /// Says goodbye to the broker; what is held goes back to the queue.
    pub async fn close(self) {
        if let Some(copies) = self.copies {
            copies.close().await;
        }
        self.link.close().await;
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("queue", &self.queue).field("held", &self.outstanding.len()).finish_non_exhaustive()
    }
}
