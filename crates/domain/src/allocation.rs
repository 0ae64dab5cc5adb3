//! The allocation rule: who gets which ticket.
//!
//! [`Stock`] is one ticket type's counters. Its methods are the only steps that move tickets, and each keeps
//!
//! ```text
//! capacity = available + booked + held
//! held > 0  ⇒  available = 0 and somebody waits
//! ```
//!
//! Nothing here knows accounts, rows or time; the transaction in `inventory` feeds it what it has locked.

use crate::Timestamp;
use crate::queue::{Next, WaitingHeads};
use crate::states::{EventStatus, WaitlistUntil};

/// The counters of one ticket type, as locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// How many tickets exist.
    pub capacity: u32,
    /// Can be sold to anyone.
    pub available: u32,
    /// In confirmed bookings.
    pub booked: u32,
    /// Belong to the waiting list until the worker has handed them on.
    pub held: u32,
    /// How many entries wait.
    pub waiting: u32,
    /// The number that the next entry gets. Never repeats, never goes back.
    pub next_number: i64,
    /// Raised by each change; the `sequence` of the messages.
    pub version: i64,
}

/// What a ticket type and its event allow, apart from the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The largest quantity of one booking.
    pub max_per_booking: u32,
    /// The most one account may have booked and wait for, together.
    pub max_per_account: Option<u32>,
}

/// The part of an event that decides what may be done with its tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Where the event stands.
    pub status: EventStatus,
    /// Sales begin, if not at once.
    pub sales_start_at: Option<Timestamp>,
    /// Sales end; when absent, at the start of the event.
    pub sales_end_at: Option<Timestamp>,
    /// The event begins.
    pub starts_at: Option<Timestamp>,
    /// The event ends; when absent, it ends as it begins.
    pub ends_at: Option<Timestamp>,
    /// What ends the waiting list.
    pub waitlist_until: WaitlistUntil,
    /// The last moment at which holders can return tickets; when absent, the start of the event.
    pub cancel_until: Option<Timestamp>,
}

/// Whether returned tickets still go to those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The waiting list is served.
    Open,
    /// The waiting list has ended, with the start of the event or with its sales: nobody is promoted any more, and waiting
    /// entries are closed.
    Begun,
    /// The event is called off: bookings are cancelled and entries closed.
    Cancelled,
}

impl Schedule {
    /// The phase at an instant.
    pub fn phase(&self, now: Timestamp) -> Phase {
        match self.status {
            EventStatus::Cancelled => Phase::Cancelled,
            _ if self.waitlist_ends_at().is_some_and(|end| end <= now) => Phase::Begun,
            _ => Phase::Open,
        }
    }

    /// When promotions end and waiting entries are closed. `None` if the event has no date that ends its waiting list.
    fn waitlist_ends_at(&self) -> Option<Timestamp> {
        match self.waitlist_until {
            WaitlistUntil::Start => self.starts_at,
            WaitlistUntil::SalesEnd => earlier(self.starts_at, self.sales_end_at),
        }
    }

    /// When the last ticket can be sold: at the end of sales, and never after the event has ended.
    fn sales_end(&self) -> Option<Timestamp> {
        earlier(self.sales_end_at.or(self.starts_at), self.ends_at.or(self.starts_at))
    }

    /// Checks whether a holder can return tickets at an instant.
    pub fn accepts_returns(&self, now: Timestamp) -> Result<(), ReturnRefusal> {
        if self.starts_at.is_some_and(|starts_at| starts_at <= now) {
            return Err(ReturnRefusal::EventBegun);
        }
        match self.cancel_until {
            Some(deadline) if deadline <= now => Err(ReturnRefusal::DeadlinePassed { deadline }),
            _ => Ok(()),
        }
    }

    /// Whether tickets are sold at an instant.
    pub fn on_sale(&self, now: Timestamp) -> Result<(), BookRefusal> {
        match self.status {
            EventStatus::Draft => return Err(BookRefusal::NotPublic),
            EventStatus::Cancelled => return Err(BookRefusal::EventCancelled),
            EventStatus::Published => {}
        }
        let begun = self.sales_start_at.is_none_or(|start| start <= now);
        let ended = self.sales_end().is_some_and(|end| end <= now);
        if begun && !ended { Ok(()) } else { Err(BookRefusal::SalesClosed) }
    }
}

/// The earlier of two times, of which either may be absent.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

/// Why a holder cannot return tickets any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReturnRefusal {
    /// The event has begun.
    #[error("the event has begun")]
    EventBegun,
    /// The event's cancellation deadline has passed.
    #[error("tickets could be returned until {deadline}")]
    DeadlinePassed {
        /// The deadline.
        deadline: Timestamp,
    },
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct BookRequest {
    /// How many tickets.
    pub quantity: u32,
    /// Whether to wait when there are not enough.
    pub join_waitlist: bool,
    /// What the account has booked and waits for of this type already. Looked at only under a limit.
    pub account_total: u32,
    /// Whether the account has an open waiting-list entry for this type. Checked only if the request has to wait.
    pub already_waiting: bool,
}

/// A request to change the quantity of an entry that waits.
#[derive(Debug, Clone, Copy)]
pub struct EntryChange {
    /// The quantity that the entry waits for now.
    pub before: u32,
    /// The quantity that it should wait for.
    pub quantity: u32,
    /// The account's booked and waiting tickets of this type, including this entry. Checked only under a limit.
    pub account_total: u32,
}

/// The result of a change of an entry's quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedEntry {
    /// The quantity was the same; nothing changed.
    Unchanged,
    /// The party shrank and keeps its number.
    Kept,
    /// The party grew and moved to the end of the list.
    Moved {
        /// The new number, which orders the list.
        number: i64,
        /// The new place in the queue, from 1.
        position: u32,
    },
}

/// What a request for tickets came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// Sold whole.
    Confirmed,
    /// Put on the waiting list.
    Waitlisted {
        /// The number that orders the list.
        number: i64,
        /// The place in the queue, from 1.
        position: u32,
    },
}

/// Why a request for tickets was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookRefusal {
    /// The event is a draft.
    #[error("there is no such event")]
    NotPublic,
    /// The event was called off.
    #[error("the event is cancelled")]
    EventCancelled,
    /// Outside the sales window.
    #[error("sales are closed")]
    SalesClosed,
    /// More than one booking may have.
    #[error("a booking may have at most {max} tickets")]
    QuantityTooLarge {
        /// The limit of the ticket type.
        max: u32,
    },
    /// More than the ticket type has in total, so that the request could never be met.
    #[error("there are {total} tickets of this type")]
    QuantityAboveTotal {
        /// How many tickets the type has.
        total: u32,
    },
    /// More than one account may have.
    #[error("an account may have at most {max} tickets, booked and waited for together")]
    AccountLimit {
        /// The limit of the ticket type.
        max: u32,
    },
    /// Not enough tickets, and no waiting.
    #[error("there are not enough tickets")]
    SoldOut,
    /// The account already has an open waiting-list entry for the ticket type.
    #[error("the account is already on the waiting list of this ticket type")]
    AlreadyWaiting,
}

/// Where returned tickets went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// To the public.
    Available,
    /// To those who wait; a `tickets.released` message is due.
    Held,
}

/// Fewer tickets than are booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{booked} tickets are booked")]
pub struct CapacityBelowBooked {
    /// How many are booked.
    pub booked: u32,
}

/// What one walk over the waiting list did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The numbers of the promoted entries with their quantities, in the order of promotion.
    pub promoted: Vec<(i64, u32)>,
    /// Tickets that became available because nobody who waits could take them.
    pub leftover: u32,
    /// The walk stopped early; the rest is still held and another `tickets.released` message is due.
    pub unfinished: bool,
}

impl Stock {
    /// The largest party that can get tickets of the type at all. A larger one can be waiting if the capacity or the limit was
    /// lowered after it had joined; it keeps its place and is passed over until they are raised again.
    pub fn largest_party(&self, terms: Terms) -> u32 {
        self.capacity.min(terms.max_per_booking)
    }

    /// Whether the counters are as they must be at every commit.
    pub fn is_consistent(&self) -> bool {
        let sum = u64::from(self.available) + u64::from(self.booked) + u64::from(self.held);
        sum == u64::from(self.capacity) && (self.held == 0 || (self.available == 0 && self.waiting > 0))
    }

    /// Raises the version for the next change and tells it.
    pub fn next_sequence(&mut self) -> i64 {
        self.version += 1;
        self.version
    }

    /// Sells whole, or puts on the waiting list, or refuses. The event must be on sale.
    pub fn book(&mut self, request: BookRequest, terms: Terms, phase: Phase) -> Result<Booked, BookRefusal> {
        if request.quantity > terms.max_per_booking {
            return Err(BookRefusal::QuantityTooLarge { max: terms.max_per_booking });
        }
        if request.quantity > self.capacity {
            return Err(BookRefusal::QuantityAboveTotal { total: self.capacity });
        }
        if let Some(max) = terms.max_per_account
            && request.account_total.saturating_add(request.quantity) > max
        {
            return Err(BookRefusal::AccountLimit { max });
        }
        if phase != Phase::Open {
            self.unhold();
        }
        if self.held == 0 && self.available >= request.quantity {
            self.available -= request.quantity;
            self.booked += request.quantity;
            return Ok(Booked::Confirmed);
        }
        // Nobody is promoted once the event has begun, so a place in the queue would be worth nothing.
        if !request.join_waitlist || phase != Phase::Open {
            return Err(BookRefusal::SoldOut);
        }
        if request.already_waiting {
            return Err(BookRefusal::AlreadyWaiting);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.waiting += 1;
        Ok(Booked::Waitlisted { number, position: self.waiting })
    }

    /// Changes the quantity of an entry that waits. The event must be open for promotions, and on sale if the party grows.
    ///
    /// A smaller party keeps its number; a larger one gets a new number at the end of the list. The limit per account is
    /// checked only when the party grows. If the new quantity fits in what is available, the available tickets become held,
    /// as for a return; the caller compares `held` and sends `tickets.released`.
    pub fn change_entry(&mut self, change: EntryChange, terms: Terms) -> Result<ChangedEntry, BookRefusal> {
        let EntryChange { before, quantity, account_total } = change;
        if quantity == before {
            return Ok(ChangedEntry::Unchanged);
        }
        if quantity > terms.max_per_booking {
            return Err(BookRefusal::QuantityTooLarge { max: terms.max_per_booking });
        }
        if quantity > self.capacity {
            return Err(BookRefusal::QuantityAboveTotal { total: self.capacity });
        }
        let changed = if quantity < before {
            ChangedEntry::Kept
        } else {
            if let Some(max) = terms.max_per_account
                && account_total.saturating_sub(before).saturating_add(quantity) > max
            {
                return Err(BookRefusal::AccountLimit { max });
            }
            let number = self.next_number;
            self.next_number += 1;
            ChangedEntry::Moved { number, position: self.waiting }
        };
        if quantity <= self.available {
            self.hold_again();
        }
        Ok(changed)
    }

    /// Takes back tickets of a booking. The caller guarantees that the booking has that many.
    pub fn take_back(&mut self, quantity: u32, phase: Phase) -> Returned {
        self.booked -= quantity;
        self.add(quantity, phase)
    }

    fn add(&mut self, quantity: u32, phase: Phase) -> Returned {
        if self.waiting > 0 && phase == Phase::Open {
            self.held += quantity + self.available;
            self.available = 0;
            Returned::Held
        } else {
            // Once the event has begun, what is still held is nobody's any more.
            self.available += quantity + std::mem::take(&mut self.held);
            Returned::Available
        }
    }

    /// Holds what is available for those who wait, because promotions go on after all: the event was postponed.
    pub fn hold_again(&mut self) -> bool {
        let due = self.waiting > 0 && self.available > 0;
        if due {
            self.held += std::mem::take(&mut self.available);
        }
        due
    }

    /// One entry that was closed waits again, because the event was postponed.
    pub fn rejoin(&mut self) {
        self.waiting += 1;
    }

    /// One entry stops waiting without a booking. Tickets held for nobody become available.
    pub fn leave(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.unhold();
        }
    }

    /// Changes how many tickets exist. Raising works like a return; lowering takes what is available, then what is held.
    pub fn set_capacity(&mut self, capacity: u32, phase: Phase) -> Result<Returned, CapacityBelowBooked> {
        if capacity < self.booked {
            return Err(CapacityBelowBooked { booked: self.booked });
        }
        if capacity >= self.capacity {
            let more = capacity - self.capacity;
            self.capacity = capacity;
            if more == 0 {
                return Ok(Returned::Available);
            }
            return Ok(self.add(more, phase));
        }
        let fewer = self.capacity - capacity;
        let from_available = fewer.min(self.available);
        self.available -= from_available;
        self.held -= fewer - from_available;
        self.capacity = capacity;
        Ok(Returned::Available)
    }

    /// Nobody is promoted any more: what is held becomes available. Tells how much that was.
    pub fn unhold(&mut self) -> u32 {
        let held = std::mem::take(&mut self.held);
        self.available += held;
        held
    }

    /// Walks the waiting list in the order of joining and promotes each entry that fits in what is held.
    ///
    /// A party that is too large, for what is held or for one booking, keeps its place and blocks nobody. Stops after `limit`
    /// promotions, or where `heads` does not know the rest of a queue; then what is left stays held.
    pub fn reallocate(&mut self, heads: &mut WaitingHeads, terms: Terms, limit: usize) -> Walk {
        let mut promoted = Vec::new();
        let mut unfinished = false;
        while self.held > 0 && self.waiting > 0 {
            if promoted.len() == limit {
                unfinished = true;
                break;
            }
            match heads.take_first_fitting(self.held.min(terms.max_per_booking)) {
                Next::Entry { number, quantity } => {
                    self.held -= quantity;
                    self.booked += quantity;
                    self.waiting -= 1;
                    promoted.push((number, quantity));
                }
                Next::NoneFits => break,
                Next::Unknown => {
                    unfinished = true;
                    break;
                }
            }
        }
        let leftover = if unfinished { 0 } else { self.unhold() };
        Walk { promoted, leftover, unfinished }
    }
}

#[cfg(test)]
mod tests;
