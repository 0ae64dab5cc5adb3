//! Tickets, check-ins and the door list.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{BookingId, CheckinId, TicketId, TicketTypeId};
use rowlock_domain::tickets::TicketNumber;
use rowlock_inventory::tickets::{Admission, CheckinSummary, DoorListRow, TypeSummary};
use serde::Serialize;
use utoipa::ToSchema;

/// A ticket of a booking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ticket)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketResource {
    /// The number of the ticket within the booking. The first is 0; numbers of returned or replaced tickets are missing.
    #[schema(value_type = u16, maximum = 999)]
    pub(crate) number: TicketNumber,
    /// The signed code, which is the content of the QR code.
    #[schema(pattern = "^[A-Z2-7]{172}$")]
    pub(crate) code: String,
    /// A short name of the ticket for people, which is also on the printed ticket.
    #[schema(pattern = "^[0-9A-F]{8}-[0-9]{1,3}$")]
    pub(crate) reference: String,
    pub(crate) holder_name: String,
    pub(crate) status: TicketStatus,
    /// When the ticket was checked in.
    #[schema(value_type = Option<DateTime>, required)]
    pub(crate) used_at: Option<Timestamp>,
}

/// Whether somebody was admitted with the ticket.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TicketStatus {
    Valid,
    Used,
}

/// The tickets of a booking, ordered by number.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TicketList)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketListResource {
    pub(crate) items: Vec<TicketResource>,
    /// Whether there is a pass for Apple Wallet for each ticket, which `…/tickets/{number}.pkpass` returns.
    pub(crate) wallet_passes: bool,
}

/// The ticket of a check-in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CheckedInTicket)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckedInTicketResource {
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    /// The number of the ticket within the booking.
    #[schema(value_type = u16, maximum = 999)]
    number: TicketNumber,
}

/// A check-in: the holder of a ticket was admitted.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Checkin)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckinResource {
    #[schema(value_type = Uuid)]
    id: CheckinId,
    ticket: CheckedInTicketResource,
    /// Empty if the holder has erased the account.
    holder_name: String,
    /// The name of the ticket type.
    ticket_type: String,
    #[schema(value_type = DateTime)]
    checked_in_at: Timestamp,
    /// The name of the door, as its device sent it.
    #[schema(required)]
    door: Option<String>,
}

impl From<Admission> for CheckinResource {
    fn from(admission: Admission) -> Self {
        let Admission { checkin, booking, holder_name, ticket_type } = admission;
        let ticket = CheckedInTicketResource { booking_id: booking, number: checkin.number };
        Self { id: checkin.id, ticket, holder_name, ticket_type, checked_in_at: checkin.checked_in_at, door: checkin.door }
    }
}

/// How many tickets of an event were checked in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CheckinSummary)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckinSummaryResource {
    /// The counts per ticket type, ordered as in the event.
    ticket_types: Vec<TypeSummaryResource>,
    checked_in: u32,
    /// The number of tickets in confirmed bookings, including those that were checked in.
    expected: u32,
}

/// How many tickets of a type were checked in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TypeCheckinSummary)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypeSummaryResource {
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    name: String,
    checked_in: u32,
    /// The number of tickets in confirmed bookings, including those that were checked in.
    expected: u32,
}

impl From<CheckinSummary> for CheckinSummaryResource {
    fn from(summary: CheckinSummary) -> Self {
        let (checked_in, expected) = (summary.checked_in(), summary.expected());
        let counts =
            |TypeSummary { id, name, checked_in, expected }| TypeSummaryResource { ticket_type_id: id, name, checked_in, expected };
        Self { ticket_types: summary.types.into_iter().map(counts).collect(), checked_in, expected }
    }
}

/// A ticket that a door expects.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DoorListTicket)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DoorListResource {
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    /// The number of the ticket within the booking.
    #[schema(value_type = u16, maximum = 999)]
    number: TicketNumber,
    /// The short name of the ticket that is on the printed ticket.
    #[schema(pattern = "^[0-9A-F]{8}-[0-9]{1,3}$")]
    reference: String,
    holder_name: String,
    /// The name of the ticket type.
    ticket_type: String,
    #[schema(value_type = Option<DateTime>, required)]
    checked_in_at: Option<Timestamp>,
    #[schema(required)]
    door: Option<String>,
    /// The check-in, to undo it.
    #[schema(value_type = Option<Uuid>, required)]
    checkin_id: Option<CheckinId>,
}

impl DoorListResource {
    /// Describes a ticket of an event.
    pub(crate) fn of(ticket: TicketId, row: DoorListRow) -> Self {
        let DoorListRow { booking, number, holder_name, ticket_type, checkin } = row;
        let (checked_in_at, checkin_id) =
            (checkin.as_ref().map(|checkin| checkin.checked_in_at), checkin.as_ref().map(|checkin| checkin.id));
        let door = checkin.and_then(|checkin| checkin.door);
        Self { booking_id: booking, number, reference: ticket.reference(), holder_name, ticket_type, checked_in_at, door, checkin_id }
    }
}
