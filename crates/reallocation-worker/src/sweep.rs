//! The sweep: finds what no message told of, or what a message told of in vain.

use std::time::Duration;

use rowlock_domain::ids::TypeKey;
use rowlock_inventory::queries;
use rowlock_postgres::{Connection, DatabaseError, Pool, checkout};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::work::{Task, Treated, Work};

/// How the sweep looks into the database.
#[derive(Clone)]
pub(crate) struct Look {
    pub(crate) pool: Pool,
    /// How long a silent server is waited for.
    pub(crate) patience: Duration,
    /// Most ticket types at a time.
    pub(crate) batch: u16,
}

impl Look {
    /// The types that have something to be done. If there are none, events that are through are marked.
    pub(crate) async fn due(&self) -> Result<Vec<TypeKey>, DatabaseError> {
        let mut conn = checkout(&self.pool).await?;
        let looking = async {
            let due = queries::due_types(&mut conn, self.batch.into()).await?;
            if due.is_empty() {
                queries::settle_events(&mut conn).await?;
            }
            Ok(due)
        };
        if let Ok(due) = timeout(self.patience, looking).await {
            return due;
        }
        drop(Connection::take(conn));
        Err(DatabaseError::Unavailable(format!("no answer within {:?}", self.patience)))
    }
}

/// Sweeps until told to stop.
pub(crate) async fn sweep(work: Work, look: Look, interval: Duration, stop: CancellationToken) {
    loop {
        let pause = match sweep_once(&work, &look).await {
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
async fn sweep_once(work: &Work, look: &Look) -> Result<bool, DatabaseError> {
    let keys = look.due().await?;
    work.metrics.swept(keys.len());
    if keys.is_empty() {
        return Ok(false);
    }
    let tasks: Vec<Task> = keys.iter().copied().map(Task::from).collect();
    let treated = work.treat(&tasks).await;
    for (key, treated) in keys.iter().zip(&treated) {
        if let Treated::Impossible(reason) | Treated::Later(reason) = treated {
            tracing::warn!(event = %key.event, ticket_type = %key.ticket_type, %reason, "a ticket type could not be treated");
        }
    }
    // Whoever locks a row is at work on it; only own progress is a reason to look again at once.
    Ok(treated.iter().any(|treated| matches!(treated, Treated::Done | Treated::More)))
}
