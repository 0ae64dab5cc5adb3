//! The token check: EdDSA signatures against the public keys of `auth-service`.
//!
//! A token is never refused because keys are missing: without any key yet the answer is «not now». A new `kid`
//! causes at most one fetch in ten seconds, however many ask.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, get_current_timestamp};
use quick_cache::sync::Cache;
use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::states::Role;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: AccountId,
    /// What the person is called.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Who signed.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// Until when it is valid, in seconds since 1970.
    pub exp: i64,
    /// The token's own id.
    pub jti: Uuid,
    /// The session it belongs to.
    pub sid: SessionId,
    /// The version of the account at the time of signing. 0 in tokens of an auth-service that did not write it yet.
    #[serde(default)]
    pub ver: i64,
}

/// A public key as `/.well-known/jwks.json` shows it (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The key, base64url.
    pub x: String,
    /// Its name in the header of tokens.
    pub kid: String,
    /// Always `sig`.
    #[serde(rename = "use", default)]
    pub usage: String,
    /// Always `EdDSA`.
    #[serde(default)]
    pub alg: String,
}

/// The document at `/.well-known/jwks.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKeys {
    /// The keys that tokens may be signed with.
    pub keys: Vec<PublicKey>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Forged, expired, of another issuer, or not a token.
    #[error("the token is not valid")]
    Invalid,
    /// No key has been loaded yet.
    #[error("there are no keys to check the token with")]
    NoKeys,
}

/// Loads the present state of a document.
pub type Fetch<T> = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<T, String>> + Send>> + Send + Sync>;

/// Loads the present public keys.
pub type FetchKeys = Fetch<PublicKeys>;

/// Fetches a JSON document over HTTP, within five seconds.
pub fn fetch_over_http<T: DeserializeOwned>(url: String) -> Result<Fetch<T>, reqwest::Error> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    Ok(Box::new(move || {
        let request = client.get(&url);
        Box::pin(async move {
            let answer = request.send().await.and_then(reqwest::Response::error_for_status).map_err(|error| error.to_string())?;
            answer.json::<T>().await.map_err(|error| error.to_string())
        })
    }))
}

/// The public keys of the moment.
#[derive(Default)]
struct KeySet {
    by_kid: HashMap<String, DecodingKey>,
    /// Raised whenever a key is withdrawn.
    generation: u64,
}

/// Checks tokens.
pub struct TokenVerifier {
    /// Tokens whose signature was checked, by their hash and the generation of the keys: when a key is withdrawn nothing
    /// that was checked before counts any more.
    checked: Cache<([u8; 32], u64), Arc<Claims>>,
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
    /// How many checked tokens are remembered; some 300 bytes each.
    pub const REMEMBERED: usize = 50_000;
    /// Unknown keys are looked for at most this often.
    pub const MIN_INTERVAL: Duration = Duration::from_secs(10);

    /// A check for tokens of one issuer and audience.
    pub fn new(issuer: &str, audience: &str, fetch: FetchKeys) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let checked = Cache::new(Self::REMEMBERED);
        Self { checked, keys: ArcSwap::default(), validation, fetch, last_fetch: Mutex::new(None), min_interval: Self::MIN_INTERVAL }
    }

    /// Whether any key is known.
    pub fn has_keys(&self) -> bool {
        !self.keys.load().by_kid.is_empty()
    }

    /// Checks a token and tells what it says.
    pub async fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        // A signature costs tens of microseconds to check, a hash one. The hash is over the whole token, signature included.
        let key = (Sha256::digest(token).into(), self.keys.load().generation);
        if let Some(claims) = self.checked.get(&key) {
            let live = u64::try_from(claims.exp).is_ok_and(|exp| exp > get_current_timestamp());
            return if live { Ok(claims) } else { Err(TokenError::Invalid) };
        }
        let claims = self.check(token).await?;
        self.checked.insert(key, claims.clone());
        Ok(claims)
    }

    async fn check(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        // A header that names another algorithm, or none, is no token of ours; `alg` never chooses how we check.
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

    /// Fetches the keys, unless somebody else just did. Those who wait here share the one fetch.
    async fn refresh_once(&self) {
        let mut last = self.last_fetch.lock().await;
        let interval = if self.has_keys() { self.min_interval } else { Duration::from_secs(1) };
        if last.is_none_or(|at| at.elapsed() >= interval) {
            // Noted before the fetch: whoever hangs up in the middle of it must not cause another.
            *last = Some(Instant::now());
            self.load().await;
        }
    }

    async fn load(&self) {
        match (self.fetch)().await {
            Ok(published) => self.install(&published),
            Err(error) => tracing::warn!(%error, "the token keys could not be fetched"),
        }
    }

    /// Puts keys in the place of those that are known, unless there are none among them.
    pub fn install(&self, published: &PublicKeys) {
        let usable = published.keys.iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        let by_kid: HashMap<_, _> =
            usable.filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ed_components(&key.x).ok()?))).collect();
        if !by_kid.is_empty() {
            let known = self.keys.load();
            let withdrawn = known.by_kid.keys().any(|kid| !by_kid.contains_key(kid));
            self.keys.store(Arc::new(KeySet { by_kid, generation: known.generation + u64::from(withdrawn) }));
        }
    }

    /// Loads keys at the start, soon again while there are none, and now and then afterwards.
    pub async fn keep_fresh(&self, stop: CancellationToken) {
        loop {
            {
                let mut last = self.last_fetch.lock().await;
                self.load().await;
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
mod tests {
    use std::sync::Mutex as Shared;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ed25519_dalek::SigningKey;
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    use futures_util::future::join_all;
    use jsonwebtoken::{EncodingKey, Header, encode};

    use super::*;
    use rowlock_platform::clock::Clock;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn kid(seed: u8) -> String {
        format!("key-{seed}")
    }

    fn public(seed: u8) -> PublicKey {
        let x = URL_SAFE_NO_PAD.encode(key(seed).verifying_key().as_bytes());
        PublicKey { kty: "OKP".to_owned(), crv: "Ed25519".to_owned(), x, kid: kid(seed), usage: String::new(), alg: String::new() }
    }

    fn token(seed: u8) -> String {
        token_for(seed, 900)
    }

    fn token_for(seed: u8, seconds: i64) -> String {
        let (clock, now) = (Clock::system(), Clock::system().now().timestamp());
        let claims = Claims {
            sub: AccountId::from_uuid(clock.uuid()),
            name: "Ada".to_owned(),
            email: "ada@example.org".to_owned(),
            role: Role::User,
            iss: "us".to_owned(),
            aud: "here".to_owned(),
            iat: now,
            exp: now + seconds,
            jti: clock.uuid(),
            sid: SessionId::from_uuid(clock.uuid()),
            ver: 1,
        };
        let header = Header { kid: Some(kid(seed)), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &EncodingKey::from_ed_der(key(seed).to_pkcs8_der().unwrap().as_bytes())).unwrap()
    }

    /// A verifier, what is published to it, and how often it asked. It got its first keys just now.
    async fn verifier() -> (TokenVerifier, Arc<Shared<Vec<u8>>>, Arc<AtomicUsize>) {
        let (published, asked) = (Arc::new(Shared::new(vec![1])), Arc::new(AtomicUsize::new(0)));
        let (seeds, count) = (published.clone(), asked.clone());
        let fetch: FetchKeys = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let keys = seeds.lock().unwrap().iter().copied().map(public).collect();
            Box::pin(async move {
                // Others get their turn while the answer is on its way.
                tokio::task::yield_now().await;
                Ok(PublicKeys { keys })
            })
        });
        let verifier = TokenVerifier::new("us", "here", fetch);
        verifier.verify(&token(1)).await.unwrap();
        (verifier, published, asked)
    }

    async fn let_the_interval_pass(verifier: &TokenVerifier) {
        let mut last = verifier.last_fetch.lock().await;
        *last = last.and_then(|at| at.checked_sub(TokenVerifier::MIN_INTERVAL));
    }

    #[tokio::test]
    async fn a_token_that_was_checked_is_good_until_it_expires() {
        let (verifier, ..) = verifier().await;
        let token = token_for(1, 2);
        let first = verifier.verify(&token).await.unwrap();
        assert!(Arc::ptr_eq(&first, &verifier.verify(&token).await.unwrap()), "the second time from memory");
        while get_current_timestamp() < u64::try_from(first.exp).unwrap() {
            tokio::task::yield_now().await;
        }
        assert_eq!(verifier.verify(&token).await, Err(TokenError::Invalid));
    }

    #[tokio::test]
    async fn what_a_withdrawn_key_has_signed_is_forgotten() {
        let (verifier, published, _) = verifier().await;
        let token = token(1);
        verifier.verify(&token).await.unwrap();
        *published.lock().unwrap() = vec![2];
        verifier.load().await;
        assert_eq!(verifier.verify(&token).await, Err(TokenError::Invalid));
    }

    #[tokio::test]
    async fn a_new_key_causes_one_fetch_however_many_ask() {
        let (verifier, published, asked) = verifier().await;
        *published.lock().unwrap() = vec![1, 2];
        let_the_interval_pass(&verifier).await;
        let token = token(2);
        let answers = join_all((0..100).map(|_| verifier.verify(&token))).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(asked.load(Ordering::SeqCst), 2, "one at the start, one for the new key");
    }

    #[tokio::test]
    async fn unknown_keys_are_looked_for_once_in_an_interval() {
        let (verifier, _, asked) = verifier().await;
        for interval in 1..4 {
            for seed in 10..20 {
                assert_eq!(verifier.verify(&token(seed)).await, Err(TokenError::Invalid));
            }
            assert_eq!(asked.load(Ordering::SeqCst), interval);
            let_the_interval_pass(&verifier).await;
        }
    }

    #[tokio::test]
    async fn a_key_that_is_withdrawn_opens_nothing_and_an_empty_answer_withdraws_none() {
        let (verifier, published, _) = verifier().await;
        published.lock().unwrap().clear();
        let_the_interval_pass(&verifier).await;
        assert_eq!(verifier.verify(&token(2)).await, Err(TokenError::Invalid));
        assert!(verifier.verify(&token(1)).await.is_ok());
        *published.lock().unwrap() = vec![2];
        let_the_interval_pass(&verifier).await;
        assert!(verifier.verify(&token(2)).await.is_ok());
        assert_eq!(verifier.verify(&token(1)).await, Err(TokenError::Invalid));
    }
}
