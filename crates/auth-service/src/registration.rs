//! Making an account: the use case behind both routes and the command line.

use rowlock_domain::auditlog::{Action, Actor};
use rowlock_domain::ids::AccountId;
use rowlock_domain::text::{Email, Password, PersonName, Username};
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;

use crate::closing::audited;
use crate::passwords::{HashError, Passwords};
use crate::store::{Account, Admission, InsertError, Messages, NewAccount, Store};

/// What a person says to get an account.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) name: PersonName,
    pub(crate) username: Username,
    pub(crate) email: Email,
    pub(crate) password: Password,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistrationError {
    #[error("the e-mail is taken")]
    EmailTaken,
    #[error("the username is taken")]
    UsernameTaken,
    #[error("there is an administrator already")]
    AdminExists,
    #[error("it is not known whether the account was made: {0}")]
    OutcomeUnknown(DatabaseError),
    #[error("a message could not be written")]
    Message(#[from] serde_json::Error),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Makes an account. `actor` is who makes an administrator, for the audit log. The unique constraints decide who was first.
pub(crate) async fn register(
    store: &Store,
    passwords: &Passwords,
    clock: &Clock,
    registration: Registration,
    admission: Admission,
    actor: Option<Actor>,
) -> Result<Account, RegistrationError> {
    let Registration { name, username, email, password } = registration;
    let password_hash = passwords.hash(password).await?;
    let id = AccountId::from_uuid(clock.uuid());
    let new = NewAccount { id, name, username, email: email.clone(), password_hash, created_at: clock.now() };
    let details = serde_json::Map::new();
    let told: Vec<_> = actor.into_iter().map(|actor| audited(clock, actor, Action::CreateAdmin, id.as_uuid(), details.clone())).collect();
    let told = Messages::of(&told, clock, new.created_at)?;
    match store.insert_account(new, admission, told).await {
        Ok(account) => Ok(account),
        Err(InsertError::EmailTaken | InsertError::UsernameTaken) if admission == Admission::FirstAdmin && store.admin_exists().await? => {
            Err(RegistrationError::AdminExists)
        }
        // The database names the first constraint that failed, in an order that it does not promise.
        Err(InsertError::UsernameTaken) if store.account_with_hash(&email.forms()).await?.is_none() => {
            Err(RegistrationError::UsernameTaken)
        }
        Err(InsertError::EmailTaken | InsertError::UsernameTaken) => Err(RegistrationError::EmailTaken),
        Err(InsertError::AdminExists) => Err(RegistrationError::AdminExists),
        Err(InsertError::Unknown(error)) => Err(RegistrationError::OutcomeUnknown(error)),
        Err(InsertError::Database(error)) => Err(RegistrationError::Database(error)),
    }
}
