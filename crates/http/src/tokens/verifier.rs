//! Verifies access tokens: EdDSA signatures against the public keys of `auth-service`.
//!
//! A token is never rejected as invalid because keys are missing: without any key the response is 503. A token with an unknown
//! `kid` causes a fetch of the keys, at most one every ten seconds however many requests there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, get_current_timestamp};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Claims, FetchKeys, PublicKeys, TokenError};

/// The public keys that are in use.
#[derive(Default)]
struct KeySet {
    by_kid: HashMap<String, DecodingKey>,
    /// Incremented whenever a key is withdrawn.
    generation: u64,
}

/// Verifies access tokens and caches the results.
pub struct TokenVerifier {
    /// Claims of verified tokens, by the hash of the token and the generation of the keys: when a key is withdrawn, no entry from
    /// before matches any more.
    verified: Cache<([u8; 32], u64), Arc<Claims>>,
    keys: ArcSwap<KeySet>,
    validation: Validation,
    fetch: FetchKeys,
    last_fetch: Mutex<Option<Instant>>,
    min_interval: Duration,
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("keys", &self.keys.load().by_kid.len()).finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// Maximum number of verified tokens in the cache, which takes about 300 bytes for each.
    pub const CACHE_CAPACITY: usize = 50_000;
    /// Minimum time between two fetches that tokens with an unknown key cause.
    pub const MIN_INTERVAL: Duration = Duration::from_secs(10);

    /// Creates a verifier for tokens of one issuer and audience. It has no keys until the first fetch.
    pub fn new(issuer: &str, audience: &str, fetch: FetchKeys) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let verified = Cache::new(Self::CACHE_CAPACITY);
        Self { verified, keys: ArcSwap::default(), validation, fetch, last_fetch: Mutex::new(None), min_interval: Self::MIN_INTERVAL }
    }

    /// Returns whether any key has been loaded.
    pub fn has_keys(&self) -> bool {
        !self.keys.load().by_kid.is_empty()
    }

    /// Verifies a token and returns its claims.
    ///
    /// Fails with `NoKeys` if no key has been loaded, and with `Invalid` for any token that is not valid now.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        // Verifying a signature takes tens of microseconds, hashing one. The hash covers the whole token including its signature.
        let key = (Sha256::digest(token).into(), self.keys.load().generation);
        if let Some(claims) = self.verified.get(&key) {
            let live = u64::try_from(claims.exp).is_ok_and(|exp| exp > get_current_timestamp());
            return if live { Ok(claims) } else { Err(TokenError::Invalid) };
        }
        let claims = self.verify_signature(token).await?;
        self.verified.insert(key, claims.clone());
        Ok(claims)
    }

    async fn verify_signature(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        // `alg` never selects the algorithm: a token whose header names another one, or none, is rejected.
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        let kid = header.kid.filter(|_| header.alg == Algorithm::EdDSA).ok_or(TokenError::Invalid)?;
        if !self.keys.load().by_kid.contains_key(&kid) {
            self.refresh_once().await;
        }
        let keys = self.keys.load();
        let Some(key) = keys.by_kid.get(&kid) else {
            return Err(if keys.by_kid.is_empty() { TokenError::NoKeys } else { TokenError::Invalid });
        };
        let data = decode::<Claims>(token, key, &self.validation).map_err(|_| TokenError::Invalid)?;
        Ok(Arc::new(data.claims))
    }

    /// Fetches the keys, unless that happened within the minimum interval. Concurrent callers share one fetch.
    async fn refresh_once(&self) {
        let mut last = self.last_fetch.lock().await;
        let interval = if self.has_keys() { self.min_interval } else { Duration::from_secs(1) };
        if last.is_none_or(|at| at.elapsed() >= interval) {
            // Set before the fetch, because a client that disconnects during it must not cause another one.
            *last = Some(Instant::now());
            self.fetch_keys().await;
        }
    }

    async fn fetch_keys(&self) {
        match (self.fetch)().await {
            Ok(published) => self.install(&published),
            Err(error) => tracing::warn!(%error, "cannot fetch the public keys; tokens are verified with the keys that were loaded last"),
        }
    }

    /// Replaces the keys. Does nothing if `published` contains no usable key.
    pub fn install(&self, published: &PublicKeys) {
        let usable = published.keys.iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        let by_kid: HashMap<_, _> =
            usable.filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ed_components(&key.x).ok()?))).collect();
        if !by_kid.is_empty() {
            let current = self.keys.load();
            let withdrawn = current.by_kid.keys().any(|kid| !by_kid.contains_key(kid));
            self.keys.store(Arc::new(KeySet { by_kid, generation: current.generation + u64::from(withdrawn) }));
        }
    }

    /// Fetches the keys every minute, and every second as long as there are none, until `stop` is cancelled.
    pub async fn keep_fresh(&self, stop: CancellationToken) {
        loop {
            {
                let mut last = self.last_fetch.lock().await;
                self.fetch_keys().await;
                *last = Some(Instant::now());
            }
            let pause = if self.has_keys() { Duration::from_secs(60) } else { Duration::from_secs(1) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
