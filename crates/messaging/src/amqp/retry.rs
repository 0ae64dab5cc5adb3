//! How a failed delivery ends: in a retry queue, or among the dead letters.

use std::time::Duration;

use rowlock_domain::Timestamp;

use super::{Backoff, Consumer, Delivery, LinkError, OutboundMessage, Publisher, Settlement};

/// How often a copy is offered to the broker before the caller hears of it.
const OFFERS: u32 = 4;

/// Where a failed delivery went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It will be delivered again after this time.
    Retried {
        /// The delay.
        after: Duration,
    },
    /// It had its last try and lies among the dead letters.
    DeadLettered,
}

impl Consumer {
    /// Puts a failed delivery off: a copy with the next attempt number and the reason goes to the next retry queue
    /// and, when the broker has confirmed it, the original is acknowledged. After the last try it is a dead letter.
    ///
    /// On an error the delivery is still held: call again, or connect anew and it is delivered again.
    pub async fn retry(&mut self, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<Disposition, LinkError> {
        let Some(retry) = self.topology.retry_after(delivery.attempt) else {
            self.dead_letter(delivery, reason, now).await?;
            return Ok(Disposition::DeadLettered);
        };
        let after = retry.delay;
        let copy = delivery.after_failure(&retry.queue, delivery.attempt.saturating_add(1), reason, now);
        self.hand_over(copy).await?;
        self.metrics.retried.inc();
        self.ack(&[delivery.tag]).await?;
        Ok(Disposition::Retried { after })
    }

    /// Gives a delivery up at once: for a message that no further try can help. It lies among the dead letters with
    /// its reason, and the original is acknowledged. Errors as in [`Consumer::retry`].
    pub async fn dead_letter(&mut self, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<(), LinkError> {
        let copy = delivery.after_failure(&self.topology.dead_queue, delivery.attempt, reason, now);
        self.hand_over(copy).await?;
        self.metrics.dead_lettered.inc();
        self.ack(&[delivery.tag]).await
    }

    async fn hand_over(&mut self, copy: OutboundMessage) -> Result<(), LinkError> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut failure = LinkError::Lost;
        for offer in 0..OFFERS {
            if offer > 0 {
                backoff.wait().await;
            }
            // Taken out for the call, so that one dropped half-way takes its link with it.
            let mut publisher = match self.copies.take() {
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
                    self.copies = Some(publisher);
                    return Ok(());
                }
                Ok(Some(Settlement::Refused { reason })) => {
                    self.copies = Some(publisher);
                    failure = LinkError::NotAccepted(reason);
                }
                // The queue is gone. A new link declares it again.
                Ok(Some(Settlement::Returned { reason })) => failure = LinkError::NotAccepted(reason),
                Ok(None) => failure = LinkError::NotAccepted("no answer".to_owned()),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}
