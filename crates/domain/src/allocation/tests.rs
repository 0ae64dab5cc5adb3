//! Tests of the allocation rule on difficult cases, and by random histories that are compared with a naive model.

use proptest::prelude::*;

use super::*;

const TERMS: Terms = Terms { max_per_booking: 10, max_per_account: None };

fn stock(capacity: u32) -> Stock {
    Stock { capacity, available: capacity, booked: 0, held: 0, waiting: 0, next_number: 1, version: 0 }
}

/// Returns a published event that starts at the given time and has no other dates.
fn published(starts_at: Timestamp) -> Schedule {
    Schedule {
        status: EventStatus::Published,
        sales_start_at: None,
        sales_end_at: None,
        starts_at: Some(starts_at),
        ends_at: None,
        waitlist_until: WaitlistUntil::Start,
        cancel_until: None,
    }
}

fn ask(quantity: u32) -> BookRequest {
    BookRequest { quantity, join_waitlist: true, account_total: 0, already_waiting: false }
}

fn heads(entries: &[(i64, u32)]) -> WaitingHeads {
    let mut heads = WaitingHeads::default();
    for &(number, quantity) in entries {
        heads.push(number, quantity);
    }
    heads
}

#[test]
fn a_booking_is_never_split() {
    let mut stock = stock(3);
    assert_eq!(stock.book(ask(2), TERMS, Phase::Open), Ok(Booked::Confirmed));
    assert_eq!(stock.book(ask(2), TERMS, Phase::Open), Ok(Booked::Waitlisted { number: 1, position: 1 }));
    assert_eq!(stock.book(ask(1), TERMS, Phase::Open), Ok(Booked::Confirmed), "one that fits is not blocked by one that does not");
    assert!(stock.is_consistent());
}

#[test]
fn a_stranger_cannot_take_what_a_waiting_party_would_have_got() {
    // Two tickets are available and a party of three waits. One ticket is returned while a stranger asks for two.
    let mut stock = stock(5);
    stock.book(ask(3), TERMS, Phase::Open).unwrap();
    stock.book(ask(3), TERMS, Phase::Open).unwrap();
    assert_eq!(stock.available, 2);
    assert_eq!(stock.take_back(1, Phase::Open), Returned::Held);
    assert_eq!((stock.available, stock.held), (0, 3));
    assert_eq!(stock.book(ask(2), TERMS, Phase::Open), Ok(Booked::Waitlisted { number: 2, position: 2 }));
    let walk = stock.reallocate(&mut heads(&[(1, 3), (2, 2)]), TERMS, 100);
    assert_eq!(walk, Walk { promoted: vec![(1, 3)], leftover: 0, unfinished: false });
}

#[test]
fn a_party_larger_than_the_total_is_refused_whether_it_would_wait_or_not() {
    let mut stock = stock(2);
    let refusal = BookRefusal::QuantityAboveTotal { total: 2 };
    for join_waitlist in [true, false] {
        assert_eq!(stock.book(BookRequest { join_waitlist, ..ask(3) }, TERMS, Phase::Open), Err(refusal));
        // The limit per booking is checked first, because it applies whatever the capacity is.
        let too_large = BookRequest { join_waitlist, ..ask(11) };
        assert_eq!(stock.book(too_large, TERMS, Phase::Open), Err(BookRefusal::QuantityTooLarge { max: 10 }));
    }
    stock.book(ask(2), TERMS, Phase::Open).unwrap();
    stock.book(ask(2), TERMS, Phase::Open).unwrap();
    assert_eq!(stock.change_entry(EntryChange { before: 2, quantity: 3, account_total: 2 }, TERMS), Err(refusal));
    assert_eq!((stock.booked, stock.waiting), (2, 1));
}

#[test]
fn a_party_above_a_lowered_limit_is_passed_over_until_the_limit_is_raised() {
    let mut stock = stock(4);
    stock.book(ask(4), TERMS, Phase::Open).unwrap();
    stock.book(ask(3), TERMS, Phase::Open).unwrap();
    stock.book(ask(1), TERMS, Phase::Open).unwrap();
    stock.take_back(4, Phase::Open);
    let lowered = Terms { max_per_booking: 2, ..TERMS };
    let mut heads = heads(&[(1, 3), (2, 1)]);
    assert_eq!(stock.reallocate(&mut heads, lowered, 100), Walk { promoted: vec![(2, 1)], leftover: 3, unfinished: false });
    assert_eq!((stock.available, stock.waiting), (3, 1));
    assert!(stock.hold_again());
    assert_eq!(stock.reallocate(&mut heads, TERMS, 100), Walk { promoted: vec![(1, 3)], leftover: 0, unfinished: false });
}

#[test]
fn what_nobody_can_take_becomes_available() {
    let mut stock = stock(4);
    stock.book(ask(4), TERMS, Phase::Open).unwrap();
    stock.book(ask(4), TERMS, Phase::Open).unwrap();
    stock.take_back(3, Phase::Open);
    let walk = stock.reallocate(&mut heads(&[(1, 4)]), TERMS, 100);
    assert_eq!(walk, Walk { promoted: vec![], leftover: 3, unfinished: false });
    assert_eq!((stock.available, stock.held, stock.waiting), (3, 0, 1));
}

#[test]
fn a_walk_that_reaches_its_limit_leaves_the_rest_held() {
    let mut stock = stock(3);
    stock.book(ask(3), TERMS, Phase::Open).unwrap();
    for _ in 0..3 {
        stock.book(ask(1), TERMS, Phase::Open).unwrap();
    }
    stock.take_back(3, Phase::Open);
    let mut heads = heads(&[(1, 1), (2, 1), (3, 1)]);
    assert_eq!(stock.reallocate(&mut heads, TERMS, 2), Walk { promoted: vec![(1, 1), (2, 1)], leftover: 0, unfinished: true });
    assert_eq!(stock.held, 1);
    assert_eq!(stock.reallocate(&mut heads, TERMS, 2), Walk { promoted: vec![(3, 1)], leftover: 0, unfinished: false });
}

#[test]
fn when_the_last_who_waits_leaves_what_was_held_is_for_everybody() {
    let mut stock = stock(1);
    stock.book(ask(1), TERMS, Phase::Open).unwrap();
    stock.book(ask(1), TERMS, Phase::Open).unwrap();
    stock.take_back(1, Phase::Open);
    stock.leave();
    assert_eq!((stock.available, stock.held), (1, 0));
}

#[test]
fn capacity_is_taken_from_available_then_from_held_and_never_from_booked() {
    let mut stock = stock(4);
    stock.book(ask(4), TERMS, Phase::Open).unwrap();
    stock.book(ask(3), TERMS, Phase::Open).unwrap();
    stock.take_back(2, Phase::Open);
    assert_eq!(stock.set_capacity(3, Phase::Open), Ok(Returned::Available));
    assert_eq!((stock.available, stock.held, stock.booked), (0, 1, 2));
    assert_eq!(stock.set_capacity(1, Phase::Open), Err(CapacityBelowBooked { booked: 2 }));
    assert_eq!(stock.set_capacity(5, Phase::Open), Ok(Returned::Held));
    assert_eq!(stock.held, 3);
}

#[test]
fn the_account_limit_counts_what_is_booked_and_waited_for() {
    let terms = Terms { max_per_booking: 10, max_per_account: Some(3) };
    let mut stock = stock(10);
    let request = BookRequest { quantity: 2, join_waitlist: true, account_total: 2, already_waiting: false };
    assert_eq!(stock.book(request, terms, Phase::Open), Err(BookRefusal::AccountLimit { max: 3 }));
    assert_eq!(stock.book(ask(11), terms, Phase::Open), Err(BookRefusal::QuantityTooLarge { max: 10 }));
}

#[test]
fn after_the_start_nothing_is_held_and_nobody_joins() {
    let mut stock = stock(1);
    stock.book(ask(1), TERMS, Phase::Begun).unwrap();
    assert_eq!(stock.book(ask(1), TERMS, Phase::Begun), Err(BookRefusal::SoldOut));
    stock.waiting = 1;
    assert_eq!(stock.take_back(1, Phase::Begun), Returned::Available);
}

#[test]
fn what_was_held_when_the_event_began_is_everybodys_with_the_next_return() {
    let mut stock = stock(2);
    stock.book(ask(2), TERMS, Phase::Open).unwrap();
    stock.book(ask(1), TERMS, Phase::Open).unwrap();
    assert_eq!(stock.take_back(1, Phase::Open), Returned::Held);
    assert_eq!(stock.take_back(1, Phase::Begun), Returned::Available);
    assert_eq!((stock.available, stock.held), (2, 0));
    assert!(stock.is_consistent());
}

#[test]
fn when_the_event_is_postponed_those_who_still_wait_come_first_again() {
    let mut stock = stock(3);
    stock.book(ask(3), TERMS, Phase::Open).unwrap();
    stock.book(ask(2), TERMS, Phase::Open).unwrap();
    stock.take_back(3, Phase::Begun);
    assert!(stock.hold_again());
    assert_eq!(stock.book(ask(1), TERMS, Phase::Open), Ok(Booked::Waitlisted { number: 2, position: 2 }));
    assert_eq!(stock.reallocate(&mut heads(&[(1, 2), (2, 1)]), TERMS, 9).promoted, [(1, 2), (2, 1)]);
}

#[test]
fn sales_happen_within_their_window_and_end_when_the_event_starts() {
    let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    let schedule = Schedule { sales_start_at: Some(at(10)), ends_at: Some(at(40)), ..published(at(20)) };
    assert_eq!(schedule.on_sale(at(9)), Err(BookRefusal::SalesClosed));
    assert_eq!(schedule.on_sale(at(10)), Ok(()));
    assert_eq!(schedule.on_sale(at(20)), Err(BookRefusal::SalesClosed));
    assert_eq!(Schedule { sales_end_at: Some(at(30)), ..schedule }.on_sale(at(25)), Ok(()), "the box office at the door");
    let sold_too_long = Schedule { sales_end_at: Some(at(99)), ..schedule };
    assert_eq!(sold_too_long.on_sale(at(39)), Ok(()));
    assert_eq!(sold_too_long.on_sale(at(40)), Err(BookRefusal::SalesClosed), "the event is over");
    let without_end = Schedule { ends_at: None, ..sold_too_long };
    assert_eq!((without_end.on_sale(at(19)), without_end.on_sale(at(20))), (Ok(()), Err(BookRefusal::SalesClosed)));
    assert_eq!(Schedule { status: EventStatus::Draft, ..schedule }.on_sale(at(15)), Err(BookRefusal::NotPublic));
    assert_eq!(schedule.phase(at(19)), Phase::Open);
    assert_eq!(schedule.phase(at(20)), Phase::Begun);
}

#[test]
fn the_waiting_list_ends_with_the_event_s_start_or_with_its_sales() {
    let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    let phases = |schedule: &Schedule, end: i64| [schedule.phase(at(end - 1)), schedule.phase(at(end))];
    let ended = [Phase::Open, Phase::Begun];
    let until_start = Schedule { sales_end_at: Some(at(15)), ..published(at(20)) };
    assert_eq!(phases(&until_start, 20), ended);
    let until_sales_end = Schedule { waitlist_until: WaitlistUntil::SalesEnd, ..until_start };
    assert_eq!(phases(&until_sales_end, 15), ended);
    let sales_at_the_door = Schedule { sales_end_at: Some(at(30)), ends_at: Some(at(40)), ..until_sales_end };
    assert_eq!(phases(&sales_at_the_door, 20), ended, "never later than the start");
    assert_eq!(phases(&Schedule { starts_at: None, ..until_sales_end }, 15), ended);
    assert_eq!(Schedule { starts_at: None, ..until_start }.phase(at(1_000)), Phase::Open);
    assert_eq!(phases(&Schedule { sales_end_at: None, ..until_sales_end }, 20), ended);
    assert_eq!(Schedule { sales_start_at: Some(at(18)), ..until_start }.phase(at(17)), Phase::Open, "a pause in sales does not end it");
}

#[test]
fn holders_return_tickets_until_the_deadline_and_never_after_the_start() {
    let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    let schedule = published(at(20));
    assert_eq!((schedule.accepts_returns(at(19)), schedule.accepts_returns(at(20))), (Ok(()), Err(ReturnRefusal::EventBegun)));
    let with_deadline = Schedule { cancel_until: Some(at(10)), ..schedule };
    assert_eq!(with_deadline.accepts_returns(at(9)), Ok(()));
    assert_eq!(with_deadline.accepts_returns(at(10)), Err(ReturnRefusal::DeadlinePassed { deadline: at(10) }));
    assert_eq!(with_deadline.accepts_returns(at(20)), Err(ReturnRefusal::EventBegun));
    assert_eq!(Schedule { starts_at: None, ..schedule }.accepts_returns(at(1_000)), Ok(()));
}

#[test]
fn an_account_that_waits_may_book_what_is_available_but_not_join_again() {
    let mut stock = stock(2);
    let again = |quantity| BookRequest { already_waiting: true, ..ask(quantity) };
    stock.book(ask(1), TERMS, Phase::Open).unwrap();
    stock.book(ask(2), TERMS, Phase::Open).unwrap();
    let before = stock.clone();
    assert_eq!(stock.book(again(2), TERMS, Phase::Open), Err(BookRefusal::AlreadyWaiting));
    assert_eq!(stock, before, "a refusal leaves no trace");
    let no_waiting = BookRequest { join_waitlist: false, ..again(2) };
    assert_eq!(stock.book(no_waiting, TERMS, Phase::Open), Err(BookRefusal::SoldOut));
    assert_eq!(stock.book(again(1), TERMS, Phase::Open), Ok(Booked::Confirmed));
}

#[test]
fn a_party_that_shrinks_keeps_its_number_and_one_that_grows_goes_to_the_end() {
    let mut stock = stock(4);
    stock.book(ask(4), TERMS, Phase::Open).unwrap();
    stock.book(ask(2), TERMS, Phase::Open).unwrap();
    stock.book(ask(1), TERMS, Phase::Open).unwrap();
    let change = |before, quantity| EntryChange { before, quantity, account_total: before };
    assert_eq!(stock.change_entry(change(2, 2), TERMS), Ok(ChangedEntry::Unchanged));
    assert_eq!(stock.change_entry(change(2, 1), TERMS), Ok(ChangedEntry::Kept));
    assert_eq!(stock.change_entry(change(1, 2), TERMS), Ok(ChangedEntry::Moved { number: 3, position: 2 }));
    assert_eq!((stock.waiting, stock.next_number), (2, 4));
    assert_eq!(stock.change_entry(change(2, 11), TERMS), Err(BookRefusal::QuantityTooLarge { max: 10 }));
    let limited = Terms { max_per_account: Some(3), ..TERMS };
    let limit = Err(BookRefusal::AccountLimit { max: 3 });
    assert_eq!(stock.change_entry(EntryChange { before: 2, quantity: 3, account_total: 3 }, limited), limit);
    assert_eq!(
        stock.change_entry(EntryChange { before: 2, quantity: 3, account_total: 2 }, limited).unwrap(),
        ChangedEntry::Moved { number: 4, position: 2 }
    );
    assert_eq!(
        stock.change_entry(EntryChange { before: 4, quantity: 3, account_total: 9 }, limited),
        Ok(ChangedEntry::Kept),
        "shrinking is always allowed"
    );
}

#[test]
fn a_party_that_shrinks_to_what_is_available_gets_it() {
    let mut stock = stock(5);
    stock.book(ask(3), TERMS, Phase::Open).unwrap();
    stock.book(ask(4), TERMS, Phase::Open).unwrap();
    let change = |before, quantity| EntryChange { before, quantity, account_total: before };
    assert_eq!(stock.change_entry(change(4, 3), TERMS), Ok(ChangedEntry::Kept));
    assert_eq!((stock.available, stock.held), (2, 0), "3 are still more than what is available");
    assert_eq!(stock.change_entry(change(3, 2), TERMS), Ok(ChangedEntry::Kept));
    assert_eq!((stock.available, stock.held), (0, 2));
    assert_eq!(stock.reallocate(&mut heads(&[(1, 2)]), TERMS, 9).promoted, [(1, 2)]);
    assert!(stock.is_consistent());
}

/// A naive model of the allocation rule: a single list that is scanned from the front each time.
#[derive(Debug, Clone, Default)]
struct Naive {
    capacity: u32,
    available: u32,
    held: u32,
    bookings: Vec<u32>,
    queue: Vec<(i64, u32)>,
    next: i64,
    begun: bool,
    limit: u32,
}

impl Naive {
    /// Returns whether the request was booked, or `None` if it was rejected.
    fn book(&mut self, quantity: u32) -> Option<bool> {
        if quantity > self.limit || quantity > self.capacity {
            return None;
        }
        if self.begun {
            self.available += std::mem::take(&mut self.held);
        }
        let confirmed = self.held == 0 && quantity <= self.available;
        if confirmed {
            self.available -= quantity;
            self.bookings.push(quantity);
        } else if self.begun {
            return None;
        } else {
            self.next += 1;
            self.queue.push((self.next, quantity));
        }
        Some(confirmed)
    }

    /// Returns the new number and position of an entry that grew, or an error if the new quantity was rejected.
    fn change(&mut self, which: usize, quantity: u32) -> Result<Option<(i64, u32)>, ()> {
        let before = self.queue[which].1;
        if quantity != before && (quantity > self.limit || quantity > self.capacity) {
            return Err(());
        }
        self.queue[which].1 = quantity;
        let moved = (quantity > before).then(|| {
            self.next += 1;
            self.queue.remove(which);
            self.queue.push((self.next, quantity));
            (self.next, u32::try_from(self.queue.len()).unwrap())
        });
        if quantity != before && quantity <= self.available {
            self.held += std::mem::take(&mut self.available);
        }
        Ok(moved)
    }

    fn put_back(&mut self, quantity: u32) {
        if self.queue.is_empty() || self.begun {
            self.available += quantity + std::mem::take(&mut self.held);
        } else {
            self.held += quantity + self.available;
            self.available = 0;
        }
    }

    fn walk(&mut self, limit: usize) -> Vec<(i64, u32)> {
        let mut promoted = Vec::new();
        let mut index = 0;
        while index < self.queue.len() && promoted.len() < limit && self.held > 0 {
            if self.queue[index].1 <= self.held.min(self.limit) {
                let entry = self.queue.remove(index);
                self.held -= entry.1;
                self.bookings.push(entry.1);
                promoted.push(entry);
            } else {
                index += 1;
            }
        }
        let stopped = promoted.len() == limit && self.held > 0 && !self.queue.is_empty();
        if !stopped {
            self.available += self.held;
            self.held = 0;
        }
        promoted
    }
}

#[derive(Debug, Clone)]
enum Step {
    Book(u32),
    GiveBack {
        which: usize,
        part: u32,
    },
    Leave(usize),
    ChangeEntry(usize, u32),
    Capacity(u32),
    MaxPerBooking(u32),
    Walk {
        limit: usize,
        known: usize,
    },
    /// The event begins, so no entry is promoted any more.
    Begin,
    /// The event is postponed.
    Postpone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u32..=6).prop_map(Step::Book),
        4 => (any::<usize>(), 1u32..=6).prop_map(|(which, part)| Step::GiveBack { which, part }),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (any::<usize>(), 1u32..=6).prop_map(|(which, quantity)| Step::ChangeEntry(which, quantity)),
        1 => (0u32..=20).prop_map(Step::Capacity),
        1 => (1u32..=6).prop_map(Step::MaxPerBooking),
        1 => prop_oneof![Just(Step::Begin), Just(Step::Postpone)],
        3 => (1usize..=4, 0usize..=3).prop_map(|(limit, known)| Step::Walk { limit, known }),
    ];
    prop::collection::vec(step, 1..120)
}

/// Returns the heads as the database would: at most `known` entries per quantity.
fn read_heads(queue: &[(i64, u32)], known: usize) -> WaitingHeads {
    let mut heads = WaitingHeads::default();
    for quantity in 1..=6 {
        let numbers: Vec<_> = queue.iter().filter(|entry| entry.1 == quantity).collect();
        for entry in numbers.iter().take(known) {
            heads.push(entry.0, entry.1);
        }
        if numbers.len() > known {
            heads.truncate(quantity);
        }
    }
    heads
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_history_agrees_with_the_naive_model(capacity in 0u32..=12, steps in steps()) {
        let mut stock = stock(capacity);
        let mut naive = Naive { capacity, available: capacity, limit: TERMS.max_per_booking, ..Naive::default() };
        let mut terms = TERMS;
        for step in steps {
            let phase = if naive.begun { Phase::Begun } else { Phase::Open };
            match step {
                Step::Begin => naive.begun = true,
                Step::Postpone => {
                    naive.begun = false;
                    if !naive.queue.is_empty() {
                        naive.held += std::mem::take(&mut naive.available);
                    }
                    stock.hold_again();
                }
                Step::Book(quantity) => {
                    // A rejected request leaves no trace, because the transaction works on a copy.
                    let mut tried = stock.clone();
                    let outcome = tried.book(ask(quantity), terms, phase);
                    let mut naive_tried = naive.clone();
                    let sold = naive_tried.book(quantity);
                    prop_assert_eq!(outcome.ok().map(|outcome| outcome == Booked::Confirmed), sold);
                    if sold.is_some() {
                        stock = tried;
                        naive = naive_tried;
                    }
                    if let Ok(Booked::Waitlisted { number, position }) = outcome {
                        prop_assert_eq!(number, naive.next);
                        prop_assert_eq!(usize::try_from(position).unwrap(), naive.queue.len());
                    }
                }
                Step::GiveBack { which, part } if !naive.bookings.is_empty() => {
                    let which = which % naive.bookings.len();
                    let part = part.min(naive.bookings[which]);
                    naive.bookings[which] -= part;
                    if naive.bookings[which] == 0 {
                        naive.bookings.swap_remove(which);
                    }
                    naive.put_back(part);
                    stock.take_back(part, phase);
                }
                Step::Leave(which) if !naive.queue.is_empty() => {
                    let which = which % naive.queue.len();
                    naive.queue.remove(which);
                    if naive.queue.is_empty() {
                        naive.available += std::mem::take(&mut naive.held);
                    }
                    stock.leave();
                }
                Step::ChangeEntry(which, quantity) if !naive.queue.is_empty() && !naive.begun => {
                    let which = which % naive.queue.len();
                    let change = EntryChange { before: naive.queue[which].1, quantity, account_total: 0 };
                    let outcome = stock.change_entry(change, terms);
                    match naive.change(which, quantity) {
                        Ok(Some((number, position))) => prop_assert_eq!(outcome, Ok(ChangedEntry::Moved { number, position })),
                        Ok(None) => prop_assert!(matches!(outcome, Ok(ChangedEntry::Kept | ChangedEntry::Unchanged))),
                        Err(()) => prop_assert!(outcome.is_err()),
                    }
                }
                Step::Capacity(capacity) => {
                    let booked: u32 = naive.bookings.iter().sum();
                    let outcome = stock.set_capacity(capacity, phase);
                    prop_assert_eq!(outcome.is_err(), capacity < booked);
                    if capacity >= booked {
                        if capacity > naive.capacity {
                            naive.put_back(capacity - naive.capacity);
                        } else {
                            let fewer = naive.capacity - capacity;
                            let first = fewer.min(naive.available);
                            naive.available -= first;
                            naive.held -= fewer - first;
                        }
                        naive.capacity = capacity;
                    }
                }
                Step::MaxPerBooking(max) => {
                    let raised = max > naive.limit;
                    (naive.limit, terms.max_per_booking) = (max, max);
                    if raised && !naive.begun && !naive.queue.is_empty() {
                        naive.held += std::mem::take(&mut naive.available);
                        stock.hold_again();
                    }
                }
                Step::Walk { limit, known } if !naive.begun => {
                    // With heads that were read in part, the pass may stop early, but it must have done what the naive model does
                    // first.
                    let mut heads = read_heads(&naive.queue, known);
                    let walk = stock.reallocate(&mut heads, terms, limit);
                    let walked_by_naive = if walk.unfinished { walk.promoted.len() } else { usize::MAX };
                    if !(walk.unfinished && walk.promoted.is_empty()) {
                        prop_assert_eq!(&walk.promoted, &naive.walk(walked_by_naive));
                    }
                    if known >= limit {
                        prop_assert!(!walk.unfinished || walk.promoted.len() == limit, "enough heads: only the limit stops a walk");
                    }
                }
                Step::GiveBack { .. } | Step::Leave(_) | Step::ChangeEntry(..) | Step::Walk { .. } => {}
            }
            prop_assert!(stock.is_consistent(), "{:?}", stock);
            prop_assert_eq!((stock.capacity, stock.available, stock.held), (naive.capacity, naive.available, naive.held));
            prop_assert_eq!(stock.booked, naive.bookings.iter().sum::<u32>());
            prop_assert_eq!(usize::try_from(stock.waiting).unwrap(), naive.queue.len());
        }
        if naive.begun {
            return Ok(());
        }
        // With no reallocation pending, no tickets are held, and no entry waits for tickets that it could have.
        stock.reallocate(&mut read_heads(&naive.queue, usize::MAX), terms, usize::MAX);
        naive.walk(usize::MAX);
        prop_assert_eq!(stock.held, 0);
        prop_assert!(naive.queue.iter().all(|entry| entry.1 > stock.available.min(naive.limit)));
    }
}
