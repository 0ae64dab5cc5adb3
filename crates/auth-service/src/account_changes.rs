//! Use cases that disable, enable and erase accounts and change the roles of administrators.

use rowlock_domain::accounts::{AccountChange, AccountMessage};
use rowlock_domain::auditlog::{Action, Actor, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId};
use rowlock_domain::states::AdminRole;
use rowlock_http::KeyedRequest;
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::state::AuthState;
use crate::store::{Account, AccountTransition, Messages};

/// Reasons why an account was not disabled, enabled or erased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountChangeError {
    #[error("no account has this id")]
    NotFound,
    #[error("administrators cannot disable their own account")]
    OwnAccount,
    #[error("the account is the last administrator with the role owner")]
    LastOwner,
    #[error("the account is not an administrator's")]
    NotAnAdministrator,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the account was modified concurrently in each of 5 attempts")]
    Contended,
    #[error("a message could not be serialized")]
    Message(#[from] serde_json::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Maximum number of attempts if others change the account concurrently.
const MAX_ATTEMPTS: u32 = 5;

/// Creates the message for an entry of the audit log.
pub(crate) fn audit_message(clock: &Clock, actor: Actor, action: Action, subject: Uuid, details: Map<String, Value>) -> AccountMessage {
    let (id, at) = (AuditEntryId::from_uuid(clock.uuid()), clock.now());
    AccountMessage::Audited(AuditEntry { id, at, actor, action, subject, details })
}

impl AuthState {
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
    ) -> Result<(Account, bool), AccountChangeError> {
        let keyed = actor.account_id.zip(keyed);
        if self.is_repeated(keyed).await? {
            return Ok((self.store.account(id).await?.ok_or(AccountChangeError::NotFound)?, true));
        }
        if disabled && actor.account_id == Some(id) {
            return Err(AccountChangeError::OwnAccount);
        }
        let (transition, change, action) = if disabled {
            (AccountTransition::Disable, AccountChange::Disabled, Action::DisableAccount)
        } else {
            (AccountTransition::Enable, AccountChange::Enabled, Action::EnableAccount)
        };
        for _ in 0..MAX_ATTEMPTS {
            let account = self.store.account(id).await?.ok_or(AccountChangeError::NotFound)?;
            if account.disabled_at.is_some() == disabled {
                if let Some((administrator, keyed)) = keyed {
                    self.store.remember_key(administrator, keyed).await?;
                }
                return Ok((account, false));
            }
            let details = reason.iter().map(|reason| ("reason".to_owned(), reason.as_str().into())).collect();
            let messages = [
                AccountMessage::Changed { account: id, version: account.version + 1, change },
                audit_message(&self.clock, actor.clone(), action, id.as_uuid(), details),
            ];
            if !self.apply(transition, &account, &messages, keyed).await? && disabled && self.is_unchanged_owner(&account).await? {
                return Err(AccountChangeError::LastOwner);
            }
        }
        Err(AccountChangeError::Contended)
    }

    /// Gives an administrator a role, and does nothing if the account already has it. Returns the account afterwards and whether
    /// the request repeats one with the same key. Access tokens from before the change are revoked; refreshing gets a token with
    /// the new role.
    pub(crate) async fn set_admin_role(
        &self,
        id: AccountId,
        role: Option<AdminRole>,
        actor: Actor,
        keyed: Option<&KeyedRequest>,
    ) -> Result<(Account, bool), AccountChangeError> {
        let keyed = actor.account_id.zip(keyed);
        if self.is_repeated(keyed).await? {
            return Ok((self.store.account(id).await?.ok_or(AccountChangeError::NotFound)?, true));
        }
        for _ in 0..MAX_ATTEMPTS {
            let account = self.store.account(id).await?.ok_or(AccountChangeError::NotFound)?;
            let before = account.admin_role.ok_or(AccountChangeError::NotAnAdministrator)?;
            let Some(role) = role.filter(|role| *role != before) else {
                if let Some((administrator, keyed)) = keyed {
                    self.store.remember_key(administrator, keyed).await?;
                }
                return Ok((account, false));
            };
            let details = [("from", before), ("to", role)].map(|(name, role)| (name.to_owned(), role.as_str().into()));
            let audit = audit_message(&self.clock, actor.clone(), Action::ChangeRole, id.as_uuid(), Map::from_iter(details));
            let transition = AccountTransition::SetRole(role);
            if !self.apply(transition, &account, &[audit], keyed).await? && self.is_unchanged_owner(&account).await? {
                return Err(AccountChangeError::LastOwner);
            }
        }
        Err(AccountChangeError::Contended)
    }

    /// Returns whether an administrator has sent this request before with its key. Fails with `KeyReused` if that was another
    /// request.
    async fn is_repeated(&self, keyed: Option<(AccountId, &KeyedRequest)>) -> Result<bool, AccountChangeError> {
        let Some((administrator, keyed)) = keyed else { return Ok(false) };
        match self.store.request_with_key(administrator, keyed).await? {
            Some(hash) if hash != keyed.hash => Err(AccountChangeError::KeyReused),
            hash => Ok(hash.is_some()),
        }
    }

    /// Returns whether an account is an owner and has not changed since it was read. A change of such an account fails only
    /// because it is the last owner.
    async fn is_unchanged_owner(&self, account: &Account) -> Result<bool, AccountChangeError> {
        let present = self.store.account(account.id).await?;
        Ok(account.admin_role == Some(AdminRole::Owner) && present.is_some_and(|present| present.version == account.version))
    }

    /// Erases an account at its owner's request. Succeeds if the account no longer exists.
    pub(crate) async fn erase(&self, id: AccountId) -> Result<(), AccountChangeError> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(account) = self.store.account(id).await? else { return Ok(()) };
            let messages = [AccountMessage::Changed { account: id, version: account.version + 1, change: AccountChange::Erased }];
            if !self.apply(AccountTransition::Erase, &account, &messages, None).await? && self.is_unchanged_owner(&account).await? {
                return Err(AccountChangeError::LastOwner);
            }
        }
        Err(AccountChangeError::Contended)
    }

    async fn apply(
        &self,
        transition: AccountTransition,
        account: &Account,
        messages: &[AccountMessage],
        keyed: Option<(AccountId, &KeyedRequest)>,
    ) -> Result<bool, AccountChangeError> {
        let messages = Messages::of(messages, &self.clock, self.clock.now())?;
        let done = self.store.change_account(transition, account.id, account.version, messages, keyed).await?;
        if done {
            tracing::info!(account_id = %account.id, ?transition, "an account was changed");
            self.notifier.notify();
        }
        Ok(done)
    }
}
