//! Creates, reads, changes and deletes webhooks.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, EventId, WebhookId};
use rowlock_postgres::statement;
use uuid::Uuid;

use super::super::BATCH;
use super::rows::{WebhookColumns, WebhookRow, webhook_columns};
use super::settle::{DISABLED_BEFORE_DELIVERY, DisableWebhook, FailPending};
use crate::webhooks::DisabledReason;

/// Number of the advisory lock that a transaction takes before it creates a webhook.
const CREATION_LOCK: i64 = 0x776b_686f_6f6b;

statement! {
    /// Lets one transaction at a time count and create webhooks.
    struct LockCreation { lock: BigInt = i64 }
    "SELECT pg_advisory_xact_lock($1)"
}

statement! {
    /// Returns whether there is room for another webhook.
    struct MayCreate { max: BigInt = i64 } -> Bool;
    "SELECT count(*) < $1 FROM webhooks WHERE disabled_reason IS DISTINCT FROM 'deleted'"
}

statement! {
    struct InsertWebhook {
        id: SqlUuid = Uuid,
        url: Text = String,
        description: Nullable<Text> = Option<String>,
        types: Nullable<Array<Text>> = Option<Vec<&'static str>>,
        event: Nullable<SqlUuid> = Option<Uuid>,
        secret: Text = String,
        created_by: SqlUuid = Uuid,
    } -> WebhookColumns;
    concat!(
        "INSERT INTO webhooks (id, url, description, types, event_id, secret, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ",
        webhook_columns!()
    )
}

statement! {
    struct FindWebhook { id: SqlUuid = Uuid } -> WebhookColumns;
    concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE id = $1 AND disabled_reason IS DISTINCT FROM 'deleted'")
}

statement! {
    /// Reads a webhook, which no other transaction changes until the end of this one.
    struct FindForUpdate { id: SqlUuid = Uuid } -> WebhookColumns;
    concat!("SELECT ", webhook_columns!(), " FROM webhooks WHERE id = $1 AND disabled_reason IS DISTINCT FROM 'deleted' FOR UPDATE")
}

statement! {
    /// Reads the newest webhooks after a cursor.
    struct ListWebhooks { before: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64 } -> WebhookColumns;
    concat!(
        "SELECT ", webhook_columns!(), " FROM webhooks
         WHERE disabled_reason IS DISTINCT FROM 'deleted' AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2"
    )
}

statement! {
    /// Changes a webhook. With another URL, its earlier failures no longer count.
    struct UpdateWebhook {
        url: Nullable<Text> = Option<String>,
        set_description: Bool = bool,
        description: Nullable<Text> = Option<String>,
        set_types: Bool = bool,
        types: Nullable<Array<Text>> = Option<Vec<&'static str>>,
        set_event: Bool = bool,
        event: Nullable<SqlUuid> = Option<Uuid>,
        id: SqlUuid = Uuid,
    } -> WebhookColumns;
    concat!(
        "UPDATE webhooks
         SET url = coalesce($1, url),
             failures = CASE WHEN $1 <> url THEN 0 ELSE failures END,
             failing_since = CASE WHEN $1 <> url THEN NULL ELSE failing_since END,
             last_error = CASE WHEN $1 <> url THEN NULL ELSE last_error END,
             paused_until = CASE WHEN $1 <> url THEN NULL ELSE paused_until END,
             description = CASE WHEN $2 THEN $3 ELSE description END,
             types = CASE WHEN $4 THEN $5 ELSE types END,
             event_id = CASE WHEN $6 THEN $7 ELSE event_id END
         WHERE id = $8 AND disabled_reason IS DISTINCT FROM 'deleted'
         RETURNING ",
        webhook_columns!()
    )
}

statement! {
    /// Enables a webhook. Its earlier failures no longer count.
    struct EnableWebhook { id: SqlUuid = Uuid }
    "UPDATE webhooks
     SET disabled_at = NULL, disabled_reason = NULL, failures = 0, failing_since = NULL, last_error = NULL, paused_until = NULL
     WHERE id = $1 AND disabled_reason <> 'deleted'"
}

statement! {
    /// Replaces the secret of a webhook. The previous one stays valid for a day, unless it is revoked.
    struct RotateSecret { secret: Text = String, keep: Bool = bool, id: SqlUuid = Uuid } -> WebhookColumns;
    concat!(
        "UPDATE webhooks
         SET secret = $1, previous_secret = CASE WHEN $2 THEN secret END,
             previous_secret_until = CASE WHEN $2 THEN now() + interval '24 hours' END
         WHERE id = $3 AND disabled_reason IS DISTINCT FROM 'deleted'
         RETURNING ",
        webhook_columns!()
    )
}

statement! {
    /// Marks a webhook as deleted. Housekeeping deletes its deliveries and then the row.
    struct DeleteWebhook { id: SqlUuid = Uuid }
    "UPDATE webhooks SET disabled_at = coalesce(disabled_at, now()), disabled_reason = 'deleted'
     WHERE id = $1 AND disabled_reason IS DISTINCT FROM 'deleted'"
}

/// A webhook that is not stored yet.
#[derive(Debug, Clone)]
pub(crate) struct NewWebhook {
    pub(crate) id: WebhookId,
    pub(crate) url: String,
    pub(crate) description: Option<String>,
    pub(crate) types: Option<Vec<&'static str>>,
    pub(crate) event: Option<EventId>,
    /// The sealed secret.
    pub(crate) secret: String,
    pub(crate) created_by: AccountId,
}

/// Changes of a webhook. `None` leaves a value unchanged; `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub(crate) struct WebhookChange {
    pub(crate) url: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) types: Option<Option<Vec<&'static str>>>,
    pub(crate) event: Option<Option<EventId>>,
}

/// Creates a webhook, or returns `None` if there are `max` already.
pub(crate) async fn create(conn: &mut AsyncPgConnection, new: NewWebhook, max: u16) -> QueryResult<Option<WebhookRow>> {
    LockCreation { lock: CREATION_LOCK }.execute(conn).await?;
    if !(MayCreate { max: max.into() }).get_result::<bool>(conn).await? {
        return Ok(None);
    }
    let NewWebhook { id, url, description, types, event, secret, created_by } = new;
    let (id, event, created_by) = (id.as_uuid(), event.map(EventId::as_uuid), created_by.as_uuid());
    InsertWebhook { id, url, description, types, event, secret, created_by }.get_result(conn).await.map(Some)
}

/// Returns a webhook.
pub(crate) async fn find(conn: &mut AsyncPgConnection, id: WebhookId) -> QueryResult<Option<WebhookRow>> {
    FindWebhook { id: id.as_uuid() }.get_result(conn).await.optional()
}

/// Returns a webhook and locks it.
pub(crate) async fn find_for_update(conn: &mut AsyncPgConnection, id: WebhookId) -> QueryResult<Option<WebhookRow>> {
    FindForUpdate { id: id.as_uuid() }.get_result(conn).await.optional()
}

/// Returns the newest webhooks, or those that are older than `before`.
pub(crate) async fn list(conn: &mut AsyncPgConnection, before: Option<WebhookId>, limit: i64) -> QueryResult<Vec<WebhookRow>> {
    ListWebhooks { before: before.map(WebhookId::as_uuid), limit }.load(conn).await
}

/// Changes a webhook.
pub(crate) async fn update(conn: &mut AsyncPgConnection, id: WebhookId, change: WebhookChange) -> QueryResult<Option<WebhookRow>> {
    let WebhookChange { url, description, types, event } = change;
    let update = UpdateWebhook {
        id: id.as_uuid(),
        url,
        set_description: description.is_some(),
        description: description.flatten(),
        set_types: types.is_some(),
        types: types.flatten(),
        set_event: event.is_some(),
        event: event.flatten().map(EventId::as_uuid),
    };
    update.get_result(conn).await.optional()
}

/// Enables or disables a webhook. Its pending deliveries fail when it is disabled. Returns whether it was the other way before.
pub(crate) async fn set_enabled(conn: &mut AsyncPgConnection, id: WebhookId, enabled: bool) -> QueryResult<Option<(WebhookRow, bool)>> {
    let webhook = id.as_uuid();
    let changed = if enabled {
        EnableWebhook { id: webhook }.execute(conn).await?
    } else {
        let changed = DisableWebhook { webhook, reason: DisabledReason::Administrator.as_str() }.execute(conn).await?;
        FailPending { webhook, error: DISABLED_BEFORE_DELIVERY, limit: BATCH }.execute(conn).await?;
        changed
    };
    Ok(find(conn, id).await?.map(|row| (row, changed > 0)))
}

/// Replaces the secret of a webhook with another sealed one. If `keep` is set, the previous one stays valid for a day.
pub(crate) async fn rotate(conn: &mut AsyncPgConnection, id: WebhookId, secret: String, keep: bool) -> QueryResult<Option<WebhookRow>> {
    RotateSecret { id: id.as_uuid(), secret, keep }.get_result(conn).await.optional()
}

/// Deletes a webhook. Returns whether it existed.
pub(crate) async fn delete(conn: &mut AsyncPgConnection, id: WebhookId) -> QueryResult<bool> {
    Ok(DeleteWebhook { id: id.as_uuid() }.execute(conn).await? > 0)
}
