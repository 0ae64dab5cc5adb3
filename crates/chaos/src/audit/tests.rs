//! Tests that the audit detects violations: a consistent history, and each kind of violation planted in it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::http::{ApiResponse, SendError, SendResult};
use crate::messages::{MessageContent, TicketClaim};
use crate::request_log::{Attempt, EntryPoint, Operation};
use crate::tables::{AccountRow, BookingRow, EntryRow, EventRow, KeyRow, TypeRow};
use uuid::Uuid;

const EVENT: Uuid = Uuid::from_u128(0xe);
const TYPE: Uuid = Uuid::from_u128(0xf);
const ADMIN: Uuid = Uuid::from_u128(0xad);
const ADA: Uuid = Uuid::from_u128(0xa);
const BEN: Uuid = Uuid::from_u128(0xb);
const CHLOE: Uuid = Uuid::from_u128(0xc);
/// Ada's booking of two tickets, which she cancels.
const FIRST: Uuid = Uuid::from_u128(1);
/// Ben's booking of one ticket.
const SECOND: Uuid = Uuid::from_u128(2);
/// Ben's waiting-list entry for two tickets, which is promoted.
const BEN_WAITS: Uuid = Uuid::from_u128(3);
const PROMOTED: Uuid = Uuid::from_u128(4);
/// Chloe's waiting-list entry for one ticket, which she leaves.
const CHLOE_WAITS: Uuid = Uuid::from_u128(5);
/// An id that does not occur in the consistent history.
const UNKNOWN_ID: Uuid = Uuid::from_u128(6);

fn response(status: u16, body: &serde_json::Value) -> ApiResponse {
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    ApiResponse { status, code, replayed: false, body: body.to_string() }
}

fn attempt(result: SendResult) -> Attempt {
    let sent = Instant::now();
    Attempt { sent, ended: sent + Duration::from_millis(5), entry_point: EntryPoint::Gateway, result }
}

fn answered_request(account: Uuid, key: &str, operation: Operation, result: ApiResponse) -> LoggedRequest {
    LoggedRequest { account, key: key.to_owned(), operation, attempts: vec![attempt(Ok(result))], probe: false }
}

fn book(quantity: u32) -> Operation {
    Operation::Book { event: EVENT, ticket_type: TYPE, quantity, join: true }
}

fn booking(id: Uuid, quantity: u32, status: &str) -> serde_json::Value {
    json!({"booking": {"id": id, "eventId": EVENT, "ticketTypeId": TYPE, "quantity": quantity, "status": status, "origin": "direct"}})
}

fn entry(id: Uuid, quantity: u32, status: &str) -> serde_json::Value {
    json!({"waitlistEntry": {"id": id, "eventId": EVENT, "ticketTypeId": TYPE, "quantity": quantity, "status": status, "bookingId": null}})
}

fn booking_row(id: Uuid, account_id: Uuid, quantity: u32, status: &str, origin: &str) -> BookingRow {
    BookingRow { event_id: EVENT, id, ticket_type_id: TYPE, account_id, quantity, status: status.to_owned(), origin: origin.to_owned() }
}

fn entry_row(id: Uuid, account_id: Uuid, quantity: u32, number: i64, status: &str, booking_id: Option<Uuid>) -> EntryRow {
    EntryRow { event_id: EVENT, id, ticket_type_id: TYPE, account_id, quantity, number, status: status.to_owned(), booking_id }
}

fn ticket(id: Uuid, account: Uuid, quantity: u32) -> TicketClaim {
    TicketClaim { id, account, quantity }
}

fn message(sequence: i64, content: MessageContent) -> Message {
    Message { id: format!("m{sequence}"), event: EVENT, ticket_type: Some(TYPE), sequence, micros: sequence * 1_000, content }
}

/// Builds a consistent history with a capacity of three tickets. Ada books two tickets and Ben one. Ben joins the waiting
/// list for two more and Chloe for one. Ada cancels, Ben is promoted, Chloe leaves, and the administrator adds two tickets.
fn consistent_history() -> Evidence {
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
        MessageContent::Joined { entry: ticket(BEN_WAITS, BEN, 2), number: 1 },
        MessageContent::Joined { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 2 },
        MessageContent::Cancelled { booking: FIRST, returned: 2 },
        MessageContent::Released,
        MessageContent::Promoted { entry: ticket(BEN_WAITS, BEN, 2), number: 1, booking: PROMOTED },
        MessageContent::Reallocated { promoted: 2, leftover: 0 },
        MessageContent::Left { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 2 },
        MessageContent::Capacity(5),
    ];
    let mut deliveries: Vec<_> = (1..).zip(contents).map(|(sequence, content)| message(sequence, content)).collect();
    deliveries.push(Message { ticket_type: None, sequence: 1, ..message(100, MessageContent::Event) });
    // One message is delivered twice, which is allowed.
    deliveries.push(deliveries[4].clone());
    let ticket_type = TypeRow {
        event_id: EVENT,
        id: TYPE,
        capacity: 5,
        available: 2,
        booked: 3,
        held: 0,
        waiting: 0,
        version: 10,
        max_per_account: Some(4),
    };
    let mut evidence = Evidence {
        sales: vec![Sale { event: EVENT, ticket_type: TYPE, capacity: 3, per_account: Some(4) }],
        tables: Tables {
            events: vec![EventRow { id: EVENT, version: 1 }],
            types: vec![ticket_type],
            bookings: vec![
                booking_row(FIRST, ADA, 2, "cancelled", "direct"),
                booking_row(SECOND, BEN, 1, "confirmed", "direct"),
                booking_row(PROMOTED, BEN, 2, "confirmed", "waitlist"),
            ],
            entries: vec![entry_row(BEN_WAITS, BEN, 2, 1, "promoted", Some(PROMOTED)), entry_row(CHLOE_WAITS, CHLOE, 1, 2, "left", None)],
            keys: keys.collect(),
            accounts: vec![AccountRow { id: ADA, email: "ada@example.org".to_owned() }],
            ..Tables::default()
        },
        requests,
        deliveries,
        ..Evidence::default()
    };
    evidence.registrations.created.insert("ada@example.org".to_owned(), ADA);
    evidence
}

/// Returns the rules that are violated after a change to the consistent history.
fn violated_rules(change: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = consistent_history();
    change(&mut evidence);
    let mut rules: Vec<_> = audit(&evidence).violations.iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

#[track_caller]
fn assert_detected(rule: &str, change: impl FnOnce(&mut Evidence)) {
    let found = violated_rules(change);
    assert!(found.contains(&rule), "the audit did not find a violation of `{rule}`, but of {found:?}");
}

#[test]
fn a_consistent_history_has_no_violations() {
    let verdict = audit(&consistent_history());

    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.audited_responses, verdict.replayed), (8, 10));
    // Two tickets, from the cancellation to the promotion.
    assert_eq!(verdict.delays, [2_000, 2_000]);
}

#[test]
fn a_lost_booking_is_detected() {
    assert_detected("every booking reported to a client is stored", |evidence| {
        evidence.tables.bookings.retain(|row| row.id != SECOND);
    });
    assert_detected("every booking reported to a client is stored", |evidence| evidence.tables.bookings[1].quantity = 2);
    assert_detected("every booking reported to a client is stored", |evidence| evidence.tables.bookings[1].status = "cancelled".to_owned());
    assert_detected("every booking reported to a client is stored", |evidence| evidence.tables.bookings[1].account_id = CHLOE);
}

#[test]
fn a_lost_cancellation_is_detected() {
    assert_detected("every cancellation reported to a client is stored", |evidence| {
        evidence.tables.bookings[0].status = "confirmed".to_owned();
    });
    assert_detected("every cancellation reported to a client is stored", |evidence| {
        // A partial cancellation was requested, but the whole booking was cancelled.
        evidence.requests[5].operation = Operation::Cancel { event: EVENT, booking: FIRST, quantity: Some(1) };
    });
}

#[test]
fn a_lost_waiting_list_entry_is_detected() {
    assert_detected("every waiting-list entry reported to a client is stored", |evidence| evidence.tables.entries.clear());
    assert_detected("every waiting-list entry reported to a client is stored", |evidence| {
        evidence.tables.entries[1].status = "waiting".to_owned();
    });
}

#[test]
fn an_incorrect_change_of_an_entry_is_detected() {
    let rule = "tickets are allocated by the rule, in waiting-list order";
    // Ben's entry is changed in place of the cancellation; the following messages no longer fit.
    let changed = |entry, before, number| {
        move |evidence: &mut Evidence| evidence.deliveries[4] = message(5, MessageContent::Changed { entry, before, number })
    };
    assert_detected(rule, changed(ticket(BEN_WAITS, BEN, 1), 3, 1));
    assert_detected(rule, changed(ticket(BEN_WAITS, BEN, 1), 2, 3));
    assert_detected(rule, changed(ticket(BEN_WAITS, BEN, 3), 2, 1));
    assert_detected(rule, changed(ticket(UNKNOWN_ID, BEN, 1), 2, 1));
    // An account waits twice.
    assert_detected(rule, |evidence| {
        evidence.deliveries[3].content = MessageContent::Joined { entry: ticket(CHLOE_WAITS, BEN, 1), number: 2 }
    });
    assert_detected("every waiting-list entry reported to a client is stored", |evidence| evidence.tables.entries[1].quantity = 2);
}

#[test]
fn a_lost_account_is_detected() {
    assert_detected("every account reported to a client is stored", |evidence| evidence.tables.accounts.clear());
}

#[test]
fn a_lost_capacity_change_is_detected() {
    assert_detected("every capacity reported to the administrator is stored", |evidence| {
        evidence.tables.types[0].capacity = 4;
        evidence.tables.types[0].available = 1;
    });
}

#[test]
fn overselling_is_detected() {
    assert_detected("no ticket type is oversold", |evidence| evidence.tables.bookings[1].quantity = 4);
    assert_detected("tickets are allocated by the rule, in waiting-list order", |evidence| {
        evidence.deliveries[2].content = MessageContent::Confirmed(ticket(UNKNOWN_ID, CHLOE, 1));
    });
}

#[test]
fn an_incorrect_counter_is_detected() {
    let rule = "the counters of every ticket type are consistent";
    assert_detected(rule, |evidence| evidence.tables.types[0].available += 1);
    assert_detected(rule, |evidence| evidence.tables.types[0].booked += 1);
    assert_detected(rule, |evidence| evidence.tables.types[0].waiting += 1);
    assert_detected(rule, |evidence| {
        evidence.tables.types[0].available = -1;
        evidence.tables.types[0].held = 3;
    });
    assert_detected("the stored state matches the messages", |evidence| {
        evidence.tables.types[0].available -= 1;
        evidence.tables.types[0].capacity -= 1;
    });
}

#[test]
fn a_forgotten_waiting_list_entry_is_detected() {
    let rule = "no entry waits for available tickets";
    assert_detected(rule, |evidence| {
        evidence.tables.types[0].held = 1;
        evidence.tables.types[0].available = 1;
    });
    assert_detected(rule, |evidence| {
        evidence.tables.entries[1].status = "waiting".to_owned();
        evidence.tables.types[0].waiting = 1;
    });
}

#[test]
fn an_exceeded_account_limit_is_detected() {
    assert_detected("no account exceeds the per-account limit", |evidence| evidence.tables.types[0].max_per_account = Some(2));
    assert_detected("tickets are allocated by the rule, in waiting-list order", |evidence| evidence.sales[0].per_account = Some(2));
}

#[test]
fn an_out_of_order_promotion_is_detected() {
    let rule = "tickets are allocated by the rule, in waiting-list order";
    assert_detected(rule, |evidence| {
        evidence.deliveries[6].content = MessageContent::Promoted { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 2, booking: PROMOTED };
    });
    // Held tickets are booked directly by another account.
    assert_detected(rule, |evidence| evidence.deliveries[6].content = MessageContent::Confirmed(ticket(UNKNOWN_ID, CHLOE, 1)));
    // Leftover tickets are released although an entry waits for them.
    assert_detected(rule, |evidence| evidence.deliveries[6].content = MessageContent::Reallocated { promoted: 0, leftover: 2 });
    // An entry joins although tickets are available.
    assert_detected(rule, |evidence| {
        evidence.deliveries[1].content = MessageContent::Joined { entry: ticket(BEN_WAITS, BEN, 1), number: 1 }
    });
    // A number is assigned twice.
    assert_detected(rule, |evidence| {
        evidence.deliveries[3].content = MessageContent::Joined { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 1 }
    });
    assert_detected(rule, |evidence| evidence.deliveries[7].content = MessageContent::Reallocated { promoted: 1, leftover: 0 });
}

#[test]
fn a_lost_message_is_detected() {
    let rule = "every message is delivered at least once";
    assert_detected(rule, |evidence| {
        evidence.deliveries.remove(6);
    });
    assert_detected(rule, |evidence| evidence.tables.types[0].version = 11);
    assert_detected(rule, |evidence| evidence.deliveries.retain(|message| message.ticket_type.is_some()));
}

#[test]
fn an_out_of_order_message_is_detected() {
    assert_detected("the messages of a ticket type are delivered in order", |evidence| evidence.deliveries.swap(5, 6));
}

#[test]
fn a_message_that_violates_its_contract_is_detected() {
    let rule = "every message conforms to its contract";
    assert_detected(rule, |evidence| evidence.unreadable.push("nonsense".to_owned()));
    assert_detected(rule, |evidence| evidence.deliveries.push(message(5, MessageContent::Released)));
    assert_detected(rule, |evidence| evidence.tables.types[0].version = 9);
    assert_detected(rule, |evidence| evidence.deliveries.push(Message { event: UNKNOWN_ID, ..message(1, MessageContent::Event) }));
}

#[test]
fn an_undelivered_message_is_detected() {
    assert_detected("no message is dead-lettered", |evidence| evidence.dead_letters = 1);
    assert_detected("the outbox is empty", |evidence| evidence.tables.outbox = 1);
    assert_detected("the outbox is empty", |evidence| evidence.tables.outbox_failed = 1);
}

#[test]
fn a_second_effect_of_an_idempotency_key_is_detected() {
    let rule = "each idempotency key takes effect once";
    assert_detected(rule, |evidence| {
        let again = booking_row(UNKNOWN_ID, BEN, 1, "cancelled", "direct");
        evidence.tables.bookings.push(again);
    });
    assert_detected(rule, |evidence| evidence.tables.entries.push(entry_row(UNKNOWN_ID, CHLOE, 1, 3, "left", None)));
    assert_detected(rule, |evidence| {
        let other = response(201, &booking(UNKNOWN_ID, 1, "confirmed"));
        evidence.requests[1].attempts.push(attempt(Ok(other)));
    });
    assert_detected(rule, |evidence| {
        evidence.tables.keys.remove(0);
    });
    assert_detected(rule, |evidence| evidence.tables.keys[0].response.push(' '));
    // Chloe's request was rejected but took effect.
    assert_detected(rule, |evidence| {
        let response = booking(UNKNOWN_ID, 4, "confirmed").to_string();
        evidence.tables.keys.push(KeyRow { event_id: EVENT, account_id: CHLOE, key: "k5".to_owned(), status: 201, response });
    });
    // The response said that nothing was changed, and the client gave up.
    assert_detected(rule, |evidence| {
        let unavailable = response(503, &json!({"code": "unavailable"}));
        evidence.requests[1].attempts = vec![attempt(Ok(unavailable))];
        evidence.requests[1].probe = true;
    });
}

#[test]
fn a_request_with_unknown_outcome_may_have_taken_effect_or_not() {
    let found = violated_rules(|evidence| {
        let unknown = response(503, &json!({"code": "outcome-unknown"}));
        evidence.requests[1].attempts = vec![attempt(Ok(unknown))];
        evidence.requests[1].probe = true;
    });

    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_request_that_times_out_or_fails_is_detected() {
    let rule = "every request receives a valid response before its timeout";
    assert_detected(rule, |evidence| evidence.requests[0].attempts.insert(0, attempt(Err(SendError::Timeout))));
    assert_detected(rule, |evidence| evidence.requests[4].attempts = vec![attempt(Err(SendError::ConnectionFailed("reset".to_owned())))]);
    for (status, code) in [(500, "internal-error"), (401, "unauthenticated"), (404, "booking-not-found"), (503, "no problem document")] {
        assert_detected(rule, |evidence| {
            evidence.requests[0].attempts.insert(0, attempt(Ok(response(status, &json!({"code": code})))));
        });
    }
    assert_detected(rule, |evidence| evidence.registrations.violations.push("a login was rejected".to_owned()));
}

#[test]
fn a_request_that_fails_during_a_shutdown_is_detected() {
    let rule = "no request fails while a service shuts down";
    for result in [Ok(response(503, &json!({"code": "outcome-unknown"}))), Err(SendError::ConnectionFailed("reset".to_owned()))] {
        assert_detected(rule, |evidence| {
            let lost = attempt(result);
            evidence.shutdowns.push(ShutdownInterval { from: lost.sent, until: lost.ended + Duration::from_secs(1) });
            evidence.requests[0].attempts.insert(0, lost);
        });
    }
}
