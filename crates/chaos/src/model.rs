//! The allocation rule once more, as plainly as it can be written: the waiting list is a list, walked from the front.
//! It shares no code with Rowlock. Fed with the messages of a ticket type in the order of their `sequence`, it says
//! where Rowlock did something else than it would have done.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use crate::messages::{Fact, Message, Ticket};

/// An entry that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub number: i64,
    /// Who and how many.
    pub entry: Ticket,
}

/// One ticket type as the rule says it must be.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// All tickets.
    pub capacity: u32,
    /// For sale.
    pub available: u32,
    /// Sold.
    pub booked: u32,
    /// For those who wait.
    pub held: u32,
    /// Those who wait, in the order of joining.
    pub waiting: Vec<Waiting>,
    /// Confirmed bookings.
    pub bookings: BTreeMap<Uuid, Ticket>,
    /// Microseconds from each ticket's return to its new holder.
    pub delays: Vec<i64>,
    per_account: Option<u32>,
    last_number: i64,
    /// Tickets promoted since a walk was last reported.
    walked: u32,
    /// When the held tickets came back, the first first.
    returned: VecDeque<i64>,
}

impl Model {
    /// A type before its first booking.
    pub fn new(capacity: u32, per_account: Option<u32>) -> Self {
        Self { capacity, available: capacity, per_account, ..Self::default() }
    }

    /// Takes the next message. The error says what the rule would have done.
    pub fn take(&mut self, message: &Message) -> Result<(), String> {
        let now = message.micros;
        if self.walked > 0 && !matches!(message.fact, Fact::Promoted { .. } | Fact::Reallocated { .. }) {
            return Err("comes in the middle of a walk over the waiting list".to_owned());
        }
        match &message.fact {
            Fact::Confirmed(booking) => self.confirm(*booking),
            Fact::Joined { entry, number } => self.join(*entry, *number),
            Fact::Changed { entry, before, number } => self.change_entry(*entry, *before, *number, now),
            Fact::Left { entry, number } => self.leave(*entry, *number),
            Fact::Reduced { booking, returned } => self.give_back(booking.id, *returned, booking.quantity, now),
            Fact::Cancelled { booking, returned } => self.give_back(*booking, *returned, 0, now),
            Fact::Capacity(capacity) => self.set_capacity(*capacity, now),
            Fact::Promoted { entry, number, booking } => self.promote(*entry, *number, *booking, now),
            Fact::Reallocated { promoted, leftover } => self.end_walk(*promoted, *leftover),
            Fact::Released if self.held == 0 => Err("says that tickets are held, and none is".to_owned()),
            Fact::Released => Ok(()),
            Fact::Event => Err("is about an event as a whole".to_owned()),
        }?;
        self.check()
    }

    /// What must be true after every step.
    fn check(&self) -> Result<(), String> {
        let sum = u64::from(self.available) + u64::from(self.booked) + u64::from(self.held);
        if sum != u64::from(self.capacity) {
            return Err(format!("leaves {} available, {} booked and {} held of {}", self.available, self.booked, self.held, self.capacity));
        }
        // The last who waited may have been promoted and something be left: the walk ends with the next message.
        if self.held > 0 && (self.available > 0 || (self.waiting.is_empty() && self.walked == 0)) {
            let (held, available, waiting) = (self.held, self.available, self.waiting.len());
            return Err(format!("leaves {held} tickets held while {available} are available and {waiting} entries wait"));
        }
        Ok(())
    }

    fn confirm(&mut self, booking: Ticket) -> Result<(), String> {
        self.within_limit(booking)?;
        if self.held > 0 {
            return Err(format!("sells directly while {} tickets are held for {} who wait", self.held, self.waiting.len()));
        }
        if self.available < booking.quantity {
            return Err(format!("sells {} tickets where {} are available", booking.quantity, self.available));
        }
        self.available -= booking.quantity;
        self.add(booking)
    }

    fn add(&mut self, booking: Ticket) -> Result<(), String> {
        self.booked += booking.quantity;
        match self.bookings.insert(booking.id, booking) {
            None => Ok(()),
            Some(_) => Err(format!("makes the booking {} a second time", booking.id)),
        }
    }

    fn join(&mut self, entry: Ticket, number: i64) -> Result<(), String> {
        self.within_limit(entry)?;
        if self.held == 0 && self.available >= entry.quantity {
            return Err(format!("puts {} tickets on the waiting list where {} are available", entry.quantity, self.available));
        }
        if let Some(other) = self.waiting.iter().find(|waiting| waiting.entry.account == entry.account) {
            return Err(format!(
                "puts the account {} on the waiting list, which waits with number {} already",
                entry.account, other.number
            ));
        }
        if number <= self.last_number {
            return Err(format!("gives out the number {number} after {}", self.last_number));
        }
        self.last_number = number;
        self.waiting.push(Waiting { number, entry });
        Ok(())
    }

    /// A party that shrinks stays where it is; one that grows goes to the end.
    fn change_entry(&mut self, entry: Ticket, before: u32, number: i64, now: i64) -> Result<(), String> {
        let place = self.waiting.iter().position(|waiting| waiting.entry.id == entry.id);
        let place = place.ok_or_else(|| format!("changes the entry {}, which does not wait", entry.id))?;
        let mut waiting = self.waiting.remove(place);
        if waiting.entry.quantity != before || before == entry.quantity {
            return Err(format!(
                "changes the entry {} from {before} to {} tickets; it waits for {}",
                entry.id, entry.quantity, waiting.entry.quantity
            ));
        }
        if entry.quantity > before {
            self.within_limit(entry)?;
            if number <= self.last_number {
                return Err(format!("gives the number {number} to a party that grew, after {}", self.last_number));
            }
            self.last_number = number;
            self.waiting.push(Waiting { number, entry });
        } else {
            if number != waiting.number {
                return Err(format!("gives the number {number} to a party that shrank and had {}", waiting.number));
            }
            waiting.entry = entry;
            self.waiting.insert(place, waiting);
        }
        if entry.quantity <= self.available {
            self.come_back(0, now);
        }
        Ok(())
    }

    fn leave(&mut self, entry: Ticket, number: i64) -> Result<(), String> {
        let place = self.waiting.iter().position(|waiting| waiting.entry.id == entry.id);
        let place = place.ok_or_else(|| format!("lets the entry {} (number {number}) leave, which does not wait", entry.id))?;
        self.waiting.remove(place);
        if self.waiting.is_empty() {
            self.unhold();
        }
        Ok(())
    }

    fn give_back(&mut self, id: Uuid, returned: u32, left: u32, now: i64) -> Result<(), String> {
        let booking =
            self.bookings.get_mut(&id).ok_or_else(|| format!("gives back tickets of the booking {id}, which is not confirmed"))?;
        if returned == 0 || booking.quantity != returned + left {
            return Err(format!("gives back {returned} of {} tickets and leaves {left}", booking.quantity));
        }
        booking.quantity = left;
        if left == 0 {
            self.bookings.remove(&id);
        }
        self.booked -= returned;
        self.come_back(returned, now);
        Ok(())
    }

    /// While somebody waits, what comes back and all that is available is held.
    fn come_back(&mut self, quantity: u32, now: i64) {
        if self.waiting.is_empty() {
            self.available += quantity;
        } else {
            let more = quantity + std::mem::take(&mut self.available);
            self.held += more;
            self.returned.extend((0..more).map(|_| now));
        }
    }

    fn set_capacity(&mut self, capacity: u32, now: i64) -> Result<(), String> {
        if capacity < self.booked {
            return Err(format!("sets the capacity to {capacity}, below the {} that are booked", self.booked));
        }
        if capacity >= self.capacity {
            let more = capacity - self.capacity;
            self.capacity = capacity;
            self.come_back(more, now);
        } else {
            let fewer = self.capacity - capacity;
            let of_available = fewer.min(self.available);
            self.available -= of_available;
            self.held -= fewer - of_available;
            self.capacity = capacity;
            // Those that came back last are gone.
            for _ in of_available..fewer {
                self.returned.pop_back();
            }
        }
        Ok(())
    }

    /// The one whose turn it is: the first in the list whose party fits.
    fn next(&self) -> Option<usize> {
        self.waiting.iter().position(|waiting| waiting.entry.quantity <= self.held)
    }

    fn promote(&mut self, entry: Ticket, number: i64, booking: Uuid, now: i64) -> Result<(), String> {
        let turn =
            self.next().ok_or_else(|| format!("promotes number {number} for {} tickets where {} are held", entry.quantity, self.held))?;
        let waiting = self.waiting.remove(turn);
        if waiting.number != number || waiting.entry != entry {
            return Err(format!(
                "promotes number {number} for {} tickets; with {} held it was the turn of number {} for {}",
                entry.quantity, self.held, waiting.number, waiting.entry.quantity
            ));
        }
        self.held -= entry.quantity;
        self.walked += entry.quantity;
        for _ in 0..entry.quantity {
            self.delays.extend(self.returned.pop_front().map(|returned| now - returned));
        }
        self.add(Ticket { id: booking, ..entry })
    }

    fn end_walk(&mut self, promoted: u32, leftover: u32) -> Result<(), String> {
        if promoted != self.walked {
            return Err(format!("reports {promoted} tickets handed on, and it were {}", self.walked));
        }
        self.walked = 0;
        if leftover == 0 {
            // All were handed on, or the walk goes on in another transaction.
            return Ok(());
        }
        if leftover != self.held {
            return Err(format!("makes {leftover} tickets available where {} are left", self.held));
        }
        if let Some(waiting) = self.next().and_then(|turn| self.waiting.get(turn)) {
            let (number, quantity) = (waiting.number, waiting.entry.quantity);
            return Err(format!("makes {leftover} tickets available although number {number} waits for {quantity}"));
        }
        self.unhold();
        Ok(())
    }

    fn unhold(&mut self) {
        self.available += std::mem::take(&mut self.held);
        self.returned.clear();
    }

    fn within_limit(&self, more: Ticket) -> Result<(), String> {
        let Some(limit) = self.per_account else { return Ok(()) };
        let booked = self.bookings.values().filter(|booking| booking.account == more.account).map(|booking| booking.quantity);
        let waiting = self.waiting.iter().map(|waiting| &waiting.entry).filter(|entry| entry.account == more.account);
        let total: u32 = booked.chain(waiting.map(|entry| entry.quantity)).sum::<u32>() + more.quantity;
        if total > limit { Err(format!("gives the account {} {total} tickets where {limit} are allowed", more.account)) } else { Ok(()) }
    }
}
