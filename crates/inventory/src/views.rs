//! The rows of the tables as domain types, for readers and for transactions.

use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{Schedule, Stock, Terms};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::states::{BookingOrigin, BookingStatus, EventStatus, WaitlistStatus, WaitlistUntil};

use crate::create::EventTimes;

/// The person for whom a booking or an entry was made, with the data from the access token or, for guests, from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub account: AccountId,
    /// The name of the person.
    pub name: String,
    /// The e-mail address of the person.
    pub email: String,
}

/// An event without its ticket types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id.
    pub id: EventId,
    /// The name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The venue.
    pub venue: Option<String>,
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The end of the event.
    pub ends_at: Option<Timestamp>,
    /// The start of sales. If absent, sales start when the event is published.
    pub sales_start_at: Option<Timestamp>,
    /// The end of sales. If absent, sales end when the event starts.
    pub sales_end_at: Option<Timestamp>,
    /// The point in time at which the waiting list ends.
    pub waitlist_until: WaitlistUntil,
    /// The time until which holders can return tickets. If absent, they can until the event starts.
    pub cancel_until: Option<Timestamp>,
    /// The status.
    pub status: EventStatus,
    /// The time at which the event was first published.
    pub published_at: Option<Timestamp>,
    /// The version, incremented by each change that an administrator makes.
    pub version: i64,
    /// The administrator who created the event.
    pub created_by: AccountId,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl Event {
    /// Returns the times, which must not contradict each other.
    pub const fn times(&self) -> EventTimes {
        EventTimes {
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            sales_start_at: self.sales_start_at,
            sales_end_at: self.sales_end_at,
            cancel_until: self.cancel_until,
        }
    }

    /// Returns the data that decide about sales and promotions.
    pub const fn schedule(&self) -> Schedule {
        Schedule {
            status: self.status,
            sales_start_at: self.sales_start_at,
            sales_end_at: self.sales_end_at,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            waitlist_until: self.waitlist_until,
            cancel_until: self.cancel_until,
        }
    }
}

/// A ticket type with its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketType {
    /// The key.
    pub key: TypeKey,
    /// The position in the event's list of types, starting at 0.
    pub position: i16,
    /// The name.
    pub name: String,
    /// The price of one ticket, in minor units.
    pub price_minor: i64,
    /// The ISO 4217 code of the currency.
    pub currency: String,
    /// The counters.
    pub stock: Stock,
    /// The limits.
    pub terms: Terms,
}

/// An event with its ticket types, ordered by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWithTypes {
    /// The event.
    pub event: Event,
    /// The ticket types.
    pub types: Vec<TicketType>,
}

impl EventWithTypes {
    /// Returns a value that differs whenever anything that a reader of the event can see has changed.
    pub fn content_version(&self) -> (i64, i64) {
        (self.event.version, self.types.iter().map(|ticket_type| ticket_type.stock.version).sum())
    }
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The id.
    pub id: BookingId,
    /// The ticket type that was booked.
    pub key: TypeKey,
    /// The holder.
    pub holder: Holder,
    /// The number of tickets. A cancelled booking keeps the number that it last had.
    pub quantity: u32,
    /// The status.
    pub status: BookingStatus,
    /// The way in which the booking was created.
    pub origin: BookingOrigin,
    /// The time of creation.
    pub booked_at: Timestamp,
    /// The time at which all tickets were returned.
    pub cancelled_at: Option<Timestamp>,
}

/// An entry of a waiting list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitlistEntry {
    /// The id.
    pub id: WaitlistEntryId,
    /// The ticket type that the entry waits for.
    pub key: TypeKey,
    /// The holder.
    pub holder: Holder,
    /// The number of tickets that the entry waits for.
    pub quantity: u32,
    /// The sequence number that orders the list.
    pub number: i64,
    /// The status.
    pub status: WaitlistStatus,
    /// The booking that the entry became.
    pub booking: Option<BookingId>,
    /// The time of creation.
    pub joined_at: Timestamp,
    /// The time at which the entry stopped waiting.
    pub ended_at: Option<Timestamp>,
}

/// A booking with the name of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedBooking {
    /// The name of the event.
    pub event_name: String,
    /// The booking.
    pub booking: Booking,
}

/// An entry with the name of its event and its position in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEntry {
    /// The name of the event.
    pub event_name: String,
    /// The position in the queue, starting at 1, if the entry is waiting.
    pub place: Option<i64>,
    /// The entry.
    pub entry: WaitlistEntry,
}

/// The rows as the database returns them. A value that the domain does not know is an error.
pub(crate) mod rows {
    use diesel::prelude::*;
    use diesel::result::Error;
    use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
    use uuid::Uuid;

    use super::{
        AccountId, Booking, BookingId, Event, EventId, Holder, Stock, Terms, TicketType, TicketTypeId, Timestamp, TypeKey, WaitlistEntry,
        WaitlistEntryId,
    };

    pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::DeserializationError(Box::new(error))
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
    }

    impl TryFrom<EventRow> for Event {
        type Error = Error;

        fn try_from(row: EventRow) -> Result<Self, Error> {
            Ok(Self {
                id: EventId::from_uuid(row.id),
                name: row.name,
                description: row.description,
                venue: row.venue,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                sales_start_at: row.sales_start_at,
                sales_end_at: row.sales_end_at,
                waitlist_until: row.waitlist_until.parse().map_err(unreadable)?,
                cancel_until: row.cancel_until,
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
                    held: count(row.held)?,
                    waiting: count(row.waiting)?,
                    next_number: row.next_waitlist_number,
                    version: row.version,
                },
                terms: Terms { max_per_booking: count(row.max_per_booking)?, max_per_account: row.max_per_account.map(count).transpose()? },
            })
        }
    }

    /// The columns of `bookings`, in the order of [`BookingRow`].
    pub(crate) type BookingColumns =
        (SqlUuid, SqlUuid, SqlUuid, SqlUuid, Text, Text, Integer, Text, Text, Timestamptz, Nullable<Timestamptz>);

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
            })
        }
    }

    /// The columns of `waitlist_entries`, in the order of [`EntryRow`].
    pub(crate) type EntryColumns =
        (SqlUuid, SqlUuid, SqlUuid, SqlUuid, Text, Text, Integer, BigInt, Text, Nullable<SqlUuid>, Timestamptz, Nullable<Timestamptz>);

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
    }

    impl TryFrom<EntryRow> for WaitlistEntry {
        type Error = Error;

        fn try_from(row: EntryRow) -> Result<Self, Error> {
            Ok(Self {
                id: WaitlistEntryId::from_uuid(row.id),
                key: TypeKey { event: EventId::from_uuid(row.event_id), ticket_type: TicketTypeId::from_uuid(row.ticket_type_id) },
                holder: Holder { account: AccountId::from_uuid(row.account_id), name: row.holder_name, email: row.holder_email },
                quantity: count(row.quantity)?,
                number: row.number,
                status: row.status.parse().map_err(unreadable)?,
                booking: row.booking_id.map(BookingId::from_uuid),
                joined_at: row.joined_at,
                ended_at: row.ended_at,
            })
        }
    }
}
