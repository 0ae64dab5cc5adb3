//! A booking, as its holder and administrators see it.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId};
use rowlock_domain::states::{BookingOrigin, BookingStatus};
use rowlock_http::openapi as enums;
use rowlock_inventory::views::{Holder, NamedBooking};
use serde::Serialize;
use utoipa::ToSchema;

/// A booking of one or more tickets of one type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Booking)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BookingResource {
    #[schema(value_type = Uuid)]
    id: BookingId,
    #[schema(value_type = Uuid)]
    event_id: EventId,
    event_name: String,
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    quantity: u32,
    #[schema(value_type = enums::BookingStatus)]
    status: BookingStatus,
    #[schema(value_type = enums::BookingOrigin)]
    origin: BookingOrigin,
    #[schema(value_type = DateTime)]
    booked_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    cancelled_at: Option<Timestamp>,
    /// When the reservation ends or ended; null unless the status is `reserved` or `expired`.
    #[schema(value_type = Option<DateTime>, required)]
    expires_at: Option<Timestamp>,
}

impl From<&NamedBooking> for BookingResource {
    fn from(row: &NamedBooking) -> Self {
        let booking = &row.booking;
        Self {
            id: booking.id,
            event_id: booking.key.event,
            event_name: row.event_name.clone(),
            ticket_type_id: booking.key.ticket_type,
            quantity: booking.quantity,
            status: booking.status,
            origin: booking.origin,
            booked_at: booking.booked_at,
            cancelled_at: booking.cancelled_at,
            expires_at: booking.expires_at.filter(|_| booking.status != BookingStatus::Cancelled),
        }
    }
}

/// The account that holds a booking or a waiting-list entry, for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Holder)]
pub(crate) struct HolderResource {
    #[schema(value_type = Uuid)]
    id: AccountId,
    name: String,
    email: String,
}

impl From<Holder> for HolderResource {
    fn from(holder: Holder) -> Self {
        Self { id: holder.account, name: holder.name, email: holder.email }
    }
}

/// A booking with its holder, for administrators.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldBooking)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeldBookingResource {
    #[serde(flatten)]
    booking: BookingResource,
    account: HolderResource,
    /// Whether the holder is a guest without an account, who has a link instead. The id of `account` is then generated.
    for_guest: bool,
}

impl From<NamedBooking> for HeldBookingResource {
    fn from(row: NamedBooking) -> Self {
        let booking = BookingResource::from(&row);
        Self { booking, for_guest: row.booking.for_guest, account: row.booking.holder.into() }
    }
}
