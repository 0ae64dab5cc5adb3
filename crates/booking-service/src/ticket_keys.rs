//! The keys that sign and verify the codes of tickets.
//!
//! The keys are read when a ticket is first needed, and whichever replica needs one first creates it. The private keys are sealed in
//! the database. Keys that were read before [`READ_INTERVAL`] are read again, so every replica follows a rotation or a removal within
//! that time. A code that names an unknown key makes the service read them at once, at most once in the same interval.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use rowlock_domain::ids::{EventId, TicketId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_inventory::tickets::{
    KeyRemoval, KeyRotation, NewTicketKey, StoredTicketKey, insert_key_if_none_signs, insert_successor, remove_key, ticket_keys,
};
use rowlock_postgres::{DatabaseError, Pool, checkout};
use rowlock_sealing::{OpenError, SealError, SealingKeys};
use rowlock_tickets::{CodeError, PublicTicketKey, TicketSigner, verify};

/// How long keys are used before they are read again, and how often they are read because of codes with unknown keys, which anybody can
/// make up.
const READ_INTERVAL: Duration = Duration::from_secs(5);

/// The reason why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the ticket key {kid} cannot be opened: it was sealed with another sealing.key")]
    Sealed { kid: String, source: OpenError },
    #[error("a new ticket key could not be sealed")]
    Sealing(#[from] SealError),
    #[error("the ticket key {0} is damaged")]
    Damaged(String),
    #[error("no ticket key signs")]
    Missing,
    #[error("there is no ticket key to replace; booking-service creates the first one when a ticket is first needed")]
    NoneToReplace,
    #[error("the ticket key could not be opened when it was read")]
    CannotSign,
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Database(error) => error.into(),
            error => {
                tracing::error!(%error, "tickets cannot be signed");
                Self::new(ProblemCode::Unavailable, "Tickets are not available at the moment, because of a fault of the installation.")
            }
        }
    }
}

/// The reason why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeRefusal {
    /// The code is not that of a ticket for the event.
    Invalid(CodeError),
    /// The key that signed the code was removed, because it leaked.
    RemovedKey,
}

/// The keys as they were last read.
pub(crate) struct LoadedKeys {
    public: Vec<PublicTicketKey>,
    removed: Vec<PublicTicketKey>,
    /// The thumbprint of the key that signs.
    signing: String,
    /// The key that signs, unless it cannot be opened. Codes can be verified all the same.
    signer: Option<Arc<TicketSigner>>,
}

impl LoadedKeys {
    /// Returns the published keys: the one that signs next comes first, then the one that signs, then earlier ones.
    pub(crate) fn public(&self) -> &[PublicTicketKey] {
        &self.public
    }

    fn verify(&self, code: &str, event: EventId) -> Result<TicketId, CodeRefusal> {
        match verify(code, event, &self.public) {
            Err(CodeError::UnknownKey) => match verify(code, event, &self.removed) {
                Ok(_) | Err(CodeError::OtherEvent) => Err(CodeRefusal::RemovedKey),
                Err(error) => Err(CodeRefusal::Invalid(error)),
            },
            verified => verified.map_err(CodeRefusal::Invalid),
        }
    }

    /// Returns the code of a ticket.
    ///
    /// # Errors
    ///
    /// Fails if the private key was sealed with another key.
    pub(crate) fn sign(&self, ticket: TicketId) -> Result<String, KeyError> {
        Ok(self.signer.as_ref().ok_or(KeyError::CannotSign)?.sign(ticket))
    }
}

/// The ticket keys of this installation.
pub(crate) struct TicketKeys {
    pool: Pool,
    sealing: SealingKeys,
    loaded: ArcSwapOption<LoadedKeys>,
    refresh: Throttle,
    unknown_keys: Throttle,
}

/// Limits how often something is done to once in [`READ_INTERVAL`].
#[derive(Default)]
struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    /// Returns whether it may be done now, and counts that it is.
    fn admits(&self) -> bool {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let admits = next.is_none_or(|at| at <= now);
        if admits {
            *next = Some(now + READ_INTERVAL);
        }
        admits
    }
}

impl TicketKeys {
    pub(crate) fn new(pool: Pool, sealing: SealingKeys) -> Self {
        Self { pool, sealing, loaded: ArcSwapOption::empty(), refresh: Throttle::default(), unknown_keys: Throttle::default() }
    }

    /// Returns the keys. Reads them if they are not known or not fresh, and creates one if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the keys have never been read and cannot be read now.
    pub(crate) async fn get(&self) -> Result<Arc<LoadedKeys>, KeyError> {
        let may_refresh = self.refresh.admits();
        let Some(loaded) = self.loaded.load_full() else { return self.read().await };
        if !may_refresh {
            return Ok(loaded);
        }
        Ok(self.read().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot read the ticket keys; continuing with the keys that were read last");
            loaded
        }))
    }

    /// Verifies a code; see [`rowlock_tickets::verify`].
    ///
    /// # Errors
    ///
    /// The outer error means that the keys cannot be read.
    pub(crate) async fn verify(&self, code: &str, event: EventId) -> Result<Result<TicketId, CodeRefusal>, KeyError> {
        match self.get().await?.verify(code, event) {
            Err(CodeRefusal::Invalid(CodeError::UnknownKey)) if self.unknown_keys.admits() => Ok(self.read().await?.verify(code, event)),
            verified => Ok(verified),
        }
    }

    /// Adds a key that is published immediately and signs after `publish_ahead`; see [`insert_successor`].
    ///
    /// # Errors
    ///
    /// Fails without a key to replace, and if that one was sealed with another key than this process has, because the services could not
    /// open the new one then.
    pub(crate) async fn rotate(&self, publish_ahead: Duration) -> Result<KeyRotation, KeyError> {
        let stored = self.stored().await?;
        self.open(signing_key(&stored).ok_or(KeyError::NoneToReplace)?)?;
        Ok(insert_successor(&self.pool, self.generate()?, publish_ahead).await?)
    }

    /// Removes a key, unless it signs; see [`remove_key`].
    pub(crate) async fn remove(&self, kid: &str) -> Result<KeyRemoval, KeyError> {
        Ok(remove_key(&self.pool, kid).await?)
    }

    async fn read(&self) -> Result<Arc<LoadedKeys>, KeyError> {
        let mut stored = self.stored().await?;
        if signing_key(&stored).is_none() {
            let key = self.generate()?;
            let kid = key.kid.clone();
            if insert_key_if_none_signs(&self.pool, key).await? {
                tracing::info!(%kid, "created a key that signs the codes of tickets");
            }
            stored = self.stored().await?;
        }
        let first = signing_key(&stored).ok_or(KeyError::Missing)?;
        let signer = match self.loaded.load_full().filter(|loaded| loaded.signing == first.kid) {
            Some(loaded) => loaded.signer.clone(),
            None => self.open_signer(first),
        };
        let (mut public, mut removed) = (Vec::new(), Vec::new());
        for key in &stored {
            let known = PublicTicketKey::from_bytes(&key.public_key).ok_or_else(|| KeyError::Damaged(key.kid.clone()))?;
            if key.removed_at.is_none() { public.push(known) } else { removed.push(known) }
        }
        let loaded = Arc::new(LoadedKeys { public, removed, signing: first.kid.clone(), signer });
        self.loaded.store(Some(loaded.clone()));
        Ok(loaded)
    }

    fn open_signer(&self, key: &StoredTicketKey) -> Option<Arc<TicketSigner>> {
        match self.open(key) {
            Ok(signer) => {
                tracing::info!(kid = %key.kid, "now signing the codes of tickets with this key");
                Some(Arc::new(signer))
            }
            Err(error) => {
                tracing::error!(%error, "cannot sign tickets");
                None
            }
        }
    }

    /// Returns all stored keys, also those that were removed.
    pub(crate) async fn stored(&self) -> Result<Vec<StoredTicketKey>, DatabaseError> {
        let mut conn = checkout(&self.pool).await?;
        Ok(ticket_keys(&mut conn).await?)
    }

    fn generate(&self) -> Result<NewTicketKey, KeyError> {
        let seed: [u8; 32] = rand::random();
        let signer = TicketSigner::from_seed(&seed);
        let kid = signer.public().kid();
        let sealed_key = self.sealing.seal(&purpose(&kid), &seed)?;
        Ok(NewTicketKey { kid, public_key: signer.public().as_bytes().to_vec(), sealed_key })
    }

    fn open(&self, stored: &StoredTicketKey) -> Result<TicketSigner, KeyError> {
        let opened = self.sealing.open::<[u8; 32]>(&purpose(&stored.kid), &stored.sealed_key);
        let signer = TicketSigner::from_seed(&opened.map_err(|source| KeyError::Sealed { kid: stored.kid.clone(), source })?);
        if signer.public().as_bytes().as_slice() != stored.public_key {
            return Err(KeyError::Damaged(stored.kid.clone()));
        }
        Ok(signer)
    }
}

/// Returns the key that signs.
pub(crate) fn signing_key(stored: &[StoredTicketKey]) -> Option<&StoredTicketKey> {
    stored.iter().find(|key| key.may_sign && key.removed_at.is_none())
}

/// Returns the purpose for which a private key is sealed, so that it opens for its own id only.
fn purpose(kid: &str) -> String {
    format!("ticket.key:{kid}")
}
