//! The audit must be able to fail: a story in which all is well, and each kind of violation planted in it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::http::{Answer, NoAnswer, Reply};
use crate::ledger::{Attempt, Door, Operation};
use crate::messages::{Fact, Ticket};
use crate::tables::{AccountRow, BookingRow, EntryRow, EventRow, KeyRow, TypeRow};
use uuid::Uuid;

const EVENT: Uuid = Uuid::from_u128(0xe);
const TYPE: Uuid = Uuid::from_u128(0xf);
const ADMIN: Uuid = Uuid::from_u128(0xad);
const ADA: Uuid = Uuid::from_u128(0xa);
const BEN: Uuid = Uuid::from_u128(0xb);
const CHLOE: Uuid = Uuid::from_u128(0xc);
/// Ada's booking of two tickets, which she gives back.
const FIRST: Uuid = Uuid::from_u128(1);
/// Ben's one ticket.
const SECOND: Uuid = Uuid::from_u128(2);
/// Ben waits for two and gets them.
const BEN_WAITS: Uuid = Uuid::from_u128(3);
const PROMOTED: Uuid = Uuid::from_u128(4);
/// Chloe waits for one and leaves.
const CHLOE_WAITS: Uuid = Uuid::from_u128(5);
/// An operation of somebody who was refused.
const NOBODY: Uuid = Uuid::from_u128(6);

fn reply(status: u16, body: &serde_json::Value) -> Reply {
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    Reply { status, code, replayed: false, body: body.to_string() }
}

fn attempt(answer: Answer) -> Attempt {
    let sent = Instant::now();
    Attempt { sent, ended: sent + Duration::from_millis(5), door: Door::Gateway, answer }
}

fn asked(account: Uuid, key: &str, operation: Operation, answer: Reply) -> Request {
    Request { account, key: key.to_owned(), operation, attempts: vec![attempt(Ok(answer))], probe: false }
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

fn ticket(id: Uuid, account: Uuid, quantity: u32) -> Ticket {
    Ticket { id, account, quantity }
}

fn message(sequence: i64, fact: Fact) -> Message {
    Message { id: format!("m{sequence}"), event: EVENT, ticket_type: Some(TYPE), sequence, micros: sequence * 1_000, fact }
}

/// Three tickets: Ada has two and Ben one; Ben waits for two more, Chloe for one. Ada gives hers back, Ben gets them,
/// Chloe leaves, and the administrator adds two tickets.
fn all_is_well() -> Evidence {
    let requests = vec![
        asked(ADA, "k1", book(2), reply(201, &booking(FIRST, 2, "confirmed"))),
        asked(BEN, "k2", book(1), reply(201, &booking(SECOND, 1, "confirmed"))),
        asked(BEN, "k3", book(2), reply(202, &entry(BEN_WAITS, 2, "waiting"))),
        asked(CHLOE, "k4", book(1), reply(202, &entry(CHLOE_WAITS, 1, "waiting"))),
        asked(CHLOE, "k5", book(4), reply(409, &json!({"code": "account-limit"}))),
        asked(ADA, "k6", Operation::Cancel { event: EVENT, booking: FIRST, quantity: None }, reply(200, &booking(FIRST, 2, "cancelled"))),
        asked(CHLOE, "k7", Operation::Leave { event: EVENT, entry: CHLOE_WAITS }, reply(200, &entry(CHLOE_WAITS, 1, "left"))),
        asked(ADMIN, "", Operation::SetCapacity { event: EVENT, ticket_type: TYPE, capacity: 5 }, reply(200, &json!({}))),
    ];
    let keys = requests.iter().filter(|request| !request.key.is_empty()).filter_map(|request| {
        let told = request.promise()?;
        let (key, response) = (request.key.clone(), told.body.clone());
        Some(KeyRow { event_id: EVENT, account_id: request.account, key, status: told.status, response })
    });
    let facts = [
        Fact::Confirmed(ticket(FIRST, ADA, 2)),
        Fact::Confirmed(ticket(SECOND, BEN, 1)),
        Fact::Joined { entry: ticket(BEN_WAITS, BEN, 2), number: 1 },
        Fact::Joined { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 2 },
        Fact::Cancelled { booking: FIRST, returned: 2 },
        Fact::Released,
        Fact::Promoted { entry: ticket(BEN_WAITS, BEN, 2), number: 1, booking: PROMOTED },
        Fact::Reallocated { promoted: 2, leftover: 0 },
        Fact::Left { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 2 },
        Fact::Capacity(5),
    ];
    let mut deliveries: Vec<_> = (1..).zip(facts).map(|(sequence, fact)| message(sequence, fact)).collect();
    deliveries.push(Message { ticket_type: None, sequence: 1, ..message(100, Fact::Event) });
    // One came twice, which is allowed.
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
    evidence.register.created.insert("ada@example.org".to_owned(), ADA);
    evidence
}

/// The rules that are found broken after a change to the story.
fn broken(change: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = all_is_well();
    change(&mut evidence);
    let mut rules: Vec<_> = audit(&evidence).violations.iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

#[track_caller]
fn finds(rule: &str, change: impl FnOnce(&mut Evidence)) {
    let found = broken(change);
    assert!(found.contains(&rule), "«{rule}» was not found broken, but {found:?}");
}

#[test]
fn nothing_is_found_where_all_is_well() {
    let verdict = audit(&all_is_well());

    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.promises, verdict.replayed), (8, 10));
    // Two tickets, from the cancellation to the promotion.
    assert_eq!(verdict.delays, [2_000, 2_000]);
}

#[test]
fn a_lost_booking_is_found() {
    finds("every promised booking exists", |evidence| {
        evidence.tables.bookings.retain(|row| row.id != SECOND);
    });
    finds("every promised booking exists", |evidence| evidence.tables.bookings[1].quantity = 2);
    finds("every promised booking exists", |evidence| evidence.tables.bookings[1].status = "cancelled".to_owned());
    finds("every promised booking exists", |evidence| evidence.tables.bookings[1].account_id = CHLOE);
}

#[test]
fn a_lost_cancellation_is_found() {
    finds("every promised cancellation is done", |evidence| evidence.tables.bookings[0].status = "confirmed".to_owned());
    finds("every promised cancellation is done", |evidence| {
        // A part was asked back and the whole was taken.
        evidence.requests[5].operation = Operation::Cancel { event: EVENT, booking: FIRST, quantity: Some(1) };
    });
}

#[test]
fn a_lost_place_in_the_queue_is_found() {
    finds("every promised place in a queue exists", |evidence| evidence.tables.entries.clear());
    finds("every promised place in a queue exists", |evidence| evidence.tables.entries[1].status = "waiting".to_owned());
}

#[test]
fn a_wrong_change_of_an_entry_is_found() {
    let rule = "tickets move by the rule, and turns come in the order of joining";
    // Ben shrinks from 2 to 1 in the message before the return; what follows is compared with that.
    let with =
        |entry, before, number| move |evidence: &mut Evidence| evidence.deliveries[4] = message(5, Fact::Changed { entry, before, number });
    finds(rule, with(ticket(BEN_WAITS, BEN, 1), 3, 1));
    finds(rule, with(ticket(BEN_WAITS, BEN, 1), 2, 3));
    finds(rule, with(ticket(BEN_WAITS, BEN, 3), 2, 1));
    finds(rule, with(ticket(NOBODY, BEN, 1), 2, 1));
    // An account waits twice.
    finds(rule, |evidence| evidence.deliveries[3].fact = Fact::Joined { entry: ticket(CHLOE_WAITS, BEN, 1), number: 2 });
    finds("every promised place in a queue exists", |evidence| evidence.tables.entries[1].quantity = 2);
}

#[test]
fn a_lost_account_is_found() {
    finds("every promised account exists", |evidence| evidence.tables.accounts.clear());
}

#[test]
fn a_forgotten_number_of_tickets_is_found() {
    finds("every promised number of tickets holds", |evidence| {
        evidence.tables.types[0].capacity = 4;
        evidence.tables.types[0].available = 1;
    });
}

#[test]
fn a_ticket_sold_twice_is_found() {
    finds("nothing is sold twice", |evidence| evidence.tables.bookings[1].quantity = 4);
    finds("tickets move by the rule, and turns come in the order of joining", |evidence| {
        evidence.deliveries[2].fact = Fact::Confirmed(ticket(NOBODY, CHLOE, 1));
    });
}

#[test]
fn a_wrong_counter_is_found() {
    let rule = "the counters of every type add up";
    finds(rule, |evidence| evidence.tables.types[0].available += 1);
    finds(rule, |evidence| evidence.tables.types[0].booked += 1);
    finds(rule, |evidence| evidence.tables.types[0].waiting += 1);
    finds(rule, |evidence| {
        evidence.tables.types[0].available = -1;
        evidence.tables.types[0].held = 3;
    });
    finds("what is stored is what the messages tell", |evidence| {
        evidence.tables.types[0].available -= 1;
        evidence.tables.types[0].capacity -= 1;
    });
}

#[test]
fn somebody_forgotten_in_the_queue_is_found() {
    let rule = "nobody waits for what is for sale";
    finds(rule, |evidence| {
        evidence.tables.types[0].held = 1;
        evidence.tables.types[0].available = 1;
    });
    finds(rule, |evidence| {
        evidence.tables.entries[1].status = "waiting".to_owned();
        evidence.tables.types[0].waiting = 1;
    });
}

#[test]
fn more_than_an_account_may_have_is_found() {
    finds("no account has more than the type allows", |evidence| evidence.tables.types[0].max_per_account = Some(2));
    finds("tickets move by the rule, and turns come in the order of joining", |evidence| evidence.sales[0].per_account = Some(2));
}

#[test]
fn a_jumped_queue_is_found() {
    let rule = "tickets move by the rule, and turns come in the order of joining";
    finds(rule, |evidence| {
        evidence.deliveries[6].fact = Fact::Promoted { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 2, booking: PROMOTED };
    });
    // A stranger gets what is held.
    finds(rule, |evidence| evidence.deliveries[6].fact = Fact::Confirmed(ticket(NOBODY, CHLOE, 1)));
    // What is left is sold although somebody waits for it.
    finds(rule, |evidence| evidence.deliveries[6].fact = Fact::Reallocated { promoted: 0, leftover: 2 });
    // Somebody waits although there are tickets.
    finds(rule, |evidence| evidence.deliveries[1].fact = Fact::Joined { entry: ticket(BEN_WAITS, BEN, 1), number: 1 });
    // A number is given out twice.
    finds(rule, |evidence| evidence.deliveries[3].fact = Fact::Joined { entry: ticket(CHLOE_WAITS, CHLOE, 1), number: 1 });
    finds(rule, |evidence| evidence.deliveries[7].fact = Fact::Reallocated { promoted: 1, leftover: 0 });
}

#[test]
fn a_lost_message_is_found() {
    let rule = "every message was delivered at least once";
    finds(rule, |evidence| {
        evidence.deliveries.remove(6);
    });
    finds(rule, |evidence| evidence.tables.types[0].version = 11);
    finds(rule, |evidence| evidence.deliveries.retain(|message| message.ticket_type.is_some()));
}

#[test]
fn a_message_out_of_order_is_found() {
    finds("the messages of a type come in order", |evidence| evidence.deliveries.swap(5, 6));
}

#[test]
fn a_message_that_breaks_its_contract_is_found() {
    let rule = "every message keeps its contract";
    finds(rule, |evidence| evidence.unreadable.push("nonsense".to_owned()));
    finds(rule, |evidence| evidence.deliveries.push(message(5, Fact::Released)));
    finds(rule, |evidence| evidence.tables.types[0].version = 9);
    finds(rule, |evidence| evidence.deliveries.push(Message { event: NOBODY, ..message(1, Fact::Event) }));
}

#[test]
fn a_message_that_was_given_up_is_found() {
    finds("no message is given up", |evidence| evidence.dead_letters = 1);
    finds("the outbox is empty", |evidence| evidence.tables.outbox = 1);
    finds("the outbox is empty", |evidence| evidence.tables.outbox_failed = 1);
}

#[test]
fn a_second_effect_of_a_key_is_found() {
    let rule = "each idempotency key had one effect";
    finds(rule, |evidence| {
        let again = booking_row(NOBODY, BEN, 1, "cancelled", "direct");
        evidence.tables.bookings.push(again);
    });
    finds(rule, |evidence| evidence.tables.entries.push(entry_row(NOBODY, CHLOE, 1, 3, "left", None)));
    finds(rule, |evidence| {
        let other = reply(201, &booking(NOBODY, 1, "confirmed"));
        evidence.requests[1].attempts.push(attempt(Ok(other)));
    });
    finds(rule, |evidence| {
        evidence.tables.keys.remove(0);
    });
    finds(rule, |evidence| evidence.tables.keys[0].response.push(' '));
    // Chloe was refused, and yet it was done.
    finds(rule, |evidence| {
        let response = booking(NOBODY, 4, "confirmed").to_string();
        evidence.tables.keys.push(KeyRow { event_id: EVENT, account_id: CHLOE, key: "k5".to_owned(), status: 201, response });
    });
    // She was told that nothing was changed, and gave up.
    finds(rule, |evidence| {
        let unavailable = reply(503, &json!({"code": "unavailable"}));
        evidence.requests[1].attempts = vec![attempt(Ok(unavailable))];
        evidence.requests[1].probe = true;
    });
}

#[test]
fn what_was_left_undecided_may_have_been_done_or_not() {
    let found = broken(|evidence| {
        let unknown = reply(503, &json!({"code": "outcome-unknown"}));
        evidence.requests[1].attempts = vec![attempt(Ok(unknown))];
        evidence.requests[1].probe = true;
    });

    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_request_that_hangs_or_fails_is_found() {
    let rule = "every request ended within its deadline with a proper answer";
    finds(rule, |evidence| evidence.requests[0].attempts.insert(0, attempt(Err(NoAnswer::Late))));
    finds(rule, |evidence| evidence.requests[4].attempts = vec![attempt(Err(NoAnswer::Broken("reset".to_owned())))]);
    for (status, code) in [(500, "internal-error"), (401, "unauthenticated"), (404, "booking-not-found"), (503, "no problem document")] {
        finds(rule, |evidence| {
            evidence.requests[0].attempts.insert(0, attempt(Ok(reply(status, &json!({"code": code})))));
        });
    }
    finds(rule, |evidence| evidence.register.wrong.push("a log-in was refused".to_owned()));
}

#[test]
fn a_request_that_fails_while_a_service_drains_is_found() {
    let rule = "a service that is asked to stop fails no request";
    for answer in [Ok(reply(503, &json!({"code": "outcome-unknown"}))), Err(NoAnswer::Broken("reset".to_owned()))] {
        finds(rule, |evidence| {
            let lost = attempt(answer);
            evidence.drains.push(Drain { from: lost.sent, until: lost.ended + Duration::from_secs(1) });
            evidence.requests[0].attempts.insert(0, lost);
        });
    }
}
