//! Listens for notifications and measures the outbox, on a connection of its own, in every replica.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use rowlock_domain::messages::Urgency;
use rowlock_postgres::{DatabaseError, connect};
use tokio::time::{Instant, sleep_until, timeout};

use super::wake::WakeRequests;
use super::{CHANNEL, RelayMetrics, RelaySettings, URGENT};
use crate::amqp::Backoff;

/// Query for the depth of the outbox and the age of its oldest row. Counting stops at 100,000 rows, because a larger number adds
/// no information and is expensive to determine.
const OUTBOX_STATS_QUERY: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS counted) AS depth, \
     coalesce((SELECT extract(epoch FROM now() - occurred_at)::float8 FROM outbox ORDER BY id LIMIT 1), 0) AS age";

const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(QueryableByName)]
struct OutboxStats {
    #[diesel(sql_type = BigInt)]
    depth: i64,
    #[diesel(sql_type = Double)]
    age: f64,
}

/// Watches the outbox until the future is dropped. Connects again whenever the connection fails.
pub(super) async fn watch(settings: RelaySettings, metrics: RelayMetrics, wake: Arc<WakeRequests>) {
    let mut backoff = Backoff::new(Duration::from_millis(100), settings.max_backoff);
    let mut warned = false;
    loop {
        let Err(error) = listen(&settings, &metrics, &wake, &mut backoff, &mut warned).await;
        // Log only the first failure until the connection works again.
        if !std::mem::replace(&mut warned, true) {
            tracing::warn!(%error, "cannot listen for outbox notifications; the relay polls the outbox until this works again");
        }
        backoff.wait().await;
    }
}

async fn listen(
    settings: &RelaySettings,
    metrics: &RelayMetrics,
    wake: &WakeRequests,
    backoff: &mut Backoff,
    warned: &mut bool,
) -> Result<std::convert::Infallible, DatabaseError> {
    let mut conn = connect(&settings.database_url, settings.limits(), "rowlock relay listener").await?;
    with_timeout(conn.batch_execute(&format!("LISTEN {CHANNEL}"))).await?;
    // Notifications may have been lost before the connection listened.
    wake.add(Urgency::Urgent);
    loop {
        measure(&mut conn, metrics).await?;
        backoff.reset();
        *warned = false;
        let next = Instant::now() + settings.observe_interval;
        let mut notifications = pin!(conn.notifications_stream());
        loop {
            tokio::select! {
                notification = notifications.next() => match notification {
                    Some(notification) => {
                        let is_urgent = notification?.payload == URGENT;
                        wake.add(if is_urgent { Urgency::Urgent } else { Urgency::Routine });
                    }
                    None => return Err(DatabaseError::Unavailable("the connection was closed".to_owned())),
                },
                // The stream does not detect a dead connection, but the next measurement does.
                () = sleep_until(next) => break,
            }
        }
    }
}

async fn measure(conn: &mut AsyncPgConnection, metrics: &RelayMetrics) -> Result<(), DatabaseError> {
    let measure: OutboxStats = with_timeout(diesel::sql_query(OUTBOX_STATS_QUERY).get_result(conn)).await?;
    metrics.depth.set(measure.depth);
    metrics.oldest_age.set(measure.age.max(0.0));
    Ok(())
}

async fn with_timeout<T>(query: impl Future<Output = diesel::QueryResult<T>>) -> Result<T, DatabaseError> {
    match timeout(QUERY_TIMEOUT, query).await {
        Ok(result) => result.map_err(DatabaseError::from),
        Err(_) => Err(DatabaseError::Unavailable(format!("the server did not respond within {QUERY_TIMEOUT:?}"))),
    }
}
