//! Publisher with confirms.

use amqprs::channel::{BasicPublishArguments, QueueDeclareArguments};
use rowlock_domain::messages::TICKETS_RELEASED;
use tokio::time::timeout;

use super::confirms::{ConfirmTracker, Settlement};
use super::link::Link;
use super::metrics::UpGuard;
use super::watch::LinkEvent;
use super::{AmqpSettings, Exchange, LinkError, LinkMetrics, OutboundMessage, Topology};

/// Publishes messages in batches and returns the settlement of each.
///
/// After its first error a publisher must be dropped. Cancelling a call counts as an error, which the next call returns as
/// [`LinkError::Abandoned`].
pub struct Publisher {
    link: Link,
    settings: AmqpSettings,
    topology: Topology,
    /// Delivery tag of the next message. The broker numbers the messages of a channel from 1.
    next_tag: u64,
    /// Set while a batch is in flight. If it is set when a batch starts, the previous one was cancelled and its confirms could
    /// be mistaken for those of the new batch.
    in_batch: bool,
    metrics: LinkMetrics,
    up: Option<UpGuard>,
}

impl Publisher {
    /// Connects, declares the topology and enables publisher confirms.
    pub async fn connect(settings: &AmqpSettings) -> Result<Self, LinkError> {
        let mut link = Link::open(settings).await?;
        let topology = Topology::new(settings);
        Topology::declare_all(settings, &mut link).await?;
        link.enable_confirms().await?;
        Ok(Self { link, settings: settings.clone(), topology, next_tag: 1, in_batch: false, metrics: LinkMetrics::default(), up: None })
    }

    /// Records metrics from now on.
    pub fn recording(mut self, metrics: &LinkMetrics) -> Self {
        self.up = Some(UpGuard::new(metrics));
        self.metrics = metrics.clone();
        self
    }

    /// Publishes the messages in order, waits until each is settled, and returns one settlement per message in the same order.
    ///
    /// After an error the state of the batch is unknown: some of its messages may have been published, so publishing the batch
    /// again may send them twice.
    pub async fn publish_batch(&mut self, messages: Vec<OutboundMessage>) -> Result<Vec<Settlement>, LinkError> {
        self.check()?;
        self.in_batch = true;
        let mut tracker = ConfirmTracker::new(messages.len());
        let releases = messages.iter().any(|message| message.mandatory && message.routing_key == TICKETS_RELEASED);
        for (index, message) in messages.into_iter().enumerate() {
            self.publish(index, message, &mut tracker).await?;
            while let Some(event) = self.link.ready_event()? {
                record(&mut tracker, event);
            }
        }
        if releases {
            self.check_work_queue().await?;
        }
        while !tracker.is_settled() {
            // The timeout applies to each confirm and not to the whole batch, because only a stalled broker is an error.
            let limit = self.settings.confirm_timeout;
            record(&mut tracker, self.link.next_event_within("waiting for confirms", limit).await?);
        }
        self.in_batch = false;
        let settlements = tracker.into_settlements();
        for settlement in &settlements {
            match settlement {
                Settlement::Confirmed => self.metrics.confirmed.inc(),
                Settlement::Refused { .. } => self.metrics.refused.inc(),
                Settlement::Returned { .. } => self.metrics.returned.inc(),
            };
        }
        Ok(settlements)
    }

    async fn publish(&mut self, index: usize, message: OutboundMessage, tracker: &mut ConfirmTracker) -> Result<(), LinkError> {
        if let Some(reason) = message.validation_error() {
            tracker.settle(index, Settlement::Refused { reason });
            return Ok(());
        }
        let exchange = match message.exchange {
            Exchange::Events => self.topology.exchange.as_str(),
            Exchange::Default => "",
        };
        let mut arguments = BasicPublishArguments::new(exchange, &message.routing_key);
        arguments.mandatory(message.mandatory);
        let properties = message.properties();
        tracker.published(index, self.next_tag, message.mandatory.then_some(message.message_id.as_str()));
        self.next_tag += 1;
        self.link.send("publishing", |channel| async move { channel.basic_publish(properties, message.body, arguments).await }).await
    }

    /// Fails if the queue of the reallocation worker does not exist. The broker returns a mandatory message only if no queue at all
    /// receives it, but the queue that counts sales receives these messages too. The check costs no time: the confirms of the batch
    /// take longer. After an error the batch is published again, on a connection that has declared the queue.
    async fn check_work_queue(&mut self) -> Result<(), LinkError> {
        const DOING: &str = "checking the queue of released tickets";
        let queue = QueueDeclareArguments::new(&self.topology.work_queue).passive(true).finish();
        let check = self.link.call(DOING, |channel| async move { channel.queue_declare(queue).await });
        let limit = self.settings.confirm_timeout;
        match timeout(limit, check).await {
            Ok(checked) => checked.map(drop),
            Err(_) => Err(self.link.end(LinkError::TimedOut { doing: DOING, limit })),
        }
    }

    /// Declares the topology again. Call it after a message was returned because its queue has been deleted.
    pub async fn redeclare(&mut self) -> Result<(), LinkError> {
        Topology::declare_all(&self.settings, &mut self.link).await
    }

    /// Returns an error if the link is known to have ended. Does not wait.
    pub fn check(&mut self) -> Result<(), LinkError> {
        if self.in_batch {
            return Err(self.link.end(LinkError::Abandoned));
        }
        // No confirm is outstanding between batches, so a relevant event can only be the end of the link.
        while self.link.ready_event()?.is_some() {}
        self.link.check()
    }

    /// Waits until the link ends and returns the reason. Cancel safe.
    pub async fn ended(&mut self) -> LinkError {
        self.link.ended().await
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.link.close().await;
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("topology", &self.topology).finish_non_exhaustive()
    }
}

/// Records an event of the broker in the tracker of the current batch.
fn record(tracker: &mut ConfirmTracker, event: LinkEvent) {
    match event {
        LinkEvent::Acked { tag, multiple } => tracker.acked(tag, multiple),
        LinkEvent::Nacked { tag, multiple } => tracker.nacked(tag, multiple),
        LinkEvent::Returned { message_id, reason } => tracker.returned(&message_id, reason),
        // `Link::next_event` and `Link::ready_event` return this event as an error.
        LinkEvent::Ended(_) => {}
    }
}
