//! A bounded in-memory cache whose entries expire, and which loads a missing entry once on behalf of all concurrent callers.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, EntryAction, EntryResult};

/// A bounded cache whose entries live for a fixed time. Clones share their entries.
#[derive(Debug)]
pub struct ExpiringCache<K, V> {
    entries: Arc<Cache<K, Expiring<V>, ByValue<V>>>,
    time_to_live: Duration,
}

/// A cached value and the time at which it expires.
#[derive(Debug, Clone)]
struct Expiring<V> {
    value: V,
    expires_at: Instant,
}

impl<V> Expiring<V> {
    fn is_fresh(&self) -> bool {
        Instant::now() < self.expires_at
    }
}

/// Weighs entries by their values.
#[derive(Debug)]
struct ByValue<V>(fn(&V) -> u64);

impl<V> Clone for ByValue<V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V> Weighter<K, Expiring<V>> for ByValue<V> {
    fn weight(&self, _: &K, entry: &Expiring<V>) -> u64 {
        (self.0)(&entry.value)
    }
}

impl<K, V> Clone for ExpiringCache<K, V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), time_to_live: self.time_to_live }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> ExpiringCache<K, V> {
    /// Creates a cache of at most `capacity` entries that live for `time_to_live`. Zero disables caching.
    #[must_use]
    pub fn new(time_to_live: Duration, capacity: u32) -> Self {
        Self::weighted(time_to_live, capacity, capacity.into(), |_| 1)
    }

    /// Creates a cache whose entries weigh at most `capacity` together. `expected` is the number of entries for which tables are
    /// allocated.
    #[must_use]
    pub fn weighted(time_to_live: Duration, expected: u32, capacity: u64, weight: fn(&V) -> u64) -> Self {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        Self { entries: Arc::new(Cache::with_weighter(expected, capacity, ByValue(weight))), time_to_live }
    }

    /// Returns the cached value, or loads it once on behalf of all concurrent callers (single flight).
    ///
    /// # Errors
    ///
    /// Returns the error of `load`. It is not cached: the next caller that waits for the same key loads again.
    pub async fn get_or_load<E>(&self, key: K, load: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        if self.time_to_live.is_zero() {
            return load.await;
        }
        if let Some(entry) = self.entries.get(&key).filter(Expiring::is_fresh) {
            return Ok(entry.value);
        }
        let unless_expired = |_: &K, entry: &mut Expiring<V>| {
            if entry.is_fresh() { EntryAction::Retain(entry.value.clone()) } else { EntryAction::ReplaceWithGuard }
        };
        let slot = match self.entries.entry_async(&key, unless_expired).await {
            EntryResult::Retained(value) => return Ok(value),
            EntryResult::Vacant(slot) | EntryResult::Replaced(slot, _) => Some(slot),
            EntryResult::Removed(..) | EntryResult::Timeout => None,
        };
        let value = load.await?;
        if let Some(slot) = slot {
            // If the key was removed meanwhile, the value may be stale and is not stored.
            let _ = slot.insert(Expiring { value: value.clone(), expires_at: Instant::now() + self.time_to_live });
        }
        Ok(value)
    }

    /// Removes an entry.
    pub fn remove(&self, key: &K) {
        self.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::yield_now;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Counts its calls and returns their number.
    #[derive(Default)]
    struct Loader(AtomicU32);

    impl Loader {
        async fn load(&self) -> Result<u32, Infallible> {
            yield_now().await;
            Ok(self.0.fetch_add(1, Ordering::SeqCst) + 1)
        }
    }

    #[tokio::test]
    async fn concurrent_callers_share_one_load() {
        let (cache, loader) = (ExpiringCache::new(HOUR, 10), Loader::default());
        let (one, two) = tokio::join!(cache.get_or_load("a", loader.load()), cache.get_or_load("a", loader.load()));
        assert_eq!((one, two), (Ok(1), Ok(1)));
        assert_eq!(cache.get_or_load("b", loader.load()).await, Ok(2));
        assert_eq!(cache.get_or_load("a", loader.load()).await, Ok(1));
        cache.remove(&"a");
        assert_eq!(cache.get_or_load("a", loader.load()).await, Ok(3));
    }

    #[tokio::test]
    async fn an_expired_entry_is_loaded_again() {
        for time_to_live in [Duration::from_nanos(1), Duration::ZERO] {
            let (cache, loader) = (ExpiringCache::new(time_to_live, 10), Loader::default());
            assert_eq!(cache.get_or_load("a", loader.load()).await, Ok(1));
            assert_eq!(cache.get_or_load("a", loader.load()).await, Ok(2));
        }
    }

    #[tokio::test]
    async fn after_a_failed_load_the_next_caller_loads_again() {
        let cache = ExpiringCache::new(HOUR, 10);
        let fail = async {
            yield_now().await;
            Err("down")
        };
        let (one, two) = tokio::join!(cache.get_or_load("a", fail), cache.get_or_load("a", async { Ok::<_, &str>(7) }));
        assert_eq!((one, two), (Err("down"), Ok(7)));
    }

    #[tokio::test]
    async fn entries_are_evicted_by_weight() {
        let cache = ExpiringCache::weighted(HOUR, 10, 100, |value: &u64| *value);
        let loader = Loader::default();
        for key in 0..50 {
            assert_eq!(cache.get_or_load(key, async { loader.load().await.map(|_| 10) }).await, Ok(10));
        }
        assert!(cache.entries.weight() <= 100);
    }
}
