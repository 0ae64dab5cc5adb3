//! Moves failed deliveries to a retry queue or to the dead letters.

use std::time::Duration;

use rowlock_domain::Timestamp;

use super::{Backoff, Consumer, Delivery, LinkError, OutboundMessage, Publisher, Settlement};

/// Number of attempts to publish a copy before the error is returned to the caller.
const MAX_PUBLISH_ATTEMPTS: u32 = 4;

/// The queue that a failed delivery was moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The message is in a retry queue and will be delivered again.
    Retried {
        /// Delay before the next delivery.
        after: Duration,
    },
    /// The last attempt failed, and the message is in the dead-letter queue.
    DeadLettered,
}

impl Consumer {
    /// Moves a failed delivery to the next retry queue, or to the dead letters after the last attempt. The broker confirms a copy
    /// with the next attempt number and the reason before the original is acknowledged.
    ///
    /// After an error the delivery is still unacknowledged: either call this again, or connect again to have it redelivered.
    pub async fn retry(&mut self, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<Disposition, LinkError> {
        let Some(retry) = self.topology.retry_after(delivery.attempt) else {
            self.dead_letter(delivery, reason, now).await?;
            return Ok(Disposition::DeadLettered);
        };
        let after = retry.delay;
        let copy = delivery.after_failure(&retry.queue, delivery.attempt.saturating_add(1), reason, now);
        self.publish_copy(copy).await?;
        self.metrics.retried.inc();
        self.ack(&[delivery.tag]).await?;
        Ok(Disposition::Retried { after })
    }

    /// Moves a delivery to the dead letters without further attempts, for a message that would fail again. Handles errors like
    /// [`Consumer::retry`].
    pub async fn dead_letter(&mut self, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<(), LinkError> {
        let copy = delivery.after_failure(&self.topology.dead_queue, delivery.attempt, reason, now);
        self.publish_copy(copy).await?;
        self.metrics.dead_lettered.inc();
        self.ack(&[delivery.tag]).await
    }

    /// Publishes the copy of a delivery and waits for the confirm.
    async fn publish_copy(&mut self, copy: OutboundMessage) -> Result<(), LinkError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut failure = LinkError::Lost;
        for attempt in 0..MAX_PUBLISH_ATTEMPTS {
            if attempt > 0 {
                backoff.wait().await;
            }
            // Taken out during the call, so that a cancelled call drops the link, whose state is then unknown.
            let mut publisher = match self.copy_publisher.take() {
                Some(publisher) => publisher,
                None => match Publisher::connect(&self.settings).await {
                    Ok(publisher) => publisher.recording(&self.metrics),
                    Err(error) => {
                        failure = error;
                        continue;
                    }
                },
            };
            match publisher.publish_batch(vec![copy.clone()]).await.map(|settlements| settlements.into_iter().next()) {
                Ok(Some(Settlement::Confirmed)) => {
                    self.copy_publisher = Some(publisher);
                    return Ok(());
                }
                Ok(Some(Settlement::Refused { reason })) => {
                    self.copy_publisher = Some(publisher);
                    failure = LinkError::NotAccepted(reason);
                }
                // The queue has been deleted. The next attempt connects again, which declares it.
                Ok(Some(Settlement::Returned { reason })) => failure = LinkError::NotAccepted(reason),
                Ok(None) => failure = LinkError::NotAccepted("the settlement is missing".to_owned()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}
