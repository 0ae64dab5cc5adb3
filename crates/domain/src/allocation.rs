//! The allocation rule, which decides who gets which ticket.
//!
//! [`Stock`] contains the counters of one ticket type. Only its methods move tickets, and each preserves these invariants:
//!
//! ```text
//! capacity = available + booked + reserved + held
//! held > 0  ⇒  available = 0 and waiting > 0
//! ```
//!
//! This module knows neither accounts nor rows nor the clock. The transaction in `inventory` passes it what it has locked.
//!
//! # Example
//!
//! A returned ticket is held for the waiting list, and an allocation pass gives it to the first entry that takes as many:
//!
//! ```
//! use rowlock_domain::allocation::{
//!     BookRequest, BookingDecision, BookingLimits, Commitment, EventPhase, PartySize, Promotion, ReturnDestination, Stock,
//! };
//! use rowlock_domain::queue::{QueueHeads, QueuedEntry};
//!
//! let limits = BookingLimits { max_per_booking: 4, max_per_account: None };
//! let mut stock = Stock::new(2);
//! let request = |size| BookRequest {
//!     size,
//!     commitment: Commitment::Confirmed,
//!     join_waitlist: true,
//!     account_total: 0,
//!     already_waiting: false,
//! };
//!
//! // Ada books both tickets, and Ben joins the waiting list. He wants two tickets, and takes one if no more are left.
//! let two = PartySize::all_or_none(2);
//! assert_eq!(stock.book(request(two), limits, EventPhase::WaitlistOpen), Ok(BookingDecision::Confirmed { quantity: 2 }));
//! let two_or_one = PartySize { quantity: 2, min_quantity: 1 };
//! assert_eq!(
//!     stock.book(request(two_or_one), limits, EventPhase::WaitlistOpen),
//!     Ok(BookingDecision::Waitlisted { number: 1, position: 1 })
//! );
//!
//! // Ada returns one ticket. It is held for Ben, so nobody else can book it.
//! assert_eq!(stock.return_tickets(1, EventPhase::WaitlistOpen), ReturnDestination::Held);
//! assert_eq!((stock.available, stock.held), (0, 1));
//!
//! // The worker runs an allocation pass over the queue, which contains Ben's entry.
//! let mut heads = QueueHeads::default();
//! heads.push(QueuedEntry { number: 1, size: two_or_one });
//! let pass = stock.reallocate(&mut heads, limits, 100, Commitment::Confirmed);
//! assert_eq!(pass.promoted, [Promotion { number: 1, given: 1 }]);
//! assert_eq!((stock.booked, stock.held, stock.waiting), (2, 0, 0));
//! assert!(stock.is_consistent());
//! ```
//!
//! An event can require that bookings are confirmed within a time. Until then they are reserved:
//!
//! ```
//! # use rowlock_domain::allocation::{BookRequest, BookingDecision, BookingLimits, Commitment, EventPhase, PartySize, ReturnDestination, Stock};
//! # let limits = BookingLimits { max_per_booking: 4, max_per_account: None };
//! let mut stock = Stock::new(5);
//! let request = |quantity| BookRequest {
//!     size: PartySize::all_or_none(quantity),
//!     commitment: Commitment::Reserved,
//!     join_waitlist: true,
//!     account_total: 0,
//!     already_waiting: false,
//! };
//! assert_eq!(stock.book(request(2), limits, EventPhase::WaitlistOpen), Ok(BookingDecision::Reserved { quantity: 2 }));
//! assert_eq!(stock.book(request(3), limits, EventPhase::WaitlistOpen), Ok(BookingDecision::Reserved { quantity: 3 }));
//! assert_eq!((stock.available, stock.reserved, stock.booked), (0, 5, 0));
//!
//! // One account confirms in time. The reservation of the other expires, and anybody can book its tickets.
//! stock.confirm(2);
//! assert_eq!(stock.return_reserved_tickets(3, EventPhase::WaitlistOpen), ReturnDestination::Available);
//! assert_eq!((stock.available, stock.reserved, stock.booked), (3, 0, 2));
//! ```

mod pass;
mod request;
mod schedule;

pub use self::pass::{AllocationPass, Promotion};
pub use self::request::{BookRefusal, BookRequest, BookingDecision, Commitment, EntryChange, EntryChangeResult, PartySize};
pub use self::schedule::{ConfirmRefusal, EventPhase, ReturnRefusal, Schedule, TransferTimeRefusal};

/// The counters of one ticket type, read under its row lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// The total number of tickets.
    pub capacity: u32,
    /// The number of tickets that anybody can book.
    pub available: u32,
    /// The number of tickets in confirmed bookings.
    pub booked: u32,
    /// The number of tickets in reserved bookings, which are confirmed, cancelled or expire.
    pub reserved: u32,
    /// The number of tickets that are set aside for the waiting list until the worker has reallocated them.
    pub held: u32,
    /// The number of waiting entries.
    pub waiting: u32,
    /// The sequence number of the next entry. It never decreases, and no number is used twice.
    pub next_number: i64,
    /// The version, incremented by each change. Messages carry it as their `sequence`.
    pub version: i64,
}

/// The limits of a ticket type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingLimits {
    /// The largest quantity of one booking.
    pub max_per_booking: u32,
    /// The maximum number of tickets that one account may have booked, reserved and wait for together.
    pub max_per_account: Option<u32>,
}

/// The destination of returned tickets.
#[must_use = "tickets that are held need a `tickets.released` message"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnDestination {
    /// The tickets became available to everybody.
    Available,
    /// The tickets are held for the waiting list. The caller must send a `tickets.released` message.
    Held,
}

/// The error of a capacity that is below the number of booked and reserved tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{booked} tickets are booked and {reserved} are reserved")]
pub struct CapacityBelowBooked {
    /// The number of booked tickets.
    pub booked: u32,
    /// The number of reserved tickets.
    pub reserved: u32,
}

impl Stock {
    /// Returns the counters of a new ticket type, all of whose tickets are available.
    pub const fn new(capacity: u32) -> Self {
        Self { capacity, available: capacity, booked: 0, reserved: 0, held: 0, waiting: 0, next_number: 1, version: 0 }
    }

    /// Returns the largest quantity that can currently be booked. The minimum of an entry can exceed it if the capacity or the limit
    /// was lowered after the entry had joined. Such an entry keeps its place and is skipped until the values are raised again.
    pub fn largest_quantity(&self, limits: BookingLimits) -> u32 {
        self.capacity.min(limits.max_per_booking)
    }

    /// Returns whether the counters satisfy the invariants that must hold at every commit.
    pub fn is_consistent(&self) -> bool {
        let sum = [self.available, self.booked, self.reserved, self.held].map(u64::from).iter().sum::<u64>();
        sum == u64::from(self.capacity) && (self.held == 0 || (self.available == 0 && self.waiting > 0))
    }

    /// Increments the version and returns it.
    pub fn next_version(&mut self) -> i64 {
        self.version += 1;
        self.version
    }

    /// Books or reserves the requested tickets, or as many as there are if the request takes fewer, or joins the waiting list, or
    /// returns the reason for rejecting the request. The caller has checked that the event is on sale.
    pub fn book(&mut self, request: BookRequest, limits: BookingLimits, phase: EventPhase) -> Result<BookingDecision, BookRefusal> {
        let wanted = request.size.quantity;
        if wanted > limits.max_per_booking {
            return Err(BookRefusal::QuantityTooLarge { max: limits.max_per_booking });
        }
        if wanted > self.capacity {
            return Err(BookRefusal::QuantityAboveTotal { total: self.capacity });
        }
        if let Some(max) = limits.max_per_account
            && request.account_total.saturating_add(wanted) > max
        {
            return Err(BookRefusal::AccountLimit { max });
        }
        if phase != EventPhase::WaitlistOpen {
            self.make_held_available();
        }
        if self.held == 0
            && let Some(quantity) = request.size.given(self.available)
        {
            self.available -= quantity;
            self.commit(quantity, request.commitment);
            return Ok(match request.commitment {
                Commitment::Confirmed => BookingDecision::Confirmed { quantity },
                Commitment::Reserved => BookingDecision::Reserved { quantity },
            });
        }
        // No entry is promoted after the waiting list has ended, so joining it would be pointless.
        if !request.join_waitlist || phase != EventPhase::WaitlistOpen {
            return Err(BookRefusal::SoldOut);
        }
        if request.already_waiting {
            return Err(BookRefusal::AlreadyWaiting);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.waiting += 1;
        Ok(BookingDecision::Waitlisted { number, position: self.waiting })
    }

    const fn commit(&mut self, quantity: u32, commitment: Commitment) {
        match commitment {
            Commitment::Confirmed => self.booked += quantity,
            Commitment::Reserved => self.reserved += quantity,
        }
    }

    /// Confirms a reserved booking, whose tickets the caller guarantees to be reserved.
    pub const fn confirm(&mut self, quantity: u32) {
        self.reserved -= quantity;
        self.booked += quantity;
    }

    /// Changes the size of a waiting entry. The event must be in [`EventPhase::WaitlistOpen`], and on sale if the quantity is
    /// raised.
    ///
    /// An entry whose quantity is raised gets a new number at the end of the list; any other change keeps the number. The limits are
    /// checked only if the quantity changes, and the limit per account only if it is raised. If the available tickets are enough
    /// for the new minimum, they become held, as after a return. The caller detects this by comparing `held` and sends
    /// `tickets.released`.
    pub fn change_entry(&mut self, change: EntryChange, limits: BookingLimits) -> Result<EntryChangeResult, BookRefusal> {
        let EntryChange { previous, size, account_total } = change;
        if size == previous {
            return Ok(EntryChangeResult::Unchanged);
        }
        if size.quantity != previous.quantity {
            if size.quantity > limits.max_per_booking {
                return Err(BookRefusal::QuantityTooLarge { max: limits.max_per_booking });
            }
            if size.quantity > self.capacity {
                return Err(BookRefusal::QuantityAboveTotal { total: self.capacity });
            }
        }
        let changed = if size.quantity <= previous.quantity {
            EntryChangeResult::KeptPlace
        } else {
            if let Some(max) = limits.max_per_account
                && account_total.saturating_sub(previous.quantity).saturating_add(size.quantity) > max
            {
                return Err(BookRefusal::AccountLimit { max });
            }
            let number = self.next_number;
            self.next_number += 1;
            EntryChangeResult::MovedToEnd { number, position: self.waiting }
        };
        if size.min_quantity <= self.available.min(limits.max_per_booking) {
            self.hold_available();
        }
        Ok(changed)
    }

    /// Takes back `quantity` tickets of a confirmed booking, which the caller guarantees to have that many.
    pub fn return_tickets(&mut self, quantity: u32, phase: EventPhase) -> ReturnDestination {
        self.booked -= quantity;
        self.add_tickets(quantity, phase)
    }

    /// Takes back `quantity` tickets of a reserved booking that expires, or whose account no longer wants them. The caller
    /// guarantees that the booking has that many.
    pub fn return_reserved_tickets(&mut self, quantity: u32, phase: EventPhase) -> ReturnDestination {
        self.reserved -= quantity;
        self.add_tickets(quantity, phase)
    }

    fn add_tickets(&mut self, quantity: u32, phase: EventPhase) -> ReturnDestination {
        if self.waiting > 0 && phase == EventPhase::WaitlistOpen {
            self.held += quantity + self.available;
            self.available = 0;
            ReturnDestination::Held
        } else {
            // After the waiting list has ended, held tickets are reserved for nobody.
            self.available += quantity + std::mem::take(&mut self.held);
            ReturnDestination::Available
        }
    }

    /// Moves all available tickets to `held` if the waiting list is not empty. Returns whether it moved any. Callers use it when
    /// more entries can be promoted, for example because the event was postponed.
    pub fn hold_available(&mut self) -> bool {
        let due = self.waiting > 0 && self.available > 0;
        if due {
            self.held += std::mem::take(&mut self.available);
        }
        due
    }

    /// Counts one more waiting entry, because a closed entry was reopened after the event had been postponed.
    pub fn reopen_entry(&mut self) {
        self.waiting += 1;
    }

    /// Counts one waiting entry less, because it left without a booking. If it was the last one, held tickets become available.
    pub fn remove_entry(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.make_held_available();
        }
    }

    /// Changes the capacity. Added tickets are treated like returned ones; removed tickets are taken from the available ones
    /// first, then from the held ones. Fails if `capacity` is below the number of booked and reserved tickets.
    pub fn set_capacity(&mut self, capacity: u32, phase: EventPhase) -> Result<ReturnDestination, CapacityBelowBooked> {
        if capacity < self.booked + self.reserved {
            return Err(CapacityBelowBooked { booked: self.booked, reserved: self.reserved });
        }
        if capacity >= self.capacity {
            let more = capacity - self.capacity;
            self.capacity = capacity;
            if more == 0 {
                return Ok(ReturnDestination::Available);
            }
            return Ok(self.add_tickets(more, phase));
        }
        let fewer = self.capacity - capacity;
        let from_available = fewer.min(self.available);
        self.available -= from_available;
        self.held -= fewer - from_available;
        self.capacity = capacity;
        Ok(ReturnDestination::Available)
    }

    /// Moves all held tickets to `available`, because no entry will be promoted with them. Returns their number.
    pub fn make_held_available(&mut self) -> u32 {
        let held = std::mem::take(&mut self.held);
        self.available += held;
        held
    }
}

#[cfg(test)]
mod tests;
