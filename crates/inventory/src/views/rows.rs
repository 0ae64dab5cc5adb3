//! The rows as the database returns them. A value that the domain does not know is an error.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{BookingLimits, PartySize, Stock};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TransferId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::wishes::WishPlace;
use uuid::Uuid;

use super::{Booking, Event, Holder, TicketType, Transfer, WaitlistEntry};

pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::DeserializationError(Box::new(error))
}

/// Converts a number to the type of its column.
pub(crate) fn to_int(value: u32) -> Result<i32, Error> {
    i32::try_from(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

fn count(value: i32) -> Result<u32, Error> {
    u32::try_from(value).map_err(unreadable)
}

/// The columns of `events`, in the order of [`EventRow`].
pub(crate) type EventColumns = (
    SqlUuid,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Text,
    Nullable<Timestamptz>,
    Text,
    Nullable<Timestamptz>,
    BigInt,
    SqlUuid,
    Timestamptz,
    Timestamptz,
    Text,
    Nullable<Jsonb>,
    Nullable<Integer>,
    Nullable<Integer>,
);

#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = crate::schema::events, check_for_backend(diesel::pg::Pg))]
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) venue: Option<String>,
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) sales_start_at: Option<Timestamp>,
    pub(crate) sales_end_at: Option<Timestamp>,
    pub(crate) waitlist_until: String,
    pub(crate) cancel_until: Option<Timestamp>,
    pub(crate) status: String,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) version: i64,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) time_zone: String,
    pub(crate) picture: Option<serde_json::Value>,
    pub(crate) checkout_minutes: Option<i32>,
    pub(crate) offer_minutes: Option<i32>,
}

impl TryFrom<EventRow> for Event {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Self, Error> {
        Ok(Self {
            id: EventId::from_uuid(row.id),
            name: row.name,
            description: row.description,
            venue: row.venue,
            time_zone: row.time_zone,
            picture: row.picture.map(serde_json::from_value).transpose().map_err(unreadable)?,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            sales_start_at: row.sales_start_at,
            sales_end_at: row.sales_end_at,
            waitlist_until: row.waitlist_until.parse().map_err(unreadable)?,
            cancel_until: row.cancel_until,
            checkout_minutes: row.checkout_minutes.map(count).transpose()?,
            offer_minutes: row.offer_minutes.map(count).transpose()?,
            status: row.status.parse().map_err(unreadable)?,
            published_at: row.published_at,
            version: row.version,
            created_by: AccountId::from_uuid(row.created_by),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The columns of `ticket_types`, in the order of [`TypeRow`].
pub(crate) type TypeColumns = (
    SqlUuid,
    SqlUuid,
    SmallInt,
    Text,
    BigInt,
    Text,
    Integer,
    Integer,
    Integer,
    Integer,
    Integer,
    BigInt,
    BigInt,
    Integer,
    Nullable<Integer>,
    Integer,
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::schema::ticket_types)]
pub(crate) struct TypeRow {
    pub(crate) event_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) position: i16,
    pub(crate) name: String,
    pub(crate) price_minor: i64,
    pub(crate) currency: String,
    pub(crate) capacity: i32,
    pub(crate) available: i32,
    pub(crate) booked: i32,
    pub(crate) held: i32,
    pub(crate) waiting: i32,
    pub(crate) next_waitlist_number: i64,
    pub(crate) version: i64,
    pub(crate) max_per_booking: i32,
    pub(crate) max_per_account: Option<i32>,
    pub(crate) reserved: i32,
}

impl TryFrom<TypeRow> for TicketType {
    type Error = Error;

    fn try_from(row: TypeRow) -> Result<Self, Error> {
        Ok(Self {
            key: TypeKey { event: EventId::from_uuid(row.event_id), ticket_type: TicketTypeId::from_uuid(row.id) },
            position: row.position,
            name: row.name,
            price_minor: row.price_minor,
            currency: row.currency,
            stock: Stock {
                capacity: count(row.capacity)?,
                available: count(row.available)?,
                booked: count(row.booked)?,
                reserved: count(row.reserved)?,
                held: count(row.held)?,
                waiting: count(row.waiting)?,
                next_number: row.next_waitlist_number,
                version: row.version,
            },
            limits: BookingLimits {
                max_per_booking: count(row.max_per_booking)?,
                max_per_account: row.max_per_account.map(count).transpose()?,
            },
        })
    }
}

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
