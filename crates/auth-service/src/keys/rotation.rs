//! Rotation of the signing key: a new key replaces the current one while tokens of both are valid.

use chrono::TimeDelta;

use super::{KeyError, Keys};
use crate::store::{KeyRotation, SuccessorSchedule};

/// How long a key stays published after the last token that it may have signed has expired. Covers replicas that still sign with
/// it until they next read the keys (every ten seconds), and clock skew.
const PUBLICATION_MARGIN: TimeDelta = TimeDelta::seconds(60);

impl Keys {
    /// Adds a key that is published immediately and signs after `publish_ahead`. Older keys stay published until the last token
    /// that they may have signed has expired. Changes nothing while there is a key that does not sign yet.
    pub(crate) async fn rotate(&self, publish_ahead: TimeDelta, access_ttl: TimeDelta) -> Result<KeyRotation, KeyError> {
        // This fails if `encryption_key` differs from that of the services, which could not decrypt the new key.
        let stored = self.store.published_keys().await?;
        self.decrypt(stored.iter().find(|key| key.signs).ok_or(KeyError::NoneToFollow)?)?;
        let (_, key) = self.generate()?;
        Ok(self.store.insert_successor(key, SuccessorSchedule { publish_ahead, keep_published: access_ttl + PUBLICATION_MARGIN }).await?)
    }
}
