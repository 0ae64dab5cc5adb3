//! Estimates the chances of waiting-list entries to get tickets.
//!
//! One forecast serves all entries of a ticket type. It is cached like the public reads, and the returns of the past days, which change
//! slowly, are cached longer. No command waits for any of this.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rowlock_domain::chance::{Chance, Forecast, WaitingEntries};
use rowlock_domain::ids::TypeKey;
use rowlock_inventory::chances::{ReturnHistory, first_entries, return_history};
use rowlock_inventory::views::{NamedEntry, WaitlistEntry};
use rowlock_platform::clock::Clock;
use rowlock_platform::expiring_cache::ExpiringCache;
use rowlock_postgres::{DatabaseError, Reader};

/// Maximum number of ticket types whose forecasts are cached. Each takes up to 80 kB.
const MAX_FORECASTS: u32 = 200;

/// Maximum number of ticket types whose returns are cached.
const MAX_HISTORIES: u32 = 10_000;

/// How much longer than a forecast the returns of the past days are cached.
const HISTORY_LIFETIME_FACTOR: u32 = 60;

/// Number of forecasts that one caller makes at a time. Each uses one connection of the pool.
const CONCURRENT_FORECASTS: usize = 4;

/// The forecasts of some ticket types, by which the chances of their entries are estimated.
pub(crate) struct Forecasts(HashMap<TypeKey, Option<Arc<Forecast>>>);

impl Forecasts {
    /// Returns the chance of an entry that waits at a position, or `None` if there is not enough history for an estimate.
    pub(crate) fn chance(&self, entry: &WaitlistEntry, position: i64) -> Option<Chance> {
        self.0.get(&entry.key)?.as_ref()?.chance(entry.number, entry.size, position)
    }
}

/// Cached forecasts of queues.
#[derive(Debug, Clone)]
pub(crate) struct Chances {
    reader: Reader,
    clock: Clock,
    histories: ExpiringCache<TypeKey, Option<Arc<ReturnHistory>>>,
    forecasts: ExpiringCache<TypeKey, Option<Arc<Forecast>>>,
}

impl Chances {
    /// Creates a cache whose forecasts live for `time_to_live`. Zero disables caching.
    pub(crate) fn new(reader: Reader, clock: Clock, time_to_live: Duration) -> Self {
        let histories = ExpiringCache::new(time_to_live * HISTORY_LIFETIME_FACTOR, MAX_HISTORIES);
        Self { reader, clock, histories, forecasts: ExpiringCache::new(time_to_live, MAX_FORECASTS) }
    }

    /// Adds the chances to those of the entries that are waiting.
    ///
    /// # Errors
    ///
    /// Returns the first error of a read.
    pub(crate) async fn add_to(&self, rows: &mut [NamedEntry]) -> Result<(), DatabaseError> {
        let waiting = rows.iter().filter(|row| row.position.is_some()).map(|row| row.entry.key);
        let forecasts = self.of_types(waiting).await?;
        for row in rows {
            row.chance = row.position.and_then(|position| forecasts.chance(&row.entry, position));
        }
        Ok(())
    }

    /// Returns the forecasts of ticket types. Those that are not cached take two reads each, and [`CONCURRENT_FORECASTS`] of them are
    /// made at a time.
    ///
    /// # Errors
    ///
    /// Returns the first error of a read.
    pub(crate) async fn of_types(&self, keys: impl Iterator<Item = TypeKey>) -> Result<Forecasts, DatabaseError> {
        let keys: HashSet<TypeKey> = keys.collect();
        let forecasts = stream::iter(keys)
            .map(|key| async move { Ok::<_, DatabaseError>((key, self.forecasts.get_or_load(key, self.forecast(key)).await?)) })
            .buffer_unordered(CONCURRENT_FORECASTS);
        Ok(Forecasts(forecasts.try_collect().await?))
    }

    async fn forecast(&self, key: TypeKey) -> Result<Option<Arc<Forecast>>, DatabaseError> {
        let now = self.clock.now();
        let read = async { self.reader.run(async |conn| return_history(conn, key, now).await).await.map(|read| read.map(Arc::new)) };
        let Some(known) = self.histories.get_or_load(key, read).await? else { return Ok(None) };
        let queue = self.reader.run(async |conn| first_entries(conn, key).await).await?;
        let waiting = WaitingEntries { first: &queue, largest_quantity: known.largest_quantity };
        Ok(Forecast::new(&known.history, waiting, now, known.until).map(Arc::new))
    }
}
