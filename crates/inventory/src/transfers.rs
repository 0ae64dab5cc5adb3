//! Changes of transfers that move no tickets and therefore need no lock of a ticket type: those that lapse, and those of erased
//! accounts. A command that ends the same transfer at the same time fails in the database and is decided again.

use diesel::QueryResult;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::AccountId;
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::accounts::ERASED_ACCOUNT;

statement! {
    /// Ends pending transfers whose time is over, or whose event has begun or is cancelled, and deletes their addresses. Locked
    /// rows are skipped, so it never waits for a transaction that waits for it.
    struct EndLapsedTransfers { limit: BigInt = i64 }
    "WITH lapsed AS MATERIALIZED (
         SELECT t.event_id, t.id FROM transfers t JOIN events e ON e.id = t.event_id
          WHERE t.status = 'pending' AND (t.expires_at <= now() OR e.starts_at <= now() OR e.status = 'cancelled')
          LIMIT $1 FOR UPDATE OF t SKIP LOCKED)
     UPDATE transfers t SET status = 'lapsed', to_email = NULL, ended_at = now()
       FROM lapsed WHERE t.event_id = lapsed.event_id AND t.id = lapsed.id"
}

statement! {
    /// Removes an account from one transfer. A transfer that it offered and that is pending is withdrawn, because its e-mail address
    /// was chosen by the account.
    struct AnonymizeTransfer { erased_account: SqlUuid = Uuid, account: SqlUuid = Uuid }
    "UPDATE transfers SET from_account = CASE from_account WHEN $2 THEN $1 ELSE from_account END,
            to_account = CASE to_account WHEN $2 THEN $1 ELSE to_account END, to_email = NULL,
            ended_at = coalesce(ended_at, now()), status = CASE status WHEN 'pending' THEN 'withdrawn' ELSE status END
     WHERE (event_id, id) IN (
         (SELECT event_id, id FROM transfers WHERE from_account = $2 LIMIT 1) UNION ALL (SELECT event_id, id FROM transfers WHERE to_account = $2 LIMIT 1)
         LIMIT 1)"
}

/// Ends at most `limit` transfers that have lapsed. Returns their number.
pub(crate) async fn end_lapsed(conn: &mut AsyncPgConnection, limit: i64) -> QueryResult<usize> {
    EndLapsedTransfers { limit }.execute(conn).await
}

/// Removes an erased account from all its transfers.
pub(crate) async fn anonymize(conn: &mut AsyncPgConnection, account: AccountId) -> QueryResult<()> {
    let (erased_account, account) = (ERASED_ACCOUNT.as_uuid(), account.as_uuid());
    while (AnonymizeTransfer { erased_account, account }).execute(conn).await? > 0 {}
    Ok(())
}
