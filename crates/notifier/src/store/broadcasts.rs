//! Inserts, merges and deletes broadcasts, and measures how many are not finished.

use std::time::Duration;

use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Double, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_postgres::{Connection, DatabaseError, statement};
use serde_json::Value;
use uuid::Uuid;

use super::{BATCH, Store, is_full, millis};
use crate::broadcast::{CHANGED_BACK, ClaimedBroadcast, MOVED_AWAY, NewBroadcast};

statement! {
    /// Inserts broadcasts about changes. Those that exist already stay as they are.
    struct InsertChanges {
        delay: BigInt = i64,
        messages: Array<SqlUuid> = Vec<Uuid>,
        events: Array<SqlUuid> = Vec<Uuid>,
        versions: Array<BigInt> = Vec<i64>,
        previous: Array<Jsonb> = Vec<Value>,
    }
    "INSERT INTO broadcasts (message_id, kind, event_id, event_version, previous, due_at)
     SELECT message_id, 'event-changed', event_id, event_version, previous, now() + $1 * interval '1 millisecond'
     FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::jsonb[]) AS new (message_id, event_id, event_version, previous)
     ON CONFLICT (message_id) DO NOTHING"
}

statement! {
    /// Inserts reminders. An event gets none if its holders have been told something after the reminder was due, because the mail
    /// about a change shows the start as well. A mail that was skipped because of the start has told nobody. If the event starts again
    /// at a time for which its reminder was skipped, with all or some of its mails, that reminder is due again.
    struct InsertReminders {
        messages: Array<SqlUuid> = Vec<Uuid>,
        events: Array<SqlUuid> = Vec<Uuid>,
        starts: Array<Timestamptz> = Vec<Timestamp>,
        before: BigInt = i64,
        untold: Array<Text> = Vec<&'static str>,
    }
    "INSERT INTO broadcasts (message_id, kind, event_id, starts_at, due_at)
     SELECT message_id, 'reminder', event_id, starts_at, now()
     FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS new (message_id, event_id, starts_at)
     WHERE NOT EXISTS (
         SELECT FROM broadcasts AS told
         WHERE told.event_id = new.event_id AND told.status <> 'skipped'
             AND told.created_at > new.starts_at - $4 * interval '1 millisecond'
             AND NOT EXISTS (
                 SELECT FROM deliveries
                 WHERE deliveries.message_id = told.message_id AND deliveries.status = 'skipped' AND deliveries.detail = ANY ($5)
                     AND deliveries.kind IN ('event-changed', 'reminder')
             )
     )
     ON CONFLICT (event_id, starts_at) WHERE kind = 'reminder' DO UPDATE
     SET status = 'pending', due_at = excluded.due_at, created_at = now(), next_cursor = NULL, settled_at = NULL, detail = NULL
     WHERE broadcasts.status = 'skipped' OR broadcasts.status = 'done' AND EXISTS (
         SELECT FROM deliveries
         WHERE deliveries.message_id = broadcasts.message_id AND deliveries.status = 'skipped' AND deliveries.detail = ANY ($5)
             AND deliveries.kind IN ('event-changed', 'reminder')
     )"
}

statement! {
    /// Merges a claimed broadcast about a change, of which nobody has been told, into the next one about the same event, of which
    /// nobody has been told either. The older previous values are those that the holders know. Moving the time at which the newer
    /// one is due ends a claim of it, whose notifier has not seen the merged values.
    struct MergeIntoNewer { message: SqlUuid = Uuid, claim: Timestamptz = Timestamp, detail: Text = &'static str }
    "WITH older AS (
         SELECT message_id, event_id, event_version, previous FROM broadcasts
         WHERE message_id = $1 AND status = 'pending' AND due_at = $2 AND next_cursor IS NULL FOR UPDATE
     ), newer AS (
         SELECT broadcasts.message_id FROM broadcasts JOIN older USING (event_id)
         WHERE broadcasts.status = 'pending' AND broadcasts.next_cursor IS NULL AND broadcasts.event_version > older.event_version
         ORDER BY broadcasts.event_version LIMIT 1 FOR UPDATE OF broadcasts
     ), merged AS (
         UPDATE broadcasts SET previous = broadcasts.previous || older.previous, due_at = broadcasts.due_at + interval '1 microsecond'
         FROM newer, older WHERE broadcasts.message_id = newer.message_id
         RETURNING 1
     )
     UPDATE broadcasts SET status = 'skipped', due_at = NULL, settled_at = now(), detail = $3
     WHERE message_id = $1 AND EXISTS (SELECT FROM merged)"
}

statement! {
    struct ReadBroadcastBacklog {} -> (BigInt, Double);
    "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM broadcasts WHERE status = 'pending'"
}

statement! {
    /// Deletes some of the broadcasts that were settled before a time. A reminder stays until the start, because it would be sent again.
    struct DeleteOldBroadcasts { keep: BigInt = i64, limit: BigInt = i64 }
    "DELETE FROM broadcasts WHERE message_id IN (
         SELECT message_id FROM broadcasts
         WHERE status <> 'pending' AND settled_at < now() - $1 * interval '1 millisecond' AND (starts_at IS NULL OR starts_at < now())
         ORDER BY settled_at LIMIT $2
         FOR UPDATE SKIP LOCKED
     )"
}

/// A reminder that is not stored yet.
#[derive(Debug, Clone)]
pub(crate) struct NewReminder {
    /// The message id of its deliveries.
    pub(crate) message: Uuid,
    pub(crate) event: EventId,
    pub(crate) starts_at: Timestamp,
}

/// The broadcasts that are not finished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BroadcastBacklog {
    pub(crate) pending: i64,
    /// Age of the oldest one, in seconds; 0 if there is none.
    pub(crate) oldest_seconds: f64,
}

/// Inserts broadcasts about changes, which are due after `delay`. Returns the number of new ones.
pub(super) async fn insert_changes(conn: &mut Connection, changes: &[NewBroadcast], delay: Duration) -> Result<usize, Error> {
    let unwritable = |error: serde_json::Error| Error::SerializationError(error.into());
    let previous = |broadcast: &NewBroadcast| serde_json::to_value(&broadcast.change.previous).map_err(unwritable);
    let insert = InsertChanges {
        delay: millis(delay),
        messages: changes.iter().map(|broadcast| broadcast.message.as_uuid()).collect(),
        events: changes.iter().map(|broadcast| broadcast.event.as_uuid()).collect(),
        versions: changes.iter().map(|broadcast| broadcast.change.version).collect(),
        previous: changes.iter().map(previous).collect::<Result<_, _>>()?,
    };
    insert.execute(conn).await
}

impl Store {
    /// Stores reminders that are due at once, `before` the starts of their events. Returns the number of new ones.
    pub(crate) async fn insert_reminders(&self, reminders: Vec<NewReminder>, before: Duration) -> Result<usize, DatabaseError> {
        if reminders.is_empty() {
            return Ok(0);
        }
        let insert = InsertReminders {
            messages: reminders.iter().map(|reminder| reminder.message).collect(),
            events: reminders.iter().map(|reminder| reminder.event.as_uuid()).collect(),
            starts: reminders.iter().map(|reminder| reminder.starts_at).collect(),
            before: millis(before),
            untold: vec![MOVED_AWAY, CHANGED_BACK],
        };
        self.write(async move |conn| insert.execute(conn).await).await
    }

    /// Merges a broadcast that has not begun into a later one about the same event that has not begun either, so that holders get one
    /// mail. Returns whether there is one.
    pub(crate) async fn merge_into_newer(&self, claimed: &ClaimedBroadcast) -> Result<bool, DatabaseError> {
        let detail = "the event was changed again before anybody was told, so its holders get one mail about both changes";
        let merge = MergeIntoNewer { message: claimed.message.as_uuid(), claim: claimed.claimed_until, detail };
        self.write(async move |conn| merge.execute(conn).await).await.map(|merged| merged > 0)
    }

    /// Measures the broadcasts of all notifiers that are not finished.
    pub(crate) async fn broadcast_backlog(&self) -> Result<BroadcastBacklog, DatabaseError> {
        let (pending, oldest_seconds) = self.reader().run(async |conn| ReadBroadcastBacklog {}.get_result(conn).await).await?;
        Ok(BroadcastBacklog { pending, oldest_seconds })
    }

    /// Deletes broadcasts that were settled more than `keep` ago.
    pub(crate) async fn delete_old_broadcasts(&self, keep: Duration) -> Result<(), DatabaseError> {
        let delete = DeleteOldBroadcasts { keep: millis(keep), limit: BATCH };
        while is_full(self.write(async |conn| delete.clone().execute(conn).await).await?) {}
        Ok(())
    }
}
