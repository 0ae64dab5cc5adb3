//! Random histories, whose results are compared with those of a naive model.

use proptest::prelude::*;

use super::model::{NaiveBooking, NaiveModel, NaiveRule, takes_all_or_none, takes_fewer};
use super::queue_logs::{Recorder, verify};
use super::{LIMITS, ask_for, stock};
use crate::allocation::*;
use crate::queue::{QueueHeads, QueuedEntry};
use crate::queue_log::{QueueChange, QueueLogKind, QueueLogRecord};

#[derive(Debug, Clone)]
pub(super) enum Step {
    Book(PartySize),
    GiveBack {
        which: usize,
        part: u32,
    },
    Leave(usize),
    ChangeEntry {
        which: usize,
        quantity: Option<u32>,
        min_quantity: Option<u32>,
    },
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

/// Returns sizes of parties, which take fewer tickets than they ask for if that is allowed.
fn size(fewer: bool) -> impl Strategy<Value = PartySize> {
    (1u32..=6).prop_flat_map(move |quantity| {
        let smallest = if fewer { 1 } else { quantity };
        (smallest..=quantity).prop_map(move |min_quantity| PartySize { quantity, min_quantity })
    })
}

fn change_of_entry(fewer: bool) -> impl Strategy<Value = Step> {
    let min_quantity = if fewer { prop_oneof![Just(None), (1u32..=6).prop_map(Some)].boxed() } else { Just(None).boxed() };
    (any::<usize>(), prop_oneof![1 => Just(None), 3 => (1u32..=6).prop_map(Some)], min_quantity)
        .prop_map(|(which, quantity, min_quantity)| Step::ChangeEntry { which, quantity, min_quantity })
}

pub(super) fn steps(fewer: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => size(fewer).prop_map(Step::Book),
        4 => (any::<usize>(), 1u32..=6).prop_map(|(which, part)| Step::GiveBack { which, part }),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => change_of_entry(fewer),
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

/// Returns the heads as the database would: at most `known` entries per minimum.
fn read_heads(queue: &[(i64, PartySize)], known: usize) -> QueueHeads {
    let mut heads = QueueHeads::default();
    for min_quantity in 1..=6 {
        let entries: Vec<_> = queue.iter().filter(|entry| entry.1.min_quantity == min_quantity).collect();
        for &&(number, size) in entries.iter().take(known) {
            heads.push(QueuedEntry { number, size });
        }
        if entries.len() > known {
            heads.truncate(min_quantity);
        }
    }
    heads
}

/// Compares each step of a history with the naive model, and returns the log of the queue.
#[expect(clippy::too_many_lines, reason = "each step is short")]
pub(super) fn run_history(rule: NaiveRule, capacity: u32, steps: Vec<Step>) -> Result<Vec<QueueLogRecord>, TestCaseError> {
    let mut log = Recorder::default();
    let mut stock = stock(capacity);
    let mut naive = NaiveModel::new(rule, capacity, LIMITS.max_per_booking);
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
            Step::Book(size) => {
                // A rejected request leaves no trace, because the transaction works on a copy.
                let mut tried = stock.clone();
                let commitment = commitment(naive.checkout);
                let outcome = tried.book(BookRequest { commitment, ..ask_for(size) }, limits, phase);
                let mut naive_tried = naive.clone();
                let sold = naive_tried.book(size);
                prop_assert_eq!(
                    outcome.ok().map(|outcome| match outcome {
                        BookingDecision::Confirmed { quantity } if commitment == Commitment::Confirmed => quantity,
                        BookingDecision::Reserved { quantity } if commitment == Commitment::Reserved => quantity,
                        _ => 0,
                    }),
                    sold
                );
                if sold.is_some() {
                    stock = tried;
                    naive = naive_tried;
                }
                if let Ok(BookingDecision::Waitlisted { number, position }) = outcome {
                    prop_assert_eq!(number, naive.next);
                    prop_assert_eq!(usize::try_from(position).unwrap(), naive.queue.len());
                    log.record(QueueChange::waits(QueueLogKind::Joined, number, size));
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
                let (number, _) = naive.queue.remove(which);
                log.record(QueueChange::of(QueueLogKind::Left, number));
                if naive.queue.is_empty() {
                    naive.available += std::mem::take(&mut naive.held);
                }
                stock.remove_entry();
            }
            Step::ChangeEntry { which, quantity, min_quantity } if !naive.queue.is_empty() && !naive.waitlist_closed => {
                let which = which % naive.queue.len();
                let (old_number, previous) = naive.queue[which];
                let size = previous.changed(quantity, min_quantity.map(|min| min.min(quantity.unwrap_or(previous.quantity))));
                prop_assert!(1 <= size.min_quantity && size.min_quantity <= size.quantity);
                let outcome = stock.change_entry(EntryChange { previous, size, account_total: 0 }, limits);
                match naive.change(which, size) {
                    Ok(Some((number, position))) => prop_assert_eq!(outcome, Ok(EntryChangeResult::MovedToEnd { number, position })),
                    Ok(None) => prop_assert!(matches!(outcome, Ok(EntryChangeResult::KeptPlace | EntryChangeResult::Unchanged))),
                    Err(()) => prop_assert!(outcome.is_err()),
                }
                match outcome {
                    Ok(EntryChangeResult::KeptPlace) => log.record(QueueChange::waits(QueueLogKind::Changed, old_number, size)),
                    Ok(EntryChangeResult::MovedToEnd { number, .. }) => log.record(QueueChange::moved(old_number, number, size)),
                    Ok(EntryChangeResult::Unchanged) | Err(_) => {}
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
                let held = stock.held;
                let walk = stock.reallocate(&mut heads, limits, limit, commitment(naive.offer));
                log.record_pass(&walk, held, limits);
                let walked_by_naive = if walk.unfinished { walk.promoted.len() } else { usize::MAX };
                if !(walk.unfinished && walk.promoted.is_empty()) {
                    prop_assert_eq!(&walk.promoted, &naive.walk(walked_by_naive));
                }
                if known >= limit {
                    prop_assert!(!walk.unfinished || walk.promoted.len() == limit, "enough heads: only the limit stops a walk");
                }
            }
            Step::GiveBack { .. } | Step::Confirm(_) | Step::Leave(_) | Step::ChangeEntry { .. } | Step::AllocationPass { .. } => {}
        }
        prop_assert!(stock.is_consistent(), "{:?}", stock);
        prop_assert_eq!((stock.capacity, stock.available, stock.held), (naive.capacity, naive.available, naive.held));
        prop_assert_eq!((stock.booked, stock.reserved), (naive.tickets(false), naive.tickets(true)));
        prop_assert_eq!(usize::try_from(stock.waiting).unwrap(), naive.queue.len());
    }
    if naive.waitlist_closed {
        return Ok(log.records);
    }
    // With no reallocation pending, no tickets are held, and no entry waits for tickets that it could have.
    let held = stock.held;
    let walk = stock.reallocate(&mut read_heads(&naive.queue, usize::MAX), limits, usize::MAX, commitment(naive.offer));
    log.record_pass(&walk, held, limits);
    naive.walk(usize::MAX);
    prop_assert_eq!(stock.held, 0);
    prop_assert!(!naive.neglects_somebody());
    Ok(log.records)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_history_agrees_with_the_naive_model(capacity in 0u32..=12, steps in steps(true)) {
        let log = run_history(takes_fewer, capacity, steps)?;
        prop_assert!(verify(&log, &log).is_ok(), "{:?}", verify(&log, &log));
    }

    #[test]
    fn without_lower_minimums_every_decision_is_as_if_there_were_none(capacity in 0u32..=12, steps in steps(false)) {
        run_history(takes_all_or_none, capacity, steps)?;
    }
}
