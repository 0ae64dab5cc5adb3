//! Reference model of the allocation rule, written as simply as possible: the waiting list is a list that is scanned from the
//! front. It shares no code with Rowlock. It replays the messages of a ticket type in the order of their `sequence` and
//! reports where Rowlock deviated from the rule.

mod reservations;
mod transfers;
mod waiting;

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

pub use self::reservations::Reservation;
pub use self::waiting::QueuedEntry;
use crate::events::{Sale, Terms};
use crate::messages::{Message, MessageContent, TicketClaim};

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
    /// Transfers that are pending: the booking of the sender and its account, with the number of offered tickets.
    pub transfers: BTreeMap<Uuid, TicketClaim>,
    /// The transfer whose tickets have left one booking, with their number. The next message puts them into another one.
    moving: Option<(Uuid, u32)>,
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

    /// Returns whether bookings and promotions are reserved first.
    pub fn terms(&self) -> Terms {
        self.terms
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
        if self.moving.is_some() && !matches!(message.content, MessageContent::TransferReceived { .. }) {
            return Err("arrives while tickets of a transfer are in no booking".to_owned());
        }
        match &message.content {
            MessageContent::TransferOffered { transfer, booking } => self.offer_transfer(*transfer, *booking),
            MessageContent::TransferAccepted { transfer, booking, remaining } => self.accept_transfer(*transfer, *booking, *remaining),
            MessageContent::TransferReceived { transfer, booking } => self.receive_transfer(*transfer, *booking),
            MessageContent::TransferEnded { transfer, booking, .. } => self.end_transfer(*transfer, *booking),
            MessageContent::Confirmed(booking) => self.confirm(*booking, now),
            MessageContent::Reserved { booking, expires } => self.reserve(*booking, *expires),
            MessageContent::Expired { booking, expires, .. } => self.expire(*booking, *expires, now),
            MessageContent::Joined { entry, min_quantity, number } => {
                self.join(QueuedEntry { entry: *entry, min_quantity: *min_quantity, number: *number })
            }
            MessageContent::Changed { entry, min_quantity, before, number } => {
                self.change_entry(QueuedEntry { entry: *entry, min_quantity: *min_quantity, number: *number }, *before, now)
            }
            MessageContent::Left { entry, number } => self.leave(*entry, *number),
            MessageContent::Reduced { booking, returned, reserved } => {
                self.return_from_booking(booking.id, *returned, booking.quantity, *reserved, now)
            }
            MessageContent::Cancelled { booking, returned, reserved } => self.return_from_booking(*booking, *returned, 0, *reserved, now),
            MessageContent::Capacity(capacity) => self.set_capacity(*capacity, now),
            MessageContent::Promoted { entry, requested, number, booking } => {
                self.promote(*entry, *requested, *number, now).and_then(|()| {
                    let claim = TicketClaim { id: *booking, ..*entry };
                    if self.terms.offers { Err("confirms a promoted entry at once".to_owned()) } else { self.add(claim) }
                })
            }
            MessageContent::Offered { entry, requested, number, booking, expires } => {
                self.promote(*entry, *requested, *number, now).and_then(|()| {
                    let claim = TicketClaim { id: *booking, ..*entry };
                    if self.terms.offers {
                        self.add_reservation(claim, *expires)
                    } else {
                        Err("offers tickets to a promoted entry".to_owned())
                    }
                })
            }
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
            let (number, min_quantity) = (waiting.number, waiting.min_quantity);
            return Err(format!("releases {leftover} tickets although number {number} takes {min_quantity}"));
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
