//! The operator's view of the dead letters: a look that loses nothing, and the way back.

use amqprs::channel::{BasicAckArguments, BasicGetArguments, BasicNackArguments};
use rowlock_domain::Timestamp;

use super::link::Link;
use super::{AmqpSettings, Delivery, LinkError, Publisher, Settlement, Topology};

/// How much of a body is shown.
const BODY_START: usize = 200;
/// How many are moved at a time.
const REPLAY_CHUNK: usize = 50;

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its identity.
    pub message_id: Option<String>,
    /// The routing key that it was first published with.
    pub routing_key: String,
    /// Why it was given up.
    pub reason: String,
    /// How many tries it had.
    pub attempts: u32,
    /// When what it tells became true.
    pub occurred_at: Option<Timestamp>,
    /// When it was given up; unknown if the broker did that.
    pub failed_at: Option<Timestamp>,
    /// The beginning of its body, with what is not text replaced.
    pub body_start: String,
}

impl From<Delivery> for DeadLetter {
    fn from(delivery: Delivery) -> Self {
        let start = delivery.body.get(..BODY_START).unwrap_or(&delivery.body);
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

/// What a replay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Messages that are in the work queue again.
    pub moved: usize,
    /// Messages that the broker would not take there; they are dead letters still.
    pub kept: usize,
}

/// Shows up to `limit` dead letters of a family of queues, oldest first, and puts them back.
pub async fn list(settings: &AmqpSettings, topology: &Topology, limit: usize) -> Result<Vec<DeadLetter>, LinkError> {
    let mut link = open(settings).await?;
    let mut letters = Vec::new();
    let mut last_tag = 0;
    while letters.len() < limit
        && let Some((delivery, _)) = get(&mut link, &topology.dead_queue).await?
    {
        last_tag = delivery.tag;
        letters.push(DeadLetter::from(delivery));
    }
    if last_tag > 0 {
        give_back(&mut link, last_tag, true).await?;
    }
    link.close().await;
    Ok(letters)
}

/// Moves the dead letters of a family of queues that are there now back to the work queue, with their tries reset. Each is confirmed there
/// before it is removed here, so an interrupted replay can be repeated.
pub async fn replay(settings: &AmqpSettings, topology: &Topology) -> Result<Replayed, LinkError> {
    let mut link = open(settings).await?;
    let mut publisher = Publisher::connect(settings).await?;
    let mut replayed = Replayed::default();
    // Those that fail at once and come back meanwhile are not moved round and round.
    let mut left = usize::MAX;
    while left > 0 {
        let mut chunk = Vec::new();
        while chunk.len() < REPLAY_CHUNK.min(left) {
            let Some((delivery, behind)) = get(&mut link, &topology.dead_queue).await? else { break };
            if left == usize::MAX {
                left = behind.saturating_add(1);
            }
            chunk.push(delivery);
        }
        if chunk.is_empty() {
            break;
        }
        left = left.saturating_sub(chunk.len());
        let copies = chunk.iter().map(|delivery| delivery.copy_to(&topology.work_queue)).collect();
        let settlements = publisher.publish_batch(copies).await?;
        for (delivery, settlement) in chunk.iter().zip(settlements) {
            if settlement == Settlement::Confirmed {
                let ack = BasicAckArguments::new(delivery.tag, false);
                link.send("removing a dead letter", |channel| async move { channel.basic_ack(ack).await }).await?;
                replayed.moved += 1;
            } else {
                replayed.kept += 1;
                // Held until the end, or the next look would find it again.
            }
        }
    }
    publisher.close().await;
    // Those that were kept go back with the channel.
    link.close().await;
    Ok(replayed)
}

async fn open(settings: &AmqpSettings) -> Result<Link, LinkError> {
    let mut link = Link::open(settings).await?;
    Topology::declare_all(settings, &mut link).await?;
    Ok(link)
}

/// Takes one message, and says how many are behind it.
async fn get(link: &mut Link, queue: &str) -> Result<Option<(Delivery, usize)>, LinkError> {
    let arguments = BasicGetArguments::new(queue);
    let got = link.call("reading a dead letter", |channel| async move { channel.basic_get(arguments).await }).await?;
    Ok(got.map(|(meta, properties, body)| {
        let delivery = Delivery::from_parts(meta.delivery_tag(), meta.redelivered(), meta.routing_key(), &properties, body);
        (delivery, usize::try_from(meta.message_count()).unwrap_or(usize::MAX))
    }))
}

async fn give_back(link: &mut Link, tag: u64, all_before: bool) -> Result<(), LinkError> {
    let nack = BasicNackArguments::new(tag, all_before, true);
    link.send("giving dead letters back", |channel| async move { channel.basic_nack(nack).await }).await
}
