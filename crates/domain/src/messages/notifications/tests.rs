//! Tests of reading the messages that people are told about.

use uuid::Uuid;

use super::*;
use crate::ids::{BookingId, TransferId, WaitlistEntryId, WishId};
use crate::messages::fixtures::{ACCOUNT, BOOKING, ENTRY, EVENT, ID, KEY, body as message};
use crate::messages::{Change, DomainEvent, EventChanges, WEBHOOK_TYPES};
use crate::wishes::WishPlace;

/// Returns a request of three tickets that joined the waiting list.
fn joined() -> DomainEvent {
    DomainEvent::WaitlistJoined { waitlist_entry_id: ENTRY, account_id: ACCOUNT, quantity: 3, min_quantity: None, number: 7, wish: None }
}

/// Returns a notification about tickets.
fn of(quantity: u32, remaining: u32, booking: Option<BookingId>, entry: Option<WaitlistEntryId>) -> TicketNotification {
    TicketNotification {
        event: EVENT,
        ticket_type: Some(KEY.ticket_type),
        account: ACCOUNT,
        quantity,
        requested: None,
        minimum: None,
        belongs_to_wish: false,
        remaining,
        is_called_off: false,
        place: Some(HistoryPlace { booking, entry, sequence: 42 }),
    }
}

#[test]
fn each_type_that_people_are_told_about_is_read() {
    let (booking_id, account_id, waitlist_entry_id) = (BOOKING, ACCOUNT, ENTRY);
    let (quantity, number, expires_at) = (3, 7, chrono::DateTime::UNIX_EPOCH);
    let (booking, entry) = (Some(booking_id), Some(waitlist_entry_id));
    let confirmed = |origin| DomainEvent::BookingConfirmed { booking_id, account_id, quantity, origin };
    let expired = |origin| DomainEvent::BookingExpired { booking_id, account_id, quantity, expires_at, origin };
    let reduced = |reserved| DomainEvent::BookingReduced { booking_id, account_id, quantity, returned: 2, reserved };
    let cancelled =
        |reserved, event_cancelled| DomainEvent::BookingCancelled { booking_id, account_id, returned: 4, reserved, event_cancelled };
    let transfer_id = TransferId::from_uuid(Uuid::from_u128(8));
    let ended = |status| DomainEvent::TransferEnded { transfer_id, booking_id, account_id, quantity, status };
    let guest_link =
        |booking_id, waitlist_entry_id| DomainEvent::GuestLinkRequested { booking_id, waitlist_entry_id, account_id, quantity };
    let unplaced = |remaining| TicketNotification { place: None, ..of(3, remaining, None, None) };
    let called_off = |tickets| TicketNotification { is_called_off: true, ..tickets };
    for (domain_event, expected) in [
        (confirmed(BookingOrigin::Direct), Some(Notification::Booked(of(3, 3, booking, None)))),
        (confirmed(BookingOrigin::Waitlist), Some(Notification::Booked(of(3, 3, booking, None)))),
        (reduced(false), Some(Notification::Returned(of(2, 3, booking, None)))),
        (reduced(true), Some(Notification::Withdrawn(of(2, 3, booking, None)))),
        (cancelled(false, false), Some(Notification::Returned(of(4, 0, booking, None)))),
        (cancelled(true, false), Some(Notification::Withdrawn(of(4, 0, booking, None)))),
        (cancelled(false, true), Some(Notification::Returned(called_off(of(4, 0, booking, None))))),
        (cancelled(true, true), Some(Notification::Withdrawn(called_off(of(4, 0, booking, None))))),
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
        (joined(), Some(Notification::Joined(of(3, 3, None, entry)))),
        (
            DomainEvent::WaitlistJoined { waitlist_entry_id, account_id, quantity, min_quantity: Some(2), number, wish: None },
            Some(Notification::Joined(TicketNotification { minimum: Some(2), ..of(3, 3, None, entry) })),
        ),
        (
            DomainEvent::WaitlistPromoted { waitlist_entry_id, booking_id, account_id, quantity, requested_quantity: None, number },
            Some(Notification::Promoted(of(3, 3, booking, entry))),
        ),
        (
            DomainEvent::WaitlistPromoted { waitlist_entry_id, booking_id, account_id, quantity, requested_quantity: Some(5), number },
            Some(Notification::Promoted(TicketNotification { requested: Some(5), ..of(3, 3, booking, entry) })),
        ),
        (
            DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number, event_cancelled: false, wish: None },
            Some(Notification::Closed(of(3, 3, None, entry))),
        ),
        (
            DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number, event_cancelled: true, wish: None },
            Some(Notification::Closed(called_off(of(3, 3, None, entry)))),
        ),
        (
            DomainEvent::TransferOffered {
                transfer_id,
                booking_id,
                account_id,
                quantity,
                expires_at,
                sealed: SealedNotice("x".to_owned()),
            },
            Some(Notification::TransferOffered {
                tickets: unplaced(3),
                transfer: transfer_id,
                expires_at,
                sealed: SealedNotice("x".to_owned()),
            }),
        ),
        (
            DomainEvent::TransferAccepted { transfer_id, booking_id, account_id, quantity, remaining: 1 },
            Some(Notification::TransferAccepted(unplaced(1))),
        ),
        (
            DomainEvent::TransferReceived { transfer_id, booking_id, account_id, quantity },
            Some(Notification::TransferReceived(of(3, 3, booking, None))),
        ),
        (guest_link(booking, None), Some(Notification::GuestLink(unplaced(3)))),
        (guest_link(None, entry), Some(Notification::WaitingGuestLink(unplaced(3)))),
        (ended(TransferStatus::Declined), Some(Notification::TransferDeclined(unplaced(3)))),
        (ended(TransferStatus::Withdrawn), None),
        (DomainEvent::WaitlistLeft { waitlist_entry_id, account_id, quantity, number, fulfilled_by: None }, None),
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
fn people_are_told_once_about_a_wish() {
    let id = WishId::from_uuid(Uuid::from_u128(9));
    let read = |domain_event| parse_notification_message(message(domain_event).as_bytes()).unwrap();
    let waitlist_entry_id = WaitlistEntryId::from_uuid(Uuid::from_u128(6));
    for preference in [0, 1, 2] {
        let wish = Some(WishPlace { id, preference });
        let (account_id, quantity, number) = (ACCOUNT, 1, 7);
        let joined = DomainEvent::WaitlistJoined { waitlist_entry_id, account_id, quantity, min_quantity: None, number, wish };
        match read(joined).notification {
            Some(Notification::Joined(tickets)) => assert!(preference == 0 && tickets.belongs_to_wish),
            other => assert!(preference > 0 && other.is_none(), "the first choice tells for all: {other:?}"),
        }
        let closed = DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number, event_cancelled: false, wish };
        let read = read(closed);
        assert_eq!(read.id.as_uuid(), id.as_uuid(), "a second delivery with this id is not stored");
        assert!(matches!(read.notification, Some(Notification::Closed(_))));
    }
}

#[test]
fn a_message_without_a_number_has_no_place_in_the_history() {
    let body = message(joined()).replace("\"42\"", "\"x\"");
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
    assert_eq!(read(updated(EventStatus::Published, Some(changes.clone()))).unwrap(), Some(Notification::EventChanged(expected.into())));
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
    let good = message(joined());
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
