//! Reads the messages that people are told about, for the notifier.

mod payloads;
mod told;
mod wishes;

use serde::Deserialize;
use serde::de::Error;

use self::payloads::{
    AcceptedTransferData, EndedTransferData, ExpiredData, GuestLinkData, NoticeData, OfferData, OfferedTransferData, ReturnedData,
    TicketData, UpdatedData,
};
pub use self::told::{ChangedEvent, HistoryPlace, Notification, SealedNotice, TicketNotification};
use self::wishes::{delivery_id, is_told_by_first_choice};
use super::UnreadableMessage;
use super::envelope::is_readable_schema;
use crate::ids::MessageId;
use crate::states::{BookingOrigin, EventStatus, TransferStatus};

/// The topic patterns of the messages that the notifier takes at once: somebody waits for them, or they are few.
pub const URGENT_NOTIFICATION_PATTERNS: [&str; 6] =
    ["waitlist.promoted", "waitlist.offered", "event.*", "account.notice", "transfer.*", "guest.*"];

/// The topic patterns of the other messages that the notifier receives. A sale leads to thousands of them per second, so they can wait.
pub const NOTIFICATION_ROUTING_PATTERNS: [&str; 6] =
    ["booking.*", "waitlist.joined", "waitlist.left", "waitlist.changed", "waitlist.closed", "waitlist.reopened"];

/// A message and what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationMessage {
    /// The identity of the message. Redeliveries have the same id, and so do the messages that close the entries of one wish.
    pub id: MessageId,
    /// The notification, or `None` if nobody is told about messages of this type.
    pub notification: Option<Notification>,
}

#[derive(Deserialize)]
struct Envelope {
    specversion: String,
    id: MessageId,
    r#type: String,
    dataschema: String,
    sequence: Option<String>,
    data: serde_json::Value,
}

/// Parses a message of any type. The contract version matters only for the types that people are told about, so that a newer service
/// can publish messages of new types and versions.
pub fn parse_notification_message(body: &[u8]) -> Result<NotificationMessage, UnreadableMessage> {
    let envelope: Envelope = serde_json::from_slice(body)?;
    if envelope.specversion != "1.0" {
        return Err(UnreadableMessage::Type(format!("{} {}", envelope.specversion, envelope.r#type)));
    }
    Ok(NotificationMessage { id: delivery_id(&envelope)?, notification: notification(envelope)? })
}

/// The types of messages that people are told about.
const TYPES: [&str; 15] = [
    "booking.confirmed",
    "booking.expired",
    "booking.reduced",
    "booking.cancelled",
    "waitlist.joined",
    "waitlist.promoted",
    "waitlist.offered",
    "waitlist.closed",
    "event.updated",
    "account.notice",
    "transfer.offered",
    "transfer.accepted",
    "transfer.received",
    "transfer.ended",
    "guest.link_requested",
];

fn notification(envelope: Envelope) -> Result<Option<Notification>, UnreadableMessage> {
    let Envelope { r#type, dataschema, sequence, data, .. } = envelope;
    if !TYPES.contains(&r#type.as_str()) {
        return Ok(None);
    }
    if !is_readable_schema(&dataschema, &r#type) {
        return Err(UnreadableMessage::Schema(dataschema));
    }
    let sequence: Option<i64> = sequence.and_then(|sequence| sequence.parse().ok());
    Ok(Some(match r#type.as_str() {
        "booking.confirmed" => Notification::Booked(tickets(data, sequence)?),
        "waitlist.joined" if is_told_by_first_choice(&data)? => return Ok(None),
        "waitlist.joined" => Notification::Joined(tickets(data, sequence)?),
        "waitlist.promoted" => Notification::Promoted(tickets(data, sequence)?),
        "waitlist.closed" => Notification::Closed(tickets(data, sequence)?),
        "waitlist.offered" => {
            let OfferData { booking_id: booking, expires_at } = OfferData::deserialize(&data)?;
            Notification::Offered { tickets: tickets(data, sequence)?, booking, expires_at }
        }
        "booking.expired" => match ExpiredData::deserialize(&data)?.origin {
            BookingOrigin::Waitlist => Notification::OfferLapsed(tickets(data, sequence)?),
            // The holder left the checkout. Transferred bookings are never reserved.
            BookingOrigin::Direct | BookingOrigin::Transfer => return Ok(None),
        },
        "transfer.offered" => {
            let OfferedTransferData { transfer_id: transfer, expires_at, sealed } = OfferedTransferData::deserialize(&data)?;
            Notification::TransferOffered { tickets: tickets(data, None)?, transfer, expires_at, sealed }
        }
        "transfer.accepted" => {
            let AcceptedTransferData { remaining } = AcceptedTransferData::deserialize(&data)?;
            Notification::TransferAccepted(TicketNotification { remaining, ..tickets(data, None)? })
        }
        "transfer.received" => Notification::TransferReceived(tickets(data, sequence)?),
        "transfer.ended" => match EndedTransferData::deserialize(&data)?.status {
            TransferStatus::Declined => Notification::TransferDeclined(tickets(data, None)?),
            // The sender did it, and the address of the receiver is deleted.
            _ => return Ok(None),
        },
        "guest.link_requested" => {
            let GuestLinkData { booking_id } = GuestLinkData::deserialize(&data)?;
            let tickets = tickets(data, None)?;
            if booking_id.is_some() { Notification::GuestLink(tickets) } else { Notification::WaitingGuestLink(tickets) }
        }
        "event.updated" => {
            let UpdatedData { event_id, status, changes } = serde_json::from_value(data)?;
            if status != EventStatus::Published || changes.is_empty() {
                return Ok(None);
            }
            let version = sequence.ok_or_else(|| serde_json::Error::custom("the sequence is not a number"))?;
            Notification::EventChanged(Box::new(ChangedEvent { event: event_id, version, changes }))
        }
        "account.notice" => {
            let NoticeData { account_id, sealed } = serde_json::from_value(data)?;
            Notification::Account { account: account_id, sealed }
        }
        _ => {
            let data: ReturnedData = serde_json::from_value(data)?;
            let ReturnedData { event_id: event, ticket_type_id: ticket_type, account_id: account, booking_id, returned, reserved, .. } =
                data;
            let place = HistoryPlace::of(booking_id, None, sequence);
            let (remaining, is_called_off) = (data.quantity, data.event_cancelled);
            let tickets = TicketNotification {
                event,
                ticket_type,
                account,
                quantity: returned,
                requested: None,
                minimum: None,
                belongs_to_wish: false,
                remaining,
                is_called_off,
                place,
            };
            if reserved { Notification::Withdrawn(tickets) } else { Notification::Returned(tickets) }
        }
    }))
}

fn tickets(data: serde_json::Value, sequence: Option<i64>) -> Result<TicketNotification, serde_json::Error> {
    let data: TicketData = serde_json::from_value(data)?;
    Ok(TicketNotification {
        event: data.event_id,
        ticket_type: data.ticket_type_id,
        account: data.account_id,
        quantity: data.quantity,
        requested: data.requested_quantity,
        minimum: data.min_quantity,
        belongs_to_wish: data.wish_id.is_some(),
        remaining: data.quantity,
        is_called_off: data.event_cancelled,
        place: HistoryPlace::of(data.booking_id, data.waitlist_entry_id, sequence),
    })
}

#[cfg(test)]
mod tests;
