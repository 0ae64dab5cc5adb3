//! Renewal of access tokens. Concurrent requests of one browser share a single call; requests that other instances serve at the
//! same time get the same successor, because auth-service accepts a superseded refresh token for 60 seconds.

use std::time::Duration;

use rowlock_platform::expiring_cache::ExpiringCache;
use sha2::{Digest, Sha256};

use super::Session;
use crate::api::models::SignedIn;
use crate::api::problem::ApiError;
use crate::api::{Api, Call, Origin};

/// How long a renewal answers further requests with the same old token. Shorter than auth-service's grace period.
const KEEP: Duration = Duration::from_secs(50);

/// Renewals in flight and those that have just completed.
#[derive(Clone)]
pub(crate) struct Renewals(ExpiringCache<[u8; 32], Session>);

impl Default for Renewals {
    fn default() -> Self {
        Self(ExpiringCache::new(KEEP, 20_000))
    }
}

impl Renewals {
    /// Exchanges the refresh token of a session for a new session.
    pub(crate) async fn renew(&self, api: &Api, session: &Session, origin: &Origin) -> Result<Session, ApiError> {
        let old: [u8; 32] = Sha256::digest(&session.refresh_token).into();
        let call = async {
            let body = serde_json::json!({"refreshToken": session.refresh_token});
            let renewed: SignedIn = api.send(&Call::post("/api/refreshtoken", body), origin).await?;
            Ok(Session::from(renewed))
        };
        self.0.get_or_load(old, call).await
    }

    /// Forgets what a refresh token was exchanged for, when its session ends.
    pub(crate) fn forget(&self, refresh_token: &str) {
        let key: [u8; 32] = Sha256::digest(refresh_token).into();
        self.0.remove(&key);
    }
}
