//! The loop of a task that consumes messages and stores what they say.

use std::time::Duration;

use rowlock_messaging::amqp::{Backoff, LinkError};
use rowlock_postgres::{Pool, checkout};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Delay between attempts to reach an unavailable database.
pub(crate) const DATABASE_RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// A consumer of messages of one kind.
pub(crate) trait MessageConsumer: Sync {
    /// The subject of the messages, for the log.
    const SUBJECT: &'static str;

    /// Consumes over one connection until it fails, and resets the backoff when it is connected.
    fn consume_connection(&self, backoff: &mut Backoff) -> impl Future<Output = Result<(), LinkError>> + Send;
}

/// Consumes until `stop` is cancelled. When the connection to the broker ends, it connects again after a backoff, as soon as the
/// database is available.
pub(crate) async fn keep_consuming<C: MessageConsumer>(consumer: &C, pool: &Pool, stop: &CancellationToken) {
    let consuming = async {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            while checkout(pool).await.is_err() {
                sleep(DATABASE_RETRY_INTERVAL).await;
            }
            if let Err(error) = consumer.consume_connection(&mut backoff).await {
                tracing::warn!(%error, "the broker connection for messages about {} ended; reconnecting", C::SUBJECT);
            }
            backoff.wait().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = consuming => {}
    }
}
