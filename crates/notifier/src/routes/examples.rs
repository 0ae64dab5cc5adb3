//! Examples of the API description. A test validates them against its schemas and sends those that are requests.

use serde_json::{Value, json};

/// Id of the webhook in the examples.
pub(super) const WEBHOOK: &str = "01936f20-1a2b-7c3d-8e4f-5a6b7c8d9e01";
/// Id of the delivery in the examples, and of its message.
pub(super) const DELIVERY: &str = "01936f1e-8f01-7b3a-9c55-2f6f3c9d1a06";
/// Id of the recipient of the mail in the examples.
pub(super) const RECIPIENT: &str = "01936f1a-2b3c-7d4e-8f50-a1b2c3d4e501";
const EVENT: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7003";

pub(super) fn new_webhook() -> Value {
    json!({
        "url": "https://crm.example/rowlock", "description": "Customer database", "types": ["booking.confirmed", "booking.cancelled"],
        "eventId": EVENT,
    })
}

pub(super) fn webhook() -> Value {
    json!({
        "id": WEBHOOK, "url": "https://crm.example/rowlock", "description": "Customer database",
        "types": ["booking.confirmed", "booking.cancelled"], "eventId": EVENT, "status": "active", "failingSince": null, "lastError": null,
        "disabledAt": null, "disabledReason": null, "previousSecretUntil": null, "createdBy": "01936f10-0a1b-7c2d-9e3f-405162738402",
        "createdAt": "2026-11-27T18:00:00Z",
    })
}

fn with(mut object: Value, changes: Value) -> Value {
    if let (Value::Object(members), Value::Object(changes)) = (&mut object, changes) {
        members.extend(changes);
    }
    object
}

pub(super) fn new_secret() -> Value {
    with(webhook(), json!({"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfOQDB3dcw="}))
}

pub(super) fn rotated_secret() -> Value {
    with(new_secret(), json!({"previousSecretUntil": "2026-11-29T18:00:00Z"}))
}

pub(super) fn disabled_webhook() -> Value {
    with(webhook(), json!({"status": "disabled", "disabledAt": "2026-11-28T18:00:00Z", "disabledReason": "administrator"}))
}

pub(super) fn delivery() -> Value {
    json!({
        "id": DELIVERY, "type": "booking.confirmed", "status": "pending", "attempts": 1, "createdAt": "2026-11-27T18:20:00Z",
        "nextAttemptAt": "2026-11-27T18:20:05Z", "settledAt": null,
        "payload": {
            "type": "booking.confirmed",
            "timestamp": "2026-11-27T18:20:00.000000Z",
            "data": {
                "eventId": EVENT, "ticketTypeId": "01936f1d-77a0-7c44-8d10-5e2b7a9c3f04", "bookingId": "01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05",
                "accountId": "01936f1a-2b3c-7d4e-8f50-a1b2c3d4e501", "quantity": 2,
            },
        },
        "error": "the receiver responded 502",
        "lastAttempt": {
            "at": "2026-11-27T18:20:00Z", "url": "https://crm.example/rowlock", "durationMs": 35, "responseStatus": 502,
            "responseBody": "<h1>Bad gateway</h1>",
        },
    })
}

pub(super) fn resent_delivery() -> Value {
    with(delivery(), json!({"attempts": 0, "nextAttemptAt": "2026-11-28T09:00:00Z"}))
}

pub(super) fn mail() -> Value {
    json!({
        "messageId": DELIVERY, "recipient": RECIPIENT, "kind": "confirmed", "status": "failed", "attempts": 1,
        "createdAt": "2026-11-27T18:20:00Z", "nextAttemptAt": null, "settledAt": "2026-11-27T18:20:01Z",
        "reason": "permanent error (550): 5.1.1 no such mailbox",
    })
}

pub(super) fn resent_mail() -> Value {
    let changes = json!({"status": "pending", "attempts": 0, "nextAttemptAt": "2026-11-28T09:00:00Z", "settledAt": null, "reason": null});
    with(mail(), changes)
}

/// Returns a page with one item.
pub(super) fn page(item: &Value) -> Value {
    json!({"items": [item], "nextCursor": null})
}
