//! Ends the claims of killed notifiers, deletes old deliveries and measures the state of webhooks.

use std::time::Duration;

use rowlock_postgres::DatabaseError;
use tokio_util::sync::CancellationToken;

use super::metrics::WebhookMetrics;
use super::settings::WebhookSettings;
use crate::store::Store;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_secs(10);

/// Runs until `stop` is cancelled. Every notifier does this; the rounds of several do not disturb each other.
pub(crate) async fn keep_webhooks(store: Store, settings: WebhookSettings, metrics: WebhookMetrics, stop: CancellationToken) {
    loop {
        let more = match round(&store, &settings, &metrics).await {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(%error, "the deliveries to webhooks cannot be checked; trying again");
                false
            }
        };
        let pause = if more { Duration::ZERO } else { INTERVAL };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Runs one round. Returns whether old rows are left.
async fn round(store: &Store, settings: &WebhookSettings, metrics: &WebhookMetrics) -> Result<bool, DatabaseError> {
    let expired = store.expire_requests(settings.lease()).await?;
    if expired > 0 {
        tracing::warn!(
            deliveries = expired,
            "a notifier ended before it stored the outcome of deliveries to webhooks; they are sent again"
        );
    }
    metrics.show(store.webhook_backlog().await?);
    store.delete_old_requests(settings.keep).await
}
