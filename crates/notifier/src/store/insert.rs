//! Inserts the deliveries and broadcasts that messages lead to.

use std::time::Duration;

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::{BookingId, WaitlistEntryId};
use rowlock_postgres::{Connection, DatabaseError, statement};
use serde_json::Value;
use uuid::Uuid;

use super::Store;
use super::broadcasts::insert_changes;
use super::webhooks::insert_requests;
use crate::delivery::{NewDelivery, NewRow};
use crate::webhooks::OfferedMessage;

statement! {
    /// Inserts deliveries that are due at once. Those that exist already stay as they are.
    struct InsertDeliveries {
        messages: Array<SqlUuid> = Vec<Uuid>,
        recipients: Array<SqlUuid> = Vec<Uuid>,
        kinds: Array<Text> = Vec<&'static str>,
        urgent: Array<Bool> = Vec<bool>,
        data: Array<Jsonb> = Vec<Value>,
        bookings: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>,
        entries: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>,
        sequences: Array<Nullable<BigInt>> = Vec<Option<i64>>,
    }
    "INSERT INTO deliveries
         (message_id, recipient, channel, kind, urgent, data, booking_id, waitlist_entry_id, sequence, status, due_at)
     SELECT message_id, recipient, 'email', kind, urgent, data, booking_id, waitlist_entry_id, sequence, 'pending', now()
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::jsonb[], $6::uuid[], $7::uuid[], $8::bigint[])
         AS new (message_id, recipient, kind, urgent, data, booking_id, waitlist_entry_id, sequence)
     ON CONFLICT (message_id, recipient, channel) DO NOTHING"
}

/// The number of new rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Inserted {
    /// New deliveries to people.
    pub(crate) deliveries: usize,
    /// New deliveries to webhooks.
    pub(crate) requests: usize,
}

impl Store {
    /// Stores the deliveries and broadcasts to people, and the deliveries to webhooks, that messages lead to, in one transaction.
    /// Broadcasts are due after `change_delay`.
    pub(crate) async fn insert(
        &self,
        rows: Vec<NewRow>,
        messages: Vec<OfferedMessage>,
        change_delay: Duration,
    ) -> Result<Inserted, DatabaseError> {
        if rows.is_empty() && messages.is_empty() {
            return Ok(Inserted::default());
        }
        let (mut deliveries, mut broadcasts): (Vec<NewDelivery>, Vec<_>) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            match row {
                NewRow::Delivery(delivery) => deliveries.push(delivery),
                NewRow::Broadcast(broadcast) => broadcasts.push(broadcast),
            }
        }
        broadcasts.sort_by_key(|broadcast| broadcast.message);
        self.write(async move |conn| {
            if !broadcasts.is_empty() {
                insert_changes(conn, &broadcasts, change_delay).await?;
            }
            let deliveries = insert_deliveries(conn, deliveries).await?;
            Ok(Inserted { deliveries, requests: insert_requests(conn, messages).await? })
        })
        .await
    }
}

async fn insert_deliveries(conn: &mut Connection, mut deliveries: Vec<NewDelivery>) -> QueryResult<usize> {
    if deliveries.is_empty() {
        return Ok(0);
    }
    // In key order, so that two notifiers that insert the same rows wait for each other instead of deadlocking.
    deliveries.sort_by_key(|delivery| delivery.key);
    let insert = InsertDeliveries {
        messages: deliveries.iter().map(|delivery| delivery.key.message.as_uuid()).collect(),
        recipients: deliveries.iter().map(|delivery| delivery.key.recipient.as_uuid()).collect(),
        kinds: deliveries.iter().map(|delivery| delivery.kind.as_str()).collect(),
        urgent: deliveries.iter().map(|delivery| delivery.kind.is_urgent()).collect(),
        bookings: deliveries.iter().map(|delivery| delivery.place?.booking.map(BookingId::as_uuid)).collect(),
        entries: deliveries.iter().map(|delivery| delivery.place?.entry.map(WaitlistEntryId::as_uuid)).collect(),
        sequences: deliveries.iter().map(|delivery| Some(delivery.place?.sequence)).collect(),
        data: deliveries.into_iter().map(|delivery| delivery.data).collect(),
    };
    insert.execute(conn).await
}
