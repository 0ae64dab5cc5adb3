//! Storage of the pictures of events.
//!
//! A change of a picture is a change of its event: it increments the version, and it is recorded in the audit log and announced. Like
//! every change it locks the ticket types of the event first, so that no command reads the event and writes it back meanwhile.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Jsonb, Nullable, Uuid as SqlUuid};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, TransactionManager};
use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::{Action, Actor, AuditEntry};
use rowlock_domain::ids::{AuditEntryId, EventId, MessageId};
use rowlock_domain::messages::{DomainEvent, Message, Subject};
use rowlock_postgres::{DatabaseError, Fault, Pool, checkout, statement};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::auditlog::record;
use crate::command::{CommandError, Refusal};
use crate::queries;
use crate::schema::{event_pictures, events};
use crate::views::rows::unreadable;
use crate::views::{EventPicture, EventWithTypes};

/// A picture to store.
#[derive(Debug, Clone)]
pub struct NewPicture {
    /// The description for responses.
    pub description: EventPicture,
    /// The JPEG file of the large size.
    pub large: Vec<u8>,
    /// The JPEG file of the small size.
    pub small: Vec<u8>,
}

/// A change of the picture of an event by an administrator.
#[derive(Debug, Clone)]
pub struct PictureChange {
    /// The event.
    pub event: EventId,
    /// The version that the event must have, if the administrator sent a precondition.
    pub expected_version: Option<i64>,
    /// The new picture, or `None` to remove the present one.
    pub picture: Option<NewPicture>,
    /// The id of the audit-log entry, and the administrator whom it names.
    pub audit: (AuditEntryId, Actor),
    /// The id of the `event.updated` message.
    pub message: MessageId,
}

/// The size of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureSize {
    /// For the page of an event.
    Large,
    /// For lists.
    Small,
}

/// The picture of an event as a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPicture {
    /// Whether the event is or was public.
    pub is_public: bool,
    /// The version of the picture and its JPEG file at one size, unless the event has none.
    pub file: Option<(String, Vec<u8>)>,
}

statement! {
    /// Locks the ticket types of an event in key order.
    struct LockTypesOfEvent { event: SqlUuid = Uuid } -> SqlUuid;
    "SELECT t.id FROM ticket_types t WHERE t.event_id = $1 ORDER BY t.id FOR UPDATE"
}

statement! {
    struct LargePicture { event: SqlUuid = Uuid } -> (Bool, Nullable<Jsonb>, Nullable<Binary>);
    "SELECT e.published_at IS NOT NULL, e.picture, p.large FROM events e LEFT JOIN event_pictures p ON p.event_id = e.id WHERE e.id = $1"
}

statement! {
    struct SmallPicture { event: SqlUuid = Uuid } -> (Bool, Nullable<Jsonb>, Nullable<Binary>);
    "SELECT e.published_at IS NOT NULL, e.picture, p.small FROM events e LEFT JOIN event_pictures p ON p.event_id = e.id WHERE e.id = $1"
}

/// Reads the picture of an event. Returns `None` if the event does not exist.
pub async fn read(conn: &mut AsyncPgConnection, event: EventId, size: PictureSize) -> QueryResult<Option<StoredPicture>> {
    let event = event.as_uuid();
    let row: Option<(bool, Option<Value>, Option<Vec<u8>>)> = match size {
        PictureSize::Large => LargePicture { event }.get_result(conn).await.optional()?,
        PictureSize::Small => SmallPicture { event }.get_result(conn).await.optional()?,
    };
    let Some((is_public, description, file)) = row else { return Ok(None) };
    let description: Option<EventPicture> = description.map(serde_json::from_value).transpose().map_err(unreadable)?;
    Ok(Some(StoredPicture { is_public, file: description.map(|description| description.version).zip(file) }))
}

/// Stores, replaces or removes the picture of an event, and returns the event. A change that changes nothing has no effect. The inner
/// result is the reason for which the change was rejected.
pub async fn change(
    pool: &Pool,
    change: PictureChange,
    now: Timestamp,
    source: &'static str,
) -> Result<Result<EventWithTypes, Refusal>, CommandError> {
    let pool = pool.clone();
    // The task completes even if the client disconnects, so that no connection is returned with an open transaction.
    let task = tokio::spawn(async move {
        let mut conn = checkout(&pool).await?;
        AnsiTransactionManager::begin_transaction(&mut *conn).await.map_err(command_error)?;
        let changed = match change_in_transaction(&mut conn, change, now, source).await {
            Ok(Ok(changed)) => changed,
            rejected => {
                let _ = AnsiTransactionManager::rollback_transaction(&mut *conn).await;
                return rejected.map_err(command_error);
            }
        };
        match AnsiTransactionManager::commit_transaction(&mut *conn).await {
            Ok(()) => Ok(Ok(changed)),
            Err(error) if Fault::of(&error) == Fault::Data => Err(command_error(error)),
            Err(error) => Err(CommandError::Unknown(error.to_string())),
        }
    });
    task.await.unwrap_or_else(|error| Err(CommandError::Unknown(error.to_string())))
}

fn command_error(error: diesel::result::Error) -> CommandError {
    DatabaseError::from(error).into()
}

async fn change_in_transaction(
    conn: &mut AsyncPgConnection,
    change: PictureChange,
    now: Timestamp,
    source: &str,
) -> QueryResult<Result<EventWithTypes, Refusal>> {
    let id = change.event.as_uuid();
    let _: Vec<Uuid> = LockTypesOfEvent { event: id }.load(conn).await?;
    let Some(mut row) = queries::event(conn, change.event).await? else { return Ok(Err(Refusal::EventNotFound)) };
    let event = &mut row.event;
    if change.expected_version.is_some_and(|version| version != event.version) {
        return Ok(Err(Refusal::VersionMismatch));
    }
    let description = change.picture.as_ref().map(|picture| picture.description.clone());
    if description == event.picture {
        return Ok(Ok(row));
    }
    let version_of = |picture: &Option<EventPicture>| json!(picture.as_ref().map(|picture| picture.version.as_str()));
    let details = json!({"from": version_of(&event.picture), "to": version_of(&description)});
    let (audit, actor) = change.audit;
    let (subject, details) = (id, Map::from_iter([("image".to_owned(), details)]));
    record(conn, &AuditEntry { id: audit, at: now, actor, action: Action::ChangeEvent, subject, details }).await?;
    match &change.picture {
        Some(NewPicture { large, small, .. }) => {
            let files = (event_pictures::large.eq(large), event_pictures::small.eq(small));
            diesel::insert_into(event_pictures::table)
                .values((event_pictures::event_id.eq(id), files))
                .on_conflict(event_pictures::event_id)
                .do_update()
                .set(files)
                .execute(conn)
                .await?
        }
        None => diesel::delete(event_pictures::table.find(id)).execute(conn).await?,
    };
    (event.version, event.updated_at, event.picture) = (event.version + 1, now, description);
    let stored = event.picture.as_ref().map(serde_json::to_value).transpose().map_err(unreadable)?;
    diesel::update(events::table.find(id))
        .set((events::picture.eq(stored), events::version.eq(event.version), events::updated_at.eq(now)))
        .execute(conn)
        .await?;
    let message = Message {
        id: change.message,
        subject: Subject::Event(change.event),
        sequence: event.version,
        time: now,
        domain_event: DomainEvent::EventUpdated { status: event.status, changes: None },
        trace: None,
    };
    crate::execute::insert_message(conn, &message, source).await?;
    Ok(Ok(row))
}
