//! Queries on accounts. The database enforces that e-mail address and username are unique regardless of their spelling.

use std::str::FromStr;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::{AdminRole, Language, Role, UnknownState};
use rowlock_domain::text::{Email, EmailLookupKeys, IdempotencyKey, MatchPosition, PersonName, SearchTerm, Username};
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
    /// The role of an administrator; None for a user.
    pub(crate) admin_role: Option<AdminRole>,
    pub(crate) created_at: Timestamp,
    pub(crate) disabled_at: Option<Timestamp>,
    pub(crate) version: i64,
    /// The language in which the owner wants to be addressed.
    pub(crate) language: Language,
    /// When the second factor was enabled, if it is.
    pub(crate) totp_enabled_at: Option<Timestamp>,
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
    pub(crate) language: Language,
    /// The `Idempotency-Key` of the request, if it had one.
    pub(crate) creation_key: Option<IdempotencyKey>,
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
            lost @ (DatabaseError::Unavailable(_) | DatabaseError::OutcomeUnknown(_)) => Self::OutcomeUnknown(lost),
            other => Self::Database(other),
        }
    }
}

/// Parses a role or a language of a row. Fails for one that this version does not know.
pub(super) fn state_of<T: FromStr<Err = UnknownState>>(word: &str) -> Result<T, Error> {
    word.parse().map_err(|error: UnknownState| Error::DeserializationError(error.into()))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
pub(super) struct AccountRow {
    id: Uuid,
    name: String,
    username: String,
    email: String,
    role: String,
    admin_role: String,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    version: i64,
    language: String,
    totp_enabled_at: Option<Timestamp>,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self, Error> {
        let role = state_of(&row.role)?;
        Ok(Self {
            id: AccountId::from_uuid(row.id),
            name: row.name,
            username: row.username,
            email: row.email,
            role,
            admin_role: (role == Role::Admin).then(|| state_of(&row.admin_role)).transpose()?,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            version: row.version,
            language: state_of(&row.language)?,
            totp_enabled_at: row.totp_enabled_at,
        })
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
     )
     SELECT count(*) FROM inserted"
}

impl Store {
    /// Inserts an account and the messages about it in one statement.
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
    pub(crate) async fn account_with_hash(&self, email: &EmailLookupKeys) -> Result<Option<(Account, String)>, DatabaseError> {
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

    /// Returns an account and its password hash by its id.
    pub(crate) async fn account_with_hash_by_id(&self, id: AccountId) -> Result<Option<(Account, String)>, DatabaseError> {
        let mut conn = self.conn().await?;
        let found: Option<(AccountRow, String)> = accounts::table
            .find(id.as_uuid())
            .select((AccountRow::as_select(), accounts::password_hash))
            .first(&mut conn)
            .await
            .optional()?;
        Ok(found.map(|(row, hash)| Account::try_from(row).map(|account| (account, hash))).transpose()?)
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
            .filter(accounts::email_normalized.eq(email.lookup_keys().lower))
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
            let (before, after) = match word.match_position() {
                MatchPosition::Anywhere => ("search_text LIKE search_pattern(", ")"),
                MatchPosition::WordStart => ("search_text LIKE search_pattern(' ' || ", ")"),
                MatchPosition::AnywhereUnindexed => ("strpos(search_text, search_form(", ")) > 0"),
            };
            page = page.filter(sql::<Bool>(before).bind::<Text, _>(word.as_str()).sql(after));
        }
        let mut conn = self.conn().await?;
        let rows: Vec<AccountRow> = page.load(&mut conn).await?;
        Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
    }
}
