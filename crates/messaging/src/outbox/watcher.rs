//! Listens for wake-ups and measures the outbox, on a connection of its own, whoever leads.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use rowlock_postgres::{DatabaseError, connect};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::{CHANNEL, RelayMetrics, RelaySettings};
use crate::amqp::Backoff;

/// Counting stops here: more rows than this is as alarming as any number, and counting them would cost.
const MEASURE: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS counted) AS depth, \
     coalesce((SELECT extract(epoch FROM now() - occurred_at)::float8 FROM outbox ORDER BY id LIMIT 1), 0) AS age";

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

#[derive(QueryableByName)]
struct Measure {
    #[diesel(sql_type = BigInt)]
    depth: i64,
    #[diesel(sql_type = Double)]
    age: f64,
}

/// Runs until it is dropped; connects anew whenever the connection fails.
pub(super) async fn watch(settings: RelaySettings, metrics: RelayMetrics, wake: Arc<Notify>) {
    let mut backoff = Backoff::new(Duration::from_millis(100), settings.longest_backoff);
    let mut told = false;
    loop {
        let Err(error) = listen(&settings, &metrics, &wake, &mut backoff, &mut told).await;
        // Once is enough until it works again.
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%error, "the outbox is not watched for the moment; the relay still polls it");
        }
        backoff.wait().await;
    }
}

async fn listen(
    settings: &RelaySettings,
    metrics: &RelayMetrics,
    wake: &Notify,
    backoff: &mut Backoff,
    told: &mut bool,
) -> Result<std::convert::Infallible, DatabaseError> {
    let mut conn = connect(&settings.database_url, settings.limits(), "rowlock relay listener").await?;
    limited(conn.batch_execute(&format!("LISTEN {CHANNEL}"))).await?;
    // Whatever was said while nobody listened.
    wake.notify_one();
    loop {
        measure(&mut conn, metrics).await?;
        backoff.reset();
        *told = false;
        let next = Instant::now() + settings.observe_interval;
        let mut notifications = pin!(conn.notifications_stream());
        loop {
            tokio::select! {
                notification = notifications.next() => match notification {
                    Some(notification) => {
                        notification?;
                        wake.notify_one();
                    }
                    None => return Err(DatabaseError::Unavailable("the connection ended".to_owned())),
                },
                // The stream never says that its connection is dead; the next measurement will.
                () = sleep_until(next) => break,
            }
        }
    }
}

async fn measure(conn: &mut AsyncPgConnection, metrics: &RelayMetrics) -> Result<(), DatabaseError> {
    let measure: Measure = limited(diesel::sql_query(MEASURE).get_result(conn)).await?;
    metrics.depth.set(measure.depth);
    metrics.oldest_age.set(measure.age.max(0.0));
    Ok(())
}

async fn limited<T>(query: impl Future<Output = diesel::QueryResult<T>>) -> Result<T, DatabaseError> {
    match timeout(ANSWER_LIMIT, query).await {
        Ok(result) => result.map_err(DatabaseError::from),
        Err(_) => Err(DatabaseError::Unavailable(format!("no answer within {ANSWER_LIMIT:?}"))),
    }
}
