//! Examples of bookings and waiting-list entries, and of the requests that change them.

use serde_json::{Value, json};

use super::{BOOKING, ENTRY, EVENT, TICKET_TYPE, holder, with};

pub(in crate::routes) fn book_one() -> Value {
    json!({"eventId": EVENT})
}

pub(in crate::routes) fn book_several() -> Value {
    json!({"eventId": EVENT, "ticketTypeId": TICKET_TYPE, "quantity": 2, "joinWaitlist": false})
}

pub(in crate::routes) fn book_fewer() -> Value {
    json!({"eventId": EVENT, "ticketTypeId": TICKET_TYPE, "quantity": 4, "minQuantity": 2})
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
    with(booking(), json!({"account": holder()}))
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

pub(in crate::routes) fn waitlist_entry() -> Value {
    json!({
        "id": ENTRY,
        "eventId": EVENT,
        "eventName": "Boat race",
        "ticketTypeId": TICKET_TYPE,
        "quantity": 2,
        "minQuantity": 2,
        "position": 1,
        "chance": null,
        "status": "waiting",
        "joinedAt": "2026-11-27T18:25:30.25Z",
        "bookingId": null,
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

pub(in crate::routes) fn change_entry() -> Value {
    json!({"waitlistEntryId": ENTRY, "quantity": 1})
}

pub(in crate::routes) fn change_minimum() -> Value {
    json!({"waitlistEntryId": ENTRY, "minQuantity": 1})
}

pub(in crate::routes) fn change_event_entry() -> Value {
    json!({"eventId": EVENT, "quantity": 3})
}
