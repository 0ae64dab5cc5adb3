//! Positions in waiting lists. When an entry leaves a waiting list, the positions of all entries behind it change, and the messages
//! name none of them. Set-based queries read their positions for all accounts with open streams, and the chances follow from them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rowlock_domain::ids::EventId;
use rowlock_inventory::queries;
use rowlock_inventory::views::WaitlistEntry;
use rowlock_postgres::DatabaseError;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Live;
use super::account::{AccountState, Positions};
use super::topics::Topic;

/// Minimum time between two reads of positions.
const INTERVAL: Duration = Duration::from_secs(1);
/// Number of positions per query.
const BATCH_SIZE: usize = 500;

/// Events whose waiting lists have moved since the positions were last read.
#[derive(Default)]
pub(super) struct MovedQueues {
    events: Mutex<HashSet<EventId>>,
    changed: Notify,
}

impl MovedQueues {
    /// Adds an event.
    pub(super) fn add(&self, event: EventId) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).insert(event);
        self.changed.notify_one();
    }

    fn take(&self) -> HashSet<EventId> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Waiting = (Arc<Topic<Arc<AccountState>>>, WaitlistEntry);

/// Reads the positions of the accounts with open streams whenever a waiting list has moved, until `stop` is cancelled.
pub(crate) async fn follow_queues(live: Arc<Live>, stop: CancellationToken) {
    let follow = async {
        loop {
            live.moved.changed.notified().await;
            let moved = live.moved.take();
            if let Err(error) = live.read_positions(&moved).await {
                tracing::debug!(%error, "cannot read the positions in waiting lists; retrying");
                for event in moved {
                    live.moved.add(event);
                }
            }
            sleep(INTERVAL).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = follow => {}
    }
}

impl Live {
    async fn read_positions(&self, moved: &HashSet<EventId>) -> Result<(), DatabaseError> {
        let waiting: Vec<Waiting> = self
            .accounts
            .all()
            .into_iter()
            .filter_map(|topic| topic.current().map(|state| (topic, state)))
            .flat_map(|(topic, state)| {
                let entries: Vec<_> =
                    state.waiting().filter(|row| moved.contains(&row.entry.key.event)).map(|row| row.entry.clone()).collect();
                entries.into_iter().map(move |entry| (topic.clone(), entry))
            })
            .collect();
        for batch in waiting.chunks(BATCH_SIZE) {
            let _turn = self.reads.turn().await?;
            let entries: Vec<_> = batch.iter().map(|(_, entry)| entry.clone()).collect();
            let (read_at, places) = self.reads.reader.run(async |conn| queries::queue_positions(conn, &entries).await).await?;
            let queued: Vec<_> = entries.iter().filter_map(|entry| Some((entry, *places.get(&entry.id)?))).collect();
            let forecasts = self.reads.chances.of_types(queued.iter().map(|(entry, _)| entry.key)).await?;
            let positions: Positions =
                queued.iter().map(|(entry, position)| (entry.id, (*position, forecasts.chance(entry, *position)))).collect();
            // An account with several entries is updated once.
            let topics: HashMap<_, _> = batch.iter().map(|(topic, _)| (Arc::as_ptr(topic), topic)).collect();
            for topic in topics.into_values() {
                topic.update(|state| state.with_positions(&positions, read_at));
            }
        }
        Ok(())
    }
}
