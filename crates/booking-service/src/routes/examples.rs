//! Examples of the API description. A test validates them against its schemas and sends those that are requests.

mod bookings;

use serde_json::{Value, json};

pub(super) use self::bookings::*;

/// Id of the event in the examples.
pub(super) const EVENT: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7003";
const TICKET_TYPE: &str = "01936f1d-77a0-7c44-8d10-5e2b7a9c3f04";
pub(super) const BOOKING: &str = "01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05";
pub(super) const ENTRY: &str = "01936f1f-0c30-7e10-a1b2-8d5e4f3c2b07";
/// Another ticket type of the event, which a wish names second.
const OTHER_TICKET_TYPE: &str = "01936f1d-77a0-7c44-8d10-5e2b7a9c3f05";
const WISH: &str = "01936f1f-0c30-7e10-a1b2-8d5e4f3c2b08";
pub(super) const ADA: &str = "01936f1a-2b3c-7d4e-8f50-a1b2c3d4e501";
const ROOT: &str = "01936f10-0a1b-7c2d-9e3f-405162738402";

/// Bookings of an event as CSV.
pub(super) const BOOKINGS_CSV: &str = "\u{feff}bookingId,ticketType,ticketTypeId,accountId,name,email,quantity,status,origin,bookedAt\r\n\
01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05,General admission,01936f1d-77a0-7c44-8d10-5e2b7a9c3f04,01936f1a-2b3c-7d4e-8f50-a1b2c3d4e501,\
Ada Lovelace,ada@example.org,2,confirmed,direct,2026-11-27T18:20:00.000000Z\r\n";

/// The same bookings as newline-delimited JSON.
pub(super) fn booking_lines() -> String {
    format!("{}\n", held_booking())
}

fn with(mut object: Value, changes: Value) -> Value {
    if let (Value::Object(members), Value::Object(changes)) = (&mut object, changes) {
        members.extend(changes);
    }
    object
}

pub(super) fn simple_event() -> Value {
    json!({"name": "Boat race", "totalTickets": 200})
}

pub(super) fn priced_event() -> Value {
    json!({
        "name": "Boat race",
        "venue": "North bank",
        "timeZone": "Europe/London",
        "startsAt": "2036-12-31T14:00:00Z",
        "status": "draft",
        "totalTickets": 200,
        "price": {"amountMinor": 1250, "currency": "EUR"},
        "maxPerBooking": 4,
        "maxPerAccount": 8,
    })
}

pub(super) fn festival() -> Value {
    json!({
        "name": "Harbour festival",
        "description": "Three days of music.\nBring a coat.",
        "venue": "Old harbour",
        "timeZone": "Europe/Berlin",
        "startsAt": "2036-12-28T16:00:00Z",
        "endsAt": "2036-12-31T23:00:00+01:00",
        "salesStartAt": "2026-11-01T09:00:00Z",
        "salesEndAt": "2036-12-28T12:00:00Z",
        "waitlistUntil": "salesEnd",
        "cancelUntil": "2036-12-27T23:59:59+01:00",
        "checkoutMinutes": 10,
        "offerMinutes": 1440,
        "status": "published",
        "ticketTypes": [
            {"name": "Three days", "totalTickets": 900, "price": {"amountMinor": 9900, "currency": "EUR"}, "maxPerAccount": 6},
            {"name": "Backstage", "totalTickets": 20, "price": {"amountMinor": 24900, "currency": "EUR"}, "maxPerBooking": 2},
        ],
    })
}

pub(super) fn more_tickets() -> Value {
    json!({"ticketTypes": [{"id": TICKET_TYPE, "totalTickets": 250}]})
}

pub(super) fn event_details() -> Value {
    json!({
        "name": "Boat race 2036",
        "description": "Eights and fours.",
        "venue": null,
        "timeZone": "Europe/London",
        "startsAt": "2036-12-31T15:00:00Z",
        "endsAt": "2036-12-31T18:00:00Z",
        "salesStartAt": null,
        "salesEndAt": "2036-12-31T12:00:00Z",
        "waitlistUntil": "start",
        "cancelUntil": null,
        "checkoutMinutes": 15,
        "offerMinutes": null,
        "closeWaitlist": false,
        "status": "published",
        "ticketTypes": [{"id": TICKET_TYPE, "name": "North bank", "maxPerBooking": 6, "maxPerAccount": null}],
    })
}

fn ticket_type() -> Value {
    json!({
        "id": TICKET_TYPE,
        "name": "General admission",
        "price": {"amountMinor": 1250, "currency": "EUR"},
        "totalTickets": 200,
        "availableTickets": 0,
        "bookedTickets": 200,
        "reservedTickets": 0,
        "waitlistLength": 1,
        "maxPerBooking": 4,
        "maxPerAccount": 8,
    })
}

/// The picture of an event.
pub(super) fn image() -> Value {
    let url = |size: &str| format!("/api/events/{EVENT}/image?size={size}&v=5f1d9e0c7a3b2841");
    json!({
        "url": url("large"),
        "smallUrl": url("small"),
        "version": "5f1d9e0c7a3b2841",
        "color": "#1f4fd8",
        "width": 1200,
        "height": 800,
    })
}

pub(super) fn event() -> Value {
    json!({
        "id": EVENT,
        "name": "Boat race",
        "description": null,
        "venue": "North bank",
        "image": image(),
        "timeZone": "Europe/London",
        "startsAt": "2036-12-31T14:00:00Z",
        "endsAt": null,
        "salesStartAt": null,
        "salesEndAt": null,
        "waitlistUntil": "start",
        "cancelUntil": null,
        "checkoutMinutes": 10,
        "offerMinutes": 1440,
        "status": "published",
        "totalTickets": 200,
        "availableTickets": 0,
        "bookedTickets": 200,
        "reservedTickets": 0,
        "waitlistLength": 1,
        "ticketTypes": [ticket_type()],
    })
}

pub(super) fn changed_event() -> Value {
    let counted = json!({"unservableEntries": 1});
    with(with(event(), json!({"ticketTypes": [with(ticket_type(), counted.clone())]})), counted)
}

fn ticket_type_for_admin() -> Value {
    with(ticket_type(), json!({"heldTickets": 0, "unservableEntries": 0}))
}

pub(super) fn cancelled_event() -> Value {
    let none = json!({"availableTickets": 200, "bookedTickets": 0, "waitlistLength": 0});
    let types = with(ticket_type(), none.clone());
    with(with(event(), none), json!({"status": "cancelled", "ticketTypes": [types]}))
}

/// An event in the list for administrators.
pub(super) fn listed_event() -> Value {
    let more = json!({
        "ticketTypes": [with(ticket_type(), json!({"heldTickets": 0}))],
        "heldTickets": 0,
        "publishedAt": "2026-11-27T18:19:02.75Z",
        "createdAt": "2026-11-27T18:10:31.5Z",
        "updatedAt": "2026-11-27T18:19:02.75Z",
    });
    with(event(), more)
}

pub(super) fn event_status() -> Value {
    json!({
        "eventId": EVENT,
        "eventName": "Boat race",
        "startsAt": "2036-12-31T14:00:00Z",
        "timeZone": "Europe/London",
        "status": "published",
        "totalTickets": 200,
        "availableTickets": 0,
        "heldTickets": 0,
        "bookedTickets": 200,
        "reservedTickets": 0,
        "waitlistLength": 1,
        "unservableEntries": 0,
        "ticketTypes": [ticket_type_for_admin()],
        "waitlist": page(&json!({
            "position": 1,
            "waitlistEntryId": ENTRY,
            "ticketTypeId": TICKET_TYPE,
            "account": holder(),
            "forGuest": false,
            "quantity": 2,
            "minQuantity": 2,
            "servable": true,
            "joinedAt": "2026-11-27T18:25:30.25Z",
            "wishId": null,
            "preference": null,
        })),
    })
}

pub(super) fn timeline() -> Value {
    let totals = json!({
        "booked": 201, "returned": 3, "promoted": 2, "promotions": 1, "joined": 2, "left": 0, "sold": 200, "waiting": 1, "capacity": 200,
    });
    let changes = json!({
        "booked": 0, "returned": 2, "promoted": 2, "promotions": 1, "joined": 2, "left": 0, "sold": 200, "waiting": 1, "capacity": 200,
    });
    let buckets = json!([
        {
            "start": "2026-11-27T18:00:00Z",
            "booked": 201, "returned": 1, "promoted": 0, "promotions": 0, "joined": 0, "left": 0, "sold": 200, "waiting": 0, "capacity": 200,
        },
        with(json!({"start": "2026-11-27T19:00:00Z"}), changes),
    ]);
    json!({
        "eventId": EVENT,
        "eventName": "Boat race",
        "bucket": "hour",
        "from": "2026-11-27T18:00:00Z",
        "to": "2026-11-27T20:00:00Z",
        "upToDate": true,
        "totals": totals,
        "buckets": buckets,
        "ticketTypes": [{"ticketTypeId": TICKET_TYPE, "name": "General admission", "totals": totals, "buckets": buckets}],
    })
}

pub(super) fn holdings() -> Value {
    json!({"bookings": 2, "tickets": 5, "waitlistEntries": 1})
}

fn holder() -> Value {
    json!({"id": ADA, "name": "Ada Lovelace", "email": "ada@example.org"})
}

pub(super) fn audit_entry() -> Value {
    json!({
        "id": "01936f1d-7005-7d33-9e44-5f60718293a9",
        "at": "2026-11-27T18:19:02.75Z",
        "actor": {"accountId": ROOT, "role": "admin", "requestId": "4f0d8a1d2c11b2f1c0de7a514c1e9a39"},
        "action": "event.create",
        "subject": EVENT,
        "details": {"name": "Boat race"},
    })
}

fn availability() -> Value {
    let mut availability = event();
    if let Value::Object(members) = &mut availability {
        members.remove("description");
    }
    availability
}

/// The beginning of a stream of an event.
pub(super) fn availability_stream() -> String {
    format!("retry: 1500\n\nid: 1.42\nevent: availability\ndata: {}\n\n:\n\n", availability())
}

/// The beginning of a stream of an account.
pub(super) fn account_stream() -> String {
    let (bookings, entries) = (page(&booking()), page(&waitlist_entry()));
    let id = "id: 1764267600123456\nevent: ";
    format!("retry: 1500\n\n{id}bookings\ndata: {bookings}\n\n{id}waitlist\ndata: {entries}\n\n:\n\n")
}

/// A page with one item, which is the last page.
pub(super) fn page(item: &Value) -> Value {
    json!({"items": [item], "nextCursor": null})
}
