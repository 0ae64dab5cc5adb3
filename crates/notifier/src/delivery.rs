//! Deliveries: which person is told what, and what became of it.

mod kind;
mod retry;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, MessageId, TicketTypeId, TransferId, WaitlistEntryId};
use rowlock_domain::messages::{HistoryPlace, Notification, SealedNotice, TicketNotification};
use rowlock_messaging::amqp::shorten;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::kind::Kind;
pub(crate) use self::retry::RetryPlan;
use crate::broadcast::NewBroadcast;
use crate::mail::single_line;

/// The status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is sent, or tried again, when it is due.
    Pending,
    /// A notifier has claimed it and is about to send it.
    Sending,
    /// The server has taken the mail.
    Sent,
    /// The mail was refused, or could not be sent for too long.
    Failed,
    /// It is unknown whether the server has taken the mail.
    Unclear,
    /// There is nothing to send: the recipient or the event is gone, or the recipient does not want the mail.
    Skipped,
}

impl Status {
    /// All statuses.
    pub(crate) const ALL: [Self; 6] = [Self::Pending, Self::Sending, Self::Sent, Self::Failed, Self::Unclear, Self::Skipped];

    /// The statuses of deliveries that are not sent again by themselves, so that a person has to decide.
    pub(crate) const NEEDING_DECISION: &'static [Self] = &[Self::Failed, Self::Unclear];

    /// Returns the name in the column `status`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unclear => "unclear",
            Self::Skipped => "skipped",
        }
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| format!("must be one of {}", names()))
    }
}

/// The key of a delivery. There is one channel, e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeliveryKey {
    /// The message that reported the change.
    pub(crate) message: MessageId,
    /// The account that is told.
    pub(crate) recipient: AccountId,
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.message, self.recipient)
    }
}

/// The column `data` of a delivery about tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TicketData {
    /// The event of the tickets.
    pub(crate) event_id: EventId,
    /// The type of the tickets, if it is known and the mail is about tickets of one type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ticket_type_id: Option<TicketTypeId>,
    /// The number of tickets that were booked, returned or waited for.
    pub(crate) quantity: u32,
    /// The number of tickets that a promoted entry waited for, if it got fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requested: Option<u32>,
    /// The smallest number of tickets that an entry which has joined takes, if it takes fewer than it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) minimum: Option<u32>,
    /// Whether an entry which has joined belongs to a wish, whose other choices wait as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) belongs_to_wish: bool,
    /// The number of tickets that the booking still has.
    pub(crate) remaining: u32,
    /// Whether the message told that the event was called off, which the cached event may not show yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_called_off: bool,
    /// The offer, if the tickets are offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offer: Option<Offer>,
}

#[cfg(test)]
impl TicketData {
    /// Returns the data of a mail about so many tickets of an event.
    pub(crate) const fn of(event_id: EventId, quantity: u32) -> Self {
        Self {
            event_id,
            ticket_type_id: None,
            quantity,
            requested: None,
            minimum: None,
            belongs_to_wish: false,
            remaining: quantity,
            is_called_off: false,
            offer: None,
        }
    }
}

/// An offer of tickets from a waiting list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offer {
    /// The reserved booking.
    pub(crate) booking_id: BookingId,
    /// The time at which the offer ends.
    pub(crate) expires_at: Timestamp,
}

/// The column `data` of a notice about an account.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct NoticeData {
    /// The sealed notice.
    pub(crate) sealed: SealedNotice,
}

/// The part of the column `data` with which somebody accepts tickets. The other part is [`TicketData`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferData {
    /// The transfer.
    pub(crate) transfer_id: TransferId,
    /// The time at which it lapses.
    pub(crate) expires_at: Timestamp,
    /// The sealed address and secret of the link.
    pub(crate) sealed: SealedNotice,
}

/// The column `data` of a delivery about a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookData {
    /// The URL of the webhook.
    pub(crate) url: String,
    /// The name that its creator gave it.
    pub(crate) description: Option<String>,
    /// Why it was switched off: `gone` or `failing`.
    pub(crate) reason: String,
    /// The error of the last attempt.
    pub(crate) last_error: Option<String>,
}

/// A delivery that is not stored yet.
#[derive(Debug, Clone)]
pub(crate) struct NewDelivery {
    pub(crate) key: DeliveryKey,
    pub(crate) kind: Kind,
    pub(crate) data: Value,
    /// The place in the history of a booking or entry, if it is about one.
    pub(crate) place: Option<HistoryPlace>,
}

impl NewDelivery {
    /// Adds fields to the column `data`.
    fn with(mut self, fields: Value) -> Self {
        if let (Value::Object(data), Value::Object(fields)) = (&mut self.data, fields) {
            data.extend(fields);
        }
        self
    }
}

/// A row that is not stored yet.
#[derive(Debug, Clone)]
pub(crate) enum NewRow {
    /// One person is told.
    Delivery(NewDelivery),
    /// All holders of tickets of an event are told.
    Broadcast(NewBroadcast),
}

impl NewRow {
    /// Returns the row that a message leads to.
    pub(crate) fn of(message: MessageId, notification: Notification) -> Self {
        let with_offer = |kind, tickets: TicketNotification, offer| {
            let TicketNotification { event: event_id, ticket_type, account, quantity, requested, remaining, is_called_off, place, .. } =
                tickets;
            let (minimum, belongs_to_wish) = (tickets.minimum, tickets.belongs_to_wish && kind == Kind::Waitlisted);
            // A party may wait for several types.
            let ticket_type_id = ticket_type.filter(|_| !matches!(kind, Kind::Waitlisted | Kind::WaitlistClosed));
            let data = serde_json::json!(TicketData {
                event_id,
                ticket_type_id,
                quantity,
                requested,
                minimum,
                belongs_to_wish,
                remaining,
                is_called_off,
                offer
            });
            Self::Delivery(NewDelivery { key: DeliveryKey { message, recipient: account }, kind, data, place })
        };
        let of_tickets = |kind, tickets| with_offer(kind, tickets, None);
        match notification {
            Notification::Booked(tickets) => of_tickets(Kind::Confirmed, tickets),
            Notification::Returned(tickets) => of_tickets(Kind::Returned, tickets),
            Notification::Joined(tickets) => of_tickets(Kind::Waitlisted, tickets),
            Notification::Promoted(tickets) => of_tickets(Kind::Promoted, tickets),
            Notification::Withdrawn(tickets) => of_tickets(Kind::Withdrawn, tickets),
            Notification::Offered { tickets, booking: booking_id, expires_at } => {
                with_offer(Kind::Offered, tickets, Some(Offer { booking_id, expires_at }))
            }
            Notification::OfferLapsed(tickets) => of_tickets(Kind::OfferLapsed, tickets),
            Notification::Closed(tickets) => of_tickets(Kind::WaitlistClosed, tickets),
            Notification::TransferAccepted(tickets) => of_tickets(Kind::TransferAccepted, tickets),
            Notification::TransferDeclined(tickets) => of_tickets(Kind::TransferDeclined, tickets),
            Notification::GuestLink(tickets) => of_tickets(Kind::GuestLink, tickets),
            Notification::WaitingGuestLink(tickets) => of_tickets(Kind::WaitingGuestLink, tickets),
            Notification::TransferReceived(tickets) => of_tickets(Kind::TransferReceived, tickets),
            Notification::TransferOffered { tickets, transfer: transfer_id, expires_at, sealed } => {
                let transfer = serde_json::json!(TransferData { transfer_id, expires_at, sealed });
                match of_tickets(Kind::TransferOffered, tickets) {
                    Self::Delivery(delivery) => Self::Delivery(delivery.with(transfer)),
                    broadcast @ Self::Broadcast(_) => broadcast,
                }
            }
            Notification::EventChanged(changed) => Self::Broadcast(NewBroadcast::of(message, *changed)),
            Notification::Account { account, sealed } => Self::Delivery(NewDelivery {
                key: DeliveryKey { message, recipient: account },
                kind: Kind::AccountNotice,
                data: serde_json::json!({"sealed": sealed.0}),
                place: None,
            }),
        }
    }
}

/// A delivery that this notifier has claimed.
#[derive(Debug, Clone)]
pub(crate) struct ClaimedDelivery {
    pub(crate) key: DeliveryKey,
    /// The name of the kind, which a newer build may have written.
    pub(crate) kind: String,
    pub(crate) data: Value,
    /// The booking that it is about, if there is one.
    pub(crate) booking: Option<BookingId>,
    /// The waiting-list entry that it is about, if there is one.
    pub(crate) entry: Option<WaitlistEntryId>,
    /// Number of earlier attempts.
    pub(crate) attempts: u32,
    /// Identifies the claim.
    pub(crate) claimed_at: Timestamp,
}

/// The reason why a claimed delivery must not be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutOfOrder {
    /// There is a later delivery about the same booking or waiting-list entry.
    Overtaken,
    /// An earlier delivery about the same booking or entry is being sent.
    TooEarly,
}

impl From<OutOfOrder> for Outcome {
    fn from(reason: OutOfOrder) -> Self {
        match reason {
            OutOfOrder::Overtaken => Self::Skipped("there is a later change of the same booking or waiting-list entry".to_owned()),
            OutOfOrder::TooEarly => {
                Self::Postponed("the mail about an earlier change of the same booking or waiting-list entry is being sent".to_owned())
            }
        }
    }
}

/// The result of an attempt to send a claimed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server has taken the mail.
    Sent,
    /// Nothing was sent, and a later attempt may succeed.
    Retry(String),
    /// Nothing was sent, and no later attempt can succeed.
    Failed(String),
    /// It is unknown whether the server has taken the mail.
    Unclear(String),
    /// There is nothing to send.
    Skipped(String),
    /// The attempt was not made. It does not count.
    Postponed(String),
    /// The batch had no room for the tickets of the mail, so the attempt is left to the next one. It does not count.
    Released,
}

/// The new state of a claimed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) key: DeliveryKey,
    pub(crate) claimed_at: Timestamp,
    pub(crate) status: Status,
    pub(crate) attempts: u32,
    /// Time until a pending delivery is due again.
    pub(crate) delay: Duration,
    pub(crate) detail: Option<String>,
}

/// Time until a delivery whose attempt was not made is due again.
const POSTPONED_DELAY: Duration = Duration::from_secs(5);

impl ClaimedDelivery {
    /// Returns what is stored about the delivery after this outcome.
    pub(crate) fn settle(&self, outcome: Outcome, plan: &RetryPlan) -> Settlement {
        let attempted = self.attempts.saturating_add(1);
        let settled = |status, attempts, detail: Option<String>| Settlement {
            key: self.key,
            claimed_at: self.claimed_at,
            status,
            attempts,
            delay: Duration::ZERO,
            // A server may answer anything, also characters that PostgreSQL does not store.
            detail: detail.map(|detail| shorten(&single_line(&detail))),
        };
        match outcome {
            Outcome::Sent => settled(Status::Sent, attempted, None),
            Outcome::Failed(detail) => settled(Status::Failed, attempted, Some(detail)),
            Outcome::Unclear(detail) => settled(Status::Unclear, attempted, Some(detail)),
            Outcome::Skipped(detail) => settled(Status::Skipped, self.attempts, Some(detail)),
            Outcome::Postponed(detail) => Settlement { delay: POSTPONED_DELAY, ..settled(Status::Pending, self.attempts, Some(detail)) },
            Outcome::Released => settled(Status::Pending, self.attempts, None),
            Outcome::Retry(detail) => match plan.delay_after(attempted) {
                Some(delay) => Settlement { delay, ..settled(Status::Pending, attempted, Some(detail)) },
                None => settled(Status::Failed, attempted, Some(format!("given up after {attempted} attempts; the last one: {detail}"))),
            },
        }
    }
}
