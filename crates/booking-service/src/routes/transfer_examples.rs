//! Examples of the API description for transfers.

use serde_json::{Value, json};

use super::examples::{BOOKING, EVENT};

/// Id of the transfer that the examples show.
pub(super) const TRANSFER: &str = "01936f1f-3d40-7c22-b0f1-9a7e8d6c5f0a";
/// The token of its link.
pub(super) const TOKEN: &str = "kQ3nZ0r8V1mXy5tB7wC2dE4fG6hJ9kL0pN1qR3sT5uU";
const TICKET_TYPE: &str = "01936f1d-77a0-7c44-8d10-5e2b7a9c3f04";
const ACCOUNT: &str = "01936f18-0a10-7a11-9c01-2b3c4d5e6f70";
const RECEIVER: &str = "01936f19-1b21-7b22-8d12-3c4d5e6f7a81";
const RECEIVED: &str = "01936f20-5e50-7d33-81a2-0b8f9e7d6c0b";

pub(super) fn offer() -> Value {
    json!({"bookingId": BOOKING, "quantity": 1, "toEmail": "grace@example.org"})
}

pub(super) fn link() -> Value {
    json!({"token": TOKEN})
}

fn transfer(direction: &str, status: &str, booking: Option<&str>, to_email: Option<&str>, ended_at: Option<&str>) -> Value {
    json!({
        "id": TRANSFER,
        "direction": direction,
        "eventId": EVENT,
        "eventName": "Boat race",
        "ticketTypeId": TICKET_TYPE,
        "quantity": 1,
        "status": status,
        "bookingId": booking,
        "toEmail": to_email,
        "createdAt": "2026-11-28T09:00:00.123456Z",
        "expiresAt": "2026-12-05T09:00:00.123456Z",
        "endedAt": ended_at,
    })
}

pub(super) fn pending() -> Value {
    transfer("sent", "pending", Some(BOOKING), Some("grace@example.org"), None)
}

/// The transfer as organizers see it after it was accepted.
pub(super) fn of_event() -> Value {
    json!({
        "id": TRANSFER,
        "ticketTypeId": TICKET_TYPE,
        "quantity": 1,
        "status": "accepted",
        "from": {"accountId": ACCOUNT, "bookingId": BOOKING, "name": "Ada Lovelace", "email": "ada@example.org"},
        "to": {"accountId": RECEIVER, "bookingId": RECEIVED, "name": "Grace Hopper", "email": "grace@example.org"},
        "toEmail": null,
        "createdAt": "2026-11-28T09:00:00.123456Z",
        "expiresAt": "2026-12-05T09:00:00.123456Z",
        "endedAt": "2026-11-28T10:15:00.654321Z",
    })
}

pub(super) fn withdrawn() -> Value {
    transfer("sent", "withdrawn", Some(BOOKING), None, Some("2026-11-28T10:15:00.654321Z"))
}

/// The transfer as the receiver sees it before accepting.
pub(super) fn offered() -> Value {
    transfer("received", "pending", None, None, None)
}

pub(super) fn accepted() -> Value {
    transfer("received", "accepted", Some(RECEIVED), None, Some("2026-11-28T10:15:00.654321Z"))
}

pub(super) fn declined() -> Value {
    transfer("received", "declined", None, None, Some("2026-11-28T10:15:00.654321Z"))
}
