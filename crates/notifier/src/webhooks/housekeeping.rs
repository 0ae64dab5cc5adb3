//! Seals secrets with the current key, ends the claims of killed notifiers, deletes old deliveries, and measures the state of webhooks.

use std::time::Duration;

use rowlock_postgres::DatabaseError;
use rowlock_sealing::SealingKeys;
use tokio_util::sync::CancellationToken;

use super::metrics::WebhookMetrics;
use super::secret::Secret;
use super::settings::WebhookSettings;
use crate::store::Store;
use crate::store::webhooks::SealedSecrets;

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_secs(10);

/// Runs until `stop` is cancelled. Every notifier does this; the rounds of several do not disturb each other.
pub(crate) async fn keep_webhooks(
    store: Store,
    sealing: SealingKeys,
    settings: WebhookSettings,
    metrics: WebhookMetrics,
    stop: CancellationToken,
) {
    let mut are_sealed = false;
    loop {
        if !are_sealed {
            are_sealed = seal_again(&store, &sealing).await.inspect_err(warn).is_ok();
        }
        let more = round(&store, &settings, &metrics).await;
        let pause = if more { Duration::ZERO } else { INTERVAL };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn warn(error: &DatabaseError) {
    tracing::warn!(%error, "webhooks cannot be checked; trying again");
}

/// Seals all secrets with the current key, so that operators can remove an old one after the start of a notifier.
async fn seal_again(store: &Store, sealing: &SealingKeys) -> Result<(), DatabaseError> {
    for (webhook, old) in store.sealed_secrets().await? {
        let previous = old.previous.as_deref().map(|previous| Secret::reseal(sealing, previous)).transpose();
        match Secret::reseal(sealing, &old.secret).and_then(|secret| Ok(SealedSecrets { secret, previous: previous? })) {
            Ok(new) => store.replace_secrets(webhook, old, new).await?,
            Err(error) => {
                tracing::error!(%webhook, %error, "the secret of a webhook cannot be opened; rotate it, or restore the old sealing key");
            }
        }
    }
    Ok(())
}

/// Runs one round. Returns whether rows are left for another one. A step that fails, because there is too much to count, does not keep
/// the others from being done: they make less of it.
async fn round(store: &Store, settings: &WebhookSettings, metrics: &WebhookMetrics) -> bool {
    let more_forgotten = store.fail_forgotten_requests().await.inspect_err(warn).unwrap_or_default();
    let (expired, more_expired) = store.expire_requests(settings.lease()).await.inspect_err(warn).unwrap_or_default();
    if expired > 0 {
        tracing::warn!(
            deliveries = expired,
            "a notifier ended before it stored the outcome of deliveries to webhooks; they are sent again"
        );
    }
    let more_old = store.delete_old_requests(settings.keep).await.inspect_err(warn).unwrap_or_default();
    if let Ok(backlog) = store.webhook_backlog().await.inspect_err(warn) {
        metrics.show(backlog);
    }
    more_forgotten || more_expired || more_old
}
