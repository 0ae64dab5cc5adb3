//! Storage of the audit log. An entry is written in the transaction of the action that it records, or when a message arrives, and
//! is never changed.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::{Action, Actor, ActorRole, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, EventId};
use rowlock_postgres::statement;
use serde_json::Value;
use uuid::Uuid;

use crate::schema::audit_log;

statement! {
    /// Inserts an audit-log entry, unless it exists already.
    pub(crate) struct InsertAuditEntry {
        id: SqlUuid = Uuid, at: Timestamptz = Timestamp, account: Nullable<SqlUuid> = Option<Uuid>, role: Text = String,
        request_id: Nullable<Text> = Option<String>, action: Text = &'static str, subject: SqlUuid = Uuid, details: Jsonb = Value,
    }
    "INSERT INTO audit_log (id, at, account_id, role, request_id, action, subject, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (id) DO NOTHING"
}

impl From<&AuditEntry> for InsertAuditEntry {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            id: entry.id.as_uuid(),
            at: entry.at,
            account: entry.actor.account_id.map(AccountId::as_uuid),
            role: entry.actor.role.to_string(),
            request_id: entry.actor.request_id.clone(),
            action: entry.action.as_str(),
            subject: entry.subject,
            details: Value::Object(entry.details.clone()),
        }
    }
}

/// Inserts an entry. Inserting it again is a no-op.
pub async fn record(conn: &mut AsyncPgConnection, entry: &AuditEntry) -> QueryResult<()> {
    InsertAuditEntry::from(entry).execute(conn).await.map(|_| ())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_log, check_for_backend(diesel::pg::Pg))]
struct AuditRow {
    id: Uuid,
    at: Timestamp,
    account_id: Option<Uuid>,
    role: String,
    request_id: Option<String>,
    action: String,
    subject: Uuid,
    details: Value,
}

/// Converts a stored value into its type. A value that this build does not know is an error, so that the log has no gaps.
fn parse_stored<T: serde::de::DeserializeOwned>(word: String) -> QueryResult<T> {
    serde_json::from_value(Value::String(word)).map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = diesel::result::Error;

    fn try_from(row: AuditRow) -> QueryResult<Self> {
        let Value::Object(details) = row.details else {
            return Err(diesel::result::Error::DeserializationError("the details are not an object".into()));
        };
        Ok(Self {
            id: AuditEntryId::from_uuid(row.id),
            at: row.at,
            actor: Actor {
                account_id: row.account_id.map(AccountId::from_uuid),
                role: parse_stored::<ActorRole>(row.role)?,
                request_id: row.request_id,
            },
            action: parse_stored::<Action>(row.action)?,
            subject: row.subject,
            details,
        })
    }
}

statement! {
    struct FindDeletion { after: SqlUuid = Uuid, event: SqlUuid = Uuid, account: SqlUuid = Uuid, action: Text = &'static str } -> Bool;
    "SELECT EXISTS (SELECT FROM audit_log WHERE id > $1 AND subject = $2 AND account_id = $3 AND action = $4)"
}

/// Returns whether an administrator deleted an event within the 24 hours before `now`. Ids are UUIDv7, so the primary key limits
/// the search to this period.
pub async fn was_deleted_by(conn: &mut AsyncPgConnection, event: EventId, account: AccountId, now: Timestamp) -> QueryResult<bool> {
    let millis = u128::try_from((now - TimeDelta::hours(24)).timestamp_millis()).unwrap_or_default();
    let (after, action) = (Uuid::from_u128(millis << 80), Action::DeleteEvent.as_str());
    FindDeletion { after, event: event.as_uuid(), account: account.as_uuid(), action }.get_result(conn).await
}

/// Lists the entries with ids below `after`, newest first.
pub async fn list(conn: &mut AsyncPgConnection, after: Option<AuditEntryId>, limit: i64) -> QueryResult<Vec<AuditEntry>> {
    // Ids are UUIDv7, so their order is chronological.
    let mut query = audit_log::table.select(AuditRow::as_select()).order(audit_log::id.desc()).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(audit_log::id.lt(after.as_uuid()));
    }
    let rows: Vec<AuditRow> = query.load(conn).await?;
    rows.into_iter().map(AuditEntry::try_from).collect()
}
