//! Password hashing with bcrypt, on blocking threads and with bounded concurrency.
//!
//! The time of a check does not reveal whether an account exists: without an account, or with a password that no account can
//! have, a decoy hash of the same cost is checked.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bcrypt::{BcryptError, HashParts};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rowlock_domain::text::Password;
use rowlock_platform::telemetry::short_times;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::settings::PasswordSettings;

/// Salt and hash of the decoy; the cost is prepended.
const DECOY: &str = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// Reasons why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    #[error("too many passwords are waiting to be hashed")]
    Overloaded,
    #[error("a password could not be hashed")]
    Bcrypt(#[from] BcryptError),
    #[error("the hashing thread did not finish")]
    Thread(#[from] tokio::task::JoinError),
}

/// Hashes and checks passwords. All hashing goes through it, so that its limits hold.
#[derive(Clone)]
pub(crate) struct Passwords {
    cost: u32,
    decoy: Arc<str>,
    /// Slots for waiting and running hashes together.
    slots: Arc<Semaphore>,
    running: Arc<Semaphore>,
    hashing: Histogram,
    waiting: Gauge,
}

impl Passwords {
    pub(crate) fn new(settings: PasswordSettings) -> Self {
        Self {
            cost: settings.bcrypt_cost,
            decoy: format!("$2b${:02}${DECOY}", settings.bcrypt_cost).into(),
            slots: Arc::new(Semaphore::new(settings.concurrency + settings.queue)),
            running: Arc::new(Semaphore::new(settings.concurrency)),
            hashing: short_times(),
            waiting: Gauge::default(),
        }
    }

    /// Registers the metrics `password_…`: the time of a hash and the number of hashes that run or wait.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("password");
        registry.register("hash_seconds", "Time to hash or check a password, without the time in the queue", self.hashing.clone());
        registry.register("waiting", "Passwords that are being hashed or checked, or that wait in the queue", self.waiting.clone());
    }

    /// Hashes a new password. Fails with `Overloaded` if the queue is full.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, HashError> {
        let cost = self.cost;
        // bcrypt's non-truncating function rejects 72 bytes although it would lose none of them. `Password` allows at most 72,
        // so nothing is truncated here.
        self.run_limited(move || bcrypt::hash(password.expose(), cost)).await
    }

    /// Hashes a password that an account has, even if it would be refused as a new one.
    pub(crate) async fn rehash(&self, password: &SecretString) -> Result<String, HashError> {
        let (typed, cost) = (password.expose_secret(), self.cost);
        let normalized = Password::normalized(typed);
        // A password from before passwords were normalized may fit only as it was typed.
        let password = SecretString::from(if is_possible(&normalized) { normalized.as_str() } else { typed });
        self.run_limited(move || bcrypt::hash(password.expose_secret(), cost)).await
    }

    /// Returns whether a password is that of an account. Without an account (`hash` is `None`), the check takes the same time
    /// and returns false.
    ///
    /// Hashes created before passwords were normalized are of the bytes as they were typed. A password that normalization
    /// changes is therefore compared in both forms, also if there is no account.
    pub(crate) async fn check(&self, password: &SecretString, hash: Option<&str>) -> Result<bool, HashError> {
        let typed = password.expose_secret();
        let normalized = Password::normalized(typed);
        let mut equal = self.matches(&normalized, hash).await?;
        if !equal && normalized != typed {
            equal = self.matches(typed, hash).await?;
        }
        Ok(equal)
    }

    async fn matches(&self, password: &str, hash: Option<&str>) -> Result<bool, HashError> {
        let possible = is_possible(password);
        let candidate = SecretString::from(if possible { password } else { "" });
        let compared = hash.map_or_else(|| self.decoy.to_string(), str::to_owned);
        let equal = self.run_limited(move || bcrypt::verify(candidate.expose_secret(), &compared)).await?;
        Ok(equal && possible && hash.is_some())
    }

    /// Returns whether a hash was created with a cost other than the configured one.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        HashParts::from_str(hash).is_ok_and(|parts| parts.get_cost() != self.cost)
    }

    /// Runs work on a blocking thread when a slot is free. Fails with `Overloaded` if the queue is full. The slot is held until
    /// the work is done, even if the client disconnects.
    async fn run_limited<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, BcryptError> + Send + 'static) -> Result<T, HashError> {
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| HashError::Overloaded)?;
        let waiting = GaugeGuard::new(&self.waiting);
        let permit = self.running.clone().acquire_owned().await.map_err(|_| HashError::Overloaded)?;
        let hashing = self.hashing.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let result = work();
            hashing.observe(started.elapsed().as_secs_f64());
            drop((permit, slot, waiting));
            result
        });
        Ok(hashed.await??)
    }
}

/// Increments a gauge and decrements it when dropped.
#[must_use = "the gauge is decremented as soon as the guard is dropped"]
struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Returns whether a stored password can equal this one. bcrypt would truncate a longer password and compare only the rest.
fn is_possible(password: &str) -> bool {
    password.len() <= Password::MAX_BYTES && !password.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(concurrency: usize, queue: usize) -> Passwords {
        Passwords::new(PasswordSettings { bcrypt_cost: 4, concurrency, queue })
    }

    #[tokio::test]
    async fn all_72_bytes_of_a_password_count_and_none_beyond() {
        let passwords = passwords(2, 2);
        let longest = "x".repeat(72);
        let hash = passwords.hash(longest.parse().unwrap()).await.unwrap();
        assert!(passwords.check(&longest.as_str().into(), Some(&hash)).await.unwrap());
        for other in ["x".repeat(71), "x".repeat(73), format!("{longest}\0"), String::new()] {
            assert!(!passwords.check(&other.as_str().into(), Some(&hash)).await.unwrap(), "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_password_is_right_in_every_unicode_form_and_with_old_hashes() {
        let passwords = passwords(2, 2);
        let (composed, decomposed) = ("pässwörd-é1", "pa\u{308}sswo\u{308}rd-e\u{301}1");
        let new = passwords.hash(decomposed.parse().unwrap()).await.unwrap();
        let old = bcrypt::hash(decomposed, 4).unwrap();
        for typed in [composed, decomposed] {
            assert!(passwords.check(&typed.into(), Some(&new)).await.unwrap());
        }
        assert!(passwords.check(&decomposed.into(), Some(&old)).await.unwrap(), "hashed as it was typed, before passwords were normalized");
        for wrong in ["passwörd-é1", "pässwörd-é2", ""] {
            assert!(!passwords.check(&wrong.into(), Some(&new)).await.unwrap(), "{wrong}");
            assert!(!passwords.check(&wrong.into(), Some(&old)).await.unwrap(), "{wrong}");
        }
        assert!(!passwords.check(&decomposed.into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn the_password_of_the_decoy_is_never_right() {
        let passwords = passwords(1, 0);
        assert!(bcrypt::verify("U*U", &passwords.decoy.replace("$2b$04$", "$2b$05$")).unwrap(), "the decoy is a well-formed hash");
        assert!(!passwords.check(&"U*U".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_rejects_further_passwords() {
        let passwords = passwords(1, 1);
        let _running = passwords.slots.clone().try_acquire_owned().unwrap();
        let _waiting = passwords.slots.clone().try_acquire_owned().unwrap();
        assert!(matches!(passwords.check(&"secret".into(), None).await, Err(HashError::Overloaded)));
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_outdated() {
        let passwords = passwords(1, 0);
        let hash = passwords.hash("correct horse".parse().unwrap()).await.unwrap();
        assert!(!passwords.is_outdated(&hash));
        assert!(passwords.is_outdated(&bcrypt::hash("correct horse", 5).unwrap()));
    }
}
