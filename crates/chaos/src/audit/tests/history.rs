//! A consistent history of a small sale, in which the tests plant violations.

use std::time::{Duration, Instant};

use rowlock_domain::allocation::PartySize;
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_domain::queue_log::{QueueChange, QueueLogHead, QueueLogKind};
use serde_json::json;
use uuid::Uuid;

use crate::audit::Evidence;
use crate::events::{Sale, Terms};
use crate::http::{ApiResponse, SendResult};
use crate::messages::{Message, MessageContent, TicketClaim};
use crate::request_log::{Attempt, EntryPoint, LoggedRequest, Operation};
use crate::tables::{AccountRow, BookingRow, DeliveryRow, EntryRow, EventRow, KeyRow, QueueLogRow, Tables, TypeRow};

pub(super) const EVENT: Uuid = Uuid::from_u128(0xe);
pub(super) const TYPE: Uuid = Uuid::from_u128(0xf);
pub(super) const ADMIN: Uuid = Uuid::from_u128(0xad);
pub(super) const ADA: Uuid = Uuid::from_u128(0xa);
pub(super) const BEN: Uuid = Uuid::from_u128(0xb);
pub(super) const CHLOE: Uuid = Uuid::from_u128(0xc);
/// Ada's booking of two tickets, which she cancels.
pub(super) const FIRST: Uuid = Uuid::from_u128(1);
/// Ben's booking of one ticket.
pub(super) const SECOND: Uuid = Uuid::from_u128(2);
/// Ben's waiting-list entry for two tickets, which is promoted.
pub(super) const BEN_WAITS: Uuid = Uuid::from_u128(3);
pub(super) const PROMOTED: Uuid = Uuid::from_u128(4);
/// Chloe's waiting-list entry for one ticket, which she leaves.
pub(super) const CHLOE_WAITS: Uuid = Uuid::from_u128(5);
/// An id that does not occur in the consistent history.
pub(super) const UNKNOWN_ID: Uuid = Uuid::from_u128(6);

pub(super) fn response(status: u16, body: &serde_json::Value) -> ApiResponse {
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    ApiResponse { status, code, replayed: false, body: body.to_string() }
}

pub(super) fn attempt(result: SendResult) -> Attempt {
    let sent = Instant::now();
    Attempt { sent, ended: sent + Duration::from_millis(5), entry_point: EntryPoint::Gateway, result }
}

pub(super) fn answered_request(account: Uuid, key: &str, operation: Operation, result: ApiResponse) -> LoggedRequest {
    LoggedRequest { account, key: key.to_owned(), operation, attempts: vec![attempt(Ok(result))], probe: false }
}

pub(super) fn book(quantity: u32) -> Operation {
    Operation::Book { event: EVENT, ticket_type: TYPE, also: None, quantity, min_quantity: quantity, join: true }
}

pub(super) fn booking(id: Uuid, quantity: u32, status: &str) -> serde_json::Value {
    json!({"booking": {"id": id, "eventId": EVENT, "ticketTypeId": TYPE, "quantity": quantity, "status": status, "origin": "direct"}})
}

pub(super) fn entry(id: Uuid, quantity: u32, status: &str) -> serde_json::Value {
    let entry = json!({"id": id, "eventId": EVENT, "ticketTypeId": TYPE, "quantity": quantity, "minQuantity": quantity, "status": status, "bookingId": null});
    json!({"waitlistEntry": entry})
}

pub(super) fn booking_row(id: Uuid, account_id: Uuid, quantity: u32, status: &str, origin: &str) -> BookingRow {
    let (status, origin) = (status.to_owned(), origin.to_owned());
    BookingRow { event_id: EVENT, id, ticket_type_id: TYPE, account_id, quantity, status, origin, void_reasons: None }
}

pub(super) fn entry_row(id: Uuid, account_id: Uuid, quantity: u32, number: i64, status: &str, booking_id: Option<Uuid>) -> EntryRow {
    let (event_id, ticket_type_id, status) = (EVENT, TYPE, status.to_owned());
    EntryRow { event_id, id, ticket_type_id, account_id, quantity, min_quantity: None, number, status, booking_id, wish_id: None }
}

pub(super) fn ticket(id: Uuid, account: Uuid, quantity: u32) -> TicketClaim {
    TicketClaim { id, account, quantity }
}

pub(super) fn message(sequence: i64, content: MessageContent) -> Message {
    Message {
        id: message_id(sequence),
        event: EVENT,
        ticket_type: Some(TYPE),
        sequence,
        micros: sequence * 1_000,
        is_further_choice: false,
        content,
    }
}

/// Returns the id of a message.
pub(super) fn message_id(sequence: i64) -> Uuid {
    Uuid::from_u128(0x1000 + u128::from(sequence.unsigned_abs()))
}

fn delivery(sequence: i64, recipient: Uuid, status: &str) -> DeliveryRow {
    DeliveryRow { message_id: message_id(sequence), recipient, status: status.to_owned() }
}

/// Returns the log of the queue in which these changes happened, and its end.
pub(super) fn queue_log(changes: &[QueueChange]) -> (Vec<QueueLogRow>, QueueLogHead) {
    let key = TypeKey { event: EventId::from_uuid(EVENT), ticket_type: TicketTypeId::from_uuid(TYPE) };
    let mut head = QueueLogHead::START;
    let rows = changes.iter().map(|change| QueueLogRow {
        event_id: EVENT,
        ticket_type_id: TYPE,
        record: head.append(key, chrono::DateTime::UNIX_EPOCH, *change),
    });
    (rows.collect(), head)
}

/// The changes of the queue in the consistent history.
pub(super) fn queue_changes() -> [QueueChange; 4] {
    let joined = |number, quantity| QueueChange::waits(QueueLogKind::Joined, number, PartySize::all_or_none(quantity));
    [joined(1, 2), joined(2, 1), QueueChange::promoted(1, 2, 2, 4), QueueChange::of(QueueLogKind::Left, 2)]
}

/// Builds a consistent history with a capacity of three tickets. Ada books two tickets and Ben one. Ben joins the waiting
/// list for two more and Chloe for one. Ada cancels, Ben is promoted, Chloe leaves, and the administrator adds two tickets.
pub(super) fn consistent_history() -> Evidence {
    let requests = vec![
        answered_request(ADA, "k1", book(2), response(201, &booking(FIRST, 2, "confirmed"))),
        answered_request(BEN, "k2", book(1), response(201, &booking(SECOND, 1, "confirmed"))),
        answered_request(BEN, "k3", book(2), response(202, &entry(BEN_WAITS, 2, "waiting"))),
        answered_request(CHLOE, "k4", book(1), response(202, &entry(CHLOE_WAITS, 1, "waiting"))),
        answered_request(CHLOE, "k5", book(4), response(409, &json!({"code": "account-limit"}))),
        answered_request(
            ADA,
            "k6",
            Operation::Cancel { event: EVENT, booking: FIRST, quantity: None },
            response(200, &booking(FIRST, 2, "cancelled")),
        ),
        answered_request(CHLOE, "k7", Operation::Leave { event: EVENT, entry: CHLOE_WAITS }, response(200, &entry(CHLOE_WAITS, 1, "left"))),
        answered_request(ADMIN, "", Operation::SetCapacity { event: EVENT, ticket_type: TYPE, capacity: 5 }, response(200, &json!({}))),
    ];
    let keys = requests.iter().filter(|request| !request.key.is_empty()).filter_map(|request| {
        let told = request.success()?;
        let (key, response) = (request.key.clone(), told.body.clone());
        Some(KeyRow { event_id: EVENT, account_id: request.account, key, status: told.status, response })
    });
    let contents = [
        MessageContent::Confirmed(ticket(FIRST, ADA, 2)),
        MessageContent::Confirmed(ticket(SECOND, BEN, 1)),
        MessageContent::Joined { entry: ticket(BEN_WAITS, BEN, 2), min_quantity: 2, number: 1 },
        MessageContent::Joined { entry: ticket(CHLOE_WAITS, CHLOE, 1), min_quantity: 1, number: 2 },
        MessageContent::Cancelled { booking: FIRST, returned: 2, reserved: false },
        MessageContent::Released,
        MessageContent::Promoted { entry: ticket(BEN_WAITS, BEN, 2), requested: 2, number: 1, booking: PROMOTED },
        MessageContent::Reallocated { promoted: 2, leftover: 0 },
        MessageContent::Left { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 2 },
        MessageContent::Capacity(5),
    ];
    let mut deliveries: Vec<_> = (1..).zip(contents).map(|(sequence, content)| message(sequence, content)).collect();
    deliveries.push(Message { ticket_type: None, sequence: 1, ..message(100, MessageContent::Event) });
    // One message is delivered twice, which is allowed.
    deliveries.push(deliveries[4].clone());
    // Ada returned her tickets before the mail about her booking had left. Ben was told about his promotion or was not: the response of
    // the mail server was lost.
    let mails = [
        delivery(1, ADA, "skipped"),
        delivery(2, BEN, "sent"),
        delivery(3, BEN, "sent"),
        delivery(4, CHLOE, "sent"),
        delivery(5, ADA, "sent"),
        delivery(7, BEN, "unclear"),
    ];
    let (queue_log, head) = queue_log(&queue_changes());
    let ticket_type = TypeRow {
        event_id: EVENT,
        id: TYPE,
        capacity: 5,
        available: 2,
        booked: 3,
        reserved: 0,
        held: 0,
        waiting: 0,
        version: 10,
        max_per_account: Some(4),
        queue_position: head.position,
        queue_hash: Some(head.hash),
    };
    let mut evidence = Evidence {
        sales: vec![Sale { event: EVENT, ticket_type: TYPE, capacity: 3, per_account: Some(4), terms: Terms::default() }],
        tables: Tables {
            events: vec![EventRow { id: EVENT, version: 1 }],
            types: vec![ticket_type],
            bookings: vec![
                booking_row(FIRST, ADA, 2, "cancelled", "direct"),
                booking_row(SECOND, BEN, 1, "confirmed", "direct"),
                booking_row(PROMOTED, BEN, 2, "confirmed", "waitlist"),
            ],
            entries: vec![entry_row(BEN_WAITS, BEN, 2, 1, "promoted", Some(PROMOTED)), entry_row(CHLOE_WAITS, CHLOE, 1, 2, "left", None)],
            queue_log,
            keys: keys.collect(),
            accounts: vec![AccountRow { id: ADA, email: "ada@example.org".to_owned() }],
            mails: mails.to_vec(),
            ..Tables::default()
        },
        requests,
        deliveries,
        webhook_messages: [5, 7].map(message_id).into(),
        mails_taken: mails.iter().filter(|row| row.status == "sent").map(DeliveryRow::id).collect(),
        ..Evidence::default()
    };
    evidence.registrations.created.insert("ada@example.org".to_owned(), ADA);
    evidence
}
