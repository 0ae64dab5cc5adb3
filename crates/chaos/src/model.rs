//! Reference model of the allocation rule, written as simply as possible: the waiting list is a list that is scanned from the
//! front. It shares no code with Rowlock. It replays the messages of a ticket type in the order of their `sequence` and
//! reports where Rowlock deviated from the rule.

mod reservations;

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

pub use self::reservations::Reservation;
use crate::events::{Sale, Terms};
use crate::messages::{Message, MessageContent, TicketClaim};

/// A waiting-list entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedEntry {
    /// Number that orders the waiting list.
    pub number: i64,
    /// Account and number of tickets.
    pub entry: TicketClaim,
}

/// State of one ticket type according to the rule.
#[derive(Debug, Clone, Default)]
pub struct ReferenceModel {
    /// Total number of tickets.
    pub capacity: u32,
    /// Number of available tickets.
    pub available: u32,
    /// Number of booked tickets.
    pub booked: u32,
    /// Number of reserved tickets.
    pub reserved: u32,
    /// Number of tickets held for the waiting list.
    pub held: u32,
    /// Waiting-list entries in the order of joining.
    pub waiting: Vec<QueuedEntry>,
    /// Confirmed bookings.
    pub bookings: BTreeMap<Uuid, TicketClaim>,
    /// Reserved bookings.
    pub reservations: BTreeMap<Uuid, Reservation>,
    /// Time in microseconds from the return of each ticket until its promotion.
    pub delays: Vec<i64>,
    per_account: Option<u32>,
    terms: Terms,
    last_number: i64,
    /// Tickets promoted since the last `tickets.reallocated` message.
    promoted_in_pass: u32,
    /// Times at which the held tickets were returned, oldest first.
    returned: VecDeque<i64>,
}

impl ReferenceModel {
    /// Creates a ticket type without bookings.
    pub fn new(sale: &Sale) -> Self {
        Self { capacity: sale.capacity, available: sale.capacity, per_account: sale.per_account, terms: sale.terms, ..Self::default() }
    }

    /// Replays the next message. Returns an error that describes the deviation if the rule does not allow it.
    pub fn apply(&mut self, message: &Message) -> Result<(), String> {
        let now = message.micros;
        let in_pass = matches!(
            message.content,
            MessageContent::Promoted { .. } | MessageContent::Offered { .. } | MessageContent::Reallocated { .. }
        );
        if self.promoted_in_pass > 0 && !in_pass {
            return Err("arrives in the middle of an allocation pass".to_owned());
        }
        match &message.content {
            MessageContent::Confirmed(booking) => self.confirm(*booking, now),
            MessageContent::Reserved { booking, expires } => self.reserve(*booking, *expires),
            MessageContent::Expired { booking, expires } => self.expire(*booking, *expires, now),
            MessageContent::Joined { entry, number } => self.join(*entry, *number),
            MessageContent::Changed { entry, before, number } => self.change_entry(*entry, *before, *number, now),
            MessageContent::Left { entry, number } => self.leave(*entry, *number),
            MessageContent::Reduced { booking, returned, reserved } => {
                self.return_from_booking(booking.id, *returned, booking.quantity, *reserved, now)
            }
            MessageContent::Cancelled { booking, returned, reserved } => self.return_from_booking(*booking, *returned, 0, *reserved, now),
            MessageContent::Capacity(capacity) => self.set_capacity(*capacity, now),
            MessageContent::Promoted { entry, number, booking } => self.promote(*entry, *number, now).and_then(|()| {
                let claim = TicketClaim { id: *booking, ..*entry };
                if self.terms.offers { Err("confirms a promoted entry at once".to_owned()) } else { self.add(claim) }
            }),
            MessageContent::Offered { entry, number, booking, expires } => self.promote(*entry, *number, now).and_then(|()| {
                let claim = TicketClaim { id: *booking, ..*entry };
                if self.terms.offers { self.add_reservation(claim, *expires) } else { Err("offers tickets to a promoted entry".to_owned()) }
            }),
            MessageContent::Reallocated { promoted, leftover } => self.end_pass(*promoted, *leftover),
            MessageContent::Released if self.held == 0 => Err("reports held tickets, but the model holds none".to_owned()),
            MessageContent::Released => Ok(()),
            MessageContent::Event => Err("concerns the event as a whole and not the ticket type".to_owned()),
        }?;
        self.check()
    }

    /// Checks the invariants that hold after every message.
    fn check(&self) -> Result<(), String> {
        let sum: u64 = [self.available, self.booked, self.reserved, self.held].map(u64::from).iter().sum();
        if sum != u64::from(self.capacity) {
            return Err(format!(
                "leaves {} tickets available, {} booked, {} reserved and {} held, which is not the capacity {}",
                self.available, self.booked, self.reserved, self.held, self.capacity
            ));
        }
        // During an allocation pass tickets may be held although the last entry was promoted; the message that ends the pass
        // releases them.
        if self.held > 0 && (self.available > 0 || (self.waiting.is_empty() && self.promoted_in_pass == 0)) {
            let (held, available, waiting) = (self.held, self.available, self.waiting.len());
            return Err(format!("leaves {held} tickets held while {available} are available and {waiting} entries wait"));
        }
        Ok(())
    }

    /// Confirms a reserved booking before its time is over, or books available tickets.
    fn confirm(&mut self, booking: TicketClaim, now: i64) -> Result<(), String> {
        if let Some(Reservation { claim, expires }) = self.reservations.remove(&booking.id) {
            if claim != booking || now >= expires {
                return Err(format!("confirms the reservation {claim:?} as {booking:?}, {} µs after its end", now - expires));
            }
            self.reserved -= claim.quantity;
            return self.add(booking);
        }
        if self.terms.checkout {
            return Err(format!("confirms the booking {}, which is not reserved", booking.id));
        }
        self.take_available(booking)?;
        self.add(booking)
    }

    fn take_available(&mut self, booking: TicketClaim) -> Result<(), String> {
        self.within_limit(booking)?;
        if self.held > 0 {
            return Err(format!(
                "confirms a direct booking while {} tickets are held for {} waiting entries",
                self.held,
                self.waiting.len()
            ));
        }
        if self.available < booking.quantity {
            return Err(format!("books {} tickets although only {} are available", booking.quantity, self.available));
        }
        self.available -= booking.quantity;
        Ok(())
    }

    fn add(&mut self, booking: TicketClaim) -> Result<(), String> {
        self.booked += booking.quantity;
        match self.bookings.insert(booking.id, booking) {
            None => Ok(()),
            Some(_) => Err(format!("creates the booking {} twice", booking.id)),
        }
    }

    fn join(&mut self, entry: TicketClaim, number: i64) -> Result<(), String> {
        self.within_limit(entry)?;
        if self.held == 0 && self.available >= entry.quantity {
            return Err(format!(
                "puts a request for {} tickets on the waiting list although {} are available",
                entry.quantity, self.available
            ));
        }
        if let Some(other) = self.waiting.iter().find(|waiting| waiting.entry.account == entry.account) {
            return Err(format!(
                "adds a second waiting-list entry for account {}, which already waits with number {}",
                entry.account, other.number
            ));
        }
        if number <= self.last_number {
            return Err(format!("assigns the number {number} after {}", self.last_number));
        }
        self.last_number = number;
        self.waiting.push(QueuedEntry { number, entry });
        Ok(())
    }

    /// An entry that shrinks keeps its position; one that grows moves to the end.
    fn change_entry(&mut self, entry: TicketClaim, before: u32, number: i64, now: i64) -> Result<(), String> {
        let position = self.waiting.iter().position(|waiting| waiting.entry.id == entry.id);
        let position = position.ok_or_else(|| format!("changes the entry {}, which is not waiting", entry.id))?;
        let mut waiting = self.waiting.remove(position);
        if waiting.entry.quantity != before || before == entry.quantity {
            return Err(format!(
                "changes the entry {} from {before} to {} tickets, but it waits for {}",
                entry.id, entry.quantity, waiting.entry.quantity
            ));
        }
        if entry.quantity > before {
            self.within_limit(entry)?;
            if number <= self.last_number {
                return Err(format!("assigns the number {number} to an entry that grew, after {}", self.last_number));
            }
            self.last_number = number;
            self.waiting.push(QueuedEntry { number, entry });
        } else {
            if number != waiting.number {
                return Err(format!("assigns the number {number} to an entry that shrank and had number {}", waiting.number));
            }
            waiting.entry = entry;
            self.waiting.insert(position, waiting);
        }
        if entry.quantity <= self.available {
            self.return_tickets(0, now);
        }
        Ok(())
    }

    fn leave(&mut self, entry: TicketClaim, number: i64) -> Result<(), String> {
        let position = self.waiting.iter().position(|waiting| waiting.entry.id == entry.id);
        let position = position.ok_or_else(|| format!("removes the entry {} (number {number}), which is not waiting", entry.id))?;
        self.waiting.remove(position);
        if self.waiting.is_empty() {
            self.make_held_available();
        }
        Ok(())
    }

    fn return_from_booking(&mut self, id: Uuid, returned: u32, left: u32, reserved: bool, now: i64) -> Result<(), String> {
        let reservation = self.reservations.get_mut(&id).map(|reservation| &mut reservation.claim);
        let booking = if reserved { reservation } else { self.bookings.get_mut(&id) };
        let booking = booking.ok_or_else(|| format!("returns tickets of the booking {id}, which is not open (reserved: {reserved})"))?;
        if returned == 0 || booking.quantity != returned + left {
            return Err(format!("returns {returned} of {} tickets but leaves {left}", booking.quantity));
        }
        booking.quantity = left;
        if left == 0 {
            self.bookings.remove(&id);
            self.reservations.remove(&id);
        }
        let count = if reserved { &mut self.reserved } else { &mut self.booked };
        *count -= returned;
        self.return_tickets(returned, now);
        Ok(())
    }

    /// While entries wait, returned tickets and all available tickets are held.
    fn return_tickets(&mut self, quantity: u32, now: i64) {
        if self.waiting.is_empty() {
            self.available += quantity;
        } else {
            let more = quantity + std::mem::take(&mut self.available);
            self.held += more;
            self.returned.extend((0..more).map(|_| now));
        }
    }

    fn set_capacity(&mut self, capacity: u32, now: i64) -> Result<(), String> {
        if capacity < self.booked + self.reserved {
            let (booked, reserved) = (self.booked, self.reserved);
            return Err(format!("sets the capacity to {capacity}, below the {booked} booked and {reserved} reserved tickets"));
        }
        if capacity >= self.capacity {
            let more = capacity - self.capacity;
            self.capacity = capacity;
            self.return_tickets(more, now);
        } else {
            let fewer = self.capacity - capacity;
            let of_available = fewer.min(self.available);
            self.available -= of_available;
            self.held -= fewer - of_available;
            self.capacity = capacity;
            // The tickets that were returned last are removed first.
            for _ in of_available..fewer {
                self.returned.pop_back();
            }
        }
        Ok(())
    }

    /// Returns the position of the next entry to promote: the first one whose quantity fits the held tickets.
    fn next_position(&self) -> Option<usize> {
        self.waiting.iter().position(|waiting| waiting.entry.quantity <= self.held)
    }

    /// Removes the next entry from the waiting list and its tickets from the held ones.
    fn promote(&mut self, entry: TicketClaim, number: i64, now: i64) -> Result<(), String> {
        let position = self
            .next_position()
            .ok_or_else(|| format!("promotes number {number} for {} tickets although only {} are held", entry.quantity, self.held))?;
        let waiting = self.waiting.remove(position);
        if waiting.number != number || waiting.entry != entry {
            return Err(format!(
                "promotes number {number} for {} tickets; with {} held, number {} for {} tickets was next",
                entry.quantity, self.held, waiting.number, waiting.entry.quantity
            ));
        }
        self.held -= entry.quantity;
        self.promoted_in_pass += entry.quantity;
        for _ in 0..entry.quantity {
            self.delays.extend(self.returned.pop_front().map(|returned| now - returned));
        }
        Ok(())
    }

    fn end_pass(&mut self, promoted: u32, leftover: u32) -> Result<(), String> {
        if promoted != self.promoted_in_pass {
            return Err(format!("reports {promoted} promoted tickets, but {} were promoted", self.promoted_in_pass));
        }
        self.promoted_in_pass = 0;
        if leftover == 0 {
            // All held tickets were promoted, or the pass continues in another transaction.
            return Ok(());
        }
        if leftover != self.held {
            return Err(format!("releases {leftover} tickets although {} are held", self.held));
        }
        if let Some(waiting) = self.next_position().and_then(|position| self.waiting.get(position)) {
            let (number, quantity) = (waiting.number, waiting.entry.quantity);
            return Err(format!("releases {leftover} tickets although number {number} waits for {quantity}"));
        }
        self.make_held_available();
        Ok(())
    }

    fn make_held_available(&mut self) {
        self.available += std::mem::take(&mut self.held);
        self.returned.clear();
    }

    fn within_limit(&self, more: TicketClaim) -> Result<(), String> {
        let Some(limit) = self.per_account else { return Ok(()) };
        let reserved = self.reservations.values().map(|reservation| &reservation.claim);
        let booked = self.bookings.values().chain(reserved).filter(|booking| booking.account == more.account);
        let booked = booked.map(|booking| booking.quantity);
        let waiting = self.waiting.iter().map(|waiting| &waiting.entry).filter(|entry| entry.account == more.account);
        let total: u32 = booked.chain(waiting.map(|entry| entry.quantity)).sum::<u32>() + more.quantity;
        if total > limit {
            Err(format!("gives the account {} {total} tickets although its limit is {limit}", more.account))
        } else {
            Ok(())
        }
    }
}
