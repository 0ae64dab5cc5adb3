//! Reads the messages that people are told about, for the notifier.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::envelope::is_readable_schema;
use super::{EventChanges, UnreadableMessage};
use crate::Timestamp;
use crate::ids::{AccountId, BookingId, EventId, MessageId, WaitlistEntryId};
use crate::states::{BookingOrigin, EventStatus};

/// The topic patterns of the messages that the notifier takes at once: somebody waits for them, or they are few.
pub const URGENT_NOTIFICATION_PATTERNS: [&str; 4] = ["waitlist.promoted", "waitlist.offered", "event.*", "account.notice"];

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
    /// The number of tickets that the booking still has.
    pub remaining: u32,
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

impl<'de> Deserialize<'de> for SealedNotice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// A message and what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationMessage {
    /// The identity of the message. Redeliveries have the same id.
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
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfferData {
    booking_id: BookingId,
    expires_at: Timestamp,
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
    Ok(NotificationMessage { id: envelope.id, notification: notification(envelope)? })
}

/// The types of messages that people are told about.
const TYPES: [&str; 10] = [
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
        "waitlist.joined" => Notification::Joined(tickets(data, sequence)?),
        "waitlist.promoted" => Notification::Promoted(tickets(data, sequence)?),
        "waitlist.closed" => Notification::Closed(tickets(data, sequence)?),
        "waitlist.offered" => {
            let OfferData { booking_id: booking, expires_at } = OfferData::deserialize(&data)?;
            Notification::Offered { tickets: tickets(data, sequence)?, booking, expires_at }
        }
        "booking.expired" => match ExpiredData::deserialize(&data)?.origin {
            BookingOrigin::Waitlist => Notification::OfferLapsed(tickets(data, sequence)?),
            // The holder left the checkout.
            BookingOrigin::Direct => return Ok(None),
        },
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
            let ReturnedData { event_id: event, account_id: account, booking_id, returned, reserved, quantity: remaining } =
                serde_json::from_value(data)?;
            let place = HistoryPlace::of(booking_id, None, sequence);
            let tickets = TicketNotification { event, account, quantity: returned, remaining, place };
            if reserved { Notification::Withdrawn(tickets) } else { Notification::Returned(tickets) }
        }
    }))
}

fn tickets(data: serde_json::Value, sequence: Option<i64>) -> Result<TicketNotification, serde_json::Error> {
    let TicketData { event_id: event, account_id: account, booking_id, waitlist_entry_id, quantity } = serde_json::from_value(data)?;
    let place = HistoryPlace::of(booking_id, waitlist_entry_id, sequence);
    Ok(TicketNotification { event, account, quantity, remaining: quantity, place })
}

impl HistoryPlace {
    fn of(booking: Option<BookingId>, entry: Option<WaitlistEntryId>, sequence: Option<i64>) -> Option<Self> {
        sequence.filter(|_| booking.is_some() || entry.is_some()).map(|sequence| Self { booking, entry, sequence })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{TicketTypeId, TypeKey};
    use crate::messages::{Change, DomainEvent, Message, Subject, WEBHOOK_TYPES};

    const ID: MessageId = MessageId::from_uuid(Uuid::from_u128(3));
    const EVENT: EventId = EventId::from_uuid(Uuid::from_u128(1));
    const ACCOUNT: AccountId = AccountId::from_uuid(Uuid::from_u128(5));

    fn message(domain_event: DomainEvent) -> String {
        let subject = Subject::TicketType(TypeKey { event: EVENT, ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(2)) });
        let time = chrono::DateTime::UNIX_EPOCH;
        Message { id: ID, subject, sequence: 42, time, domain_event, trace: None }.to_json("/x").unwrap()
    }

    #[test]
    fn each_type_that_people_are_told_about_is_read() {
        let (booking_id, account_id) = (BookingId::from_uuid(Uuid::from_u128(4)), ACCOUNT);
        let waitlist_entry_id = WaitlistEntryId::from_uuid(Uuid::from_u128(6));
        let (quantity, number, expires_at) = (3, 7, chrono::DateTime::UNIX_EPOCH);
        let of = |quantity, remaining, booking, entry| TicketNotification {
            event: EVENT,
            account: ACCOUNT,
            quantity,
            remaining,
            place: Some(HistoryPlace { booking, entry, sequence: 42 }),
        };
        let (booking, entry) = (Some(booking_id), Some(waitlist_entry_id));
        let confirmed = |origin| DomainEvent::BookingConfirmed { booking_id, account_id, quantity, origin };
        let expired = |origin| DomainEvent::BookingExpired { booking_id, account_id, quantity, expires_at, origin };
        let reduced = |reserved| DomainEvent::BookingReduced { booking_id, account_id, quantity, returned: 2, reserved };
        let cancelled = |reserved| DomainEvent::BookingCancelled { booking_id, account_id, returned: 4, reserved };
        for (domain_event, expected) in [
            (confirmed(BookingOrigin::Direct), Some(Notification::Booked(of(3, 3, booking, None)))),
            (confirmed(BookingOrigin::Waitlist), Some(Notification::Booked(of(3, 3, booking, None)))),
            (reduced(false), Some(Notification::Returned(of(2, 3, booking, None)))),
            (reduced(true), Some(Notification::Withdrawn(of(2, 3, booking, None)))),
            (cancelled(false), Some(Notification::Returned(of(4, 0, booking, None)))),
            (cancelled(true), Some(Notification::Withdrawn(of(4, 0, booking, None)))),
            (DomainEvent::BookingReserved { booking_id, account_id, quantity, expires_at }, None),
            (expired(BookingOrigin::Direct), None),
            (expired(BookingOrigin::Waitlist), Some(Notification::OfferLapsed(of(3, 3, booking, None)))),
            (
                DomainEvent::WaitlistOffered {
                    waitlist_entry_id,
                    booking_id,
                    account_id,
                    quantity,
                    requested_quantity: None,
                    number,
                    expires_at,
                },
                Some(Notification::Offered { tickets: of(3, 3, booking, entry), booking: booking_id, expires_at }),
            ),
            (
                DomainEvent::WaitlistJoined { waitlist_entry_id, account_id, quantity, min_quantity: None, number },
                Some(Notification::Joined(of(3, 3, None, entry))),
            ),
            (
                DomainEvent::WaitlistPromoted { waitlist_entry_id, booking_id, account_id, quantity, requested_quantity: None, number },
                Some(Notification::Promoted(of(3, 3, booking, entry))),
            ),
            (
                DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number },
                Some(Notification::Closed(of(3, 3, None, entry))),
            ),
            (DomainEvent::WaitlistLeft { waitlist_entry_id, account_id, quantity, number }, None),
            (DomainEvent::EventCancelled {}, None),
        ] {
            let read = parse_notification_message(message(domain_event).as_bytes()).unwrap();
            assert_eq!(read, NotificationMessage { id: ID, notification: expected });
        }
    }

    #[test]
    fn the_notifier_receives_each_type_that_it_handles_once() {
        let matches = |pattern: &str, routing_key: &str| match pattern.strip_suffix('*') {
            Some(start) => routing_key.starts_with(start),
            None => routing_key == pattern,
        };
        for routing_key in TYPES.into_iter().chain(WEBHOOK_TYPES) {
            let patterns = URGENT_NOTIFICATION_PATTERNS.into_iter().chain(NOTIFICATION_ROUTING_PATTERNS);
            assert_eq!(patterns.filter(|pattern| matches(pattern, routing_key)).count(), 1, "{routing_key}");
        }
    }

    #[test]
    fn a_message_without_a_number_has_no_place_in_the_history() {
        let joined = DomainEvent::WaitlistJoined {
            waitlist_entry_id: WaitlistEntryId::from_uuid(Uuid::from_u128(6)),
            account_id: ACCOUNT,
            quantity: 1,
            min_quantity: None,
            number: 7,
        };
        let body = message(joined).replace("\"42\"", "\"x\"");
        let read = parse_notification_message(body.as_bytes()).unwrap().notification;
        assert!(matches!(read, Some(Notification::Joined(TicketNotification { place: None, .. }))), "{read:?}");
    }

    fn updated(status: EventStatus, changes: Option<EventChanges>) -> String {
        message(DomainEvent::EventUpdated { status, changes: changes.map(Box::new) })
    }

    #[test]
    fn a_change_of_a_published_event_is_read_with_the_previous_values() {
        let changes = EventChanges {
            name: Change::between(&"Chess".to_owned(), &"Go".to_owned()),
            venue: Change::between(&Some("The hall".to_owned()), &None),
            starts_at: Change::between(&None, &Some(chrono::DateTime::UNIX_EPOCH)),
            time_zone: Change::between(&"UTC".to_owned(), &"UTC".to_owned()),
        };
        let read = |body: String| parse_notification_message(body.as_bytes()).map(|read| read.notification);
        let expected = ChangedEvent { event: EVENT, version: 42, changes: changes.clone() };
        assert_eq!(
            read(updated(EventStatus::Published, Some(changes.clone()))).unwrap(),
            Some(Notification::EventChanged(expected.into()))
        );
        // Nobody is told about these: an event that is not public, a change of other details, and a message of an older version.
        for status in [EventStatus::Draft, EventStatus::Cancelled] {
            assert_eq!(read(updated(status, Some(changes.clone()))).unwrap(), None);
        }
        assert_eq!(read(updated(EventStatus::Published, Some(EventChanges::default()))).unwrap(), None);
        let old = updated(EventStatus::Published, None);
        assert!(!old.contains("changes"), "{old}");
        assert_eq!(read(old).unwrap(), None);
        let broken = updated(EventStatus::Published, Some(changes)).replace("\"42\"", "\"x\"");
        assert!(read(broken).unwrap_err().to_string().contains("sequence"));
    }

    #[test]
    fn a_notice_about_an_account_stays_sealed() {
        let written = message(DomainEvent::TicketsReleased {}).replace("tickets.released", "account.notice");
        let (before, _) = written.split_once("\"data\":").unwrap();
        let body = format!("{before}\"data\":{{\"accountId\":\"{ACCOUNT}\",\"sealed\":\"c2VhbGVk\"}}}}");
        let read = parse_notification_message(body.as_bytes()).unwrap();
        let expected = Notification::Account { account: ACCOUNT, sealed: SealedNotice("c2VhbGVk".to_owned()) };
        assert_eq!(read.notification, Some(expected));
        assert!(!format!("{read:?}").contains("c2VhbGVk"));
    }

    #[test]
    fn a_poisoned_message_is_refused_and_a_new_type_is_not() {
        let joined = DomainEvent::WaitlistJoined {
            waitlist_entry_id: WaitlistEntryId::from_uuid(Uuid::from_u128(6)),
            account_id: ACCOUNT,
            quantity: 1,
            min_quantity: None,
            number: 7,
        };
        let good = message(joined);
        for (body, reason) in [
            ("not json".to_owned(), "envelope"),
            (good.replace("quantity", "amount"), "envelope"),
            (good.replace("\"1.0\"", "\"2.0\""), "type"),
            (good.replace("joined:1", "joined:9"), "schema"),
            // Without a deadline, and without an origin.
            (good.replace("waitlist.joined", "waitlist.offered"), "envelope"),
            (good.replace("waitlist.joined", "booking.expired"), "envelope"),
        ] {
            let error = parse_notification_message(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let newer = good.replace("waitlist.joined", "waitlist.celebrated").replace(":1\"", ":9\"");
        assert_eq!(parse_notification_message(newer.as_bytes()).unwrap().notification, None);
    }
}
