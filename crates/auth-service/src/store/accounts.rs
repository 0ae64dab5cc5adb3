//! Queries on accounts.

use std::str::FromStr;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Bool, Text};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::{AdminRole, Language, Role, UnknownState};
use rowlock_domain::text::{Email, EmailLookupKeys, IdempotencyKey, MatchPosition, SearchTerm, Username};
use rowlock_postgres::DatabaseError;
use uuid::Uuid;

use super::Store;
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
    /// Whether the owner gets e-mail about waiting lists.
    pub(crate) notify_waitlist: bool,
    /// Whether the owner gets reminders.
    pub(crate) notify_reminders: bool,
    /// When the owner confirmed the e-mail address.
    pub(crate) email_confirmed_at: Option<Timestamp>,
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
    notify_waitlist: bool,
    notify_reminders: bool,
    email_confirmed_at: Option<Timestamp>,
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
            notify_waitlist: row.notify_waitlist,
            notify_reminders: row.notify_reminders,
            email_confirmed_at: row.email_confirmed_at,
        })
    }
}

impl Store {
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

    /// Returns the enabled accounts with these ids, in no particular order.
    pub(crate) async fn enabled_accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, DatabaseError> {
        let mut conn = self.conn().await?;
        let ids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
        let found = accounts::table.filter(accounts::id.eq_any(ids)).filter(accounts::disabled_at.is_null());
        let rows: Vec<AccountRow> = found.select(AccountRow::as_select()).load(&mut conn).await?;
        Ok(rows.into_iter().map(Account::try_from).collect::<Result<_, _>>()?)
    }

    /// Returns whether an account has this username in any spelling.
    pub(crate) async fn username_exists(&self, username: &Username) -> Result<bool, DatabaseError> {
        let mut conn = self.conn().await?;
        let lower = username.as_str().to_lowercase();
        let found = accounts::table.filter(accounts::username_normalized.eq(lower).or(accounts::username_key.eq(username.key())));
        Ok(diesel::select(diesel::dsl::exists(found)).get_result(&mut conn).await?)
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
