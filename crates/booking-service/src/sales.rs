//! Keeps the sales timeline. Stored bookings are counted from time to time; if a setting asks for it, the messages about ticket types
//! are counted as well, so that the timeline is never more than a second old.
//!
//! A message is acknowledged after the transaction that counts it, and is counted only once, so redeliveries and crashes are
//! harmless. The broker delivers to one replica at a time. No request waits for any of this.

use std::collections::HashMap;
use std::time::Duration;

use rowlock_domain::ids::TypeKey;
use rowlock_domain::messages::{SalesMessage, parse_sales_message};
use rowlock_inventory::timeline::{self, CatchUp, TypeBehind};
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Consumer, Delivery, DeliveryTag, LinkError, LinkMetrics, Topology};
use rowlock_platform::clock::Clock;
use rowlock_postgres::{DatabaseError, Pool, checkout};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::consumer_loop::{DATABASE_RETRY_INTERVAL, MessageConsumer, keep_consuming};

/// Maximum number of unacknowledged deliveries (AMQP prefetch), each a single message or a batch.
const PREFETCH: u16 = 1_000;
/// Maximum number of messages that are counted together.
const MAX_GATHERED: usize = 4_000;
/// How long messages are gathered before they are counted together. A batch costs one transaction whatever its size, so a sale that
/// has just opened is counted with two transactions per second.
const BATCH_WINDOW: Duration = Duration::from_millis(500);
/// Share of the time that checks of the timelines may take: one in this many parts. A check of a large sale reads many bookings, and
/// the next one waits longer after it.
const CHECK_TIME_DIVISOR: u32 = 20;
/// Number of ticket types read per query.
const BATCH_SIZE: i64 = 1000;

/// Consumer of the messages about ticket types.
pub(crate) struct SalesConsumer {
    pub(crate) amqp: AmqpSettings,
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    pub(crate) metrics: LinkMetrics,
    pub(crate) stop: CancellationToken,
}

impl MessageConsumer for SalesConsumer {
    const SUBJECT: &'static str = "sales";

    async fn consume_connection(&self, backoff: &mut Backoff) -> Result<(), LinkError> {
        let consumer = Consumer::connect_to(Topology::sales(&self.amqp), &self.amqp, PREFETCH).await?;
        let mut consumer = consumer.recording(&self.metrics);
        backoff.reset();
        loop {
            let deliveries = gather(&mut consumer).await?;
            self.handle(&mut consumer, deliveries).await?;
        }
    }
}

impl SalesConsumer {
    /// Consumes until `stop` is cancelled, and reconnects with backoff whenever the connection to the broker ends.
    pub(crate) async fn run(self) {
        keep_consuming(&self, &self.pool, &self.stop).await;
    }

    async fn handle(&self, consumer: &mut Consumer, deliveries: Vec<Delivery>) -> Result<(), LinkError> {
        let mut readable = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match parse_sales_message(&delivery.body) {
                Ok(message) => readable.push((delivery, message)),
                Err(error) => {
                    tracing::warn!(message_id = delivery.message_id, %error, "cannot parse a message about sales; dead-lettered");
                    consumer.dead_letter(&delivery, &error.to_string(), self.clock.now()).await?;
                }
            }
        }
        let messages: Vec<SalesMessage> = readable.iter().map(|(_, message)| *message).collect();
        match self.count(&messages).await {
            Ok(()) => {
                let tags: Vec<DeliveryTag> = readable.iter().map(|(delivery, _)| delivery.tag).collect();
                consumer.ack(&tags).await
            }
            // One message that the database rejects must not hold up the others.
            Err(error) => {
                tracing::warn!(%error, messages = messages.len(), "could not count a batch of messages about sales; counting them one by one");
                for (delivery, message) in &readable {
                    match self.count(&[*message]).await {
                        Ok(()) => consumer.ack(&[delivery.tag]).await?,
                        Err(error) => {
                            tracing::warn!(message_id = delivery.message_id, %error, "could not count a message about sales; retrying");
                            consumer.retry(delivery, &error.to_string(), self.clock.now()).await?;
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// Counts messages. Waits while the database is unavailable or busy, which must not use up a retry. Returns the error of a
    /// statement that the database rejected.
    async fn count(&self, messages: &[SalesMessage]) -> Result<(), Rejected> {
        loop {
            match timeline::count_messages(&self.pool, messages).await {
                Ok(()) => return Ok(()),
                Err(DatabaseError::Refused(error)) => return Err(Rejected(error.to_string())),
                Err(_) => sleep(DATABASE_RETRY_INTERVAL).await,
            }
        }
    }
}

/// Waits for a message, and returns it with those that arrive soon after it.
async fn gather(consumer: &mut Consumer) -> Result<Vec<Delivery>, LinkError> {
    let mut deliveries = consumer.next_batch(MAX_GATHERED).await?;
    let end = Instant::now() + BATCH_WINDOW;
    // The broker sends no more once as many messages as the prefetch window contains are unacknowledged.
    while deliveries.len() < MAX_GATHERED && consumer.unacked() < usize::from(PREFETCH) {
        match timeout_at(end, consumer.next_batch(MAX_GATHERED - deliveries.len())).await {
            Ok(more) => deliveries.extend(more?),
            Err(_) => break,
        }
    }
    Ok(deliveries)
}

/// The reason why the database rejected a statement.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Rejected(String);

/// Ends the routing of messages to the queue of sales, which nothing consumes. An earlier run may have counted from messages.
pub(crate) async fn stop_messages(amqp: AmqpSettings, stop: CancellationToken) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(60));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            unbound = async { Topology::sales(&amqp).unbind(&amqp).await } => if unbound.is_ok() { return },
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = backoff.wait() => {}
        }
    }
}

/// Counts the sales of ticket types whose timeline is behind, until `stop` is cancelled. If messages are counted as well, it waits
/// for them until the next check.
pub(crate) async fn repair_timelines(pool: Pool, check_interval: Duration, from_messages: bool, stop: CancellationToken) {
    let mut behind_before = HashMap::new();
    let mut pause = check_interval;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
        let begin = Instant::now();
        tokio::select! {
            () = stop.cancelled() => return,
            checked = check_timelines(&pool, from_messages, &mut behind_before) => if let Err(error) = checked {
                tracing::warn!(%error, "could not check the sales timelines; checking again later");
            }
        }
        pause = check_interval.max(begin.elapsed() * CHECK_TIME_DIVISOR);
    }
}

/// Counts the types that are behind, and remembers them. If messages are counted as well, it counts only those that were as far behind
/// at the previous check.
async fn check_timelines(pool: &Pool, from_messages: bool, behind_before: &mut HashMap<TypeKey, i64>) -> Result<(), DatabaseError> {
    let mut behind_now = HashMap::new();
    let mut after = None;
    loop {
        let mut conn = checkout(pool).await?;
        let page = timeline::types_behind(&mut conn, after, BATCH_SIZE).await?;
        drop(conn);
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        for TypeBehind { key, sequence } in page {
            if from_messages && behind_before.get(&key) != Some(&sequence) {
                behind_now.insert(key, sequence);
                continue;
            }
            match timeline::catch_up(pool, TypeBehind { key, sequence }).await {
                Ok(CatchUp::Nothing) => {}
                Ok(_) if !from_messages => {}
                Ok(done) => tracing::info!(event_id = %key.event, ticket_type_id = %key.ticket_type, ?done, "repaired a sales timeline"),
                // A type that cannot be repaired must not keep the others from it.
                Err(error) => {
                    tracing::warn!(event_id = %key.event, ticket_type_id = %key.ticket_type, %error, "could not repair a sales timeline");
                }
            }
            behind_now.insert(key, sequence);
        }
    }
    *behind_before = behind_now;
    let mut conn = checkout(pool).await?;
    Ok(timeline::delete_leftovers(&mut conn).await?)
}
