//! Claims broadcasts, and writes their deliveries page by page.

use std::collections::HashSet;
use std::time::Duration;

use diesel::OptionalExtension;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, MessageId};
use rowlock_messaging::amqp::shorten;
use rowlock_postgres::{Connection, DatabaseError, statement};
use serde_json::Value;
use uuid::Uuid;

use super::{Store, millis};
use crate::broadcast::{ChangeData, ClaimedBroadcast, Occasion, Recipient};
use crate::delivery::Kind;
use crate::mail::single_line;

statement! {
    /// Claims the broadcast whose page has been due for the longest time. A change waits until the earlier ones of its event are told.
    struct ClaimBroadcast { lease: BigInt = i64 }
        -> (SqlUuid, Text, SqlUuid, Nullable<BigInt>, Nullable<Jsonb>, Nullable<Text>, Timestamptz);
    "UPDATE broadcasts SET due_at = now() + $1 * interval '1 millisecond'
     FROM (
         SELECT message_id FROM broadcasts AS candidate
         WHERE status = 'pending' AND due_at <= now() AND NOT EXISTS (
             SELECT FROM broadcasts AS earlier
             WHERE earlier.event_id = candidate.event_id AND earlier.status = 'pending' AND earlier.event_version < candidate.event_version
         )
         ORDER BY due_at LIMIT 1
         FOR UPDATE OF candidate SKIP LOCKED
     ) AS due
     WHERE broadcasts.message_id = due.message_id
     RETURNING broadcasts.message_id, broadcasts.kind, broadcasts.event_id, broadcasts.event_version, broadcasts.previous,
         broadcasts.next_cursor, broadcasts.due_at"
}

statement! {
    /// Locks a claimed broadcast. Returns no row if the claim has ended.
    struct LockClaimed { message: SqlUuid = Uuid, claim: Timestamptz = Timestamp } -> SqlUuid;
    "SELECT event_id FROM broadcasts WHERE message_id = $1 AND status = 'pending' AND due_at = $2 FOR UPDATE"
}

statement! {
    /// Makes the mails about earlier changes that have not been sent yet tell of the newest one as well, and returns their recipients.
    /// Of a detail that was changed several times, the oldest value is the one that the recipients know. Rows that are being claimed
    /// may be sent with an older version, so their recipients get another mail.
    struct RaiseWaiting {
        previous: Jsonb = Value,
        version: BigInt = i64,
        event: SqlUuid = Uuid,
        recipients: Array<SqlUuid> = Vec<Uuid>,
    } -> SqlUuid;
    "UPDATE deliveries SET data = deliveries.data
         || jsonb_build_object('version', waiting.version, 'previous', $1 || coalesce(deliveries.data -> 'previous', '{}'))
     FROM (
         SELECT d.message_id, d.recipient, d.channel, greatest((d.data ->> 'version')::bigint, $2) AS version
         FROM broadcasts AS earlier JOIN deliveries AS d ON d.message_id = earlier.message_id
         WHERE earlier.event_id = $3 AND earlier.kind = 'event-changed' AND earlier.event_version < $2
             AND d.recipient = ANY ($4) AND d.channel = 'email' AND d.status = 'pending'
         FOR UPDATE OF d SKIP LOCKED
     ) AS waiting
     WHERE deliveries.message_id = waiting.message_id AND deliveries.recipient = waiting.recipient AND deliveries.channel = waiting.channel
     RETURNING deliveries.recipient"
}

statement! {
    /// Inserts the deliveries of a page, in the order of their keys. A delivery that was skipped is tried again. A reminder is not
    /// for those who have been told about the event after it was due.
    struct InsertPage {
        message: SqlUuid = Uuid,
        kind: Text = &'static str,
        data: Jsonb = Value,
        recipients: Array<SqlUuid> = Vec<Uuid>,
        quantities: Array<BigInt> = Vec<i64>,
        before: BigInt = i64,
    }
    "INSERT INTO deliveries (message_id, recipient, channel, kind, urgent, data, status, due_at)
     SELECT $1, recipient, 'email', $2, false, $3 || jsonb_build_object('quantity', quantity, 'remaining', quantity), 'pending', now()
     FROM unnest($4::uuid[], $5::bigint[]) AS new (recipient, quantity)
     WHERE NOT EXISTS (
         SELECT FROM broadcasts AS own
         JOIN broadcasts AS told ON told.event_id = own.event_id AND told.message_id <> own.message_id
             AND told.created_at > own.starts_at - $6 * interval '1 millisecond'
         JOIN deliveries ON deliveries.message_id = told.message_id AND deliveries.recipient = new.recipient
             AND deliveries.channel = 'email' AND deliveries.status <> 'skipped'
         WHERE own.message_id = $1 AND own.kind = 'reminder'
     )
     ON CONFLICT (message_id, recipient, channel) DO UPDATE
     SET status = 'pending', data = excluded.data, due_at = excluded.due_at, settled_at = NULL, detail = NULL
     WHERE deliveries.status = 'skipped'"
}

statement! {
    /// Stores how far a claimed broadcast is. A pending one is due again after the delay.
    struct AdvanceBroadcast {
        message: SqlUuid = Uuid,
        status: Text = &'static str,
        cursor: Nullable<Text> = Option<String>,
        stored: BigInt = i64,
        delay: BigInt = i64,
        detail: Nullable<Text> = Option<String>,
    }
    "UPDATE broadcasts
     SET status = new.status, next_cursor = coalesce(new.next_cursor, broadcasts.next_cursor), recipients = recipients + new.stored,
         due_at = CASE WHEN new.status = 'pending' THEN now() + new.delay * interval '1 millisecond' END,
         settled_at = CASE WHEN new.status <> 'pending' THEN now() END,
         detail = new.detail
     FROM (VALUES ($1::uuid, $2::text, $3::text, $4::bigint, $5::bigint, $6::text)) AS new (message_id, status, next_cursor, stored, delay, detail)
     WHERE broadcasts.message_id = new.message_id"
}

statement! {
    /// Counts the deliveries that are due and not urgent, up to a limit.
    struct CountDue { limit: BigInt = i64 } -> BigInt;
    "SELECT count(*) FROM (SELECT FROM deliveries WHERE status = 'pending' AND NOT urgent AND due_at <= now() LIMIT $1) AS due"
}

statement! {
    /// Counts the deliveries about bookings and waiting lists that are due, up to a limit. Returns 0 while a webhook is enabled.
    struct CountAboutTickets { limit: BigInt = i64 } -> BigInt;
    "SELECT count(*) FROM (
         SELECT FROM deliveries
         WHERE status = 'pending' AND NOT urgent AND due_at <= now() AND kind NOT IN ('event-changed', 'reminder')
             AND NOT EXISTS (SELECT FROM webhooks WHERE disabled_at IS NULL)
         LIMIT $1
     ) AS due"
}

/// The next page of a broadcast.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) recipients: Vec<Recipient>,
    /// Where the page after it begins; `None` if it is the last one.
    pub(crate) next_cursor: Option<String>,
    /// How long before the start of their event holders are reminded.
    pub(crate) reminded_before: Duration,
}

/// The result of the work on a claimed broadcast.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    /// The deliveries of a page are written.
    Written(Page),
    /// Nobody else is told, for this reason.
    Skipped(&'static str),
    /// The page is tried again after a delay, for this reason.
    Postponed(Duration, String),
}

type ClaimedRow = (Uuid, String, Uuid, Option<i64>, Option<Value>, Option<String>, Timestamp);

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::DeserializationError(error.into())
}

impl Store {
    /// Claims a broadcast whose next page is due.
    pub(crate) async fn claim_broadcast(&self, lease: Duration) -> Result<Option<ClaimedBroadcast>, DatabaseError> {
        let claim = ClaimBroadcast { lease: millis(lease) };
        let row = self.write(async move |conn| claim.get_result::<ClaimedRow>(conn).await.optional()).await?;
        let claimed = row.map(|(message, kind, event, version, previous, cursor, claimed_until)| {
            let occasion = match (version, previous) {
                (Some(version), Some(previous)) if kind == Kind::EventChanged.as_str() => {
                    Occasion::Changed(ChangeData { version, previous: serde_json::from_value(previous).map_err(unreadable)? })
                }
                _ => Occasion::Reminder,
            };
            let (message, event) = (MessageId::from_uuid(message), EventId::from_uuid(event));
            Ok::<_, Error>(ClaimedBroadcast { message, event, occasion, cursor, claimed_until })
        });
        claimed.transpose().map_err(DatabaseError::from)
    }

    /// Stores the progress of a claimed broadcast, with the deliveries of a page. Returns the number of new deliveries, or `None` if
    /// the claim has ended.
    pub(crate) async fn advance_broadcast(&self, claimed: &ClaimedBroadcast, progress: &Progress) -> Result<Option<usize>, DatabaseError> {
        self.write(async move |conn| {
            let lock = LockClaimed { message: claimed.message.as_uuid(), claim: claimed.claimed_until };
            if lock.get_result::<Uuid>(conn).await.optional()?.is_none() {
                return Ok(None);
            }
            let stored = match progress {
                Progress::Written(page) => write_page(conn, claimed, page).await?,
                Progress::Skipped(_) | Progress::Postponed(..) => 0,
            };
            advance(claimed, progress, stored).execute(conn).await?;
            Ok(Some(stored))
        })
        .await
    }

    /// Counts the deliveries that are due and not urgent, up to `limit`.
    pub(crate) async fn due_deliveries(&self, limit: u32) -> Result<u32, DatabaseError> {
        let due: i64 = self.reader().run(async |conn| CountDue { limit: limit.into() }.get_result(conn).await).await?;
        Ok(u32::try_from(due).unwrap_or(limit))
    }

    /// Counts the deliveries about bookings and waiting lists that are due and not urgent, up to `limit`. Returns 0 while a webhook is
    /// enabled, which must not wait for mails.
    pub(crate) async fn unsent_about_tickets(&self, limit: u32) -> Result<u32, DatabaseError> {
        let due: i64 = self.reader().run(async |conn| CountAboutTickets { limit: limit.into() }.get_result(conn).await).await?;
        Ok(u32::try_from(due).unwrap_or(limit))
    }
}

fn advance(claimed: &ClaimedBroadcast, progress: &Progress, stored: usize) -> AdvanceBroadcast {
    let (status, cursor, delay, detail) = match progress {
        Progress::Written(Page { next_cursor: None, .. }) => ("done", None, Duration::ZERO, None),
        Progress::Written(Page { next_cursor, .. }) => ("pending", next_cursor.clone(), Duration::ZERO, None),
        Progress::Skipped(reason) => ("skipped", None, Duration::ZERO, Some((*reason).to_owned())),
        Progress::Postponed(delay, reason) => ("pending", None, *delay, Some(shorten(&single_line(reason)))),
    };
    let stored = i64::try_from(stored).unwrap_or(i64::MAX);
    AdvanceBroadcast { message: claimed.message.as_uuid(), status, cursor, stored, delay: millis(delay), detail }
}

/// Writes the deliveries of a page and returns the number of new ones. Recipients whose mail about an earlier change waits get no
/// second one: the waiting mail shows the newest state.
async fn write_page(conn: &mut Connection, claimed: &ClaimedBroadcast, page: &Page) -> Result<usize, Error> {
    let mut recipients = page.recipients.clone();
    let mut data = serde_json::json!({"eventId": claimed.event});
    if let Occasion::Changed(change) = &claimed.occasion {
        let accounts = recipients.iter().map(|recipient| recipient.account.as_uuid()).collect();
        let previous = serde_json::to_value(&change.previous).map_err(|error| Error::SerializationError(error.into()))?;
        let raise = RaiseWaiting { version: change.version, event: claimed.event.as_uuid(), recipients: accounts, previous };
        let waiting: HashSet<Uuid> = raise.load(conn).await?.into_iter().collect();
        recipients.retain(|recipient| !waiting.contains(&recipient.account.as_uuid()));
        let change = serde_json::to_value(change).map_err(|error| Error::SerializationError(error.into()))?;
        if let (Value::Object(data), Value::Object(change)) = (&mut data, change) {
            data.extend(change);
        }
    }
    recipients.sort();
    let insert = InsertPage {
        message: claimed.message.as_uuid(),
        kind: claimed.occasion.kind().as_str(),
        data,
        recipients: recipients.iter().map(|recipient| recipient.account.as_uuid()).collect(),
        quantities: recipients.iter().map(|recipient| recipient.quantity.into()).collect(),
        before: millis(page.reminded_before),
    };
    insert.execute(conn).await
}
