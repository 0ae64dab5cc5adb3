//! Tests of the allocation rule on difficult cases.

mod histories;
mod minimums;
mod model;
mod queue_logs;

use super::*;
use crate::queue::{QueueHeads, QueuedEntry};

const LIMITS: BookingLimits = BookingLimits { max_per_booking: 10, max_per_account: None };

fn stock(capacity: u32) -> Stock {
    Stock::new(capacity)
}

fn ask(quantity: u32) -> BookRequest {
    ask_for(PartySize::all_or_none(quantity))
}

fn ask_for(size: PartySize) -> BookRequest {
    BookRequest { size, commitment: Commitment::Confirmed, join_waitlist: true, account_total: 0, already_waiting: false }
}

fn fewer(quantity: u32, min_quantity: u32) -> PartySize {
    PartySize { quantity, min_quantity }
}

fn reserve(quantity: u32) -> BookRequest {
    BookRequest { commitment: Commitment::Reserved, ..ask(quantity) }
}

fn heads(entries: &[(i64, u32)]) -> QueueHeads {
    let mut heads = QueueHeads::default();
    for &(number, quantity) in entries {
        heads.push(QueuedEntry { number, size: PartySize::all_or_none(quantity) });
    }
    heads
}

/// Returns promotions of entries with these numbers, with the numbers of tickets that they get.
fn promoted(entries: &[(i64, u32)]) -> Vec<Promotion> {
    entries.iter().map(|&(number, given)| Promotion { number, given }).collect()
}

fn resize(previous: u32, quantity: u32, account_total: u32) -> EntryChange {
    EntryChange { previous: PartySize::all_or_none(previous), size: PartySize::all_or_none(quantity), account_total }
}

fn confirmed(quantity: u32) -> BookingDecision {
    BookingDecision::Confirmed { quantity }
}

fn reserved(quantity: u32) -> BookingDecision {
    BookingDecision::Reserved { quantity }
}

#[test]
fn a_booking_is_never_split() {
    let mut stock = stock(3);
    assert_eq!(stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen), Ok(confirmed(2)));
    assert_eq!(stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen), Ok(BookingDecision::Waitlisted { number: 1, position: 1 }));
    assert_eq!(stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen), Ok(confirmed(1)), "one that fits is not blocked by one that does not");
    assert!(stock.is_consistent());
}

#[test]
fn a_newcomer_cannot_take_tickets_that_a_waiting_party_could_use() {
    // Two tickets are available and a party of three waits. One ticket is returned while a stranger asks for two.
    let mut stock = stock(5);
    stock.book(ask(3), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(3), LIMITS, EventPhase::WaitlistOpen).unwrap();
    assert_eq!(stock.available, 2);
    assert_eq!(stock.return_tickets(1, EventPhase::WaitlistOpen), ReturnDestination::Held);
    assert_eq!((stock.available, stock.held), (0, 3));
    assert_eq!(stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen), Ok(BookingDecision::Waitlisted { number: 2, position: 2 }));
    let walk = stock.reallocate(&mut heads(&[(1, 3), (2, 2)]), LIMITS, 100, Commitment::Confirmed);
    assert_eq!(walk, AllocationPass { promoted: promoted(&[(1, 3)]), leftover: 0, unfinished: false });
}

#[test]
fn a_party_larger_than_the_total_is_refused_whether_it_would_wait_or_not() {
    let mut stock = stock(2);
    let refusal = BookRefusal::QuantityAboveTotal { total: 2 };
    for join_waitlist in [true, false] {
        assert_eq!(stock.book(BookRequest { join_waitlist, ..ask(3) }, LIMITS, EventPhase::WaitlistOpen), Err(refusal));
        // The limit per booking is checked first, because it applies whatever the capacity is.
        let too_large = BookRequest { join_waitlist, ..ask(11) };
        assert_eq!(stock.book(too_large, LIMITS, EventPhase::WaitlistOpen), Err(BookRefusal::QuantityTooLarge { max: 10 }));
    }
    stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen).unwrap();
    assert_eq!(stock.change_entry(resize(2, 3, 2), LIMITS), Err(refusal));
    assert_eq!((stock.booked, stock.waiting), (2, 1));
}

#[test]
fn a_party_above_a_lowered_limit_is_passed_over_until_the_limit_is_raised() {
    let mut stock = stock(4);
    stock.book(ask(4), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(3), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let _ = stock.return_tickets(4, EventPhase::WaitlistOpen);
    let lowered = BookingLimits { max_per_booking: 2, ..LIMITS };
    let mut heads = heads(&[(1, 3), (2, 1)]);
    assert_eq!(
        stock.reallocate(&mut heads, lowered, 100, Commitment::Confirmed),
        AllocationPass { promoted: promoted(&[(2, 1)]), leftover: 3, unfinished: false }
    );
    assert_eq!((stock.available, stock.waiting), (3, 1));
    assert!(stock.hold_available());
    assert_eq!(
        stock.reallocate(&mut heads, LIMITS, 100, Commitment::Confirmed),
        AllocationPass { promoted: promoted(&[(1, 3)]), leftover: 0, unfinished: false }
    );
}

#[test]
fn leftover_tickets_become_available() {
    let mut stock = stock(4);
    stock.book(ask(4), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(4), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let _ = stock.return_tickets(3, EventPhase::WaitlistOpen);
    let walk = stock.reallocate(&mut heads(&[(1, 4)]), LIMITS, 100, Commitment::Confirmed);
    assert_eq!(walk, AllocationPass { promoted: promoted(&[]), leftover: 3, unfinished: false });
    assert_eq!((stock.available, stock.held, stock.waiting), (3, 0, 1));
}

#[test]
fn a_pass_that_reaches_its_limit_leaves_the_rest_held() {
    let mut stock = stock(3);
    stock.book(ask(3), LIMITS, EventPhase::WaitlistOpen).unwrap();
    for _ in 0..3 {
        stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    }
    let _ = stock.return_tickets(3, EventPhase::WaitlistOpen);
    let mut heads = heads(&[(1, 1), (2, 1), (3, 1)]);
    assert_eq!(
        stock.reallocate(&mut heads, LIMITS, 2, Commitment::Confirmed),
        AllocationPass { promoted: promoted(&[(1, 1), (2, 1)]), leftover: 0, unfinished: true }
    );
    assert_eq!(stock.held, 1);
    assert_eq!(
        stock.reallocate(&mut heads, LIMITS, 2, Commitment::Confirmed),
        AllocationPass { promoted: promoted(&[(3, 1)]), leftover: 0, unfinished: false }
    );
}

#[test]
fn held_tickets_become_available_when_the_last_entry_leaves() {
    let mut stock = stock(1);
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let _ = stock.return_tickets(1, EventPhase::WaitlistOpen);
    stock.remove_entry();
    assert_eq!((stock.available, stock.held), (1, 0));
}

#[test]
fn capacity_is_taken_from_available_then_from_held_and_never_from_booked() {
    let mut stock = stock(4);
    stock.book(ask(4), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(3), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let _ = stock.return_tickets(2, EventPhase::WaitlistOpen);
    assert_eq!(stock.set_capacity(3, EventPhase::WaitlistOpen), Ok(ReturnDestination::Available));
    assert_eq!((stock.available, stock.held, stock.booked), (0, 1, 2));
    assert_eq!(stock.set_capacity(1, EventPhase::WaitlistOpen), Err(CapacityBelowBooked { booked: 2, reserved: 0 }));
    assert_eq!(stock.set_capacity(5, EventPhase::WaitlistOpen), Ok(ReturnDestination::Held));
    assert_eq!(stock.held, 3);
}

#[test]
fn the_account_limit_counts_what_is_booked_and_waited_for() {
    let limits = BookingLimits { max_per_booking: 10, max_per_account: Some(3) };
    let mut stock = stock(10);
    let request = BookRequest { account_total: 2, ..ask(2) };
    assert_eq!(stock.book(request, limits, EventPhase::WaitlistOpen), Err(BookRefusal::AccountLimit { max: 3 }));
    assert_eq!(stock.book(ask(11), limits, EventPhase::WaitlistOpen), Err(BookRefusal::QuantityTooLarge { max: 10 }));
}

#[test]
fn after_the_start_nothing_is_held_and_nobody_joins() {
    let mut stock = stock(1);
    stock.book(ask(1), LIMITS, EventPhase::WaitlistClosed).unwrap();
    assert_eq!(stock.book(ask(1), LIMITS, EventPhase::WaitlistClosed), Err(BookRefusal::SoldOut));
    stock.waiting = 1;
    assert_eq!(stock.return_tickets(1, EventPhase::WaitlistClosed), ReturnDestination::Available);
}

#[test]
fn held_tickets_become_available_at_the_first_return_after_the_start() {
    let mut stock = stock(2);
    stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    assert_eq!(stock.return_tickets(1, EventPhase::WaitlistOpen), ReturnDestination::Held);
    assert_eq!(stock.return_tickets(1, EventPhase::WaitlistClosed), ReturnDestination::Available);
    assert_eq!((stock.available, stock.held), (2, 0));
    assert!(stock.is_consistent());
}

#[test]
fn when_the_event_is_postponed_those_who_still_wait_come_first_again() {
    let mut stock = stock(3);
    stock.book(ask(3), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let _ = stock.return_tickets(3, EventPhase::WaitlistClosed);
    assert!(stock.hold_available());
    assert_eq!(stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen), Ok(BookingDecision::Waitlisted { number: 2, position: 2 }));
    assert_eq!(stock.reallocate(&mut heads(&[(1, 2), (2, 1)]), LIMITS, 9, Commitment::Confirmed).promoted, promoted(&[(1, 2), (2, 1)]));
}

#[test]
fn an_account_that_waits_may_book_what_is_available_but_not_join_again() {
    let mut stock = stock(2);
    let again = |quantity| BookRequest { already_waiting: true, ..ask(quantity) };
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let before = stock.clone();
    assert_eq!(stock.book(again(2), LIMITS, EventPhase::WaitlistOpen), Err(BookRefusal::AlreadyWaiting));
    assert_eq!(stock, before, "a refusal leaves no trace");
    let no_waiting = BookRequest { join_waitlist: false, ..again(2) };
    assert_eq!(stock.book(no_waiting, LIMITS, EventPhase::WaitlistOpen), Err(BookRefusal::SoldOut));
    assert_eq!(stock.book(again(1), LIMITS, EventPhase::WaitlistOpen), Ok(confirmed(1)));
}

#[test]
fn a_party_that_shrinks_keeps_its_number_and_one_that_grows_goes_to_the_end() {
    let mut stock = stock(4);
    stock.book(ask(4), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(2), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let change = |before, quantity| resize(before, quantity, before);
    assert_eq!(stock.change_entry(change(2, 2), LIMITS), Ok(EntryChangeResult::Unchanged));
    assert_eq!(stock.change_entry(change(2, 1), LIMITS), Ok(EntryChangeResult::KeptPlace));
    assert_eq!(stock.change_entry(change(1, 2), LIMITS), Ok(EntryChangeResult::MovedToEnd { number: 3, position: 2 }));
    assert_eq!((stock.waiting, stock.next_number), (2, 4));
    assert_eq!(stock.change_entry(change(2, 11), LIMITS), Err(BookRefusal::QuantityTooLarge { max: 10 }));
    let limited = BookingLimits { max_per_account: Some(3), ..LIMITS };
    let limit = Err(BookRefusal::AccountLimit { max: 3 });
    assert_eq!(stock.change_entry(resize(2, 3, 3), limited), limit);
    assert_eq!(stock.change_entry(resize(2, 3, 2), limited).unwrap(), EntryChangeResult::MovedToEnd { number: 4, position: 2 });
    assert_eq!(stock.change_entry(resize(4, 3, 9), limited), Ok(EntryChangeResult::KeptPlace), "shrinking is always allowed");
}

#[test]
fn a_party_that_shrinks_to_what_is_available_gets_it() {
    let mut stock = stock(5);
    stock.book(ask(3), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(ask(4), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let change = |before, quantity| resize(before, quantity, before);
    assert_eq!(stock.change_entry(change(4, 3), LIMITS), Ok(EntryChangeResult::KeptPlace));
    assert_eq!((stock.available, stock.held), (2, 0), "3 are still more than what is available");
    assert_eq!(stock.change_entry(change(3, 2), LIMITS), Ok(EntryChangeResult::KeptPlace));
    assert_eq!((stock.available, stock.held), (0, 2));
    assert_eq!(stock.reallocate(&mut heads(&[(1, 2)]), LIMITS, 9, Commitment::Confirmed).promoted, promoted(&[(1, 2)]));
    assert!(stock.is_consistent());
}

#[test]
fn reserved_tickets_are_for_nobody_else_until_they_are_returned() {
    let mut stock = stock(3);
    assert_eq!(stock.book(reserve(2), LIMITS, EventPhase::WaitlistOpen), Ok(reserved(2)));
    assert_eq!((stock.available, stock.reserved, stock.booked), (1, 2, 0));
    assert_eq!(stock.book(reserve(2), LIMITS, EventPhase::WaitlistOpen), Ok(BookingDecision::Waitlisted { number: 1, position: 1 }));
    // The reservation expires. Its tickets and the available one are held for the party that waits.
    assert_eq!(stock.return_reserved_tickets(2, EventPhase::WaitlistOpen), ReturnDestination::Held);
    assert_eq!((stock.available, stock.reserved, stock.held), (0, 0, 3));
    let pass = stock.reallocate(&mut heads(&[(1, 2)]), LIMITS, 9, Commitment::Reserved);
    assert_eq!(pass, AllocationPass { promoted: promoted(&[(1, 2)]), leftover: 1, unfinished: false });
    assert_eq!((stock.available, stock.reserved, stock.booked), (1, 2, 0));
    stock.confirm(2);
    assert_eq!((stock.available, stock.reserved, stock.booked), (1, 0, 2));
    assert!(stock.is_consistent());
}

#[test]
fn an_offer_that_lapses_goes_to_the_next_in_line() {
    let mut stock = stock(1);
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    for _ in 0..2 {
        stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    }
    let _ = stock.return_tickets(1, EventPhase::WaitlistOpen);
    let mut heads = heads(&[(1, 1), (2, 1)]);
    assert_eq!(stock.reallocate(&mut heads, LIMITS, 9, Commitment::Reserved).promoted, promoted(&[(1, 1)]));
    assert_eq!(stock.return_reserved_tickets(1, EventPhase::WaitlistOpen), ReturnDestination::Held);
    assert_eq!(stock.reallocate(&mut heads, LIMITS, 9, Commitment::Reserved).promoted, promoted(&[(2, 1)]));
    // After the waiting list has ended, an offer that lapses is for everybody.
    assert_eq!(stock.return_reserved_tickets(1, EventPhase::WaitlistClosed), ReturnDestination::Available);
    assert_eq!((stock.available, stock.reserved, stock.held, stock.waiting), (1, 0, 0, 0));
}

#[test]
fn capacity_is_never_taken_from_reserved_tickets() {
    let mut stock = stock(5);
    stock.book(ask(1), LIMITS, EventPhase::WaitlistOpen).unwrap();
    stock.book(reserve(2), LIMITS, EventPhase::WaitlistOpen).unwrap();
    let refused = Err(CapacityBelowBooked { booked: 1, reserved: 2 });
    assert_eq!(stock.set_capacity(2, EventPhase::WaitlistOpen), refused);
    assert_eq!(stock.set_capacity(3, EventPhase::WaitlistOpen), Ok(ReturnDestination::Available));
    assert_eq!((stock.available, stock.reserved, stock.booked), (0, 2, 1));
}
