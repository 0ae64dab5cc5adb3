//! Checks transfers: what clients were told is stored, and each ticket that left a booking is in exactly one other booking.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AuditResult, Evidence};
use crate::client::{SuccessBody, Transfer};
use crate::messages::MessageContent;
use crate::request_log::{LoggedRequest, Operation};
use crate::tables::{BookingRow, TransferRow};

const TRANSFERS_STORED: &str = "every transfer reported to a client is stored";
const ONE_PLACE: &str = "a transferred ticket is in one booking only";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let stored: BTreeMap<Uuid, &TransferRow> = evidence.tables.transfers.iter().map(|row| (row.id, row)).collect();
    for request in &evidence.requests {
        let body = request.success().and_then(|response| serde_json::from_str::<SuccessBody>(&response.body).ok());
        if let Some(told) = body.and_then(|body| body.transfer)
            && let Err(what) = check_told(request, &told, stored.get(&told.id).copied())
        {
            let location = format!("transfers, event {}, transfer {}, account {}", told.event_id, told.id, request.account);
            verdict.add_violation(TRANSFERS_STORED, what, location);
        }
    }
    check_places(evidence, verdict);
}

/// Checks one response about a transfer.
fn check_told(request: &LoggedRequest, told: &Transfer, stored: Option<&TransferRow>) -> Result<(), String> {
    let Some(row) = stored else { return Err(format!("the transfer {} is missing", told.id)) };
    let account = request.account;
    let is_right = match &request.operation {
        Operation::OfferTransfer { booking, quantity, .. } => {
            told.status == "pending"
                && (row.booking_id, row.from_account, row.quantity) == (*booking, account, *quantity)
                && (told.booking_id, told.quantity) == (Some(*booking), *quantity)
        }
        Operation::AnswerTransfer { transfer, accept: true, .. } => {
            (told.id, told.status.as_str(), row.status.as_str()) == (*transfer, "accepted", "accepted")
                && (row.to_account, row.received_booking) == (Some(account), told.booking_id)
                && row.from_account != account
        }
        Operation::AnswerTransfer { transfer, .. } => {
            (told.id, told.status.as_str(), row.status.as_str()) == (*transfer, "declined", "declined")
        }
        Operation::WithdrawTransfer { transfer, .. } => {
            (told.id, told.status.as_str(), row.status.as_str()) == (*transfer, "withdrawn", "withdrawn") && row.from_account == account
        }
        _ => false,
    };
    if is_right { Ok(()) } else { Err(format!("a {} request was told {told:?}, but {row:?} is stored", request.operation.name())) }
}

/// Compares the numbers that left bookings with the transfers that were accepted, and those with the bookings of the receivers.
fn check_places(evidence: &Evidence, verdict: &mut AuditResult) {
    let bookings: BTreeMap<Uuid, &BookingRow> = evidence.tables.bookings.iter().map(|row| (row.id, row)).collect();
    let mut given: BTreeMap<Uuid, usize> = BTreeMap::new();
    let mut received: BTreeMap<Uuid, u32> = BTreeMap::new();
    for row in evidence.tables.transfers.iter().filter(|row| row.status == "accepted") {
        *given.entry(row.booking_id).or_default() += usize::try_from(row.quantity).unwrap_or_default();
        let booking = row.received_booking.and_then(|id| bookings.get(&id));
        let is_right = booking.is_some_and(|booking| {
            booking.origin == "transfer" && Some(booking.account_id) == row.to_account && booking.quantity <= row.quantity
        });
        if !is_right {
            let what = format!("the transfer {row:?} was accepted, but the receiver has {booking:?}");
            verdict.add_violation(ONE_PLACE, what, format!("transfers, transfer {}", row.id));
        }
        *received.entry(row.received_booking.unwrap_or_default()).or_default() += 1;
    }
    for row in &evidence.tables.bookings {
        let void = row.void_reasons.iter().flatten().filter(|reason| *reason == "transferred").count();
        let gave = given.get(&row.id).copied().unwrap_or_default();
        let got = received.get(&row.id).copied().unwrap_or_default();
        if void != gave || got != u32::from(row.origin == "transfer") {
            let what = format!(
                "{void} numbers of the booking {} were transferred, but accepted transfers took {gave}; it comes from {got} transfers and its \
                 origin is {}",
                row.id, row.origin
            );
            verdict.add_violation(ONE_PLACE, what, format!("bookings, event {}, booking {}", row.event_id, row.id));
        }
    }
}

/// Returns how many tickets left each booking by transfers.
pub(super) fn given_away(evidence: &Evidence) -> BTreeMap<Uuid, u32> {
    // A message can be delivered twice.
    let mut transfers: BTreeMap<Uuid, (Uuid, u32)> = BTreeMap::new();
    for message in &evidence.deliveries {
        if let MessageContent::TransferAccepted { transfer, booking, .. } = &message.content {
            transfers.insert(*transfer, (booking.id, booking.quantity));
        }
    }
    let mut given = BTreeMap::new();
    for (booking, quantity) in transfers.into_values() {
        *given.entry(booking).or_default() += quantity;
    }
    given
}
