//! Ends reserved bookings whose time is over, and passes their tickets on.
//!
//! The task sleeps until the next reservation ends. A reservation that is made meanwhile lasts at least a minute, and the task never
//! sleeps longer than half of that, so it need not be told about new reservations. After a restart, it ends everything that is
//! overdue before it sleeps. Several workers can run side by side: each booking is ended under the row lock of its ticket type, and a
//! worker that comes second finds it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use rowlock_domain::ids::TypeKey;
use rowlock_inventory::command::{ExpireReservations, ExpirySummary};
use rowlock_inventory::{Command, CommandError, LockWait, Outcome, queries};
use rowlock_postgres::{Connection, DatabaseError, Pool, checkout};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::reallocator::{Reallocator, Task};

/// Shortest time between two reads, unless the first one found more than one transaction can end.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Added to each sleep, so that the task does not wake up just before a reservation ends.
const WAKE_DELAY: Duration = Duration::from_millis(5);
/// Maximum number of ticket types per transaction.
const MAX_TYPES_PER_TRANSACTION: usize = 50;
/// Maximum number of ticket types whose row locks are waited for at the same time. Each uses a connection.
const MAX_LOCK_WAITERS: usize = 2;

/// Ends reserved bookings whose time is over.
pub(crate) struct Expirer {
    pub(crate) reallocator: Reallocator,
    pub(crate) pool: Pool,
    /// How long a query may take before its connection is closed.
    pub(crate) response_timeout: Duration,
    /// Longest time between two reads.
    pub(crate) interval: Duration,
}

/// The ticket types with reservations whose time is over, and the time until the next reservation ends.
struct Due {
    types: Vec<TypeKey>,
    next: Option<Duration>,
    /// True if there may be more such types.
    more: bool,
}

/// Ticket types whose rows another transaction has locked. Each is waited for in a task of its own, so that it does not delay the
/// others.
#[derive(Default)]
struct LockWaiters {
    tasks: JoinSet<Result<Outcome, CommandError>>,
    keys: BTreeMap<task::Id, TypeKey>,
}

impl LockWaiters {
    fn contains(&self, key: TypeKey) -> bool {
        self.keys.values().any(|waiting| *waiting == key)
    }

    /// Spawns a task that waits for a row lock, unless there are as many as the limit. During a continuous sale, skipping would never
    /// find the row free, whereas PostgreSQL's lock queue gives this task its turn.
    fn wait_for(&mut self, key: TypeKey, reallocator: &Reallocator) {
        if self.keys.len() < MAX_LOCK_WAITERS {
            let (inventory, limit) = (reallocator.inventory.clone(), reallocator.limit);
            let waiting = self.tasks.spawn(async move { inventory.run_one(Command::Expire(ExpireReservations { key, limit })).await });
            self.keys.insert(waiting.id(), key);
        }
    }

    /// Waits for the next task to end. Returns `None` if the task panicked; its type is then found again.
    async fn next(&mut self) -> Option<(TypeKey, Result<Outcome, CommandError>)> {
        match self.tasks.join_next_with_id().await? {
            Ok((id, outcome)) => Some((self.keys.remove(&id)?, outcome)),
            Err(error) => {
                tracing::error!(%error, "a task that waited for a row lock panicked");
                self.keys.remove(&error.id());
                None
            }
        }
    }
}

impl Expirer {
    /// Runs until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut waiters = LockWaiters::default();
        loop {
            let started = Instant::now();
            let next_read = match self.expire_due(&mut waiters).await {
                Ok(None) => started,
                Ok(Some(next)) => (Instant::now() + (next + WAKE_DELAY).min(self.interval)).max(started + MIN_INTERVAL),
                Err(error) => {
                    tracing::warn!(%error, "cannot end the reservations whose time is over; trying again in a second");
                    Instant::now() + MIN_INTERVAL
                }
            };
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep_until(next_read) => break,
                    ended = waiters.next(), if !waiters.keys.is_empty() => {
                        let mut expired = Vec::new();
                        if let Some((key, outcome)) = ended {
                            self.count(key, outcome, &mut expired);
                        }
                        self.reallocator.reallocate(&expired).await;
                    }
                }
            }
        }
    }

    /// Ends reservations whose time is over. Returns the time until the next one ends, or `None` if there may be more to end now.
    async fn expire_due(&self, waiters: &mut LockWaiters) -> Result<Option<Duration>, DatabaseError> {
        let Due { mut types, next, more } = self.read_due().await?;
        if types.is_empty() {
            return Ok(Some(next.unwrap_or(self.interval)));
        }
        types.retain(|key| !waiters.contains(*key));
        let (mut expired, mut unfinished) = (Vec::new(), more);
        for types in types.chunks(MAX_TYPES_PER_TRANSACTION) {
            let limit = (self.reallocator.limit / types.len()).max(1);
            let commands: Vec<Command> = types.iter().map(|key| Command::Expire(ExpireReservations { key: *key, limit })).collect();
            let outcomes = self.reallocator.inventory.run(commands, LockWait::Skip).await;
            for (key, outcome) in types.iter().zip(outcomes) {
                match outcome {
                    Ok(Outcome::Skipped) => waiters.wait_for(*key, &self.reallocator),
                    outcome => unfinished |= self.count(*key, outcome, &mut expired),
                }
            }
        }
        // The messages and the sweep would do this as well, but later.
        self.reallocator.reallocate(&expired).await;
        // Nothing is known about reservations that end next, because the due ones came first.
        Ok(if unfinished && !expired.is_empty() { None } else { Some(MIN_INTERVAL) })
    }

    /// Counts the result for one ticket type, and adds the type to `expired` if tickets were returned. Returns whether there may be
    /// more to end.
    fn count(&self, key: TypeKey, outcome: Result<Outcome, CommandError>, expired: &mut Vec<Task>) -> bool {
        match outcome {
            Ok(Outcome::Expired(done @ ExpirySummary { unfinished, .. })) => {
                if done.expired > 0 {
                    self.reallocator.metrics.expired(done);
                    expired.push(key.into());
                }
                unfinished
            }
            Ok(other) => {
                tracing::warn!(event_id = %key.event, ticket_type_id = %key.ticket_type, ?other, "unexpected outcome of ending reservations");
                false
            }
            Err(reason) => {
                tracing::warn!(event_id = %key.event, ticket_type_id = %key.ticket_type, %reason, "the reservations of a ticket type could not be ended; trying again in a second");
                false
            }
        }
    }

    async fn read_due(&self) -> Result<Due, DatabaseError> {
        let mut conn = checkout(&self.pool).await?;
        let limit = i64::try_from(self.reallocator.limit).unwrap_or(i64::MAX);
        let reading = async {
            let (types, more) = queries::types_with_lapsed_reservations(&mut conn, limit).await?;
            let next = if types.is_empty() { queries::time_until_next_expiry(&mut conn).await? } else { None };
            Ok(Due { types, next, more })
        };
        if let Ok(due) = timeout(self.response_timeout, reading).await {
            return due;
        }
        drop(Connection::take(conn));
        Err(DatabaseError::Unavailable(format!("the server did not respond within {:?}", self.response_timeout)))
    }
}
