//! Notifies the relay after a commit, without making the caller wait.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rowlock_domain::messages::Urgency;
use rowlock_postgres::{ConnectionLimits, DatabaseError, connect};
use secrecy::SecretString;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::wake::WakeRequests;
use super::{CHANNEL, COLLECT_TIME, URGENT};
use crate::amqp::Backoff;

/// Minimum interval between two notifications, even if both are urgent. The first one after a pause is sent at once.
const MIN_NOTIFY_INTERVAL: Duration = Duration::from_millis(5);
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// A cheap handle that notifies the relay of new rows in the outbox.
///
/// Notify after the commit: a `NOTIFY` inside the transaction would make its commit wait for a lock that all notifying
/// transactions of the PostgreSQL cluster share. Several calls are merged into one notification, and a lost notification delays
/// the messages by at most the relay's poll interval.
#[derive(Debug, Clone)]
pub struct OutboxNotifier {
    requests: Arc<WakeRequests>,
}

impl OutboxNotifier {
    /// Starts the task that sends the notifications, until `stop` is cancelled.
    pub fn start(database_url: SecretString, stop: CancellationToken) -> Self {
        let requests = Arc::<WakeRequests>::default();
        let added = Arc::clone(&requests);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = send(&database_url, &added) => {}
            }
        });
        Self { requests }
    }

    /// Requests a notification about routine messages. Never waits and never fails.
    pub fn notify(&self) {
        self.notify_of(Urgency::Routine);
    }

    /// Requests a notification about messages of this urgency. Never waits and never fails.
    pub fn notify_of(&self, urgency: Urgency) {
        self.requests.add(urgency);
    }
}

async fn send(database_url: &SecretString, requests: &WakeRequests) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut conn: Option<AsyncPgConnection> = None;
    let mut routine_from = Instant::now();
    loop {
        let urgency = requests.next(routine_from).await;
        routine_from = Instant::now() + COLLECT_TIME;
        while let Err(error) = notify(database_url, &mut conn, urgency).await {
            conn = None;
            tracing::debug!(%error, "cannot notify the outbox relay; trying again");
            backoff.wait().await;
        }
        backoff.reset();
        sleep(MIN_NOTIFY_INTERVAL).await;
    }
}

async fn notify(database_url: &SecretString, open: &mut Option<AsyncPgConnection>, urgency: Urgency) -> Result<(), DatabaseError> {
    let sql = match urgency {
        Urgency::Routine => format!("NOTIFY {CHANNEL}"),
        Urgency::Urgent => format!("NOTIFY {CHANNEL}, '{URGENT}'"),
    };
    let conn = match open {
        Some(conn) => conn,
        None => open.insert(connect(database_url, ConnectionLimits::default(), "rowlock notifier").await?),
    };
    match timeout(QUERY_TIMEOUT, conn.batch_execute(&sql)).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(DatabaseError::Unavailable(format!("the server did not respond within {QUERY_TIMEOUT:?}"))),
    }
}
