//! In-memory copy of the signing keys: the public keys and the one that signs.
//!
//! The keys are re-read from the database several times within the period in which a new key is published but does not sign yet.
//! While the database is unavailable, the keys that were loaded last stay in use.

mod rotation;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rowlock_http::tokens::{Claims, FetchKeys, PublicKey, PublicKeys, TokenVerifier};
use rowlock_postgres::DatabaseError;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::secrets::{DecryptError, Secrets};
use crate::store::{NewSigningKey, Store, StoredKey};

/// Reasons why a signing key cannot be loaded, created or used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("cannot decrypt the signing key {kid}: it was encrypted with a different keys.encryption_key")]
    Decrypt { kid: String, source: DecryptError },
    #[error("a new signing key could not be encrypted")]
    Encrypt(#[from] DecryptError),
    #[error("the signing key {0} is damaged")]
    Damaged(String),
    #[error("no signing key has been loaded yet")]
    NotLoaded,
    #[error("no signing key is active")]
    NoneSigns,
    #[error("there is no signing key to replace; auth-service creates the first one when it starts")]
    NoneToFollow,
    #[error("a token could not be signed")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// The private key that signs, with its id.
struct Signer {
    kid: String,
    key: EncodingKey,
}

struct Loaded {
    public: PublicKeys,
    signer: Arc<Signer>,
}

/// The keys as they were last read from the database.
pub(crate) struct Keys {
    store: Store,
    secrets: Secrets,
    interval: Duration,
    loaded: ArcSwapOption<Loaded>,
}

impl Keys {
    pub(crate) fn new(store: Store, secrets: Secrets, publish_ahead: TimeDelta) -> Self {
        // Several reads per period ensure that every replica publishes a new key long before it signs.
        let interval = publish_ahead.to_std().unwrap_or_default() / 4;
        Self { store, secrets, interval: interval.clamp(Duration::from_secs(1), Duration::from_secs(10)), loaded: ArcSwapOption::empty() }
    }

    /// Returns the public keys as they were last read; empty before the first read.
    pub(crate) fn public(&self) -> PublicKeys {
        self.loaded.load().as_ref().map(|loaded| loaded.public.clone()).unwrap_or_default()
    }

    /// Signs claims and returns the access token (a JWT). Fails if no key has been loaded yet.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let loaded = self.loaded.load();
        let signer = &loaded.as_ref().ok_or(KeyError::NotLoaded)?.signer;
        let header = Header { kid: Some(signer.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        Ok(jsonwebtoken::encode(&header, claims, &signer.key)?)
    }

    /// Fails unless a key to sign with has been loaded.
    pub(crate) fn is_ready(&self) -> Result<(), KeyError> {
        if self.loaded.load().is_some() { Ok(()) } else { Err(KeyError::NotLoaded) }
    }

    /// Reads the keys from the database, and creates one if none signs.
    pub(crate) async fn load(&self) -> Result<(), KeyError> {
        match self.read().await {
            Err(KeyError::NoneSigns) => {
                let (kid, key) = self.generate()?;
                if self.store.insert_key_if_none_signs(key).await? {
                    tracing::info!(%kid, "created a signing key");
                }
                self.read().await
            }
            result => result,
        }
    }

    async fn read(&self) -> Result<(), KeyError> {
        let stored = self.store.published_keys().await?;
        let first = stored.iter().find(|key| key.signs).ok_or(KeyError::NoneSigns)?;
        let present = self.loaded.load_full().map(|loaded| loaded.signer.clone()).filter(|signer| signer.kid == first.kid);
        let signer = if let Some(signer) = present {
            signer
        } else {
            let signer = Arc::new(self.decrypt(first)?);
            tracing::info!(kid = %signer.kid, "now signing access tokens with this key");
            signer
        };
        let public = PublicKeys { keys: stored.iter().map(|key| public_key(key.kid.clone(), &key.public_key)).collect() };
        self.loaded.store(Some(Arc::new(Loaded { public, signer })));
        Ok(())
    }

    fn generate(&self) -> Result<(String, NewSigningKey), KeyError> {
        let seed: [u8; 32] = rand::random();
        let public_key = SigningKey::from_bytes(&seed).verifying_key().to_bytes().to_vec();
        let kid = thumbprint(&public_key);
        let encrypted_private_key = self.secrets.encrypt(rand::random(), &seed, kid.as_bytes())?;
        Ok((kid.clone(), NewSigningKey { kid, public_key, encrypted_private_key }))
    }

    fn decrypt(&self, stored: &StoredKey) -> Result<Signer, KeyError> {
        let damaged = || KeyError::Damaged(stored.kid.clone());
        let seed = self
            .secrets
            .decrypt(&stored.encrypted_private_key, stored.kid.as_bytes())
            .map_err(|source| KeyError::Decrypt { kid: stored.kid.clone(), source })?;
        let key = SigningKey::from_bytes(&seed.try_into().map_err(|_| damaged())?);
        if key.verifying_key().as_bytes().as_slice() != stored.public_key {
            return Err(damaged());
        }
        let document = key.to_pkcs8_der().map_err(|_| damaged())?;
        Ok(Signer { kid: stored.kid.clone(), key: EncodingKey::from_ed_der(document.as_bytes()) })
    }

    /// Loads the keys for the first time and retries until that succeeds, logging each new reason for failure. Returns false if
    /// `stop` is cancelled first.
    pub(crate) async fn wait_until_loaded(&self, stop: &CancellationToken) -> bool {
        let mut logged = String::new();
        loop {
            let Err(error) = self.load().await else { return true };
            let reason = error.to_string();
            if reason != logged {
                tracing::error!(%reason, "cannot load a signing key; retrying");
                logged = reason;
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    }

    /// Re-reads the keys periodically until `stop` is cancelled. `verifier` gets the keys before the first token is signed with
    /// them.
    pub(crate) async fn keep_fresh(self: Arc<Self>, verifier: Arc<TokenVerifier>, stop: CancellationToken) {
        loop {
            verifier.install(&self.public());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.interval) => {}
            }
            if let Err(error) = self.load().await {
                tracing::warn!(%error, "cannot read the signing keys; continuing with the keys that were loaded last");
            }
        }
    }

    /// Returns a function that reads the current keys from the database, to verify tokens that another replica signed with a
    /// newer key.
    pub(crate) fn fetch(self: Arc<Self>) -> FetchKeys {
        Box::new(move || {
            let keys = self.clone();
            Box::pin(async move { keys.read().await.map(|()| keys.public()).map_err(|error| error.to_string()) })
        })
    }
}

fn public_key(kid: String, key: &[u8]) -> PublicKey {
    PublicKey {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: URL_SAFE_NO_PAD.encode(key),
        kid,
        usage: "sig".to_owned(),
        alg: "EdDSA".to_owned(),
    }
}

/// Returns the JWK thumbprint of a public key (RFC 7638, RFC 8037 appendix A.3), which is its key id.
fn thumbprint(key: &[u8]) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(key));
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        let key = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(thumbprint(&key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
