//! Random histories, whose results are compared with those of a naive model.

use proptest::prelude::*;

use super::{LIMITS, ask, stock};
use crate::allocation::*;
use crate::queue::QueueHeads;

/// A naive model of the allocation rule: a single list that is scanned from the front each time.
#[derive(Debug, Clone, Default)]
struct NaiveModel {
    capacity: u32,
    available: u32,
    held: u32,
    bookings: Vec<NaiveBooking>,
    queue: Vec<(i64, u32)>,
    next: i64,
    waitlist_closed: bool,
    limit: u32,
    /// The current minute.
    now: u32,
    /// The number of minutes for which bookings and offers are reserved.
    checkout: Option<u32>,
    offer: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct NaiveBooking {
    quantity: u32,
    /// The minute in which the reservation ends, or `None` if the booking is confirmed.
    reserved_until: Option<u32>,
}

impl NaiveModel {
    /// Returns whether the request was booked, or `None` if it was rejected.
    fn book(&mut self, quantity: u32) -> Option<bool> {
        if quantity > self.limit || quantity > self.capacity {
            return None;
        }
        if self.waitlist_closed {
            self.available += std::mem::take(&mut self.held);
        }
        let confirmed = self.held == 0 && quantity <= self.available;
        if confirmed {
            self.available -= quantity;
            self.bookings.push(NaiveBooking { quantity, reserved_until: self.checkout.map(|minutes| self.now + minutes) });
        } else if self.waitlist_closed {
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
        if self.queue.is_empty() || self.waitlist_closed {
            self.available += quantity + std::mem::take(&mut self.held);
        } else {
            self.held += quantity + self.available;
            self.available = 0;
        }
    }

    /// Confirms a booking. Returns whether it was reserved and its time is not over.
    fn confirm(&mut self, which: usize) -> bool {
        let booking = &mut self.bookings[which];
        let in_time = booking.reserved_until.is_some_and(|until| until > self.now);
        if in_time {
            booking.reserved_until = None;
        }
        in_time
    }

    /// Ends the first reservation whose time is over, and returns its quantity.
    fn expire_one(&mut self) -> Option<u32> {
        let due = self.bookings.iter().position(|booking| booking.reserved_until.is_some_and(|until| until <= self.now))?;
        let quantity = self.bookings.remove(due).quantity;
        self.put_back(quantity);
        Some(quantity)
    }

    fn tickets(&self, reserved: bool) -> u32 {
        self.bookings.iter().filter(|booking| booking.reserved_until.is_some() == reserved).map(|booking| booking.quantity).sum()
    }

    fn walk(&mut self, limit: usize) -> Vec<(i64, u32)> {
        let mut promoted = Vec::new();
        let mut index = 0;
        while index < self.queue.len() && promoted.len() < limit && self.held > 0 {
            if self.queue[index].1 <= self.held.min(self.limit) {
                let entry = self.queue.remove(index);
                self.held -= entry.1;
                let reserved_until = self.offer.map(|minutes| self.now + minutes);
                self.bookings.push(NaiveBooking { quantity: entry.1, reserved_until });
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
    AllocationPass {
        limit: usize,
        known: usize,
    },
    /// A holder tries to confirm a booking.
    Confirm(usize),
    /// Time passes, and reservations whose time is over end.
    Pass {
        minutes: u32,
    },
    /// The administrator changes for how long bookings and offers are reserved.
    ReserveFor {
        checkout: Option<u32>,
        offer: Option<u32>,
    },
    /// The event begins, so no entry is promoted any more.
    Begin,
    /// The event is postponed.
    Postpone,
}

fn minutes() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![Just(None), (1u32..=5).prop_map(Some)]
}

fn commitment(minutes: Option<u32>) -> Commitment {
    if minutes.is_some() { Commitment::Reserved } else { Commitment::Confirmed }
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
        3 => any::<usize>().prop_map(Step::Confirm),
        2 => (0u32..=4).prop_map(|minutes| Step::Pass { minutes }),
        2 => (minutes(), minutes()).prop_map(|(checkout, offer)| Step::ReserveFor { checkout, offer }),
        3 => (1usize..=4, 0usize..=3).prop_map(|(limit, known)| Step::AllocationPass { limit, known }),
    ];
    prop::collection::vec(step, 1..120)
}

/// Returns the heads as the database would: at most `known` entries per quantity.
fn read_heads(queue: &[(i64, u32)], known: usize) -> QueueHeads {
    let mut heads = QueueHeads::default();
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
        let mut naive = NaiveModel { capacity, available: capacity, limit: LIMITS.max_per_booking, ..NaiveModel::default() };
        let mut limits = LIMITS;
        for step in steps {
            let phase = if naive.waitlist_closed { EventPhase::WaitlistClosed } else { EventPhase::WaitlistOpen };
            match step {
                Step::Begin => naive.waitlist_closed = true,
                Step::Postpone => {
                    naive.waitlist_closed = false;
                    if !naive.queue.is_empty() {
                        naive.held += std::mem::take(&mut naive.available);
                    }
                    stock.hold_available();
                }
                Step::Book(quantity) => {
                    // A rejected request leaves no trace, because the transaction works on a copy.
                    let mut tried = stock.clone();
                    let commitment = commitment(naive.checkout);
                    let outcome = tried.book(BookRequest { commitment, ..ask(quantity) }, limits, phase);
                    let mut naive_tried = naive.clone();
                    let sold = naive_tried.book(quantity);
                    let booked = if commitment == Commitment::Reserved { BookingDecision::Reserved } else { BookingDecision::Confirmed };
                    prop_assert_eq!(outcome.ok().map(|outcome| outcome == booked), sold);
                    if sold.is_some() {
                        stock = tried;
                        naive = naive_tried;
                    }
                    if let Ok(BookingDecision::Waitlisted { number, position }) = outcome {
                        prop_assert_eq!(number, naive.next);
                        prop_assert_eq!(usize::try_from(position).unwrap(), naive.queue.len());
                    }
                }
                Step::GiveBack { which, part } if !naive.bookings.is_empty() => {
                    let which = which % naive.bookings.len();
                    let NaiveBooking { quantity, reserved_until } = naive.bookings[which];
                    let part = part.min(quantity);
                    naive.bookings[which].quantity -= part;
                    if part == quantity {
                        naive.bookings.swap_remove(which);
                    }
                    naive.put_back(part);
                    let _ = match reserved_until {
                        Some(_) => stock.return_reserved_tickets(part, phase),
                        None => stock.return_tickets(part, phase),
                    };
                }
                Step::Confirm(which) if !naive.bookings.is_empty() => {
                    let which = which % naive.bookings.len();
                    if naive.confirm(which) {
                        stock.confirm(naive.bookings[which].quantity);
                    }
                }
                Step::Pass { minutes } => {
                    naive.now += minutes;
                    while let Some(quantity) = naive.expire_one() {
                        let _ = stock.return_reserved_tickets(quantity, phase);
                    }
                }
                // Reservations that exist keep their time.
                Step::ReserveFor { checkout, offer } => (naive.checkout, naive.offer) = (checkout, offer),
                Step::Leave(which) if !naive.queue.is_empty() => {
                    let which = which % naive.queue.len();
                    naive.queue.remove(which);
                    if naive.queue.is_empty() {
                        naive.available += std::mem::take(&mut naive.held);
                    }
                    stock.remove_entry();
                }
                Step::ChangeEntry(which, quantity) if !naive.queue.is_empty() && !naive.waitlist_closed => {
                    let which = which % naive.queue.len();
                    let change = EntryChange { previous_quantity: naive.queue[which].1, quantity, account_total: 0 };
                    let outcome = stock.change_entry(change, limits);
                    match naive.change(which, quantity) {
                        Ok(Some((number, position))) => prop_assert_eq!(outcome, Ok(EntryChangeResult::MovedToEnd { number, position })),
                        Ok(None) => prop_assert!(matches!(outcome, Ok(EntryChangeResult::KeptPlace | EntryChangeResult::Unchanged))),
                        Err(()) => prop_assert!(outcome.is_err()),
                    }
                }
                Step::Capacity(capacity) => {
                    let taken: u32 = naive.tickets(false) + naive.tickets(true);
                    let outcome = stock.set_capacity(capacity, phase);
                    prop_assert_eq!(outcome.is_err(), capacity < taken);
                    if capacity >= taken {
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
                    (naive.limit, limits.max_per_booking) = (max, max);
                    if raised && !naive.waitlist_closed && !naive.queue.is_empty() {
                        naive.held += std::mem::take(&mut naive.available);
                        stock.hold_available();
                    }
                }
                Step::AllocationPass { limit, known } if !naive.waitlist_closed => {
                    // With heads that were read in part, the pass may stop early, but it must have done what the naive model does
                    // first.
                    let mut heads = read_heads(&naive.queue, known);
                    let walk = stock.reallocate(&mut heads, limits, limit, commitment(naive.offer));
                    let walked_by_naive = if walk.unfinished { walk.promoted.len() } else { usize::MAX };
                    if !(walk.unfinished && walk.promoted.is_empty()) {
                        prop_assert_eq!(&walk.promoted, &naive.walk(walked_by_naive));
                    }
                    if known >= limit {
                        prop_assert!(!walk.unfinished || walk.promoted.len() == limit, "enough heads: only the limit stops a walk");
                    }
                }
                Step::GiveBack { .. } | Step::Confirm(_) | Step::Leave(_) | Step::ChangeEntry(..) | Step::AllocationPass { .. } => {}
            }
            prop_assert!(stock.is_consistent(), "{:?}", stock);
            prop_assert_eq!((stock.capacity, stock.available, stock.held), (naive.capacity, naive.available, naive.held));
            prop_assert_eq!((stock.booked, stock.reserved), (naive.tickets(false), naive.tickets(true)));
            prop_assert_eq!(usize::try_from(stock.waiting).unwrap(), naive.queue.len());
        }
        if naive.waitlist_closed {
            return Ok(());
        }
        // With no reallocation pending, no tickets are held, and no entry waits for tickets that it could have.
        let _ = stock.reallocate(&mut read_heads(&naive.queue, usize::MAX), limits, usize::MAX, commitment(naive.offer));
        naive.walk(usize::MAX);
        prop_assert_eq!(stock.held, 0);
        prop_assert!(naive.queue.iter().all(|entry| entry.1 > stock.available.min(naive.limit)));
    }
}
