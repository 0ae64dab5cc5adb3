//! Tests that the audit detects violations about tickets that are transferred.

use serde_json::json;
use uuid::Uuid;

use super::history::*;
use super::{assert_detected, violated_rules};
use crate::audit::Evidence;
use crate::messages::MessageContent;
use crate::request_log::Operation;
use crate::tables::{DeliveryRow, KeyRow, TransferRow};

const STORED: &str = "every transfer reported to a client is stored";
const ONE_PLACE: &str = "a transferred ticket is in one booking only";
const TRANSFER: Uuid = Uuid::from_u128(0x50);
/// Chloe's booking of the ticket that Ben gave her.
const RECEIVED: Uuid = Uuid::from_u128(0x51);

fn transfer(status: &str, booking: Uuid) -> serde_json::Value {
    json!({"transfer": {"id": TRANSFER, "eventId": EVENT, "ticketTypeId": TYPE, "quantity": 1, "status": status, "bookingId": booking}})
}

/// Ben gives the only ticket of his first booking to Chloe.
fn ben_gives_a_ticket(evidence: &mut Evidence) {
    let offer = Operation::OfferTransfer { event: EVENT, booking: SECOND, quantity: 1, to: "chloe@example.org".to_owned() };
    let accept = Operation::AnswerTransfer { event: EVENT, transfer: TRANSFER, token: "t".to_owned(), accept: true };
    let requests = [
        answered_request(BEN, "k8", offer, response(201, &transfer("pending", SECOND))),
        answered_request(CHLOE, "k9", accept, response(200, &transfer("accepted", RECEIVED))),
    ];
    for request in requests {
        let told = request.success().unwrap().clone();
        let (key, response) = (request.key.clone(), told.body);
        evidence.tables.keys.push(KeyRow { event_id: EVENT, account_id: request.account, key, status: told.status, response });
        evidence.requests.push(request);
    }
    let contents = [
        (MessageContent::TransferOffered { transfer: TRANSFER, booking: ticket(SECOND, BEN, 1) }, BEN),
        (MessageContent::TransferAccepted { transfer: TRANSFER, booking: ticket(SECOND, BEN, 1), remaining: 0 }, BEN),
        (MessageContent::TransferReceived { transfer: TRANSFER, booking: ticket(RECEIVED, CHLOE, 1) }, CHLOE),
    ];
    for (sequence, (content, recipient)) in (11..).zip(contents) {
        evidence.deliveries.push(message(sequence, content));
        let row = DeliveryRow { message_id: message_id(sequence), recipient, status: "sent".to_owned() };
        evidence.mails_taken.push(row.id());
        evidence.tables.mails.push(row);
    }
    evidence.tables.types[0].version = 13;
    evidence.tables.bookings[1].quantity = 0;
    evidence.tables.bookings[1].status = "cancelled".to_owned();
    evidence.tables.bookings[1].void_reasons = Some(vec!["transferred".to_owned()]);
    evidence.tables.bookings.push(booking_row(RECEIVED, CHLOE, 1, "confirmed", "transfer"));
    evidence.tables.transfers.push(TransferRow {
        id: TRANSFER,
        booking_id: SECOND,
        from_account: BEN,
        quantity: 1,
        status: "accepted".to_owned(),
        to_account: Some(CHLOE),
        received_booking: Some(RECEIVED),
    });
}

#[track_caller]
fn assert_detected_after_transfer(rule: &str, change: impl FnOnce(&mut Evidence)) {
    assert_detected(rule, |evidence| {
        ben_gives_a_ticket(evidence);
        change(evidence);
    });
}

#[test]
fn a_transfer_violates_nothing() {
    assert_eq!(violated_rules(ben_gives_a_ticket), Vec::<&str>::new());
    // The mail about the booking that Ben gave away waited, and was not sent.
    let skipped = violated_rules(|evidence| {
        ben_gives_a_ticket(evidence);
        evidence.tables.mails[1].status = "skipped".to_owned();
        evidence.mails_taken.retain(|taken| taken.message != message_id(2));
    });
    assert_eq!(skipped, Vec::<&str>::new());
}

#[test]
fn a_transfer_that_is_not_stored_as_it_was_told_is_detected() {
    assert_detected_after_transfer(STORED, |evidence| evidence.tables.transfers.clear());
    assert_detected_after_transfer(STORED, |evidence| evidence.tables.transfers[0].status = "withdrawn".to_owned());
    assert_detected_after_transfer(STORED, |evidence| evidence.tables.transfers[0].to_account = Some(ADA));
    assert_detected_after_transfer(STORED, |evidence| evidence.tables.transfers[0].quantity = 2);
}

#[test]
fn a_ticket_in_two_places_or_in_none_is_detected() {
    assert_detected_after_transfer(ONE_PLACE, |evidence| evidence.tables.bookings[1].void_reasons = None);
    assert_detected_after_transfer(ONE_PLACE, |evidence| {
        let twice = TransferRow { id: UNKNOWN_ID, ..evidence.tables.transfers[0].clone() };
        evidence.tables.transfers.push(twice);
    });
    assert_detected_after_transfer(ONE_PLACE, |evidence| evidence.tables.bookings.retain(|row| row.id != RECEIVED));
    assert_detected_after_transfer(ONE_PLACE, |evidence| evidence.tables.bookings[3].quantity = 2);
    assert_detected_after_transfer("the stored state matches the messages", |evidence| {
        evidence.tables.bookings[1].quantity = 1;
        evidence.tables.bookings[1].status = "confirmed".to_owned();
    });
    assert_detected_after_transfer("tickets are allocated by the rule, in waiting-list order", |evidence| {
        let last = evidence.deliveries.last_mut().unwrap();
        last.content = MessageContent::TransferReceived { transfer: TRANSFER, booking: ticket(RECEIVED, CHLOE, 2) };
    });
}
