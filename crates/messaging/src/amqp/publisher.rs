//! Publishing with confirms.

use amqprs::channel::{BasicPublishArguments, ConfirmSelectArguments};
use tokio::time::timeout;

use super::ledger::{Ledger, Settlement};
use super::link::Link;
use super::metrics::UpGuard;
use super::watch::LinkEvent;
use super::{AmqpSettings, Exchange, LinkError, LinkMetrics, OutboundMessage, Topology};

/// Publishes messages and says what became of each.
///
/// It is good until its first error; then it must be dropped. Dropping a call half-way is an error too, found by
/// the next call.
pub struct Publisher {
    link: Link,
    settings: AmqpSettings,
    topology: Topology,
    /// The broker counts the messages of a channel from 1.
    next_tag: u64,
    /// A batch is under way. Found at the start of the next, its confirms would be mixed up.
    in_batch: bool,
    metrics: LinkMetrics,
    up: Option<UpGuard>,
}

impl Publisher {
    /// Connects, declares the topology and asks for confirms.
    pub async fn connect(settings: &AmqpSettings) -> Result<Self, LinkError> {
        let mut link = Link::open(settings).await?;
        let topology = Topology::new(settings);
        Topology::declare_all(settings, &mut link).await?;
        link.call("asking for confirms", |channel| async move { channel.confirm_select(ConfirmSelectArguments::default()).await }).await?;
        Ok(Self { link, settings: settings.clone(), topology, next_tag: 1, in_batch: false, metrics: LinkMetrics::default(), up: None })
    }

    /// Counts what happens from now on.
    pub fn recording(mut self, metrics: &LinkMetrics) -> Self {
        self.up = Some(UpGuard::new(metrics));
        self.metrics = metrics.clone();
        self
    }

    /// Publishes in order and waits until each message is settled. One settlement for each message, in their order.
    ///
    /// An error means that nothing is known of the batch: whoever publishes it again may send some of it twice.
    pub async fn publish_batch(&mut self, messages: Vec<OutboundMessage>) -> Result<Vec<Settlement>, LinkError> {
        self.check()?;
        self.in_batch = true;
        let mut ledger = Ledger::new(messages.len());
        for (index, message) in messages.into_iter().enumerate() {
            self.publish(index, message, &mut ledger).await?;
            while let Some(event) = self.link.ready_event()? {
                enter(&mut ledger, event);
            }
        }
        while !ledger.is_settled() {
            // A limit for each step: a large batch may take its time, but a broker that stands still may not.
            let limit = self.settings.confirm_timeout;
            let event = timeout(limit, self.link.next_event()).await;
            enter(&mut ledger, event.map_err(|_| self.link.end(LinkError::TimedOut { doing: "waiting for confirms", limit }))??);
        }
        self.in_batch = false;
        let settlements = ledger.into_settlements();
        for settlement in &settlements {
            match settlement {
                Settlement::Confirmed => self.metrics.confirmed.inc(),
                Settlement::Refused { .. } => self.metrics.refused.inc(),
                Settlement::Returned { .. } => self.metrics.returned.inc(),
            };
        }
        Ok(settlements)
    }

    async fn publish(&mut self, index: usize, message: OutboundMessage, ledger: &mut Ledger) -> Result<(), LinkError> {
        if let Some(reason) = message.defect() {
            ledger.settle(index, Settlement::Refused { reason });
            return Ok(());
        }
        let exchange = match message.exchange {
            Exchange::Events => self.topology.exchange.as_str(),
            Exchange::Default => "",
        };
        let mut arguments = BasicPublishArguments::new(exchange, &message.routing_key);
        arguments.mandatory(message.mandatory);
        let properties = message.properties();
        ledger.published(index, self.next_tag, message.mandatory.then_some(message.message_id.as_str()));
        self.next_tag += 1;
        self.link.send("publishing", |channel| async move { channel.basic_publish(properties, message.body, arguments).await }).await
    }

    /// Declares the topology again, after a message was returned because its queue is gone.
    pub async fn redeclare(&mut self) -> Result<(), LinkError> {
        Topology::declare_all(&self.settings, &mut self.link).await
    }

    /// Whether the link still looks usable, without waiting.
    pub fn check(&mut self) -> Result<(), LinkError> {
        if self.in_batch {
            return Err(self.link.end(LinkError::Abandoned));
        }
        // Between batches no confirm is expected, so what is there can only be the end of the link.
        while self.link.ready_event()?.is_some() {}
        self.link.check()
    }

    /// Waits until the link ends, and says why. Safe to cancel.
    pub async fn ended(&mut self) -> LinkError {
        self.link.ended().await
    }

    /// Says goodbye to the broker.
    pub async fn close(self) {
        self.link.close().await;
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("topology", &self.topology).finish_non_exhaustive()
    }
}

fn enter(ledger: &mut Ledger, event: LinkEvent) {
    match event {
        LinkEvent::Acked { tag, multiple } => ledger.acked(tag, multiple),
        LinkEvent::Nacked { tag, multiple } => ledger.nacked(tag, multiple),
        LinkEvent::Returned { message_id, reason } => ledger.returned(&message_id, reason),
        // Reported as an error by whoever reads the events.
        LinkEvent::Ended(_) => {}
    }
}
