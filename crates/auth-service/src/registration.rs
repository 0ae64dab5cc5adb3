//! Use case that creates an account, for both routes and the command line.

use chrono::TimeDelta;
use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::auditlog::{Action, Actor};
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::Language;
use rowlock_domain::text::{Email, IdempotencyKey, Password, PersonName, Username};
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use rowlock_sealing::{AccountNotice, NoticeKind};

use crate::account_changes::audit_message;
use crate::links::{LinkError, LinkToken};
use crate::mail::NoticeError;
use crate::passwords::{HashError, Passwords};
use crate::state::AuthState;
use crate::store::{Account, InsertError, Messages, NewAccount, NewLink, RoleGrant, Store};

/// The data from which an account is created.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) name: PersonName,
    pub(crate) username: Username,
    pub(crate) email: Email,
    pub(crate) password: Password,
    /// The language in which the owner wants to be addressed.
    pub(crate) language: Language,
    /// The link that confirms the address, if one is sent.
    pub(crate) confirmation: Option<Confirmation>,
}

/// The link that confirms the address of a new account, and the sealed notice that contains it.
#[derive(Debug, Clone)]
pub(crate) struct Confirmation {
    link: NewLink,
    sealed: String,
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
    Notice(#[from] NoticeError),
    #[error(transparent)]
    Link(#[from] LinkError),
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

/// Creates an account and sends a link to its address, or, if the address has an account, tells its owner. The result is the same
/// for both. A username is public, so it may be taken.
pub(crate) async fn register_by_mail(
    auth: &AuthState,
    registration: Registration,
    key: Option<IdempotencyKey>,
) -> Result<(), RegistrationError> {
    let keys = registration.email.lookup_keys();
    let token = LinkToken::random();
    let link = token.link(&keys, auth.mail.confirm_ttl);
    let notice = AccountNotice {
        notice: NoticeKind::ConfirmEmail,
        email: registration.email.as_str().to_owned(),
        // Nobody knows yet whether the address belongs to the person who chose the name.
        name: None,
        language: Some(registration.language),
        token: Some(token.into_text()),
    };
    let confirmation = auth.seal_notice(&notice)?.map(|sealed| Confirmation { link, sealed });
    let username = registration.username.clone();
    match register_once(auth, Registration { confirmation, ..registration }, RoleGrant::User, None, key).await {
        Ok(_) => auth.notifier.notify(),
        // Checked first, so that a username that is taken does not tell whether the address is.
        Err(RegistrationError::EmailTaken | RegistrationError::KeyReused) if auth.store.username_exists(&username).await? => {
            return Err(RegistrationError::UsernameTaken);
        }
        Err(RegistrationError::EmailTaken | RegistrationError::KeyReused) => auth.tell_already_registered(&keys).await?,
        Err(error) => return Err(error),
    }
    Ok(())
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
    let Registration { name, username, email, password, language, confirmation } = registration;
    let password_hash = passwords.hash(password).await?;
    let id = AccountId::from_uuid(clock.uuid());
    let (link, notice) = confirmation.map(|Confirmation { link, sealed }| (link, AccountMessage::Notice { account: id, sealed })).unzip();
    let (email_keys, created_at) = (email.lookup_keys(), clock.now());
    let new = NewAccount { id, name, username, email, password_hash, created_at, language, creation_key, link };
    let details: serde_json::Map<_, _> =
        grant.admin_role().map(|role| ("adminRole".to_owned(), role.as_str().into())).into_iter().collect();
    let audit = actor.map(|actor| audit_message(clock, actor, Action::CreateAdmin, id.as_uuid(), details));
    let messages: Vec<_> = audit.into_iter().chain(notice).collect();
    let messages = Messages::of(&messages, clock, created_at)?;
    match store.insert_account(new, grant, messages).await {
        Ok(account) => Ok(account),
        Err(InsertError::EmailTaken | InsertError::UsernameTaken) if grant == RoleGrant::FirstAdmin && store.admin_exists().await? => {
            Err(RegistrationError::AdminExists)
        }
        // If both constraints are violated, PostgreSQL reports the first one it checks, and that order is unspecified.
        Err(InsertError::UsernameTaken) if store.account_with_hash(&email_keys).await?.is_none() => Err(RegistrationError::UsernameTaken),
        Err(InsertError::EmailTaken | InsertError::UsernameTaken) => Err(RegistrationError::EmailTaken),
        Err(InsertError::AdminExists) => Err(RegistrationError::AdminExists),
        Err(InsertError::OutcomeUnknown(error)) => Err(RegistrationError::OutcomeUnknown(error)),
        Err(InsertError::Database(error)) => Err(RegistrationError::Database(error)),
    }
}
