//! The consumer: takes what is there, treats each ticket type once, acknowledges after the commit.
//!
//! An error of the message is retried with growing delay and ends among the dead letters. While the database is away
//! nothing is taken and no try is used up: what was taken is held until the database is back.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rowlock_domain::ids::TypeKey;
use rowlock_domain::messages::read_tickets_released;
use rowlock_inventory::LockWait;
use rowlock_platform::amqp::{AmqpSettings, Backoff, Consumer, Delivery, LinkError, LinkMetrics};
use rowlock_platform::clock::Clock;
use rowlock_postgres::{Pool, checkout};
use tokio_util::sync::CancellationToken;

use crate::work::{Treated, Work};

/// What the consumer works with.
pub(crate) struct Intake {
    pub(crate) work: Work,
    pub(crate) pool: Pool,
    pub(crate) amqp: AmqpSettings,
    pub(crate) prefetch: u16,
    pub(crate) clock: Clock,
    pub(crate) metrics: LinkMetrics,
    pub(crate) stop: CancellationToken,
}

/// How long to wait before asking an absent database again.
const DATABASE_PAUSE: Duration = Duration::from_millis(250);

/// The longest wait before an absent broker is asked again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

impl Intake {
    /// Consumes until told to stop, connecting anew whenever the link ends.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), LONGEST_BACKOFF);
        loop {
            // Without the database nothing could be done with a message, so none is taken.
            if !self.wait_for_database().await {
                return;
            }
            let ended = self.connected(&mut backoff).await;
            if self.stop.is_cancelled() {
                return;
            }
            if let Err(error) = ended {
                tracing::warn!(%error, "the link to the broker ended; connecting anew");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = backoff.wait() => {}
            }
        }
    }

    /// One link's life.
    async fn connected(&self, backoff: &mut Backoff) -> Result<(), LinkError> {
        let connecting = Consumer::connect(&self.amqp, self.prefetch);
        let mut consumer = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            consumer = connecting => consumer?.recording(&self.metrics),
        };
        backoff.reset();
        tracing::info!("consuming");
        loop {
            let batch = tokio::select! {
                () = self.stop.cancelled() => break,
                batch = consumer.next_batch(self.prefetch.into()) => batch?,
            };
            if !self.treat(&mut consumer, batch).await? {
                break;
            }
        }
        // What is still held goes back to the queue.
        consumer.close().await;
        Ok(())
    }

    /// Treats what was taken. False when told to stop before it was done.
    async fn treat(&self, consumer: &mut Consumer, batch: Vec<Delivery>) -> Result<bool, LinkError> {
        let mut by_type: BTreeMap<TypeKey, Vec<Delivery>> = BTreeMap::new();
        for delivery in batch {
            match read_tickets_released(&delivery.body) {
                Ok(key) => by_type.entry(key).or_default().push(delivery),
                Err(error) => {
                    tracing::warn!(message_id = delivery.message_id, %error, "a message that nobody can read is a dead letter now");
                    consumer.dead_letter(&delivery, &error.to_string(), self.clock.now()).await?;
                }
            }
        }
        let mut wait = LockWait::Skip;
        while !by_type.is_empty() {
            let keys: Vec<TypeKey> = by_type.keys().copied().collect();
            let treated: HashMap<TypeKey, Treated> = match wait {
                LockWait::Skip => keys.iter().copied().zip(self.work.treat(&keys, wait).await).collect(),
                // Those whose row is locked elsewhere are waited for one by one, behind those that are free.
                LockWait::Wait => self.treat_one_by_one(&keys).await,
            };
            let away = self.settle(consumer, &mut by_type, treated).await?;
            wait = LockWait::Wait;
            if away {
                if !consumer.is_paused() {
                    consumer.pause().await?;
                }
                if !self.wait_for_database().await {
                    return Ok(false);
                }
                wait = LockWait::Skip;
            }
        }
        if consumer.is_paused() {
            consumer.resume().await?;
        }
        Ok(true)
    }

    async fn treat_one_by_one(&self, keys: &[TypeKey]) -> HashMap<TypeKey, Treated> {
        let mut treated = HashMap::new();
        for key in keys {
            treated.insert(*key, self.work.treat_fully(*key).await);
        }
        treated
    }

    /// Ends the deliveries of the types that were treated. Tells whether the database seems to be away.
    async fn settle(
        &self,
        consumer: &mut Consumer,
        by_type: &mut BTreeMap<TypeKey, Vec<Delivery>>,
        treated: HashMap<TypeKey, Treated>,
    ) -> Result<bool, LinkError> {
        let mut done = Vec::new();
        let mut away = false;
        for (key, treated) in treated {
            match treated {
                Treated::Done => done.extend(by_type.remove(&key).unwrap_or_default().iter().map(|delivery| delivery.tag)),
                Treated::More | Treated::Locked => {}
                Treated::Later(reason) => {
                    tracing::warn!(%reason, "holding what was taken until the database is back");
                    away = true;
                }
                Treated::Impossible(reason) => {
                    for delivery in by_type.remove(&key).unwrap_or_default() {
                        let disposition = consumer.retry(&delivery, &reason, self.clock.now()).await?;
                        tracing::warn!(event = %key.event, ticket_type = %key.ticket_type, %reason, ?disposition, "a message could not be handled");
                    }
                }
            }
        }
        consumer.ack(&done).await?;
        Ok(away)
    }

    /// Waits until the database answers. False when told to stop.
    async fn wait_for_database(&self) -> bool {
        loop {
            if self.database_answers().await {
                return true;
            }
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(DATABASE_PAUSE) => {}
            }
        }
    }

    async fn database_answers(&self) -> bool {
        match checkout(&self.pool).await {
            Ok(mut conn) => rowlock_inventory::queries::due_types(&mut conn, 1).await.is_ok(),
            Err(_) => false,
        }
    }
}
