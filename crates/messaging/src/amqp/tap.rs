//! A look at the events as they pass: a queue of this process alone, gone with its connection, or one that is there already.

use std::collections::VecDeque;

use amqprs::FieldValue;
use amqprs::channel::{QueueBindArguments, QueueDeclareArguments};

use super::link::Link;
use super::topology::table;
use super::{AmqpSettings, Consumer, Delivery, LinkError, Topology};

/// How many events wait for a slow reader before the oldest are dropped.
const LONGEST_QUEUE: i64 = 10_000;

/// Reads all events that match a pattern, from the moment it is connected. It never slows the publisher down:
/// a reader that is too slow loses the oldest.
#[derive(Debug)]
pub struct Tap {
    consumer: Consumer,
    ready: VecDeque<Delivery>,
}

impl Tap {
    /// Connects, declares the topology, and binds a queue of its own to a pattern such as `booking.*` or `#`.
    pub async fn connect(settings: &AmqpSettings, pattern: &str) -> Result<Self, LinkError> {
        if pattern.len() > 255 {
            return Err(LinkError::Settings("the pattern is longer than 255 bytes".to_owned()));
        }
        let mut link = Link::open(settings).await?;
        let topology = Topology::new(settings);
        Topology::declare_all(settings, &mut link).await?;
        let arguments = table(vec![
            ("x-queue-type", FieldValue::from("classic")),
            ("x-max-length", FieldValue::l(LONGEST_QUEUE)),
            ("x-overflow", FieldValue::from("drop-head")),
        ])?;
        let declaration = QueueDeclareArguments::exclusive_server_named().arguments(arguments).finish();
        let declared = link.call("declaring a queue", |channel| async move { channel.queue_declare(declaration).await }).await?;
        let Some((queue, ..)) = declared else {
            return Err(LinkError::Client { doing: "declaring a queue", reason: "the broker gave it no name".to_owned() });
        };
        let binding = QueueBindArguments::new(&queue, &topology.exchange, pattern);
        link.call("binding a queue", |channel| async move { channel.queue_bind(binding).await }).await?;
        let consumer = Consumer::start(link, settings, topology, queue, 500).await?;
        Ok(Self { consumer, ready: VecDeque::new() })
    }

    /// Reads a queue that was declared before, as by [`super::declare_queue`]. What is read is taken out of it.
    pub async fn of_queue(settings: &AmqpSettings, queue: &str) -> Result<Self, LinkError> {
        let link = Link::open(settings).await?;
        let consumer = Consumer::start(link, settings, Topology::new(settings), queue.to_owned(), 500).await?;
        Ok(Self { consumer, ready: VecDeque::new() })
    }

    /// The next event. Safe to cancel.
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
