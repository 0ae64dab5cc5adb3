//! Use case that creates an account, for both routes and the command line.

use chrono::TimeDelta;
use rowlock_domain::auditlog::{Action, Actor};
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::Language;
use rowlock_domain::text::{Email, IdempotencyKey, Password, PersonName, Username};
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;

use crate::account_changes::audit_message;
use crate::passwords::{HashError, Passwords};
use crate::state::AuthState;
use crate::store::{Account, InsertError, Messages, NewAccount, RoleGrant, Store};

/// The data from which an account is created.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) name: PersonName,
    pub(crate) username: Username,
    pub(crate) email: Email,
    pub(crate) password: Password,
    /// The language in which the owner wants to be addressed.
    pub(crate) language: Language,
}

/// Reasons why an account was not created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistrationError {
    #[error("another account has this e-mail address")]
    EmailTaken,
    #[error("another account has this username")]
    UsernameTaken,
    #[error("an administrator already exists")]
    AdminExists,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("it is unknown whether the account was created: {0}")]
    OutcomeUnknown(DatabaseError),
    #[error("a message could not be serialized")]
    Message(#[from] serde_json::Error),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// How long an idempotency key is remembered.
const IDEMPOTENCY_KEY_TTL: TimeDelta = TimeDelta::hours(24);

/// Creates an account, or returns the one that the same request created before. The flag is true for a repeated request. The
/// scope of the key is the e-mail address. The password is compared with the account's hash, because a stored request hash would
/// be a faster target for guessing it.
pub(crate) async fn register_once(
    auth: &AuthState,
    registration: Registration,
    grant: RoleGrant,
    actor: Option<Actor>,
    key: Option<IdempotencyKey>,
) -> Result<(Account, bool), RegistrationError> {
    let repeated = async || match &key {
        Some(key) => repeat_of(auth, &registration, grant, key).await,
        None => Ok(None),
    };
    if let Some(account) = repeated().await? {
        return Ok((account, true));
    }
    match register(&auth.store, &auth.passwords, &auth.clock, registration.clone(), grant, actor, key.clone()).await {
        Ok(account) => Ok((account, false)),
        // A concurrent request with the same key may have created the account first.
        Err(taken) => match repeated().await {
            Ok(Some(account)) => Ok((account, true)),
            Ok(None) | Err(_) => Err(taken),
        },
    }
}

/// Returns the account that an earlier request with this key created, or `None`. Fails with `KeyReused` if that request had
/// other data.
async fn repeat_of(
    auth: &AuthState,
    registration: &Registration,
    grant: RoleGrant,
    key: &IdempotencyKey,
) -> Result<Option<Account>, RegistrationError> {
    let after = auth.clock.now() - IDEMPOTENCY_KEY_TTL;
    let Some((account, hash)) = auth.store.account_created_with(&registration.email, key, after).await? else { return Ok(None) };
    let same = account.name == registration.name.as_str()
        && account.username == registration.username.as_str()
        && account.email == registration.email.as_str()
        && account.role == grant.role()
        && account.admin_role == grant.admin_role();
    if same && auth.passwords.check(&registration.password.expose().into(), Some(&hash)).await? {
        return Ok(Some(account));
    }
    Err(RegistrationError::KeyReused)
}

/// Creates an account. `actor` is recorded in the audit log as the creator of an administrator. Unique constraints decide which
/// of several concurrent requests succeeds.
pub(crate) async fn register(
    store: &Store,
    passwords: &Passwords,
    clock: &Clock,
    registration: Registration,
    grant: RoleGrant,
    actor: Option<Actor>,
    creation_key: Option<IdempotencyKey>,
) -> Result<Account, RegistrationError> {
    let Registration { name, username, email, password, language } = registration;
    let password_hash = passwords.hash(password).await?;
    let id = AccountId::from_uuid(clock.uuid());
    let new = NewAccount { id, name, username, email: email.clone(), password_hash, created_at: clock.now(), language, creation_key };
    let details: serde_json::Map<_, _> =
        grant.admin_role().map(|role| ("adminRole".to_owned(), role.as_str().into())).into_iter().collect();
    let messages: Vec<_> =
        actor.into_iter().map(|actor| audit_message(clock, actor, Action::CreateAdmin, id.as_uuid(), details.clone())).collect();
    let messages = Messages::of(&messages, clock, new.created_at)?;
    match store.insert_account(new, grant, messages).await {
        Ok(account) => Ok(account),
        Err(InsertError::EmailTaken | InsertError::UsernameTaken) if grant == RoleGrant::FirstAdmin && store.admin_exists().await? => {
            Err(RegistrationError::AdminExists)
        }
        // If both constraints are violated, PostgreSQL reports the first one it checks, and that order is unspecified.
        Err(InsertError::UsernameTaken) if store.account_with_hash(&email.lookup_keys()).await?.is_none() => {
            Err(RegistrationError::UsernameTaken)
        }
        Err(InsertError::EmailTaken | InsertError::UsernameTaken) => Err(RegistrationError::EmailTaken),
        Err(InsertError::AdminExists) => Err(RegistrationError::AdminExists),
        Err(InsertError::OutcomeUnknown(error)) => Err(RegistrationError::OutcomeUnknown(error)),
        Err(InsertError::Database(error)) => Err(RegistrationError::Database(error)),
    }
}
