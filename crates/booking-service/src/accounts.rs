//! What `auth-service` tells: accounts that were shut or erased, and entries of the audit log.
//!
//! A message becomes a row, and the row is worked off by whoever finds it: a message that comes twice or a process that is
//! killed changes nothing. While the database is away nothing is taken, and what was taken is held.

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

/// How many messages are held at a time.
const PREFETCH: u16 = 100;
/// How long to wait before asking an absent database again.
const DATABASE_PAUSE: Duration = Duration::from_millis(250);
/// How often accounts are looked at that are not settled yet.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How many accounts are read at a time.
const PAGE: i64 = 100;

/// Takes messages.
pub(crate) struct Intake {
    pub(crate) amqp: AmqpSettings,
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    pub(crate) metrics: LinkMetrics,
    /// Told when there is an account to look at.
    pub(crate) news: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl Intake {
    /// Consumes until told to stop, connecting anew whenever the link ends.
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
                tracing::warn!(%error, "the link for messages about accounts ended; connecting anew");
            }
            backoff.wait().await;
        }
    }

    async fn is_away(&self) -> bool {
        checkout(&self.pool).await.is_err()
    }

    /// One link's life.
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
                tracing::warn!(message_id = delivery.message_id, %error, "a message that nobody can read is a dead letter now");
                return consumer.dead_letter(delivery, &error.to_string(), self.clock.now()).await;
            }
        };
        loop {
            match self.write_down(&message).await {
                Ok(()) => return consumer.ack(&[delivery.tag]).await,
                Err(DatabaseError::Refused(error)) => {
                    tracing::warn!(message_id = delivery.message_id, %error, "a message about an account could not be handled");
                    return consumer.retry(delivery, &error.to_string(), self.clock.now()).await.map(|_| ());
                }
                // Held, and no try is used up, until the database is back.
                Err(_) => sleep(DATABASE_PAUSE).await,
            }
        }
    }

    async fn write_down(&self, message: &AccountMessage) -> Result<(), DatabaseError> {
        let conn = checkout(&self.pool).await?;
        // Acknowledged is what is committed.
        committed(conn, async |conn| match message {
            AccountMessage::Changed { account, version, change } => accounts::note(conn, *account, *version, *change).await,
            AccountMessage::Audited(entry) => auditlog::record(conn, entry).await,
        })
        .await?;
        self.news.notify_one();
        Ok(())
    }
}

/// Works off what is to be given back, at once after a message and again until no token of the account can be good.
pub(crate) async fn close_accounts(inventory: Inventory, pool: Pool, token_life: Duration, news: Arc<Notify>, stop: CancellationToken) {
    let seconds = i64::try_from(token_life.as_secs()).unwrap_or(i64::MAX);
    loop {
        if let Err(error) = close_unfinished(&inventory, &pool, seconds).await {
            tracing::warn!(%error, "not all that shut accounts hold was given back; it will be tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = news.notified() => {}
            () = sleep(LOOK_AGAIN) => {}
        }
    }
}

async fn close_unfinished(inventory: &Inventory, pool: &Pool, seconds: i64) -> Result<(), String> {
    // An account that cannot be closed must not keep the others waiting, and neither must those whose tokens have not expired.
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
