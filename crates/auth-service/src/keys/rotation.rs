//! Putting a new signing key in the place of the present one, while tokens of both are good.

use chrono::TimeDelta;

use super::{KeyError, Keys};
use crate::store::{Rotated, SuccessorTimes};

/// How long a key is served after the last token that it may have signed has expired: a replica that reads the keys every
/// ten seconds signs with it a little longer, and clocks differ.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

impl Keys {
    /// Adds a key that is published at once and signs after `publish_ahead`. Those before it are served until the last token
    /// that they may have signed is over. Nothing is changed while there is a key that does not sign yet.
    pub(crate) async fn rotate(&self, publish_ahead: TimeDelta, access_ttl: TimeDelta) -> Result<Rotated, KeyError> {
        // A key that was stored with another secret than that of the services could be opened by none of them.
        let stored = self.store.published_keys().await?;
        self.unseal(stored.iter().find(|key| key.signs).ok_or(KeyError::NoneToFollow)?)?;
        let (_, key) = self.make()?;
        Ok(self.store.insert_successor(key, SuccessorTimes { publish_ahead, served_after: access_ttl + MARGIN }).await?)
    }
}
