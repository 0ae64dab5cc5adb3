//! Use cases that disable, enable and erase accounts.

use rowlock_domain::accounts::{AccountChange, AccountMessage};
use rowlock_domain::auditlog::{Action, Actor, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId};
use rowlock_domain::states::Role;
use rowlock_http::KeyedRequest;
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::service::Auth;
use crate::store::{Account, Closing, Messages};

/// Reasons why an account was not disabled, enabled or erased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClosingError {
    #[error("there is no such account")]
    NotFound,
    #[error("administrators do not shut themselves out")]
    Oneself,
    #[error("it is the last administrator")]
    LastAdministrator,
    #[error("the key was used for another request")]
    KeyReused,
    #[error("the account was modified concurrently in each of 5 attempts")]
    Contended,
    #[error("a message could not be written")]
    Message(#[from] serde_json::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Maximum number of attempts if others change the account concurrently.
const TRIES: u32 = 5;

/// Creates the message for an entry of the audit log.
pub(crate) fn audited(clock: &Clock, actor: Actor, action: Action, subject: Uuid, details: Map<String, Value>) -> AccountMessage {
    let (id, at) = (AuditEntryId::from_uuid(clock.uuid()), clock.now());
    AccountMessage::Audited(AuditEntry { id, at, actor, action, subject, details })
}

impl Auth {
    /// Disables or enables an account, and does nothing if it already is in that state. Returns the account afterwards and
    /// whether the request repeats one with the same key. A repeated request changes nothing, whatever has happened to the
    /// account since.
    pub(crate) async fn set_disabled(
        &self,
        id: AccountId,
        disabled: bool,
        reason: Option<String>,
        actor: Actor,
        keyed: Option<&KeyedRequest>,
    ) -> Result<(Account, bool), ClosingError> {
        let keyed = actor.account_id.zip(keyed);
        if let Some((administrator, keyed)) = keyed
            && let Some(hash) = self.store.request_with_key(administrator, keyed).await?
        {
            if hash != keyed.hash {
                return Err(ClosingError::KeyReused);
            }
            return Ok((self.store.account(id).await?.ok_or(ClosingError::NotFound)?, true));
        }
        if disabled && actor.account_id == Some(id) {
            return Err(ClosingError::Oneself);
        }
        let (step, change, action) = if disabled {
            (Closing::Disable, AccountChange::Disabled, Action::DisableAccount)
        } else {
            (Closing::Enable, AccountChange::Enabled, Action::EnableAccount)
        };
        for _ in 0..TRIES {
            let account = self.store.account(id).await?.ok_or(ClosingError::NotFound)?;
            if account.disabled_at.is_some() == disabled {
                if let Some((administrator, keyed)) = keyed {
                    self.store.remember_key(administrator, keyed).await?;
                }
                return Ok((account, false));
            }
            let details = reason.iter().map(|reason| ("reason".to_owned(), reason.as_str().into())).collect();
            let told = [
                AccountMessage::Changed { account: id, version: account.version + 1, change },
                audited(&self.clock, actor.clone(), action, id.as_uuid(), details),
            ];
            self.step(step, &account, &told, keyed).await?;
        }
        Err(ClosingError::Contended)
    }

    /// Erases an account at its owner's request. Succeeds if the account no longer exists.
    pub(crate) async fn erase(&self, id: AccountId) -> Result<(), ClosingError> {
        for _ in 0..TRIES {
            let Some(account) = self.store.account(id).await? else { return Ok(()) };
            let told = [AccountMessage::Changed { account: id, version: account.version + 1, change: AccountChange::Erased }];
            if !self.step(Closing::Erase, &account, &told, None).await? {
                let present = self.store.account(id).await?;
                if account.role == Role::Admin && present.is_some_and(|present| present.version == account.version) {
                    return Err(ClosingError::LastAdministrator);
                }
            }
        }
        Err(ClosingError::Contended)
    }

    async fn step(
        &self,
        step: Closing,
        account: &Account,
        told: &[AccountMessage],
        keyed: Option<(AccountId, &KeyedRequest)>,
    ) -> Result<bool, ClosingError> {
        let told = Messages::of(told, &self.clock, self.clock.now())?;
        let done = self.store.close(step, account.id, account.version, told, keyed).await?;
        if done {
            tracing::info!(account = %account.id, ?step, "an account was changed");
            self.notifier.notify();
        }
        Ok(done)
    }
}
