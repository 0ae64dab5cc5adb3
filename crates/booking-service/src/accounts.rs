//! Consumes messages from `auth-service`: changes of accounts (disabled, enabled, erased) and entries of the audit log.
//!
//! A consumer stores each message as a row and acknowledges it after the commit; a background task processes the rows.
//! Redelivered messages and crashes are therefore harmless. While the database is unavailable, the consumer starts no new
//! messages and keeps the ones it has received unacknowledged.

use std::sync::Arc;
use std::time::Duration;

use rowlock_domain::accounts::{AccountMessage, is_account_routing_key};
use rowlock_inventory::{Inventory, accounts, auditlog};
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Consumer, Delivery, LinkError, LinkMetrics, Topology};
use rowlock_platform::clock::Clock;
use rowlock_postgres::{DatabaseError, Pool, checkout, committed};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::consumer_loop::{DATABASE_RETRY_INTERVAL, MessageConsumer, keep_consuming};

/// Maximum number of unacknowledged messages (AMQP prefetch).
const PREFETCH: u16 = 100;
/// Interval at which accounts whose closure is not complete are checked again.
const RECHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Number of accounts read per query.
const BATCH_SIZE: i64 = 100;

/// Consumer of messages about accounts.
pub(crate) struct AccountEventConsumer {
    pub(crate) amqp: AmqpSettings,
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    pub(crate) metrics: LinkMetrics,
    /// Notified when there may be an account to close.
    pub(crate) account_changed: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl MessageConsumer for AccountEventConsumer {
    const SUBJECT: &'static str = "accounts";

    async fn consume_connection(&self, backoff: &mut Backoff) -> Result<(), LinkError> {
        let consumer = Consumer::connect_to(Topology::accounts(&self.amqp), &self.amqp, PREFETCH).await?;
        let mut consumer = consumer.recording(&self.metrics);
        backoff.reset();
        loop {
            for delivery in consumer.next_batch(PREFETCH.into()).await? {
                self.handle(&mut consumer, &delivery).await?;
            }
        }
    }
}

impl AccountEventConsumer {
    /// Consumes until `stop` is cancelled, and reconnects with backoff whenever the connection to the broker ends.
    pub(crate) async fn run(self) {
        keep_consuming(&self, &self.pool, &self.stop).await;
    }

    async fn handle(&self, consumer: &mut Consumer, delivery: &Delivery) -> Result<(), LinkError> {
        // The queue is bound to all messages about accounts. A newer auth-service may publish some that are for other services.
        if delivery.routing_key.starts_with("account.") && !is_account_routing_key(&delivery.routing_key) {
            return consumer.ack(&[delivery.tag]).await;
        }
        let message = match AccountMessage::parse(&delivery.body) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(message_id = delivery.message_id, %error, "cannot parse a message about an account; dead-lettered");
                return consumer.dead_letter(delivery, &error.to_string(), self.clock.now()).await;
            }
        };
        loop {
            match self.store(&message).await {
                Ok(()) => return consumer.ack(&[delivery.tag]).await,
                Err(DatabaseError::Refused(error)) => {
                    tracing::warn!(message_id = delivery.message_id, %error, "could not store a message about an account; retrying");
                    return consumer.retry(delivery, &error.to_string(), self.clock.now()).await.map(|_| ());
                }
                // An unavailable database must not use up a retry, so the message stays unacknowledged until the database is
                // back.
                Err(_) => sleep(DATABASE_RETRY_INTERVAL).await,
            }
        }
    }

    async fn store(&self, message: &AccountMessage) -> Result<(), DatabaseError> {
        let conn = checkout(&self.pool).await?;
        // The message is acknowledged only after this transaction has committed.
        committed(conn, async |conn| match message {
            AccountMessage::Changed { account, version, change } => {
                accounts::record_account_change(conn, *account, *version, *change).await
            }
            AccountMessage::Audited(entry) => auditlog::record(conn, entry).await,
            // `handle` acknowledges these, because they are for the service that sends e-mail.
            AccountMessage::Notice { .. } => Ok(()),
        })
        .await?;
        self.account_changed.notify_one();
        Ok(())
    }
}

/// Closes accounts: runs when `account_changed` is notified, and at least every [`RECHECK_INTERVAL`], because an account is searched for new
/// bookings and entries until all of its access tokens have expired (`token_life`). Returns when `stop` is cancelled.
pub(crate) async fn close_accounts(
    inventory: Inventory,
    pool: Pool,
    token_life: Duration,
    account_changed: Arc<Notify>,
    stop: CancellationToken,
) {
    let seconds = i64::try_from(token_life.as_secs()).unwrap_or(i64::MAX);
    loop {
        if let Err(error) = close_pending_accounts(&inventory, &pool, seconds).await {
            tracing::warn!(%error, "at least one disabled or erased account could not be closed; retrying");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = account_changed.notified() => {}
            () = sleep(RECHECK_INTERVAL) => {}
        }
    }
}

async fn close_pending_accounts(inventory: &Inventory, pool: &Pool, seconds: i64) -> Result<(), String> {
    // Pages through all accounts, so that neither a failing account nor one whose tokens have not expired blocks the others.
    let mut last_error = None;
    let mut after = accounts::ERASED_ACCOUNT;
    loop {
        let page = async {
            let mut conn = checkout(pool).await?;
            Ok::<_, DatabaseError>(accounts::pending_closures(&mut conn, seconds, after, BATCH_SIZE).await?)
        };
        let page = page.await.map_err(|error| error.to_string())?;
        let Some(last) = page.last().map(accounts::PendingAccountClosure::account) else { break };
        for account in page {
            if let Err(error) = inventory.close_account(account).await {
                last_error = Some(error.to_string());
            }
        }
        after = last;
    }
    last_error.map_or(Ok(()), Err)
}
