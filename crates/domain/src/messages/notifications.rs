//! Reads the messages that people are told about, for the notifier.

mod wishes;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::wishes::{delivery_id, is_told_by_first_choice};
use super::envelope::is_readable_schema;
use super::{EventChanges, UnreadableMessage};
use crate::Timestamp;
use crate::ids::{AccountId, BookingId, EventId, MessageId, TransferId, WaitlistEntryId};
use crate::states::{BookingOrigin, EventStatus, TransferStatus};

/// The topic patterns of the messages that the notifier takes at once: somebody waits for them, or they are few.
pub const URGENT_NOTIFICATION_PATTERNS: [&str; 6] =
    ["waitlist.promoted", "waitlist.offered", "event.*", "account.notice", "transfer.*", "guest.*"];

/// The topic patterns of the other messages that the notifier receives. A sale leads to thousands of them per second, so they can wait.
pub const NOTIFICATION_ROUTING_PATTERNS: [&str; 6] =
    ["booking.*", "waitlist.joined", "waitlist.left", "waitlist.changed", "waitlist.closed", "waitlist.reopened"];

/// Something that a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// Tickets were booked.
    Booked(TicketNotification),
    /// All or some tickets of a booking were returned.
    Returned(TicketNotification),
    /// Reserved tickets, which had not been sold, were returned.
    Withdrawn(TicketNotification),
    /// The account joined a waiting list.
    Joined(TicketNotification),
    /// The account got tickets from the waiting list.
    Promoted(TicketNotification),
    /// The account was offered tickets from the waiting list, which it must accept in time.
    Offered {
        /// The tickets.
        tickets: TicketNotification,
        /// The reserved booking.
        booking: BookingId,
        /// The time at which the offer ends.
        expires_at: Timestamp,
    },
    /// An offer was not accepted in time.
    OfferLapsed(TicketNotification),
    /// The entry in the waiting list was closed.
    Closed(TicketNotification),
    /// The account offered tickets to somebody else, who gets a link.
    TransferOffered {
        /// The tickets and the account that offers them.
        tickets: TicketNotification,
        /// The transfer.
        transfer: TransferId,
        /// The time at which the transfer lapses.
        expires_at: Timestamp,
        /// The address and the secret of the link, which only the notifier can open.
        sealed: SealedNotice,
    },
    /// Somebody accepted the tickets that the account offered.
    TransferAccepted(TicketNotification),
    /// Somebody declined the tickets that the account offered.
    TransferDeclined(TicketNotification),
    /// The account accepted tickets that somebody else offered.
    TransferReceived(TicketNotification),
    /// An administrator wants the link of a guest to be sent again.
    GuestLink(TicketNotification),
    /// An event was changed, which all holders of its tickets are told.
    EventChanged(Box<ChangedEvent>),
    /// A notice about the account itself.
    Account {
        /// The account.
        account: AccountId,
        /// The notice with its address and its link, which only the notifier can open.
        sealed: SealedNotice,
    },
}

/// A notification about tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketNotification {
    /// The event of the tickets.
    pub event: EventId,
    /// The account whose tickets they are.
    pub account: AccountId,
    /// The number of tickets that were booked, returned or waited for.
    pub quantity: u32,
    /// The number of tickets that a promoted entry waited for, if it got fewer.
    pub requested: Option<u32>,
    /// The number of tickets that the booking still has.
    pub remaining: u32,
    /// Whether the message tells that the event was called off. Older versions of the services did not write it.
    pub is_called_off: bool,
    /// The place of the change in the history of its booking or entry, or `None` if the message does not tell.
    pub place: Option<HistoryPlace>,
}

/// The place of a change in the history of a booking and of a waiting-list entry. Messages can arrive in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPlace {
    /// The booking, if there is one.
    pub booking: Option<BookingId>,
    /// The waiting-list entry, if there is one.
    pub entry: Option<WaitlistEntryId>,
    /// The version of the ticket type after the change.
    pub sequence: i64,
}

/// A change of a published event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedEvent {
    /// The event.
    pub event: EventId,
    /// The version of the event after the change.
    pub version: i64,
    /// The changes, of which there is at least one.
    pub changes: EventChanges,
}

/// A sealed value. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedNotice(pub String);

impl std::fmt::Debug for SealedNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedNotice")
    }
}

impl Serialize for SealedNotice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SealedNotice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TicketData {
    event_id: EventId,
    account_id: AccountId,
    booking_id: Option<BookingId>,
    waitlist_entry_id: Option<WaitlistEntryId>,
    quantity: u32,
    /// Absent if the event has not been cancelled.
    #[serde(default)]
    event_cancelled: bool,
    /// Absent if a promoted entry got all its tickets, and in messages about anything else.
    requested_quantity: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReturnedData {
    event_id: EventId,
    account_id: AccountId,
    booking_id: Option<BookingId>,
    returned: u32,
    /// Absent if the tickets had been sold.
    #[serde(default)]
    reserved: bool,
    /// Absent if the whole booking was cancelled.
    #[serde(default)]
    quantity: u32,
    /// Absent if the event has not been cancelled.
    #[serde(default)]
    event_cancelled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfferData {
    booking_id: BookingId,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfferedTransferData {
    transfer_id: TransferId,
    expires_at: Timestamp,
    sealed: SealedNotice,
}

#[derive(Deserialize)]
struct AcceptedTransferData {
    remaining: u32,
}

#[derive(Deserialize)]
struct EndedTransferData {
    status: TransferStatus,
}

#[derive(Deserialize)]
struct ExpiredData {
    origin: BookingOrigin,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedData {
    event_id: EventId,
    status: EventStatus,
    /// Absent if nothing changed that holders are told, and in messages of versions that did not write it.
    #[serde(default)]
    changes: EventChanges,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NoticeData {
    account_id: AccountId,
    sealed: SealedNotice,
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
        "guest.link_requested" => Notification::GuestLink(tickets(data, None)?),
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
            let ReturnedData { event_id: event, account_id: account, booking_id, returned, reserved, .. } = data;
            let place = HistoryPlace::of(booking_id, None, sequence);
            let (remaining, is_called_off) = (data.quantity, data.event_cancelled);
            let tickets = TicketNotification { event, account, quantity: returned, requested: None, remaining, is_called_off, place };
            if reserved { Notification::Withdrawn(tickets) } else { Notification::Returned(tickets) }
        }
    }))
}

fn tickets(data: serde_json::Value, sequence: Option<i64>) -> Result<TicketNotification, serde_json::Error> {
    let data: TicketData = serde_json::from_value(data)?;
    Ok(TicketNotification {
        event: data.event_id,
        account: data.account_id,
        quantity: data.quantity,
        requested: data.requested_quantity,
        remaining: data.quantity,
        is_called_off: data.event_cancelled,
        place: HistoryPlace::of(data.booking_id, data.waitlist_entry_id, sequence),
    })
}

impl HistoryPlace {
    fn of(booking: Option<BookingId>, entry: Option<WaitlistEntryId>, sequence: Option<i64>) -> Option<Self> {
        sequence.filter(|_| booking.is_some() || entry.is_some()).map(|sequence| Self { booking, entry, sequence })
    }
}

#[cfg(test)]
mod tests;
