//! Listing and replaying dead letters, for operators. Neither loses a message.

use amqprs::channel::{BasicAckArguments, BasicGetArguments, BasicNackArguments};
use rowlock_domain::Timestamp;

use super::link::Link;
use super::{AmqpSettings, Delivery, LinkError, Publisher, Settlement, Topology};

/// Number of bytes of a body that are listed.
const BODY_PREVIEW_BYTES: usize = 200;
/// Number of dead letters that are replayed per batch.
const REPLAY_BATCH: usize = 50;

/// A message that a consumer or the broker gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message id, if the message has one.
    pub message_id: Option<String>,
    /// The routing key that the message was first published with.
    pub routing_key: String,
    /// The reason why the message was dead-lettered, or `unknown`.
    pub reason: String,
    /// Number of delivery attempts that consumers reported.
    pub attempts: u32,
    /// Time of the reported change, to the second.
    pub occurred_at: Option<Timestamp>,
    /// Time at which the message was dead-lettered, or `None` if the broker did that.
    pub failed_at: Option<Timestamp>,
    /// The first 200 bytes of the body, with invalid UTF-8 replaced.
    pub body_start: String,
}

impl From<Delivery> for DeadLetter {
    fn from(delivery: Delivery) -> Self {
        let start = delivery.body.get(..BODY_PREVIEW_BYTES).unwrap_or(&delivery.body);
        Self {
            body_start: String::from_utf8_lossy(start).into_owned(),
            message_id: delivery.message_id,
            routing_key: delivery.routing_key,
            reason: delivery.reason.unwrap_or_else(|| "unknown".to_owned()),
            attempts: delivery.attempt,
            occurred_at: delivery.occurred_at,
            failed_at: delivery.failed_at,
        }
    }
}

/// The result of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Number of messages that were moved back to the work queue.
    pub moved: usize,
    /// Number of messages that the broker did not accept and that are still dead letters.
    pub kept: usize,
}

/// Returns up to `limit` dead letters of a queue family, oldest first. They stay in their queue.
pub async fn list(settings: &AmqpSettings, topology: &Topology, limit: usize) -> Result<Vec<DeadLetter>, LinkError> {
    let mut link = open(settings, topology).await?;
    let mut letters = Vec::new();
    let mut last_tag = 0;
    while letters.len() < limit
        && let Some((delivery, _)) = get(&mut link, &topology.dead_queue).await?
    {
        last_tag = delivery.tag.delivery;
        letters.push(DeadLetter::from(delivery));
    }
    if last_tag > 0 {
        requeue_up_to(&mut link, last_tag).await?;
    }
    link.close().await;
    Ok(letters)
}

/// Moves the current dead letters of a queue family back to the work queue and resets their attempt count. The broker
/// confirms each copy before the dead letter is removed, so an interrupted replay can be repeated.
pub async fn replay(settings: &AmqpSettings, topology: &Topology) -> Result<Replayed, LinkError> {
    let mut link = open(settings, topology).await?;
    let mut publisher = Publisher::connect(settings).await?;
    let mut replayed = Replayed::default();
    // Limits the replay to the dead letters that exist now, so that a message which fails again is not moved forever.
    let mut remaining = usize::MAX;
    while remaining > 0 {
        let mut chunk = Vec::new();
        while chunk.len() < REPLAY_BATCH.min(remaining) {
            let Some((delivery, messages_after)) = get(&mut link, &topology.dead_queue).await? else { break };
            if remaining == usize::MAX {
                remaining = messages_after.saturating_add(1);
            }
            chunk.push(delivery);
        }
        if chunk.is_empty() {
            break;
        }
        remaining = remaining.saturating_sub(chunk.len());
        let copies = chunk.iter().map(|delivery| delivery.copy_to(&topology.work_queue)).collect();
        let settlements = publisher.publish_batch(copies).await?;
        for (delivery, settlement) in chunk.iter().zip(settlements) {
            if settlement == Settlement::Confirmed {
                let ack = BasicAckArguments::new(delivery.tag.delivery, false);
                link.send("removing a dead letter", |channel| async move { channel.basic_ack(ack).await }).await?;
                replayed.moved += 1;
            } else {
                // Stays unacknowledged until the link closes, so that this replay does not read it again.
                replayed.kept += 1;
            }
        }
    }
    publisher.close().await;
    // Closing the channel requeues the messages that were not accepted.
    link.close().await;
    Ok(replayed)
}

async fn open(settings: &AmqpSettings, topology: &Topology) -> Result<Link, LinkError> {
    let mut link = Link::open(settings).await?;
    Topology::declare_all(settings, &mut link).await?;
    topology.declare(&mut link).await?;
    Ok(link)
}

/// Gets one message and the number of messages after it, or `None` if the queue is empty.
async fn get(link: &mut Link, queue: &str) -> Result<Option<(Delivery, usize)>, LinkError> {
    let arguments = BasicGetArguments::new(queue);
    let got = link.call("reading a dead letter", |channel| async move { channel.basic_get(arguments).await }).await?;
    Ok(got.map(|(meta, properties, body)| {
        let delivery = Delivery::from_parts(meta.delivery_tag(), meta.redelivered(), meta.routing_key(), &properties, body);
        (delivery, usize::try_from(meta.message_count()).unwrap_or(usize::MAX))
    }))
}

/// Requeues every unacknowledged message up to and including `tag`.
async fn requeue_up_to(link: &mut Link, tag: u64) -> Result<(), LinkError> {
    let nack = BasicNackArguments::new(tag, true, true);
    link.send("requeuing dead letters", |channel| async move { channel.basic_nack(nack).await }).await
}
