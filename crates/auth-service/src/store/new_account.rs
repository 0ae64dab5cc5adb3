//! Insertion of accounts. The database enforces that e-mail address and username are unique regardless of their spelling.

use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::{AdminRole, Language, Role};
use rowlock_domain::text::{Email, IdempotencyKey, PersonName, Username};
use rowlock_postgres::{DatabaseError, WriteError, committed, statement};
use uuid::Uuid;

use super::accounts::Account;
use super::links::NewLink;
use super::{Messages, Store};

/// An account to insert.
#[derive(Clone)]
pub(crate) struct NewAccount {
    pub(crate) id: AccountId,
    pub(crate) name: PersonName,
    pub(crate) username: Username,
    pub(crate) email: Email,
    pub(crate) password_hash: String,
    pub(crate) created_at: Timestamp,
    pub(crate) language: Language,
    /// The `Idempotency-Key` of the request, if it had one.
    pub(crate) creation_key: Option<IdempotencyKey>,
    /// The link that confirms the address, if the installation sends e-mail.
    pub(crate) link: Option<NewLink>,
}

/// Authorization under which an account is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoleGrant {
    /// Anyone may create a user account.
    User,
    /// An owner, or an operator on the command line, creates an administrator with this role.
    Admin(AdminRole),
    /// The bootstrap token creates an owner while there is no administrator.
    FirstAdmin,
}

impl RoleGrant {
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::User => Role::User,
            Self::Admin(_) | Self::FirstAdmin => Role::Admin,
        }
    }

    pub(crate) const fn admin_role(self) -> Option<AdminRole> {
        match self {
            Self::User => None,
            Self::Admin(role) => Some(role),
            Self::FirstAdmin => Some(AdminRole::Owner),
        }
    }
}

/// Reasons why an account was not inserted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InsertError {
    #[error("another account has this e-mail address")]
    EmailTaken,
    #[error("another account has this username")]
    UsernameTaken,
    #[error("an administrator already exists")]
    AdminExists,
    /// The connection was lost after the statement had been sent.
    #[error("it is unknown whether the account was stored: {0}")]
    OutcomeUnknown(DatabaseError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl InsertError {
    pub(super) fn of(error: WriteError) -> Self {
        if let WriteError::NotCommitted(error) = &error
            && let Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) = error
        {
            match info.constraint_name() {
                Some("accounts_email_key" | "accounts_one_email") => return Self::EmailTaken,
                Some("accounts_username_key" | "accounts_one_username") => return Self::UsernameTaken,
                Some("accounts_one_bootstrapped") => return Self::AdminExists,
                _ => {}
            }
        }
        match DatabaseError::from(error) {
            lost @ (DatabaseError::Unavailable(_) | DatabaseError::OutcomeUnknown(_)) => Self::OutcomeUnknown(lost),
            other => Self::Database(other),
        }
    }
}

statement! {
    /// One statement serves all kinds of grant: concurrent bootstraps collide in the unique index
    /// `accounts_one_bootstrapped`.
    struct InsertAccount {
        id: SqlUuid = Uuid,
        name: Text = String,
        name_normalized: Text = String,
        username: Text = String,
        username_normalized: Text = String,
        username_key: Text = String,
        email: Text = String,
        email_normalized: Text = String,
        email_key: Text = String,
        role: Text = &'static str,
        admin_role: Text = &'static str,
        bootstrapped: Bool = bool,
        password_hash: Text = String,
        created_at: Timestamptz = Timestamp,
        creation_key: Nullable<Text> = Option<String>,
        language: Text = &'static str,
        message_ids: Array<SqlUuid> = Vec<Uuid>,
        keys: Array<Text> = Vec<&'static str>,
        payloads: Array<Text> = Vec<String>,
        token_hash: Nullable<Binary> = Option<Vec<u8>>,
        address_hash: Nullable<Binary> = Option<Vec<u8>>,
        link_ttl: BigInt = i64,
    }
    -> BigInt;
    "WITH inserted AS (
         INSERT INTO accounts (id, name, name_normalized, username, username_normalized, username_key, email, email_normalized, email_key, role,
                               admin_role, bootstrapped, password_hash, created_at, creation_key, language)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
         WHERE NOT $12 OR NOT EXISTS (SELECT FROM accounts WHERE role = 'admin')
         RETURNING id
     ), messages AS (
         INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
         SELECT inserted.id, message.id, message.key, message.payload, $14
         FROM inserted, unnest($17::uuid[], $18::text[], $19::text[]) AS message (id, key, payload)
     ), link AS (
         INSERT INTO account_links (token_hash, kind, account_id, email, address_hash, expires_at)
         SELECT $20, 'confirm-email', inserted.id, $7, $21, now() + $22 * interval '1 second' FROM inserted WHERE $20 IS NOT NULL
     )
     SELECT count(*) FROM inserted"
}

impl Store {
    /// Inserts an account, the messages about it and the link that confirms its address in one statement.
    pub(crate) async fn insert_account(&self, new: NewAccount, grant: RoleGrant, messages: Messages) -> Result<Account, InsertError> {
        let (role, email) = (grant.role(), new.email.lookup_keys());
        let insert = InsertAccount {
            id: new.id.as_uuid(),
            name: new.name.as_str().to_owned(),
            name_normalized: new.name.as_str().to_lowercase(),
            username: new.username.as_str().to_owned(),
            username_normalized: new.username.as_str().to_lowercase(),
            username_key: new.username.key(),
            email: new.email.as_str().to_owned(),
            email_normalized: email.lower,
            email_key: email.key,
            role: role.as_str(),
            // The column has a value for users as well.
            admin_role: grant.admin_role().unwrap_or(AdminRole::Owner).as_str(),
            bootstrapped: grant == RoleGrant::FirstAdmin,
            password_hash: new.password_hash,
            created_at: new.created_at,
            creation_key: new.creation_key.map(IdempotencyKey::into_string),
            language: new.language.as_str(),
            message_ids: messages.ids,
            keys: messages.keys,
            payloads: messages.payloads,
            token_hash: new.link.as_ref().map(|link| link.token_hash.to_vec()),
            address_hash: new.link.as_ref().map(|link| link.address_hash.to_vec()),
            link_ttl: new.link.map_or(1, |link| link.ttl.num_seconds()),
        };
        let conn = self.conn().await?;
        let inserted: i64 = committed(conn, async |conn| insert.get_result(conn).await).await.map_err(InsertError::of)?;
        if inserted == 0 {
            return Err(InsertError::AdminExists);
        }
        Ok(Account {
            id: new.id,
            name: new.name.into_string(),
            username: new.username.into_string(),
            email: new.email.into_string(),
            role,
            admin_role: grant.admin_role(),
            created_at: new.created_at,
            disabled_at: None,
            version: 1,
            language: new.language,
            totp_enabled_at: None,
            notify_waitlist: true,
            notify_reminders: true,
            email_confirmed_at: None,
        })
    }
}
