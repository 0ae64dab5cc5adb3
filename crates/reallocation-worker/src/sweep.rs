//! The sweep: finds what no message told of, or what a message told of in vain.

use std::time::Duration;

use rowlock_inventory::queries;
use rowlock_postgres::{DatabaseError, Pool, checkout};
use tokio_util::sync::CancellationToken;

use crate::work::{Treated, Work};

/// Sweeps until told to stop.
pub(crate) async fn sweep(work: Work, pool: Pool, interval: Duration, batch: u16, stop: CancellationToken) {
    loop {
        let pause = match sweep_once(&work, &pool, batch).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => interval,
            Err(error) => {
                tracing::warn!(%error, "the sweep could not look");
                interval
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One look. Tells whether there was progress and may be more at once.
async fn sweep_once(work: &Work, pool: &Pool, batch: u16) -> Result<bool, DatabaseError> {
    let keys = {
        let mut conn = checkout(pool).await?;
        queries::due_types(&mut conn, batch.into()).await?
    };
    if keys.is_empty() {
        let mut conn = checkout(pool).await?;
        queries::settle_events(&mut conn).await?;
        work.metrics.swept(0);
        return Ok(false);
    }
    let treated = work.treat(&keys).await;
    work.metrics.swept(keys.len());
    for (key, treated) in keys.iter().zip(&treated) {
        if let Treated::Impossible(reason) | Treated::Later(reason) = treated {
            tracing::warn!(event = %key.event, ticket_type = %key.ticket_type, %reason, "a ticket type could not be treated");
        }
    }
    // Whoever locks a row is at work on it; only own progress is a reason to look again at once.
    Ok(treated.iter().any(|treated| matches!(treated, Treated::Done | Treated::More)))
}
