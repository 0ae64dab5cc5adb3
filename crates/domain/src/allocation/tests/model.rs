//! A naive model of the allocation rule, with which the tests compare it.

use crate::allocation::{PartySize, Promotion};

/// Returns how many of the tickets in the room a party gets, or `None` if it gets none.
pub(super) type NaiveRule = fn(PartySize, u32) -> Option<u32>;

/// A party takes fewer tickets than it asks for if there are not more, but not fewer than its minimum.
pub(super) fn takes_fewer(size: PartySize, room: u32) -> Option<u32> {
    (size.min_quantity..=size.quantity).rev().find(|tickets| *tickets <= room)
}

/// A party takes all its tickets or none, as if there were no minimums.
pub(super) fn takes_all_or_none(size: PartySize, room: u32) -> Option<u32> {
    (size.quantity <= room).then_some(size.quantity)
}

/// A naive model of the allocation rule: a single list that is scanned from the front each time. It looks at the sizes of parties
/// only through its rule.
#[derive(Debug, Clone)]
pub(super) struct NaiveModel {
    pub(super) rule: NaiveRule,
    pub(super) capacity: u32,
    pub(super) available: u32,
    pub(super) held: u32,
    pub(super) bookings: Vec<NaiveBooking>,
    pub(super) queue: Vec<(i64, PartySize)>,
    pub(super) next: i64,
    pub(super) waitlist_closed: bool,
    pub(super) limit: u32,
    /// The current minute.
    pub(super) now: u32,
    /// The number of minutes for which bookings and offers are reserved.
    pub(super) checkout: Option<u32>,
    pub(super) offer: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct NaiveBooking {
    pub(super) quantity: u32,
    /// The minute in which the reservation ends, or `None` if the booking is confirmed.
    pub(super) reserved_until: Option<u32>,
}

impl NaiveModel {
    pub(super) fn new(rule: NaiveRule, capacity: u32, limit: u32) -> Self {
        Self {
            rule,
            capacity,
            available: capacity,
            held: 0,
            bookings: Vec::new(),
            queue: Vec::new(),
            next: 0,
            waitlist_closed: false,
            limit,
            now: 0,
            checkout: None,
            offer: None,
        }
    }

    /// Returns how many tickets were booked, 0 if the request waits, or `None` if it was rejected.
    pub(super) fn book(&mut self, size: PartySize) -> Option<u32> {
        if size.quantity > self.limit || size.quantity > self.capacity {
            return None;
        }
        if self.waitlist_closed {
            self.available += std::mem::take(&mut self.held);
        }
        let given = (self.rule)(size, self.available).filter(|_| self.held == 0);
        if let Some(quantity) = given {
            self.available -= quantity;
            self.bookings.push(NaiveBooking { quantity, reserved_until: self.checkout.map(|minutes| self.now + minutes) });
        } else if self.waitlist_closed {
            return None;
        } else {
            self.next += 1;
            self.queue.push((self.next, size));
        }
        Some(given.unwrap_or(0))
    }

    /// Returns the new number and position of an entry that grew, or an error if the new quantity was rejected.
    pub(super) fn change(&mut self, which: usize, size: PartySize) -> Result<Option<(i64, u32)>, ()> {
        let before = self.queue[which].1;
        if size.quantity != before.quantity && (size.quantity > self.limit || size.quantity > self.capacity) {
            return Err(());
        }
        self.queue[which].1 = size;
        let moved = (size.quantity > before.quantity).then(|| {
            self.next += 1;
            self.queue.remove(which);
            self.queue.push((self.next, size));
            (self.next, u32::try_from(self.queue.len()).unwrap())
        });
        if size != before && (self.rule)(size, self.available.min(self.limit)).is_some() {
            self.held += std::mem::take(&mut self.available);
        }
        Ok(moved)
    }

    pub(super) fn put_back(&mut self, quantity: u32) {
        if self.queue.is_empty() || self.waitlist_closed {
            self.available += quantity + std::mem::take(&mut self.held);
        } else {
            self.held += quantity + self.available;
            self.available = 0;
        }
    }

    /// Confirms a booking. Returns whether it was reserved and its time is not over.
    pub(super) fn confirm(&mut self, which: usize) -> bool {
        let booking = &mut self.bookings[which];
        let in_time = booking.reserved_until.is_some_and(|until| until > self.now);
        if in_time {
            booking.reserved_until = None;
        }
        in_time
    }

    /// Ends the first reservation whose time is over, and returns its quantity.
    pub(super) fn expire_one(&mut self) -> Option<u32> {
        let due = self.bookings.iter().position(|booking| booking.reserved_until.is_some_and(|until| until <= self.now))?;
        let quantity = self.bookings.remove(due).quantity;
        self.put_back(quantity);
        Some(quantity)
    }

    pub(super) fn tickets(&self, reserved: bool) -> u32 {
        self.bookings.iter().filter(|booking| booking.reserved_until.is_some() == reserved).map(|booking| booking.quantity).sum()
    }

    /// Returns whether a waiting party could have tickets that are available.
    pub(super) fn neglects_somebody(&self) -> bool {
        self.queue.iter().any(|entry| (self.rule)(entry.1, self.available.min(self.limit)).is_some())
    }

    pub(super) fn walk(&mut self, limit: usize) -> Vec<Promotion> {
        let mut promoted = Vec::new();
        let mut index = 0;
        while index < self.queue.len() && promoted.len() < limit && self.held > 0 {
            let (number, size) = self.queue[index];
            if let Some(given) = (self.rule)(size, self.held.min(self.limit)) {
                self.queue.remove(index);
                self.held -= given;
                let reserved_until = self.offer.map(|minutes| self.now + minutes);
                self.bookings.push(NaiveBooking { quantity: given, reserved_until });
                promoted.push(Promotion { number, given });
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
