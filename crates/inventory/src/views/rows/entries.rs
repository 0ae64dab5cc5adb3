//! The rows of waiting-list entries.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::PartySize;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::wishes::WishPlace;
use uuid::Uuid;

use super::{count, unreadable};
use crate::views::{Holder, WaitlistEntry};

/// The columns of `waitlist_entries`, in the order of [`EntryRow`].
pub(crate) type EntryColumns = (
    SqlUuid,
    SqlUuid,
    SqlUuid,
    SqlUuid,
    Text,
    Text,
    Integer,
    BigInt,
    Text,
    Nullable<SqlUuid>,
    Timestamptz,
    Nullable<Timestamptz>,
    Bool,
    Nullable<Integer>,
    Nullable<SqlUuid>,
    Nullable<SmallInt>,
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::schema::waitlist_entries)]
pub(crate) struct EntryRow {
    pub(crate) event_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) ticket_type_id: Uuid,
    pub(crate) account_id: Uuid,
    pub(crate) holder_name: String,
    pub(crate) holder_email: String,
    pub(crate) quantity: i32,
    pub(crate) number: i64,
    pub(crate) status: String,
    pub(crate) booking_id: Option<Uuid>,
    pub(crate) joined_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) for_guest: bool,
    pub(crate) min_quantity: Option<i32>,
    pub(crate) wish_id: Option<Uuid>,
    pub(crate) preference: Option<i16>,
}

impl TryFrom<EntryRow> for WaitlistEntry {
    type Error = Error;

    fn try_from(row: EntryRow) -> Result<Self, Error> {
        let quantity = count(row.quantity)?;
        // The previous release can lower the quantity below the minimum.
        let min_quantity = row.min_quantity.map(count).transpose()?.map_or(quantity, |min| min.min(quantity));
        Ok(Self {
            id: WaitlistEntryId::from_uuid(row.id),
            key: TypeKey { event: EventId::from_uuid(row.event_id), ticket_type: TicketTypeId::from_uuid(row.ticket_type_id) },
            holder: Holder { account: AccountId::from_uuid(row.account_id), name: row.holder_name, email: row.holder_email },
            size: PartySize { quantity, min_quantity },
            number: row.number,
            status: row.status.parse().map_err(unreadable)?,
            booking: row.booking_id.map(BookingId::from_uuid),
            joined_at: row.joined_at,
            ended_at: row.ended_at,
            for_guest: row.for_guest,
            wish: row.wish_id.zip(row.preference).map(wish_place).transpose()?,
        })
    }
}

fn wish_place((id, preference): (Uuid, i16)) -> Result<WishPlace, Error> {
    Ok(WishPlace { id: WishId::from_uuid(id), preference: u16::try_from(preference).map_err(unreadable)? })
}
