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
    bookings: Vec<u32>,
    queue: Vec<(i64, u32)>,
    next: i64,
    waitlist_closed: bool,
    limit: u32,
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
            self.bookings.push(quantity);
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
    AllocationPass {
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
                    let outcome = tried.book(ask(quantity), limits, phase);
                    let mut naive_tried = naive.clone();
                    let sold = naive_tried.book(quantity);
                    prop_assert_eq!(outcome.ok().map(|outcome| outcome == BookingDecision::Confirmed), sold);
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
                    let part = part.min(naive.bookings[which]);
                    naive.bookings[which] -= part;
                    if naive.bookings[which] == 0 {
                        naive.bookings.swap_remove(which);
                    }
                    naive.put_back(part);
                    let _ = stock.return_tickets(part, phase);
                }
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
                    let walk = stock.reallocate(&mut heads, limits, limit);
                    let walked_by_naive = if walk.unfinished { walk.promoted.len() } else { usize::MAX };
                    if !(walk.unfinished && walk.promoted.is_empty()) {
                        prop_assert_eq!(&walk.promoted, &naive.walk(walked_by_naive));
                    }
                    if known >= limit {
                        prop_assert!(!walk.unfinished || walk.promoted.len() == limit, "enough heads: only the limit stops a walk");
                    }
                }
                Step::GiveBack { .. } | Step::Leave(_) | Step::ChangeEntry(..) | Step::AllocationPass { .. } => {}
            }
            prop_assert!(stock.is_consistent(), "{:?}", stock);
            prop_assert_eq!((stock.capacity, stock.available, stock.held), (naive.capacity, naive.available, naive.held));
            prop_assert_eq!(stock.booked, naive.bookings.iter().sum::<u32>());
            prop_assert_eq!(usize::try_from(stock.waiting).unwrap(), naive.queue.len());
        }
        if naive.waitlist_closed {
            return Ok(());
        }
        // With no reallocation pending, no tickets are held, and no entry waits for tickets that it could have.
        let _ = stock.reallocate(&mut read_heads(&naive.queue, usize::MAX), limits, usize::MAX);
        naive.walk(usize::MAX);
        prop_assert_eq!(stock.held, 0);
        prop_assert!(naive.queue.iter().all(|entry| entry.1 > stock.available.min(naive.limit)));
    }
}
