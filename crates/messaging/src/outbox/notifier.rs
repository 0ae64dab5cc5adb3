//! Wakes the relay after a commit, without making anybody wait.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rowlock_postgres::{ConnectionLimits, DatabaseError, connect};
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::CHANNEL;
use crate::amqp::Backoff;

/// Two notifications are at least this far apart. The first after a pause goes out at once.
const GAP: Duration = Duration::from_millis(5);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A cheap handle that says «there are new rows in the outbox».
///
/// It is called after the commit. A `NOTIFY` inside the transaction would make its commit wait for a lock that all
/// notifying transactions of the cluster share. Many calls become one notification, and a lost one costs no more
/// than the relay's poll interval.
#[derive(Debug, Clone)]
pub struct OutboxNotifier {
    wake: Arc<Notify>,
}

impl OutboxNotifier {
    /// Starts the task that sends the notifications, until `stop` is cancelled.
    pub fn start(database_url: SecretString, stop: CancellationToken) -> Self {
        let wake = Arc::new(Notify::new());
        let woken = Arc::clone(&wake);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = send(&database_url, &woken) => {}
            }
        });
        Self { wake }
    }

    /// Says that there are new rows. Never waits and never fails.
    pub fn notify(&self) {
        self.wake.notify_one();
    }
}

async fn send(database_url: &SecretString, wake: &Notify) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut held: Option<AsyncPgConnection> = None;
    loop {
        wake.notified().await;
        while let Err(error) = notify(database_url, &mut held).await {
            held = None;
            tracing::debug!(%error, "the relay could not be woken");
            backoff.wait().await;
        }
        backoff.reset();
        sleep(GAP).await;
    }
}

async fn notify(database_url: &SecretString, held: &mut Option<AsyncPgConnection>) -> Result<(), DatabaseError> {
    let conn = match held {
        Some(conn) => conn,
        None => held.insert(connect(database_url, ConnectionLimits::default(), "rowlock notifier").await?),
    };
    match timeout(ANSWER_LIMIT, conn.batch_execute(&format!("NOTIFY {CHANNEL}"))).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(DatabaseError::Unavailable(format!("no answer within {ANSWER_LIMIT:?}"))),
    }
}
