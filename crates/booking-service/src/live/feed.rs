//! Follows the messages on the events exchange, and marks what they report as changed.
//!
//! The connection exists while streams are open, so an instance without streams receives no messages.

use std::sync::Arc;
use std::time::Duration;

use rowlock_domain::accounts::{AccountChange, AccountMessage};
use rowlock_domain::messages::parse_changed_resources;
use rowlock_messaging::amqp::{AmqpSettings, Backoff, Delivery, LinkError, Tap};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Live;

/// All messages.
const PATTERN: &str = "#";
/// How long the connection is kept after the last stream has ended.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Follows the messages while streams are open, until `stop` is cancelled. Reconnects with backoff.
pub(crate) async fn follow_messages(live: Arc<Live>, amqp: AmqpSettings, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = follow(&live, &amqp) => {}
    }
}

async fn follow(live: &Live, amqp: &AmqpSettings) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        live.wait_for_streams().await;
        match follow_connection(live, amqp, &mut backoff).await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the broker connection for live streams ended; reconnecting");
                backoff.wait().await;
            }
        }
    }
}

/// Follows the messages over one connection until it fails, or until there has been no stream for a while.
async fn follow_connection(live: &Live, amqp: &AmqpSettings, backoff: &mut Backoff) -> Result<(), LinkError> {
    let mut tap = Tap::connect(amqp, PATTERN).await?.recording(&live.metrics.link);
    backoff.reset();
    // Changes from before the queue was bound were not reported.
    live.mark_all();
    loop {
        tokio::select! {
            delivery = tap.next() => live.apply(&delivery?),
            () = live.idle() => {
                tap.close().await;
                return Ok(());
            }
        }
    }
}

impl Live {
    /// Waits until a stream is open.
    async fn wait_for_streams(&self) {
        // The sender is a part of `self`, so it is not closed.
        let _ = self.open.subscribe().wait_for(|open| *open > 0).await;
    }

    /// Waits until no stream has been open for the idle time.
    async fn idle(&self) {
        let mut open = self.open.subscribe();
        loop {
            let _ = open.wait_for(|open| *open == 0).await;
            tokio::select! {
                () = sleep(IDLE_TIME) => return,
                _ = open.wait_for(|open| *open > 0) => {}
            }
        }
    }

    /// Marks what a message reports as changed.
    fn apply(&self, delivery: &Delivery) {
        let key = delivery.routing_key.as_str();
        if key.starts_with("account.") {
            match AccountMessage::parse(&delivery.body) {
                Ok(AccountMessage::Changed { account, version, change: AccountChange::Disabled }) => self.end_account(account, version),
                Ok(AccountMessage::Changed { account, change: AccountChange::Erased, .. }) => self.end_account(account, i64::MAX),
                Ok(_) | Err(_) => {}
            }
            return;
        }
        let Some(changed) = parse_changed_resources(&delivery.body) else { return };
        self.mark(changed.event, changed.account);
        if key.starts_with("waitlist.")
            && key != "waitlist.joined"
            && let Some(event) = changed.event
        {
            self.moved.add(event);
        }
    }
}
