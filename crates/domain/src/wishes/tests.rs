//! Tests of wishes, with a naive model of an event with several ticket types.

use proptest::prelude::*;

use super::*;
use crate::allocation::{Commitment, PartySize};
use crate::queue::{QueueHeads, QueuedEntry};

const OPEN: EventPhase = EventPhase::WaitlistOpen;
const LIMITS: BookingLimits = BookingLimits { max_per_booking: 4, max_per_account: None };

fn ask(quantity: u32) -> BookRequest {
    let size = PartySize::all_or_none(quantity);
    BookRequest { size, commitment: Commitment::Confirmed, join_waitlist: true, account_total: 0, already_waiting: false }
}

fn choices<const N: usize>(available: [u32; N], quantity: u32) -> [WishChoice; N] {
    available.map(|available| WishChoice { stock: Stock::new(available), limits: LIMITS, request: ask(quantity) })
}

#[test]
fn the_first_choice_that_has_enough_is_booked_and_the_others_are_untouched() {
    let mut wish = choices([1, 3, 4], 2);
    assert_eq!(book_wish(&mut wish, OPEN), Err(WishRefusal::Choices(vec![(0, BookRefusal::QuantityAboveTotal { total: 1 })])));
    let mut wish = choices([2, 3, 4], 2);
    wish[0].stock.available = 1;
    wish[0].stock.booked = 1;
    let untouched = [wish[0].stock.clone(), wish[2].stock.clone()];
    assert_eq!(book_wish(&mut wish, OPEN), Ok(WishDecision::Booked { choice: 1, quantity: 2 }));
    assert_eq!([wish[0].stock.clone(), wish[2].stock.clone()], untouched);
    assert_eq!(wish[1].stock.available, 1);
}

#[test]
fn a_party_that_takes_fewer_takes_them_from_the_choice_that_it_prefers() {
    let mut wish = choices([3, 3], 3);
    wish[0].stock.available = 1;
    wish[0].stock.booked = 2;
    for choice in &mut wish {
        choice.request.size.min_quantity = 1;
    }
    assert_eq!(book_wish(&mut wish, OPEN), Ok(WishDecision::Booked { choice: 0, quantity: 1 }));
}

#[test]
fn a_limit_of_any_choice_rejects_the_wish_whether_or_not_another_one_has_tickets() {
    for available in [0, 9] {
        let mut wish = choices([9, 9, 9], 3);
        for choice in &mut wish {
            choice.stock.available = available;
            choice.stock.booked = 9 - available;
        }
        wish[1].limits.max_per_booking = 2;
        wish[2].limits.max_per_account = Some(2);
        let refused = vec![(1, BookRefusal::QuantityTooLarge { max: 2 }), (2, BookRefusal::AccountLimit { max: 2 })];
        assert_eq!(book_wish(&mut wish, OPEN), Err(WishRefusal::Choices(refused)));
    }
}

#[test]
fn a_wish_waits_for_all_its_types_or_for_none() {
    let sold_out = || {
        let mut wish = choices([1, 1], 1);
        for choice in &mut wish {
            (choice.stock.available, choice.stock.booked) = (0, 1);
        }
        wish
    };
    assert_eq!(book_wish(&mut sold_out(), OPEN), Ok(WishDecision::Waitlisted(vec![(1, 1), (1, 1)])));
    let mut wish = sold_out();
    wish[1].request.already_waiting = true;
    assert_eq!(book_wish(&mut wish, OPEN), Err(WishRefusal::AlreadyWaiting(1)));
    assert_eq!(book_wish(&mut wish, EventPhase::WaitlistClosed), Err(WishRefusal::SoldOut));
    wish[0].stock = Stock::new(1);
    assert_eq!(book_wish(&mut wish, OPEN), Ok(WishDecision::Booked { choice: 0, quantity: 1 }), "an account that waits may book");
    let mut wish = sold_out();
    for choice in &mut wish {
        choice.request.join_waitlist = false;
    }
    assert_eq!(book_wish(&mut wish, OPEN), Err(WishRefusal::SoldOut));
    // Held tickets are for those who wait, until promotions end.
    let mut wish = sold_out();
    (wish[1].stock.held, wish[1].stock.booked, wish[1].stock.waiting) = (1, 0, 1);
    assert_eq!(book_wish(&mut wish.clone(), OPEN), Ok(WishDecision::Waitlisted(vec![(1, 1), (1, 2)])));
    assert_eq!(book_wish(&mut wish, EventPhase::WaitlistClosed), Ok(WishDecision::Booked { choice: 1, quantity: 1 }));
}

/// A step of a history of an event with several types.
#[derive(Debug, Clone)]
enum Step {
    /// A party wishes for these types, in this order.
    Wish {
        types: Vec<usize>,
        size: PartySize,
    },
    /// All tickets of a booking are returned.
    GiveBack(usize),
    Pass {
        ticket_type: usize,
        limit: usize,
    },
    /// A party leaves the list of one type, or of all.
    Leave {
        party: usize,
        ticket_type: Option<usize>,
    },
}

const TYPES: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let types = prop::sample::subsequence(vec![0, 1, 2], 1..=TYPES).prop_shuffle();
    let size = (1u32..=4).prop_flat_map(|quantity| (1..=quantity).prop_map(move |min_quantity| PartySize { quantity, min_quantity }));
    let step = prop_oneof![
        4 => (types, size).prop_map(|(types, size)| Step::Wish { types, size }),
        3 => any::<usize>().prop_map(Step::GiveBack),
        3 => (0..TYPES, 1usize..=3).prop_map(|(ticket_type, limit)| Step::Pass { ticket_type, limit }),
        1 => (any::<usize>(), prop::option::of(0..TYPES)).prop_map(|(party, ticket_type)| Step::Leave { party, ticket_type }),
    ];
    prop::collection::vec(step, 1..80)
}

/// A naive model: each list is a list of parties, and a party that gets tickets is struck off all of them.
#[derive(Debug, Default)]
struct NaiveEvent {
    available: [u32; TYPES],
    held: [u32; TYPES],
    queues: [Vec<(usize, PartySize)>; TYPES],
    /// The type and the number of tickets of each booking.
    bookings: Vec<(usize, u32)>,
    /// The parties that got tickets.
    served: Vec<usize>,
}

impl NaiveEvent {
    fn wish(&mut self, party: usize, types: &[usize], size: PartySize) {
        let free = |ticket_type: usize| if self.held[ticket_type] == 0 { self.available[ticket_type] } else { 0 };
        match types.iter().find(|ticket_type| free(**ticket_type) >= size.min_quantity) {
            Some(&ticket_type) => {
                let quantity = size.quantity.min(free(ticket_type));
                self.available[ticket_type] -= quantity;
                self.bookings.push((ticket_type, quantity));
                self.served.push(party);
            }
            None => types.iter().for_each(|ticket_type| self.queues[*ticket_type].push((party, size))),
        }
    }

    fn strike_off(&mut self, ticket_type: usize, party: usize) {
        self.queues[ticket_type].retain(|(waiting, _)| *waiting != party);
        if self.queues[ticket_type].is_empty() {
            self.available[ticket_type] += std::mem::take(&mut self.held[ticket_type]);
        }
    }

    fn pass(&mut self, ticket_type: usize, limit: usize) {
        let mut promoted = 0;
        while let Some(&(party, size)) =
            self.queues[ticket_type].iter().find(|(_, size)| size.min_quantity <= self.held[ticket_type]).filter(|_| promoted < limit)
        {
            let quantity = size.quantity.min(self.held[ticket_type]);
            self.held[ticket_type] -= quantity;
            self.bookings.push((ticket_type, quantity));
            self.served.push(party);
            (0..TYPES).for_each(|other| self.strike_off(other, party));
            promoted += 1;
        }
        if promoted < limit {
            self.available[ticket_type] += std::mem::take(&mut self.held[ticket_type]);
        }
    }
}

/// The event as the service keeps it: counters and entries per type.
struct Event {
    stocks: [Stock; TYPES],
    /// The number, size and party of each waiting entry.
    entries: [Vec<(QueuedEntry, usize)>; TYPES],
}

impl Event {
    fn wish(&mut self, party: usize, types: &[usize], size: PartySize) -> Option<(usize, u32)> {
        let request = BookRequest { size, ..ask(size.quantity) };
        let mut wish: Vec<_> =
            types.iter().map(|ticket_type| WishChoice { stock: self.stocks[*ticket_type].clone(), limits: LIMITS, request }).collect();
        let decision = book_wish(&mut wish, OPEN).unwrap();
        for (ticket_type, choice) in types.iter().zip(wish) {
            self.stocks[*ticket_type] = choice.stock;
        }
        match decision {
            WishDecision::Booked { choice, quantity } => Some((types[choice], quantity)),
            WishDecision::Waitlisted(places) => {
                for (ticket_type, (number, position)) in types.iter().zip(places) {
                    self.entries[*ticket_type].push((QueuedEntry { number, size }, party));
                    assert_eq!(usize::try_from(position).unwrap(), self.entries[*ticket_type].len());
                }
                None
            }
        }
    }

    fn end(&mut self, ticket_type: usize, party: usize) {
        let before = self.entries[ticket_type].len();
        self.entries[ticket_type].retain(|(_, waiting)| *waiting != party);
        (self.entries[ticket_type].len()..before).for_each(|_| self.stocks[ticket_type].remove_entry());
    }

    fn pass(&mut self, ticket_type: usize, limit: usize) -> Vec<(usize, u32)> {
        let mut heads = QueueHeads::default();
        self.entries[ticket_type].iter().for_each(|(entry, _)| heads.push(*entry));
        let pass = self.stocks[ticket_type].reallocate(&mut heads, LIMITS, limit, Commitment::Confirmed);
        let mut served = Vec::new();
        for promotion in pass.promoted {
            let (_, party) = *self.entries[ticket_type].iter().find(|(entry, _)| entry.number == promotion.number).unwrap();
            // The pass has counted the promoted entry already.
            self.entries[ticket_type].retain(|(_, waiting)| *waiting != party);
            (0..TYPES).for_each(|other| self.end(other, party));
            served.push((party, promotion.given));
        }
        served
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_history_agrees_with_the_naive_model_and_serves_a_party_once(capacities in [4u32..=8, 4u32..=8, 4u32..=8], steps in steps()) {
        let mut event = Event { stocks: capacities.map(Stock::new), entries: Default::default() };
        let mut naive = NaiveEvent { available: capacities, ..NaiveEvent::default() };
        for (party, step) in steps.into_iter().enumerate() {
            match step {
                Step::Wish { types, size } => {
                    let booked = event.wish(party, &types, size);
                    let before = naive.bookings.len();
                    naive.wish(party, &types, size);
                    prop_assert_eq!(booked, naive.bookings.get(before).copied());
                }
                Step::GiveBack(which) if !naive.bookings.is_empty() => {
                    let (ticket_type, quantity) = naive.bookings.swap_remove(which % naive.bookings.len());
                    let _ = event.stocks[ticket_type].return_tickets(quantity, OPEN);
                    naive.available[ticket_type] += quantity;
                    if !naive.queues[ticket_type].is_empty() {
                        naive.held[ticket_type] += std::mem::take(&mut naive.available[ticket_type]);
                    }
                }
                Step::Pass { ticket_type, limit } => {
                    let served = event.pass(ticket_type, limit);
                    let before = naive.served.len();
                    naive.pass(ticket_type, limit);
                    prop_assert_eq!(served.iter().map(|(party, _)| *party).collect::<Vec<_>>(), &naive.served[before..]);
                }
                Step::Leave { party: which, ticket_type } => {
                    let leaves = which % (party + 1);
                    for list in (0..TYPES).filter(|list| ticket_type.is_none_or(|only| only == *list)) {
                        if naive.queues[list].iter().any(|(waiting, _)| *waiting == leaves) {
                            naive.strike_off(list, leaves);
                            event.end(list, leaves);
                        }
                    }
                }
                Step::GiveBack(_) => {}
            }
            for (ticket_type, stock) in event.stocks.iter().enumerate() {
                prop_assert!(stock.is_consistent(), "{:?}", stock);
                prop_assert_eq!((stock.available, stock.held), (naive.available[ticket_type], naive.held[ticket_type]));
                let waiting: Vec<_> = event.entries[ticket_type].iter().map(|(_, party)| *party).collect();
                prop_assert_eq!(&waiting, &naive.queues[ticket_type].iter().map(|(party, _)| *party).collect::<Vec<_>>());
                prop_assert_eq!(usize::try_from(stock.waiting).unwrap(), waiting.len());
                prop_assert!(waiting.iter().all(|party| !naive.served.contains(party)), "a served party no longer waits");
            }
            let mut served = naive.served.clone();
            served.sort_unstable();
            served.dedup();
            prop_assert_eq!(served.len(), naive.served.len(), "no party is served twice");
        }
    }
}
