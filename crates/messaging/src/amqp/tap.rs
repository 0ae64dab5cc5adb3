//! Reads events from a temporary queue of this process, or from an existing queue.

use std::collections::VecDeque;

use amqprs::FieldValue;
use amqprs::channel::{QueueBindArguments, QueueDeclareArguments};

use super::link::Link;
use super::topology::table;
use super::{AmqpSettings, Consumer, Delivery, LinkError, LinkMetrics, Topology};

/// Maximum number of events in a temporary queue. Beyond it the broker drops the oldest.
const MAX_QUEUED_EVENTS: i64 = 10_000;

/// Receives events and acknowledges them at once. A temporary queue never slows the publisher down, because a slow reader
/// loses the oldest events.
#[derive(Debug)]
pub struct Tap {
    consumer: Consumer,
    ready: VecDeque<Delivery>,
}

impl Tap {
    /// Connects, declares the topology, and binds a temporary queue to a topic pattern such as `booking.*` or `#`. The queue is
    /// deleted when the connection ends.
    pub async fn connect(settings: &AmqpSettings, pattern: &str) -> Result<Self, LinkError> {
        if pattern.len() > 255 {
            return Err(LinkError::Settings("the topic pattern is longer than 255 bytes".to_owned()));
        }
        let mut link = Link::open(settings).await?;
        let topology = Topology::new(settings);
        Topology::declare_all(settings, &mut link).await?;
        let arguments = table(vec![
            ("x-queue-type", FieldValue::from("classic")),
            ("x-max-length", FieldValue::l(MAX_QUEUED_EVENTS)),
            ("x-overflow", FieldValue::from("drop-head")),
        ])?;
        let declaration = QueueDeclareArguments::exclusive_server_named().arguments(arguments).finish();
        let declared = link.call("declaring a queue", |channel| async move { channel.queue_declare(declaration).await }).await?;
        let Some((queue, ..)) = declared else {
            return Err(LinkError::Client {
                doing: "declaring a queue",
                reason: "RabbitMQ did not return the name of the queue".to_owned(),
            });
        };
        let binding = QueueBindArguments::new(&queue, &topology.exchange, pattern);
        link.call("binding a queue", |channel| async move { channel.queue_bind(binding).await }).await?;
        let consumer = Consumer::start(link, settings, topology, queue, 500).await?;
        Ok(Self { consumer, ready: VecDeque::new() })
    }

    /// Consumes an existing queue, such as one declared with [`super::declare_queue`]. Events that are read are removed from it.
    pub async fn of_queue(settings: &AmqpSettings, queue: &str) -> Result<Self, LinkError> {
        let link = Link::open(settings).await?;
        let consumer = Consumer::start(link, settings, Topology::new(settings), queue.to_owned(), 500).await?;
        Ok(Self { consumer, ready: VecDeque::new() })
    }

    /// Records metrics from now on.
    pub fn recording(mut self, metrics: &LinkMetrics) -> Self {
        self.consumer = self.consumer.recording(metrics);
        self
    }

    /// Closes the connection, and the broker deletes the temporary queue.
    pub async fn close(self) {
        self.consumer.close().await;
    }

    /// Waits for the next event. Cancel safe.
    pub async fn next(&mut self) -> Result<Delivery, LinkError> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(delivery);
            }
            self.ready.extend(self.consumer.next_batch(100).await?);
            if let Some(last) = self.ready.back() {
                self.consumer.ack_all_up_to(last.tag).await?;
            }
        }
    }
}
