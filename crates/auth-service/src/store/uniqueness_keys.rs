//! Uniqueness keys of accounts that a service of a previous version has created. Of two accounts with the same key, the older
//! one gets it.

use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::text::{EmailLookupKeys, Username};
use rowlock_postgres::{DatabaseError, committed, statement};
use uuid::Uuid;

use super::Store;

/// Number of accounts read per query.
const PAGE_SIZE: usize = 500;

type KeylessAccount = (Uuid, Timestamp, String, String);

statement! {
    struct WithoutKey { created_at: Nullable<Timestamptz> = Option<Timestamp>, id: SqlUuid = Uuid } -> (SqlUuid, Timestamptz, Text, Text);
    "SELECT id, created_at, username, email FROM accounts
     WHERE (username_key IS NULL OR email_key IS NULL) AND ($1 IS NULL OR (created_at, id) > ($1, $2))
     ORDER BY created_at, id LIMIT 500"
}

statement! {
    /// Removes keys from accounts that are younger than the account to which they belong.
    struct RemoveYoungerKeys { id: SqlUuid = Uuid, username_key: Text = String, email_key: Text = String }
    "WITH older AS (SELECT created_at, id, username_key IS NULL AS no_username, email_key IS NULL AS no_email FROM accounts WHERE id = $1)
     UPDATE accounts SET
         username_key = CASE WHEN accounts.username_key = $2 AND no_username THEN NULL ELSE accounts.username_key END,
         email_key = CASE WHEN accounts.email_key = $3 AND no_email THEN NULL ELSE accounts.email_key END
     FROM older
     WHERE (accounts.created_at, accounts.id) > (older.created_at, older.id)
       AND ((accounts.username_key = $2 AND no_username) OR (accounts.email_key = $3 AND no_email))"
}

statement! {
    /// Sets the missing keys of an account that no other account has.
    struct SetMissingKeys { username_key: Text = String, email_key: Text = String, id: SqlUuid = Uuid }
    "UPDATE accounts SET
         username_key = coalesce(username_key, CASE WHEN NOT EXISTS (SELECT FROM accounts WHERE username_key = $1) THEN $1 END),
         email_key = coalesce(email_key, CASE WHEN NOT EXISTS (SELECT FROM accounts WHERE email_key = $2) THEN $2 END)
     WHERE id = $3"
}

statement! {
    /// Counts the given accounts that still lack a key.
    struct StillWithoutKey { ids: Array<SqlUuid> = Vec<Uuid> } -> diesel::sql_types::BigInt;
    "SELECT count(*) FROM accounts WHERE id = ANY($1) AND (username_key IS NULL OR email_key IS NULL)"
}

impl Store {
    /// Creates missing keys, oldest account first. Returns the number of accounts that remain without a key because an older
    /// account has it.
    pub(crate) async fn create_missing_keys(&self) -> Result<i64, DatabaseError> {
        let (mut after, mut without) = ((None, Uuid::nil()), 0);
        loop {
            let page: Vec<KeylessAccount> = {
                let mut conn = self.conn().await?;
                WithoutKey { created_at: after.0, id: after.1 }.load(&mut conn).await?
            };
            let ids: Vec<Uuid> = page.iter().map(|account| account.0).collect();
            let last = page.last().map(|account| (Some(account.1), account.0));
            for (id, _, username, email) in page {
                self.give_keys(id, Username::key_of(&username), EmailLookupKeys::of(&email).key).await?;
            }
            let full = ids.len() == PAGE_SIZE;
            let mut conn = self.conn().await?;
            let still: i64 = StillWithoutKey { ids }.get_result(&mut conn).await?;
            without += still;
            match last.filter(|_| full) {
                Some(last) => after = last,
                None => return Ok(without),
            }
        }
    }

    async fn give_keys(&self, id: Uuid, username_key: String, email_key: String) -> Result<(), DatabaseError> {
        let conn = self.conn().await?;
        let take = RemoveYoungerKeys { id, username_key: username_key.clone(), email_key: email_key.clone() };
        let give = SetMissingKeys { username_key, email_key, id };
        let given = committed(conn, async |conn| {
            take.execute(conn).await?;
            give.execute(conn).await
        });
        given.await?;
        Ok(())
    }
}
