//! Ends the claims of killed notifiers, deletes old deliveries and measures the backlog.

use std::time::Duration;

use rowlock_postgres::DatabaseError;
use tokio_util::sync::CancellationToken;

use crate::metrics::DeliveryMetrics;
use crate::settings::WorkSettings;
use crate::store::Store;

/// Maximum time between two rounds.
const MAX_INTERVAL: Duration = Duration::from_secs(10);

/// Runs until `stop` is cancelled. Every notifier does this; the rounds of several do not disturb each other.
pub(crate) async fn keep_house(store: Store, settings: WorkSettings, metrics: DeliveryMetrics, stop: CancellationToken) {
    let interval = MAX_INTERVAL.min(settings.lease / 4);
    loop {
        let more = round(&store, settings, &metrics).await;
        let pause = if more { Duration::ZERO } else { interval };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn warn(error: &DatabaseError) {
    tracing::warn!(%error, "the deliveries cannot be checked; trying again");
}

/// Runs one round. Returns whether rows are left for another one. A step that fails, because there is too much to count, does not keep
/// the others from being done: they make less of it.
async fn round(store: &Store, settings: WorkSettings, metrics: &DeliveryMetrics) -> bool {
    let (expired, more_expired) = store.expire_claims(settings.lease).await.inspect_err(warn).unwrap_or_default();
    if expired > 0 {
        metrics.count_expired(expired);
        tracing::warn!(
            deliveries = expired,
            "a notifier ended before it stored the outcome of deliveries, which are unclear now; see `notifier deliveries list --status unclear`"
        );
    }
    let more_old = store.delete_old(settings.keep).await.inspect_err(warn).unwrap_or_default();
    if let Ok(backlog) = store.backlog().await.inspect_err(warn) {
        metrics.show(backlog);
    }
    more_expired || more_old
}
