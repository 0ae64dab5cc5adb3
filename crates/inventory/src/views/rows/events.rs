//! The rows of events and of their ticket types.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{BookingLimits, Stock};
use rowlock_domain::ids::{AccountId, EventId, TicketTypeId, TypeKey};
use uuid::Uuid;

use super::{count, unreadable};
use crate::views::{Event, TicketType};

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
