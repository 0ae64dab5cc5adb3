//! Examples of bookings and waiting-list entries, and of the requests that change them.

use serde_json::{Value, json};

use super::{ADA, BOOKING, ENTRY, EVENT, OTHER_TICKET_TYPE, TICKET_TYPE, WISH, holder, with};

pub(in crate::routes) fn book_one() -> Value {
    json!({"eventId": EVENT})
}

pub(in crate::routes) fn book_several() -> Value {
    json!({"eventId": EVENT, "ticketTypeId": TICKET_TYPE, "quantity": 2, "joinWaitlist": false})
}

pub(in crate::routes) fn book_fewer() -> Value {
    json!({"eventId": EVENT, "ticketTypeId": TICKET_TYPE, "quantity": 4, "minQuantity": 2})
}

pub(in crate::routes) fn book_wish() -> Value {
    json!({"eventId": EVENT, "ticketTypeIds": [TICKET_TYPE, OTHER_TICKET_TYPE], "quantity": 2})
}

pub(in crate::routes) fn booking() -> Value {
    json!({
        "id": BOOKING,
        "eventId": EVENT,
        "eventName": "Boat race",
        "ticketTypeId": TICKET_TYPE,
        "quantity": 2,
        "status": "confirmed",
        "origin": "direct",
        "bookedAt": "2026-11-27T18:20:00.654321Z",
        "cancelledAt": null,
        "expiresAt": null,
    })
}

pub(in crate::routes) fn reserved_booking() -> Value {
    with(booking(), json!({"status": "reserved", "expiresAt": "2026-11-27T18:30:00.654321Z"}))
}

pub(in crate::routes) fn confirm_booking() -> Value {
    json!({"bookingId": BOOKING})
}

/// A booking as administrators see it.
pub(in crate::routes) fn held_booking() -> Value {
    with(booking(), json!({"account": holder(), "forGuest": false}))
}

pub(in crate::routes) fn cancel_part() -> Value {
    json!({"bookingId": BOOKING, "quantity": 1})
}

pub(in crate::routes) fn cancel_all() -> Value {
    json!({"eventId": EVENT})
}

pub(in crate::routes) fn admin_cancel() -> Value {
    json!({"quantity": 1, "reason": "Refunded at the desk"})
}

pub(in crate::routes) fn book_for_guest() -> Value {
    json!({
        "name": "Grace Hopper",
        "email": "grace@example.org",
        "ticketTypeId": TICKET_TYPE,
        "quantity": 2,
        "joinWaitlist": false,
        "reason": "Paid in cash",
    })
}

pub(in crate::routes) fn book_for_account() -> Value {
    json!({"accountId": ADA, "ticketTypeId": TICKET_TYPE, "quantity": 2, "reason": "Won a prize"})
}

pub(in crate::routes) fn waitlist_entry() -> Value {
    json!({
        "id": ENTRY,
        "eventId": EVENT,
        "eventName": "Boat race",
        "ticketTypeId": TICKET_TYPE,
        "quantity": 2,
        "minQuantity": 2,
        "number": 7,
        "position": 1,
        "chance": null,
        "status": "waiting",
        "joinedAt": "2026-11-27T18:25:30.25Z",
        "bookingId": null,
        "wishId": null,
        "preference": null,
    })
}

/// The entries of a wish, in the order of preference.
pub(in crate::routes) fn wish_entries() -> [Value; 2] {
    let other = json!({"id": "01936f1f-0c30-7e10-a1b2-8d5e4f3c2b09", "ticketTypeId": OTHER_TICKET_TYPE, "preference": 1, "position": 7});
    let first = with(waitlist_entry(), json!({"wishId": WISH, "preference": 0}));
    [first.clone(), with(first, other)]
}

/// The first page of a log. The hashes are made up; `docs/queue-log.md` has some that match.
pub(in crate::routes) fn queue_log() -> Value {
    json!({
        "ticketTypeId": TICKET_TYPE,
        "head": {"position": 3, "hash": "9d0f5c2f6d3c0b8c5e1c6f7a4d8e2b1a0f9c8d7e6b5a49382716051423324150"},
        "items": [
            {
                "position": 1,
                "recordedAt": "2026-11-27T18:25:30.25Z",
                "kind": "joined",
                "number": 1,
                "quantity": 4,
                "minQuantity": 2,
                "hash": "1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014",
            },
            {
                "position": 2,
                "recordedAt": "2026-11-27T18:31:02.117304Z",
                "kind": "promoted",
                "number": 1,
                "quantity": 3,
                "free": 3,
                "maxPerBooking": 10,
                "hash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
            },
        ],
        "nextAfter": 2,
    })
}

pub(in crate::routes) fn left_entry() -> Value {
    with(waitlist_entry(), json!({"position": null, "status": "left"}))
}

pub(in crate::routes) fn leave_entry() -> Value {
    json!({"waitlistEntryId": ENTRY})
}

pub(in crate::routes) fn leave_event() -> Value {
    json!({"eventId": EVENT})
}

pub(in crate::routes) fn leave_wish() -> Value {
    json!({"wishId": WISH})
}

pub(in crate::routes) fn change_entry() -> Value {
    json!({"waitlistEntryId": ENTRY, "quantity": 1})
}

pub(in crate::routes) fn change_minimum() -> Value {
    json!({"waitlistEntryId": ENTRY, "minQuantity": 1})
}

pub(in crate::routes) fn change_event_entry() -> Value {
    json!({"eventId": EVENT, "quantity": 3})
}
