//! The parts of the messages' data that the notifier needs.

use serde::Deserialize;

use super::SealedNotice;
use crate::Timestamp;
use crate::ids::{AccountId, BookingId, EventId, TicketTypeId, TransferId, WaitlistEntryId, WishId};
use crate::messages::EventChanges;
use crate::states::{BookingOrigin, EventStatus, TransferStatus};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TicketData {
    pub(super) event_id: EventId,
    pub(super) ticket_type_id: Option<TicketTypeId>,
    pub(super) account_id: AccountId,
    pub(super) booking_id: Option<BookingId>,
    pub(super) waitlist_entry_id: Option<WaitlistEntryId>,
    pub(super) quantity: u32,
    /// Absent if the event has not been cancelled.
    #[serde(default)]
    pub(super) event_cancelled: bool,
    /// Absent if a promoted entry got all its tickets, and in messages about anything else.
    pub(super) requested_quantity: Option<u32>,
    /// Absent if an entry takes no fewer tickets, and in messages about anything else.
    pub(super) min_quantity: Option<u32>,
    /// Absent if the entry belongs to no wish, and in messages about anything else.
    pub(super) wish_id: Option<WishId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReturnedData {
    pub(super) event_id: EventId,
    pub(super) ticket_type_id: Option<TicketTypeId>,
    pub(super) account_id: AccountId,
    pub(super) booking_id: Option<BookingId>,
    pub(super) returned: u32,
    /// Absent if the tickets had been sold.
    #[serde(default)]
    pub(super) reserved: bool,
    /// Absent if the whole booking was cancelled.
    #[serde(default)]
    pub(super) quantity: u32,
    /// Absent if the event has not been cancelled.
    #[serde(default)]
    pub(super) event_cancelled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfferData {
    pub(super) booking_id: BookingId,
    pub(super) expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfferedTransferData {
    pub(super) transfer_id: TransferId,
    pub(super) expires_at: Timestamp,
    pub(super) sealed: SealedNotice,
}

#[derive(Deserialize)]
pub(super) struct AcceptedTransferData {
    pub(super) remaining: u32,
}

#[derive(Deserialize)]
pub(super) struct EndedTransferData {
    pub(super) status: TransferStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GuestLinkData {
    /// Absent if the guest waits.
    pub(super) booking_id: Option<BookingId>,
}

#[derive(Deserialize)]
pub(super) struct ExpiredData {
    pub(super) origin: BookingOrigin,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdatedData {
    pub(super) event_id: EventId,
    pub(super) status: EventStatus,
    /// Absent if nothing changed that holders are told, and in messages of versions that did not write it.
    #[serde(default)]
    pub(super) changes: EventChanges,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoticeData {
    pub(super) account_id: AccountId,
    pub(super) sealed: SealedNotice,
}
