//! Reads the messages that people are told about, for the notifier.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::envelope::is_readable_schema;
use super::{EventChanges, UnreadableMessage};
use crate::ids::{AccountId, EventId, MessageId};
use crate::states::EventStatus;

/// The topic patterns of the messages that the notifier receives.
pub const NOTIFICATION_ROUTING_PATTERNS: [&str; 4] = ["booking.*", "waitlist.*", "event.*", "account.*"];

/// Something that a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// Tickets were booked.
    Booked(TicketNotification),
    /// All or some tickets of a booking were returned.
    Returned(TicketNotification),
    /// The account joined a waiting list.
    Joined(TicketNotification),
    /// The account got tickets from the waiting list.
    Promoted(TicketNotification),
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
    quantity: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReturnedData {
    event_id: EventId,
    account_id: AccountId,
    returned: u32,
    /// Absent if the whole booking was cancelled.
    #[serde(default)]
    quantity: u32,
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
const TYPES: [&str; 8] = [
    "booking.confirmed",
    "booking.reduced",
    "booking.cancelled",
    "waitlist.joined",
    "waitlist.promoted",
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
    Ok(Some(match r#type.as_str() {
        "booking.confirmed" => Notification::Booked(tickets(data)?),
        "waitlist.joined" => Notification::Joined(tickets(data)?),
        "waitlist.promoted" => Notification::Promoted(tickets(data)?),
        "waitlist.closed" => Notification::Closed(tickets(data)?),
        "event.updated" => {
            let UpdatedData { event_id, status, changes } = serde_json::from_value(data)?;
            if status != EventStatus::Published || changes.is_empty() {
                return Ok(None);
            }
            let version = sequence.and_then(|sequence| sequence.parse().ok());
            let version = version.ok_or_else(|| serde_json::Error::custom("the sequence is not a number"))?;
            Notification::EventChanged(Box::new(ChangedEvent { event: event_id, version, changes }))
        }
        "account.notice" => {
            let NoticeData { account_id, sealed } = serde_json::from_value(data)?;
            Notification::Account { account: account_id, sealed }
        }
        _ => {
            let ReturnedData { event_id, account_id, returned, quantity } = serde_json::from_value(data)?;
            Notification::Returned(TicketNotification { event: event_id, account: account_id, quantity: returned, remaining: quantity })
        }
    }))
}

fn tickets(data: serde_json::Value) -> Result<TicketNotification, serde_json::Error> {
    let TicketData { event_id, account_id, quantity } = serde_json::from_value(data)?;
    Ok(TicketNotification { event: event_id, account: account_id, quantity, remaining: quantity })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{BookingId, TicketTypeId, TypeKey, WaitlistEntryId};
    use crate::messages::{Change, DomainEvent, Message, Subject};
    use crate::states::BookingOrigin;

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
        let (quantity, number, reserved) = (3, 7, false);
        let (origin, expires_at) = (BookingOrigin::Direct, chrono::DateTime::UNIX_EPOCH);
        let of = |quantity, remaining| TicketNotification { event: EVENT, account: ACCOUNT, quantity, remaining };
        for (domain_event, expected) in [
            (DomainEvent::BookingConfirmed { booking_id, account_id, quantity, origin }, Some(Notification::Booked(of(3, 3)))),
            (
                DomainEvent::BookingReduced { booking_id, account_id, quantity, returned: 2, reserved },
                Some(Notification::Returned(of(2, 3))),
            ),
            (DomainEvent::BookingCancelled { booking_id, account_id, returned: 4, reserved }, Some(Notification::Returned(of(4, 0)))),
            (DomainEvent::BookingReserved { booking_id, account_id, quantity, expires_at }, None),
            (DomainEvent::BookingExpired { booking_id, account_id, quantity, expires_at, origin }, None),
            (DomainEvent::WaitlistOffered { waitlist_entry_id, booking_id, account_id, quantity, number, expires_at }, None),
            (DomainEvent::WaitlistJoined { waitlist_entry_id, account_id, quantity, number }, Some(Notification::Joined(of(3, 3)))),
            (
                DomainEvent::WaitlistPromoted { waitlist_entry_id, booking_id, account_id, quantity, number },
                Some(Notification::Promoted(of(3, 3))),
            ),
            (DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number }, Some(Notification::Closed(of(3, 3)))),
            (DomainEvent::WaitlistLeft { waitlist_entry_id, account_id, quantity, number }, None),
            (DomainEvent::EventCancelled {}, None),
        ] {
            let read = parse_notification_message(message(domain_event).as_bytes()).unwrap();
            assert_eq!(read, NotificationMessage { id: ID, notification: expected });
        }
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
            number: 7,
        };
        let good = message(joined);
        for (body, reason) in [
            ("not json".to_owned(), "envelope"),
            (good.replace("quantity", "amount"), "envelope"),
            (good.replace("\"1.0\"", "\"2.0\""), "type"),
            (good.replace("joined:1", "joined:9"), "schema"),
        ] {
            let error = parse_notification_message(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let newer = good.replace("waitlist.joined", "waitlist.celebrated").replace(":1\"", ":9\"");
        assert_eq!(parse_notification_message(newer.as_bytes()).unwrap().notification, None);
    }
}
