//! Queries on accounts. The database enforces that e-mail address and username are unique regardless of their spelling.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::Role;
use rowlock_domain::text::{Email, EmailForms, IdempotencyKey, PersonName, SearchPlace, SearchTerm, Username};
use rowlock_postgres::{DatabaseError, WriteError, committed, statement};
use uuid::Uuid;

use super::{Messages, Store};
use crate::schema::accounts;

/// A stored account, without its password hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) created_at: Timestamp,
    pub(crate) disabled_at: Option<Timestamp>,
    pub(crate) version: i64,
}

/// An account to insert.
#[derive(Clone)]
pub(crate) struct NewAccount {
    pub(crate) id: AccountId,
    pub(crate) name: PersonName,
    pub(crate) username: Username,
    pub(crate) email: Email,
    pub(crate) password_hash: String,
    pub(crate) created_at: Timestamp,
    /// The `Idempotency-Key` of the request, if it had one.
    pub(crate) creation_key: Option<IdempotencyKey>,
}

/// Authorization under which an account is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Anyone may create a user account.
    User,
    /// An administrator, or an operator on the command line, creates an administrator.
    Admin,
    /// The bootstrap token creates an administrator while there is none.
    FirstAdmin,
}

impl Admission {
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::User => Role::User,
            Self::Admin | Self::FirstAdmin => Role::Admin,
        }
    }
}

/// Reasons why an account was not inserted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InsertError {
    #[error("the e-mail is taken")]
    EmailTaken,
    #[error("the username is taken")]
    UsernameTaken,
    #[error("there is an administrator already")]
    AdminExists,
    /// The connection was lost after the statement had been sent.
    #[error("it is not known whether the account was stored: {0}")]
    Unknown(DatabaseError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl InsertError {
    fn of(error: WriteError) -> Self {
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
            lost @ (DatabaseError::Unavailable(_) | DatabaseError::OutcomeUnknown(_)) => Self::Unknown(lost),
            other => Self::Database(other),
        }
    }
}

/// Parses the role of a row. Fails for a role that this version does not know.
pub(super) fn role_of(word: &str) -> Result<Role, Error> {
    word.parse().map_err(|error: rowlock_domain::states::UnknownState| Error::DeserializationError(error.into()))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
pub(super) struct AccountRow {
    id: Uuid,
    name: String,
    username: String,
    email: String,
    role: String,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    version: i64,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self, Error> {
        Ok(Self {
            id: AccountId::from_uuid(row.id),
            name: row.name,
            username: row.username,
            email: row.email,
            role: role_of(&row.role)?,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            version: row.version,
        })
    }
}

statement! {
    /// One statement serves all kinds of admission: concurrent bootstraps collide in the unique index
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
        bootstrapped: Bool = bool,
        password_hash: Text = String,
        created_at: Timestamptz = Timestamp,
        creation_key: Nullable<Text> = Option<String>,
        message_ids: Array<SqlUuid> = Vec<Uuid>,
        keys: Array<Text> = Vec<&'static str>,
        payloads: Array<Text> = Vec<String>,
    }
    -> BigInt;
    "WITH made AS (
         INSERT INTO accounts (id, name, name_normalized, username, username_normalized, username_key, email, email_normalized, email_key, role,
                               bootstrapped, password_hash, created_at, creation_key)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
         WHERE NOT $11 OR NOT EXISTS (SELECT FROM accounts WHERE role = 'admin')
         RETURNING id
     ), told AS (
         INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
         SELECT made.id, message.id, message.key, message.payload, $13
         FROM made, unnest($15::uuid[], $16::text[], $17::text[]) AS message (id, key, payload)
     )
     SELECT count(*) FROM made"
}

impl Store {
    /// Inserts an account and the messages about it in one statement.
    pub(crate) async fn insert_account(&self, new: NewAccount, admission: Admission, told: Messages) -> Result<Account, InsertError> {
        let (role, email) = (admission.role(), new.email.forms());
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
            bootstrapped: admission == Admission::FirstAdmin,
            password_hash: new.password_hash,
            created_at: new.created_at,
            creation_key: new.creation_key.map(IdempotencyKey::into_string),
            message_ids: told.ids,
            keys: told.keys,
            payloads: told.payloads,
        };
        let conn = self.conn().await?;
        let made: i64 = committed(conn, async |conn| insert.get_result(conn).await).await.map_err(InsertError::of)?;
        if made == 0 {
            return Err(InsertError::AdminExists);
        }
        Ok(Account {
            id: new.id,
            name: new.name.into_string(),
            username: new.username.into_string(),
            email: new.email.into_string(),
            role,
            created_at: new.created_at,
            disabled_at: None,
            version: 1,
        })
    }

    /// Returns an account by its id.
    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<Account>, DatabaseError> {
        let mut conn = self.conn().await?;
        let row = accounts::table.find(id.as_uuid()).select(AccountRow::as_select()).first(&mut conn).await.optional()?;
        Ok(row.map(Account::try_from).transpose()?)
    }

    /// Returns an account and its password hash by its e-mail address in any spelling. An account with exactly this spelling,
    /// except for case, takes precedence: before there were keys, another spelling could belong to another account.
    pub(crate) async fn account_with_hash(&self, email: &EmailForms) -> Result<Option<(Account, String)>, DatabaseError> {
        let mut conn = self.conn().await?;
        let found: Option<(AccountRow, String)> = accounts::table
            .filter(accounts::email_normalized.eq(&email.lower).or(accounts::email_key.eq(&email.key)))
            .order(accounts::email_normalized.eq(&email.lower).desc())
            .select((AccountRow::as_select(), accounts::password_hash))
            .first(&mut conn)
            .await
            .optional()?;
        let found = found.map(|(row, hash)| Account::try_from(row).map(|account| (account, hash))).transpose()?;
        Ok(found)
    }

    /// Returns the account that was created for an e-mail address with an idempotency key after a time, and its password hash.
    pub(crate) async fn account_created_with(
        &self,
        email: &Email,
        key: &IdempotencyKey,
        after: Timestamp,
    ) -> Result<Option<(Account, String)>, DatabaseError> {
        let mut conn = self.conn().await?;
        let found: Option<(AccountRow, String)> = accounts::table
            .filter(accounts::email_normalized.eq(email.forms().lower))
            .filter(accounts::creation_key.eq(key.as_str()))
            .filter(accounts::created_at.gt(after))
            .select((AccountRow::as_select(), accounts::password_hash))
            .first(&mut conn)
            .await
            .optional()?;
        Ok(found.map(|(row, hash)| Account::try_from(row).map(|account| (account, hash))).transpose()?)
    }

    /// Replaces the hash of a password, unless it has changed meanwhile.
    pub(crate) async fn replace_hash(&self, id: AccountId, old: &str, new: &str) -> Result<(), DatabaseError> {
        let mut conn = self.conn().await?;
        let account = accounts::table.find(id.as_uuid()).filter(accounts::password_hash.eq(old));
        diesel::update(account).set(accounts::password_hash.eq(new)).execute(&mut conn).await?;
        Ok(())
    }

    /// Returns whether there is an administrator.
    pub(crate) async fn admin_exists(&self) -> Result<bool, DatabaseError> {
        let mut conn = self.conn().await?;
        let admins = accounts::table.filter(accounts::role.eq(Role::Admin.as_str()));
        Ok(diesel::select(diesel::dsl::exists(admins)).get_result(&mut conn).await?)
    }

    /// Returns accounts created before `before`, newest first: one more than `limit`, so that the caller can tell whether there
    /// are more. Every word of `term` must occur in the name, the username or the e-mail address.
    pub(crate) async fn accounts(
        &self,
        term: Option<&SearchTerm>,
        before: Option<AccountId>,
        limit: i64,
    ) -> Result<Vec<Account>, DatabaseError> {
        // Ids are UUIDv7, so the primary key sorts accounts by creation time.
        let mut page = accounts::table.select(AccountRow::as_select()).order(accounts::id.desc()).limit(limit + 1).into_boxed();
        if let Some(before) = before {
            page = page.filter(accounts::id.lt(before.as_uuid()));
        }
        for word in term.map(SearchTerm::words).unwrap_or_default() {
            // A raw fragment is not cached as a prepared statement, so PostgreSQL plans for this word: it uses the trigram index
            // for a rare one and the order of the list for a common one. For a word without a trigram that index is useless.
            let (before, after) = match word.place() {
                SearchPlace::Anywhere => ("search_text LIKE search_pattern(", ")"),
                SearchPlace::BeginningOfWord => ("search_text LIKE search_pattern(' ' || ", ")"),
                SearchPlace::AnywhereUnindexed => ("strpos(search_text, search_form(", ")) > 0"),
            };
            page = page.filter(sql::<Bool>(before).bind::<Text, _>(word.as_str()).sql(after));
        }
        let mut conn = self.conn().await?;
        let rows: Vec<AccountRow> = page.load(&mut conn).await?;
        Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
    }
}
