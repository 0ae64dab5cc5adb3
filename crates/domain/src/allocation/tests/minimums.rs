//! Tests of parties that take fewer tickets than they ask for.

use super::{LIMITS, ask, ask_for, confirmed, fewer, promoted, stock};
use crate::allocation::*;
use crate::queue::{QueueHeads, QueuedEntry};

const OPEN: EventPhase = EventPhase::WaitlistOpen;

fn heads(entries: &[(i64, PartySize)]) -> QueueHeads {
    let mut heads = QueueHeads::default();
    for &(number, size) in entries {
        heads.push(QueuedEntry { number, size });
    }
    heads
}

/// Returns a sold-out type for whose tickets the given parties wait in this order.
fn queue(capacity: u32, parties: &[PartySize]) -> Stock {
    let mut stock = stock(capacity);
    stock.book(ask(capacity), LIMITS, OPEN).unwrap();
    for size in parties {
        assert!(matches!(stock.book(ask_for(*size), LIMITS, OPEN), Ok(BookingDecision::Waitlisted { .. })));
    }
    stock
}

#[test]
fn a_request_that_takes_fewer_gets_what_is_left_at_once() {
    for join_waitlist in [true, false] {
        let mut stock = stock(3);
        let request = |quantity, min| BookRequest { join_waitlist, ..ask_for(fewer(quantity, min)) };
        assert_eq!(stock.book(request(2, 1), LIMITS, OPEN), Ok(confirmed(2)), "all, because they are there");
        assert_eq!(stock.book(request(3, 1), LIMITS, OPEN), Ok(confirmed(1)));
        assert_eq!((stock.available, stock.booked, stock.waiting), (0, 3, 0));
    }
    // After the waiting list has ended, too.
    let mut stock = stock(1);
    assert_eq!(stock.book(ask_for(fewer(3, 1)), LIMITS, EventPhase::WaitlistClosed), Err(BookRefusal::QuantityAboveTotal { total: 1 }));
    stock.capacity = 4;
    assert_eq!(stock.book(ask_for(fewer(3, 2)), LIMITS, EventPhase::WaitlistClosed), Err(BookRefusal::SoldOut));
    assert_eq!(stock.book(ask_for(fewer(3, 1)), LIMITS, EventPhase::WaitlistClosed), Ok(confirmed(1)));
}

#[test]
fn a_request_that_takes_fewer_does_not_get_held_tickets() {
    let mut stock = queue(4, &[PartySize::all_or_none(3)]);
    let _ = stock.return_tickets(2, OPEN);
    assert_eq!(stock.held, 2);
    let decision = stock.book(ask_for(fewer(2, 1)), LIMITS, OPEN);
    assert_eq!(decision, Ok(BookingDecision::Waitlisted { number: 2, position: 2 }));
    let pass = stock.reallocate(&mut heads(&[(1, fewer(3, 3)), (2, fewer(2, 1))]), LIMITS, 9, Commitment::Confirmed);
    assert_eq!(pass, AllocationPass { promoted: promoted(&[(2, 2)]), leftover: 0, unfinished: false });
}

#[test]
fn the_first_who_takes_what_there_is_gets_it_and_the_order_stays() {
    let parties = [fewer(4, 3), fewer(4, 2), fewer(2, 1), fewer(1, 1)];
    let mut stock = queue(9, &parties);
    let _ = stock.return_tickets(2, OPEN);
    let mut queue = heads(&[(1, parties[0]), (2, parties[1]), (3, parties[2]), (4, parties[3])]);
    assert_eq!(stock.reallocate(&mut queue, LIMITS, 9, Commitment::Confirmed).promoted, promoted(&[(2, 2)]));
    assert_eq!(stock.waiting, 3, "the rest of the wish of number 2 is given up");
    let _ = stock.return_tickets(6, OPEN);
    assert_eq!(stock.reallocate(&mut queue, LIMITS, 9, Commitment::Reserved).promoted, promoted(&[(1, 4), (3, 2)]));
    assert_eq!((stock.held, stock.available, stock.reserved, stock.waiting), (0, 0, 6, 1));
    assert!(stock.is_consistent());
}

#[test]
fn nobody_gets_more_than_one_booking_may_have() {
    let parties = [fewer(4, 1), fewer(4, 4)];
    let mut stock = queue(8, &parties);
    let _ = stock.return_tickets(8, OPEN);
    let lowered = BookingLimits { max_per_booking: 3, ..LIMITS };
    let pass = stock.reallocate(&mut heads(&[(1, parties[0]), (2, parties[1])]), lowered, 9, Commitment::Confirmed);
    assert_eq!(pass, AllocationPass { promoted: promoted(&[(1, 3)]), leftover: 5, unfinished: false });
}

#[test]
fn a_lower_minimum_keeps_the_place_and_holds_what_is_available() {
    let mut stock = queue(6, &[fewer(4, 4)]);
    let _ = stock.return_tickets(2, OPEN);
    let pass = stock.reallocate(&mut heads(&[(1, fewer(4, 4))]), LIMITS, 9, Commitment::Confirmed);
    assert_eq!((pass.leftover, stock.available), (2, 2));
    let limited = BookingLimits { max_per_booking: 3, max_per_account: Some(1) };
    let lower = |previous, min_quantity| EntryChange { previous, size: fewer(4, min_quantity), account_total: 9 };
    // Neither limit is checked, because the entry does not ask for more than before.
    assert_eq!(stock.change_entry(lower(fewer(4, 4), 3), limited), Ok(EntryChangeResult::KeptPlace));
    assert_eq!((stock.available, stock.held), (2, 0));
    let one_ticket = BookingLimits { max_per_booking: 1, ..limited };
    assert_eq!(stock.clone().change_entry(lower(fewer(4, 3), 2), one_ticket), Ok(EntryChangeResult::KeptPlace));
    assert_eq!(stock.held, 0, "one booking may not have that many");
    assert_eq!(stock.change_entry(lower(fewer(4, 3), 2), limited), Ok(EntryChangeResult::KeptPlace));
    assert_eq!((stock.available, stock.held), (0, 2));
    assert_eq!(stock.change_entry(lower(fewer(4, 2), 2), limited), Ok(EntryChangeResult::Unchanged));
    // A higher minimum takes nothing from anybody.
    assert_eq!(stock.change_entry(lower(fewer(4, 2), 3), limited), Ok(EntryChangeResult::KeptPlace));
    let grown = EntryChange { previous: fewer(4, 3), size: fewer(5, 3), account_total: 0 };
    assert_eq!(stock.change_entry(grown, LIMITS), Ok(EntryChangeResult::MovedToEnd { number: 2, position: 1 }));
}

#[test]
fn a_minimum_that_is_left_out_follows_the_quantity() {
    let all = PartySize::all_or_none;
    assert_eq!(all(4).changed(Some(6), None), all(6), "of a party that takes all or none");
    assert_eq!(all(4).changed(Some(3), None), all(3));
    assert_eq!(fewer(4, 2).changed(Some(3), None), fewer(3, 2));
    assert_eq!(fewer(4, 2).changed(Some(1), None), all(1));
    assert_eq!(fewer(4, 2).changed(Some(6), None), fewer(6, 2));
    assert_eq!(fewer(4, 2).changed(None, Some(4)), all(4));
    assert_eq!(all(4).changed(Some(6), Some(1)), fewer(6, 1));
}
