//! Response bodies of the API, as JSON.

mod availability;
mod booking;
mod command_response;
mod event;
mod event_status;
mod queue_log;
mod ticket;
mod ticket_type;
mod timeline;
mod transfer;
mod waitlist_entry;

pub(crate) use self::availability::AvailabilityResource;
pub(crate) use self::booking::{BookingResource, HeldBookingResource};
pub(crate) use self::command_response::{
    BookedResponse, ChangedEntryResponse, ConfirmedResponse, LeftResponse, ReturnedResponse, WaitlistedResponse,
};
pub(crate) use self::event::{ChangedEventResource, EventImageResource, EventResource, ListedEventResource};
pub(crate) use self::event_status::EventStatusResource;
pub(crate) use self::queue_log::QueueLogResource;
pub(crate) use self::ticket::{
    CheckinResource, CheckinSummaryResource, DoorListResource, TicketListResource, TicketResource, TicketStatus,
};
pub(crate) use self::timeline::TimelineResource;
pub(crate) use self::transfer::{EventTransferResource, TransferResource, TransferResponse};
pub(crate) use self::waitlist_entry::WaitlistEntryResource;
