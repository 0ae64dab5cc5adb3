//! The rows of bookings.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey};
use uuid::Uuid;

use super::{count, unreadable};
use crate::views::{Booking, Holder};

/// The columns of `bookings`, in the order of [`BookingRow`].
pub(crate) type BookingColumns = (
    SqlUuid,
    SqlUuid,
    SqlUuid,
    SqlUuid,
    Text,
    Text,
    Integer,
    Text,
    Text,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Integer>,
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::schema::bookings)]
pub(crate) struct BookingRow {
    pub(crate) event_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) ticket_type_id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) holder_name: String,
    pub(crate) holder_email: String,
    pub(crate) quantity: i32,
    pub(crate) status: String,
    pub(crate) origin: String,
    pub(crate) booked_at: Timestamp,
    pub(crate) cancelled_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) guest_link: Option<i32>,
}

impl TryFrom<BookingRow> for Booking {
    type Error = Error;

    fn try_from(row: BookingRow) -> Result<Self, Error> {
        Ok(Self {
            id: BookingId::from_uuid(row.id),
            key: TypeKey { event: EventId::from_uuid(row.event_id), ticket_type: TicketTypeId::from_uuid(row.ticket_type_id) },
            holder: Holder { account: AccountId::from_uuid(row.account_id), name: row.holder_name, email: row.holder_email },
            quantity: count(row.quantity)?,
            status: row.status.parse().map_err(unreadable)?,
            origin: row.origin.parse().map_err(unreadable)?,
            booked_at: row.booked_at,
            cancelled_at: row.cancelled_at,
            expires_at: row.expires_at,
            for_guest: row.guest_link.is_some(),
        })
    }
}
