//! Use cases with which people change their own account: name, language and password.

use rowlock_domain::ids::{AccountId, SessionId};
use rowlock_domain::text::Password;
use rowlock_http::KeyedRequest;
use rowlock_postgres::DatabaseError;
use rowlock_sealing::NoticeKind;
use secrecy::SecretString;

use crate::mail::NoticeError;
use crate::passwords::HashError;
use crate::state::AuthState;
use crate::store::{Account, PasswordChange, ProfileChange};

/// Reasons why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("the account no longer exists")]
    Gone,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the password was modified concurrently in each of 5 attempts")]
    Contended,
    #[error(transparent)]
    Notice(#[from] NoticeError),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Maximum number of attempts if others change the password concurrently.
const MAX_ATTEMPTS: u32 = 5;

impl AuthState {
    /// Changes the name, the language or the notifications of an account and returns the account.
    pub(crate) async fn change_profile(&self, id: AccountId, change: ProfileChange) -> Result<Account, ProfileError> {
        self.store.change_profile(id, change).await?.ok_or(ProfileError::Gone)
    }

    /// Replaces the password of an account and ends all of its sessions except `session`. Returns whether the request repeats one
    /// with the same key. The key is stored without anything that depends on a password; a repeated request is recognized by the
    /// new password, which is the account's.
    pub(crate) async fn change_password(
        &self,
        id: AccountId,
        session: SessionId,
        password: &SecretString,
        new: Password,
        keyed: Option<&KeyedRequest>,
    ) -> Result<bool, ProfileError> {
        let mut new_hash = None;
        for _ in 0..MAX_ATTEMPTS {
            // The key is read before the hash: a change that has stored the key has also stored the hash.
            let stored_key = match keyed {
                Some(keyed) => self.store.request_with_key(id, keyed).await?,
                None => None,
            };
            let (account, old_hash) = self.store.account_with_hash_by_id(id).await?.ok_or(ProfileError::Gone)?;
            if let Some((keyed, stored)) = keyed.zip(stored_key) {
                let is_repeat = stored == keyed.hash && self.passwords.check(&new.expose().into(), Some(&old_hash)).await?;
                return if is_repeat { Ok(true) } else { Err(ProfileError::KeyReused) };
            }
            if !self.passwords.check(password, Some(&old_hash)).await? {
                // A concurrent request with the same key may have changed the password in between.
                match keyed {
                    Some(keyed) if self.store.request_with_key(id, keyed).await?.is_some() => continue,
                    _ => return Err(ProfileError::WrongPassword),
                }
            }
            let hash = match &new_hash {
                Some(hash) => String::clone(hash),
                None => new_hash.insert(self.passwords.hash(new.clone()).await?).clone(),
            };
            let messages = self.notice(&account, NoticeKind::PasswordChanged, account.email.clone(), None)?;
            let change = PasswordChange { account: id, old_hash, new_hash: hash, kept_session: session, messages };
            if self.store.change_password(change, keyed).await? {
                tracing::info!(account_id = %id, "the password of an account was changed");
                self.notifier.notify();
                return Ok(false);
            }
        }
        Err(ProfileError::Contended)
    }
}
