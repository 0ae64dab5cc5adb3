//! Consumes messages from `auth-service`: changes of accounts (disabled, enabled, erased) and entries of the audit log.
//!
//! A consumer stores each message as a row and acknowledges it after the commit; a background task processes the rows.
//! Redelivered messages and crashes are therefore harmless. While the database is unavailable, the consumer starts no new
//! messages and keeps the ones it has received unacknowledged.

use std::sync::Arc;
use std::time::Duration;

use rowlock_domain::accounts::AccountMessage;
use rowlock_inventory::{Inventory, accounts, auditlog};
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Consumer, Delivery, LinkError, LinkMetrics, Topology};
use rowlock_platform::clock::Clock;
use rowlock_postgres::{DatabaseError, Pool, checkout, committed};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Maximum number of unacknowledged messages (AMQP prefetch).
const PREFETCH: u16 = 100;
/// Delay between attempts to reach an unavailable database.
const DATABASE_PAUSE: Duration = Duration::from_millis(250);
/// Interval at which accounts whose closure is not complete are checked again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Number of accounts read per query.
const PAGE: i64 = 100;

/// Consumer of messages about accounts.
pub(crate) struct Intake {
    pub(crate) amqp: AmqpSettings,
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    pub(crate) metrics: LinkMetrics,
    /// Notified when there may be an account to close.
    pub(crate) news: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl Intake {
    /// Consumes until `stop` is cancelled, and reconnects with backoff whenever the connection to the broker ends.
    pub(crate) async fn run(self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.consume() => {}
        }
    }

    async fn consume(&self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            while self.is_away().await {
                sleep(DATABASE_PAUSE).await;
            }
            if let Err(error) = self.connected(&mut backoff).await {
                tracing::warn!(%error, "the broker connection for messages about accounts ended; reconnecting");
            }
            backoff.wait().await;
        }
    }

    async fn is_away(&self) -> bool {
        checkout(&self.pool).await.is_err()
    }

    /// Consumes over one connection until it fails.
    async fn connected(&self, backoff: &mut Backoff) -> Result<(), LinkError> {
        let consumer = Consumer::connect_to(Topology::accounts(&self.amqp), &self.amqp, PREFETCH).await?;
        let mut consumer = consumer.recording(&self.metrics);
        backoff.reset();
        loop {
            for delivery in consumer.next_batch(PREFETCH.into()).await? {
                self.take(&mut consumer, &delivery).await?;
            }
        }
    }

    async fn take(&self, consumer: &mut Consumer, delivery: &Delivery) -> Result<(), LinkError> {
        let message = match AccountMessage::read(&delivery.body) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(message_id = delivery.message_id, %error, "cannot parse a message about an account; dead-lettered");
                return consumer.dead_letter(delivery, &error.to_string(), self.clock.now()).await;
            }
        };
        loop {
            match self.write_down(&message).await {
                Ok(()) => return consumer.ack(&[delivery.tag]).await,
                Err(DatabaseError::Refused(error)) => {
                    tracing::warn!(message_id = delivery.message_id, %error, "could not store a message about an account; retrying");
                    return consumer.retry(delivery, &error.to_string(), self.clock.now()).await.map(|_| ());
                }
                // An unavailable database must not use up a retry, so the message stays unacknowledged until the database is
                // back.
                Err(_) => sleep(DATABASE_PAUSE).await,
            }
        }
    }

    async fn write_down(&self, message: &AccountMessage) -> Result<(), DatabaseError> {
        let conn = checkout(&self.pool).await?;
        // The message is acknowledged only after this transaction has committed.
        committed(conn, async |conn| match message {
            AccountMessage::Changed { account, version, change } => accounts::note(conn, *account, *version, *change).await,
            AccountMessage::Audited(entry) => auditlog::record(conn, entry).await,
        })
        .await?;
        self.news.notify_one();
        Ok(())
    }
}

/// Closes accounts: runs when `news` is notified, and at least every [`LOOK_AGAIN`], because an account is searched for new
/// bookings and entries until all of its access tokens have expired (`token_life`). Returns when `stop` is cancelled.
pub(crate) async fn close_accounts(inventory: Inventory, pool: Pool, token_life: Duration, news: Arc<Notify>, stop: CancellationToken) {
    let seconds = i64::try_from(token_life.as_secs()).unwrap_or(i64::MAX);
    loop {
        if let Err(error) = close_unfinished(&inventory, &pool, seconds).await {
            tracing::warn!(%error, "at least one disabled or erased account could not be closed; retrying");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = news.notified() => {}
            () = sleep(LOOK_AGAIN) => {}
        }
    }
}

async fn close_unfinished(inventory: &Inventory, pool: &Pool, seconds: i64) -> Result<(), String> {
    // Pages through all accounts, so that neither a failing account nor one whose tokens have not expired blocks the others.
    let mut failure = None;
    let mut after = accounts::NOBODY;
    loop {
        let page = async {
            let mut conn = checkout(pool).await?;
            Ok::<_, DatabaseError>(accounts::unfinished(&mut conn, seconds, after, PAGE).await?)
        };
        let page = page.await.map_err(|error| error.to_string())?;
        let Some(last) = page.last().map(accounts::Unfinished::account) else { break };
        for account in page {
            if let Err(error) = inventory.close_account(account).await {
                failure = Some(error.to_string());
            }
        }
        after = last;
    }
    failure.map_or(Ok(()), Err)
}
