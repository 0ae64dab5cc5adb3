//! The keys that sign and verify the codes of tickets.
//!
//! The keys are read when a ticket is first needed, and whichever replica needs one first creates it. The private keys are sealed in
//! the database. A code that names an unknown key makes the service read the keys again, at most once in [`READ_INTERVAL`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use rowlock_domain::ids::{EventId, TicketId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_inventory::tickets::{NewTicketKey, StoredTicketKey, insert_first_key, published_keys};
use rowlock_postgres::{DatabaseError, Pool, checkout};
use rowlock_sealing::{OpenError, SealError, SealingKeys};
use rowlock_tickets::{CodeError, PublicTicketKey, TicketSigner, verify};

/// How often the keys are read because of codes with unknown keys, which anybody can make up.
const READ_INTERVAL: Duration = Duration::from_secs(10);

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
    #[error("the database has no ticket key")]
    Missing,
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

/// The keys as they were last read.
pub(crate) struct LoadedKeys {
    public: Vec<PublicTicketKey>,
    /// The key that signs, unless it cannot be opened. Codes can be verified all the same.
    signer: Option<TicketSigner>,
}

impl LoadedKeys {
    /// Returns all public keys.
    pub(crate) fn public(&self) -> &[PublicTicketKey] {
        &self.public
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
    read_again_at: Mutex<Option<Instant>>,
}

impl TicketKeys {
    pub(crate) fn new(pool: Pool, sealing: SealingKeys) -> Self {
        Self { pool, sealing, loaded: ArcSwapOption::empty(), read_again_at: Mutex::new(None) }
    }

    /// Returns the keys. Reads them if that has not happened yet, and creates one if there is none.
    pub(crate) async fn get(&self) -> Result<Arc<LoadedKeys>, KeyError> {
        match self.loaded.load_full() {
            Some(loaded) => Ok(loaded),
            None => self.read().await,
        }
    }

    /// Verifies a code; see [`rowlock_tickets::verify`].
    pub(crate) async fn verify(&self, code: &str, event: EventId) -> Result<Result<TicketId, CodeError>, KeyError> {
        match verify(code, event, self.get().await?.public()) {
            Err(CodeError::UnknownKey) if self.may_read_again() => Ok(verify(code, event, self.read().await?.public())),
            result => Ok(result),
        }
    }

    fn may_read_again(&self) -> bool {
        let mut read_again_at = self.read_again_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let may = read_again_at.is_none_or(|at| at <= now);
        if may {
            *read_again_at = Some(now + READ_INTERVAL);
        }
        may
    }

    async fn read(&self) -> Result<Arc<LoadedKeys>, KeyError> {
        let mut stored = self.stored().await?;
        if stored.is_empty() {
            let key = self.generate()?;
            let kid = key.kid.clone();
            if insert_first_key(&self.pool, key).await? {
                tracing::info!(%kid, "created a key that signs the codes of tickets");
            }
            stored = self.stored().await?;
        }
        let signer = self.open(stored.first().ok_or(KeyError::Missing)?);
        let signer = signer.inspect_err(|error| tracing::error!(%error, "cannot sign tickets")).ok();
        let public =
            stored.iter().map(|key| PublicTicketKey::from_bytes(&key.public_key).ok_or_else(|| KeyError::Damaged(key.kid.clone())));
        let loaded = Arc::new(LoadedKeys { public: public.collect::<Result<_, _>>()?, signer });
        self.loaded.store(Some(loaded.clone()));
        Ok(loaded)
    }

    async fn stored(&self) -> Result<Vec<StoredTicketKey>, DatabaseError> {
        let mut conn = checkout(&self.pool).await?;
        Ok(published_keys(&mut conn).await?)
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

/// Returns the purpose for which a private key is sealed, so that it opens for its own id only.
fn purpose(kid: &str) -> String {
    format!("ticket.key:{kid}")
}
