//! The rows of transfers.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TransferId, TypeKey};
use uuid::Uuid;

use super::{count, unreadable};
use crate::views::Transfer;

/// The columns of `transfers`, in the order of [`TransferRow`].
pub(crate) type TransferColumns = (
    SqlUuid,
    SqlUuid,
    SqlUuid,
    SqlUuid,
    SqlUuid,
    Integer,
    Text,
    Nullable<Text>,
    Binary,
    Timestamptz,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<SqlUuid>,
    Nullable<SqlUuid>,
);

#[derive(Queryable)]
pub(crate) struct TransferRow {
    event_id: Uuid,
    id: Uuid,
    ticket_type_id: Uuid,
    booking_id: Uuid,
    from_account: Uuid,
    quantity: i32,
    status: String,
    to_email: Option<String>,
    token_hash: Vec<u8>,
    created_at: Timestamp,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
    to_account: Option<Uuid>,
    received_booking: Option<Uuid>,
}

impl TryFrom<TransferRow> for Transfer {
    type Error = Error;

    fn try_from(row: TransferRow) -> Result<Self, Error> {
        Ok(Self {
            id: TransferId::from_uuid(row.id),
            key: TypeKey { event: EventId::from_uuid(row.event_id), ticket_type: TicketTypeId::from_uuid(row.ticket_type_id) },
            booking: BookingId::from_uuid(row.booking_id),
            from_account: AccountId::from_uuid(row.from_account),
            quantity: count(row.quantity)?,
            status: row.status.parse().map_err(unreadable)?,
            to_email: row.to_email,
            token_hash: row.token_hash.as_slice().try_into().map_err(unreadable)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            to_account: row.to_account.map(AccountId::from_uuid),
            received_booking: row.received_booking.map(BookingId::from_uuid),
        })
    }
}
