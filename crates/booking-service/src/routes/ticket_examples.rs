//! Examples of the API description for tickets and check-ins.

use serde_json::{Value, json};

use super::examples::BOOKING;
pub(super) use super::examples::{EVENT, page};

/// Ids of the scans that the examples show.
const SCAN: &str = "5d1f7a52-3c0e-4b7a-9f6e-2a8c4d6e8f10";
const OTHER_SCAN: &str = "8e2a6b93-4d1f-4c8b-a07f-3b9d5e7f9a21";
/// Id of the check-in that the examples show.
pub(super) const CHECKIN: &str = "01936f1f-1b20-7a00-92d3-7c5f6e4d3b09";
const TICKET_TYPE: &str = "01936f1d-77a0-7c44-8d10-5e2b7a9c3f04";

/// A door list as CSV.
pub(super) const DOOR_LIST_CSV: &str = "\u{feff}ticket,name,ticketType,checkedInAt,door,bookingId,number\r\n\
3C9D1A05-0,Ada Lovelace,General admission,2036-12-31T13:05:12.000000Z,North,01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05,0\r\n\
3C9D1A05-1,Ada Lovelace,General admission,,,01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05,1\r\n";

/// The code of a ticket. It is signed with a key of the example.
const CODE: &str = concat!(
    "AHX5JGV3TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3",
    "WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WX"
);

/// A calendar entry.
pub(super) const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Rowlock//Tickets//EN\r\nCALSCALE:GREGORIAN\r\n\
METHOD:PUBLISH\r\nBEGIN:VEVENT\r\nUID:01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05@rowlock\r\nSEQUENCE:2\r\nDTSTAMP:20261127T181902Z\r\n\
DTSTART:20361231T140000Z\r\nSUMMARY:Boat race\r\nLOCATION:North bank\r\nDESCRIPTION:2 × General admission\r\nSTATUS:CONFIRMED\r\n\
END:VEVENT\r\nEND:VCALENDAR\r\n";

pub(super) fn tickets() -> Value {
    let ticket = |number: u16, status: &str, used_at: Value| {
        json!({
            "number": number,
            "code": CODE,
            "reference": format!("3C9D1A05-{number}"),
            "holderName": "Ada Lovelace",
            "status": status,
            "usedAt": used_at,
        })
    };
    json!({"items": [ticket(0, "used", json!("2036-12-31T13:05:12Z")), ticket(1, "valid", Value::Null)], "walletPasses": false})
}

pub(super) fn keys() -> Value {
    json!({"keys": [{
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "use": "ticket",
        "alg": "EdDSA",
    }]})
}

pub(super) fn scan() -> Value {
    json!({"code": CODE, "door": "North"})
}

pub(super) fn scan_of_list() -> Value {
    json!({"bookingId": BOOKING, "number": 0, "door": "North"})
}

pub(super) fn checkin() -> Value {
    json!({
        "id": CHECKIN,
        "ticket": {"bookingId": BOOKING, "number": 0},
        "holderName": "Ada Lovelace",
        "ticketType": "General admission",
        "checkedInAt": "2036-12-31T13:05:12Z",
        "door": "North",
    })
}

pub(super) fn batch() -> Value {
    json!({"scans": [
        {"code": CODE, "door": "North", "scanId": SCAN, "scannedAt": "2026-11-29T13:05:12Z"},
        {"bookingId": BOOKING, "number": 0, "door": "South", "scanId": OTHER_SCAN, "scannedAt": "2026-11-29T13:09:40Z"},
    ]})
}

pub(super) fn batch_results() -> Value {
    json!({"results": [
        {"status": "checked-in", "checkin": checkin()},
        {
            "status": "already-checked-in",
            "detail": "This ticket was checked in at 2036-12-31T13:05:12Z at the door North.",
            "checkin": checkin(),
        },
        {"status": "ticket-void", "detail": "This ticket was given back. Do not admit anybody with it.", "reason": "returned"},
    ]})
}

pub(super) fn summary() -> Value {
    json!({
        "ticketTypes": [{"ticketTypeId": TICKET_TYPE, "name": "General admission", "checkedIn": 112, "expected": 200}],
        "checkedIn": 112,
        "expected": 200,
    })
}

pub(super) fn door_list_ticket() -> Value {
    json!({
        "bookingId": BOOKING,
        "number": 0,
        "reference": "3C9D1A05-0",
        "holderName": "Ada Lovelace",
        "ticketType": "General admission",
        "checkedInAt": "2036-12-31T13:05:12Z",
        "door": "North",
        "checkinId": CHECKIN,
    })
}
