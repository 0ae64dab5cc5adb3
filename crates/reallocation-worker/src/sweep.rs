//! The sweep: periodically finds ticket types that need reallocation but whose message was lost or failed.

use std::time::Duration;

use rowlock_domain::ids::TypeKey;
use rowlock_inventory::queries;
use rowlock_postgres::{Connection, DatabaseError, Pool, checkout};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::reallocator::{ReallocationResult, Reallocator, Task};

/// Reads the ticket types that need reallocation.
#[derive(Clone)]
pub(crate) struct SweepReader {
    pub(crate) pool: Pool,
    /// How long a query may take before its connection is closed.
    pub(crate) response_timeout: Duration,
    /// Maximum number of ticket types per read.
    pub(crate) batch: u16,
}

impl SweepReader {
    /// Returns the ticket types that need reallocation. If there are none, marks the events that need none any more as settled.
    pub(crate) async fn types_to_reallocate(&self) -> Result<Vec<TypeKey>, DatabaseError> {
        let mut conn = checkout(&self.pool).await?;
        let reading = async {
            let due = queries::types_to_reallocate(&mut conn, self.batch.into()).await?;
            if due.is_empty() {
                queries::settle_events(&mut conn).await?;
            }
            Ok(due)
        };
        if let Ok(due) = timeout(self.response_timeout, reading).await {
            return due;
        }
        drop(Connection::take(conn));
        Err(DatabaseError::Unavailable(format!("the server did not respond within {:?}", self.response_timeout)))
    }
}

/// Sweeps until `stop` is cancelled: again at once after progress, otherwise after `interval`.
pub(crate) async fn sweep(reallocator: Reallocator, reader: SweepReader, interval: Duration, stop: CancellationToken) {
    loop {
        let pause = match sweep_once(&reallocator, &reader).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => interval,
            Err(error) => {
                tracing::warn!(%error, "the sweep cannot read the database; trying again after the sweep interval");
                interval
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Sweeps once. Returns whether it made progress, so that more may be found at once.
async fn sweep_once(reallocator: &Reallocator, reader: &SweepReader) -> Result<bool, DatabaseError> {
    let keys = reader.types_to_reallocate().await?;
    reallocator.metrics.swept(keys.len());
    if keys.is_empty() {
        return Ok(false);
    }
    let tasks: Vec<Task> = keys.iter().copied().map(Task::from).collect();
    let results = reallocator.reallocate(&tasks).await;
    for (key, result) in keys.iter().zip(&results) {
        if let ReallocationResult::Failed(reason) | ReallocationResult::Retry(reason) = result {
            tracing::warn!(event_id = %key.event, ticket_type_id = %key.ticket_type, %reason, "the sweep could not reallocate the tickets of a ticket type; a later sweep tries again");
        }
    }
    // Another transaction is working on a locked row, so only this sweep's own progress is a reason to sweep again at once.
    Ok(results.iter().any(|result| matches!(result, ReallocationResult::Done | ReallocationResult::MoreToClose)))
}
