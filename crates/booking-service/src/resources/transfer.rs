//! A transfer of tickets, as the accounts on its two sides see it.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TicketTypeId, TransferId};
use rowlock_domain::states::TransferStatus;
use rowlock_http::openapi as enums;
use rowlock_inventory::views::{HeldTransfer, Holder, NamedTransfer};
use serde::Serialize;
use utoipa::ToSchema;

/// A transfer of tickets from one account to another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transfer)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferResource {
    #[schema(value_type = Uuid)]
    id: TransferId,
    /// `sent` if you offered the tickets, `received` if they are offered to you.
    #[schema(pattern = "^(sent|received)$")]
    direction: &'static str,
    #[schema(value_type = Uuid)]
    event_id: EventId,
    event_name: String,
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    quantity: u32,
    #[schema(value_type = enums::TransferStatus)]
    status: TransferStatus,
    /// Your booking: the one from which the tickets come, or the one that you got when you accepted. Null until then.
    #[schema(value_type = Option<Uuid>, required)]
    booking_id: Option<BookingId>,
    /// The e-mail address to which you offered the tickets. It is deleted when the transfer ends.
    #[schema(required)]
    to_email: Option<String>,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    /// When the transfer lapses.
    #[schema(value_type = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    ended_at: Option<Timestamp>,
}

impl TransferResource {
    /// Returns a transfer as the account that offered the tickets sees it.
    pub(crate) fn for_sender(row: &NamedTransfer) -> Self {
        Self {
            direction: "sent",
            booking_id: Some(row.transfer.booking),
            to_email: row.transfer.to_email.clone(),
            ..Self::for_receiver(row)
        }
    }

    /// Returns a transfer as the owner of its link sees it.
    pub(crate) fn for_receiver(NamedTransfer { event_name, transfer }: &NamedTransfer) -> Self {
        Self {
            id: transfer.id,
            direction: "received",
            event_id: transfer.key.event,
            event_name: event_name.clone(),
            ticket_type_id: transfer.key.ticket_type,
            quantity: transfer.quantity,
            status: transfer.status,
            booking_id: transfer.received_booking,
            to_email: None,
            created_at: transfer.created_at,
            expires_at: transfer.expires_at,
            ended_at: transfer.ended_at,
        }
    }

    /// Returns a transfer as an account on one of its sides sees it.
    pub(crate) fn for_account(row: &NamedTransfer, account: AccountId) -> Self {
        if row.transfer.from_account == account {
            return Self::for_sender(row);
        }
        // The owner of the link may not be the account that accepted.
        let booking_id = row.transfer.received_booking.filter(|_| row.transfer.to_account == Some(account));
        Self { booking_id, ..Self::for_receiver(row) }
    }
}

/// A transfer of tickets as organizers see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventTransfer)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventTransferResource {
    #[schema(value_type = Uuid)]
    id: TransferId,
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    quantity: u32,
    #[schema(value_type = enums::TransferStatus)]
    status: TransferStatus,
    /// The account that offered the tickets.
    from: TransferSideResource,
    /// The account that accepted them. Null unless one has.
    #[schema(required)]
    to: Option<TransferSideResource>,
    /// The e-mail address to which the tickets are offered. It is deleted when the transfer ends.
    #[schema(required)]
    to_email: Option<String>,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    /// When the transfer lapses.
    #[schema(value_type = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    ended_at: Option<Timestamp>,
}

/// An account on one side of a transfer, with its booking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TransferSide)]
#[serde(rename_all = "camelCase")]
struct TransferSideResource {
    #[schema(value_type = Uuid)]
    account_id: AccountId,
    #[schema(value_type = Uuid)]
    booking_id: BookingId,
    /// The name of the holder. It is empty if the account was deleted.
    name: String,
    /// The e-mail address of the holder. It is empty if the account was deleted.
    email: String,
}

impl TransferSideResource {
    fn new(booking_id: BookingId, holder: Holder) -> Self {
        Self { account_id: holder.account, booking_id, name: holder.name, email: holder.email }
    }
}

impl From<HeldTransfer> for EventTransferResource {
    fn from(HeldTransfer { transfer, from, to }: HeldTransfer) -> Self {
        Self {
            id: transfer.id,
            ticket_type_id: transfer.key.ticket_type,
            quantity: transfer.quantity,
            status: transfer.status,
            from: TransferSideResource::new(transfer.booking, from),
            to: transfer.received_booking.zip(to).map(|(booking, holder)| TransferSideResource::new(booking, holder)),
            to_email: transfer.to_email,
            created_at: transfer.created_at,
            expires_at: transfer.expires_at,
            ended_at: transfer.ended_at,
        }
    }
}

/// The transfer after the request.
#[derive(Serialize, ToSchema)]
#[schema(as = TransferResult)]
pub(crate) struct TransferResponse {
    pub(crate) transfer: TransferResource,
}
