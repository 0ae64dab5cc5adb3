//! The allocation rule, which decides who gets which ticket.
//!
//! [`Stock`] contains the counters of one ticket type. Only its methods move tickets, and each preserves these invariants:
//!
//! ```text
//! capacity = available + booked + held
//! held > 0  ⇒  available = 0 and waiting > 0
//! ```
//!
//! This module knows neither accounts nor rows nor the clock. The transaction in `inventory` passes it what it has locked.

use crate::Timestamp;
use crate::queue::{Next, WaitingHeads};
use crate::states::{EventStatus, WaitlistUntil};

/// The counters of one ticket type, read under its row lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// The total number of tickets.
    pub capacity: u32,
    /// The number of tickets that anybody can book.
    pub available: u32,
    /// The number of tickets in confirmed bookings.
    pub booked: u32,
    /// The number of tickets that are reserved for the waiting list until the worker has reallocated them.
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
pub struct Terms {
    /// The largest quantity of one booking.
    pub max_per_booking: u32,
    /// The maximum number of tickets that one account may have booked and wait for together.
    pub max_per_account: Option<u32>,
}

/// The status and the times of an event that decide what can be done with its tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The status of the event.
    pub status: EventStatus,
    /// The start of sales. If absent, sales start when the event is published.
    pub sales_start_at: Option<Timestamp>,
    /// The end of sales. If absent, sales end when the event starts.
    pub sales_end_at: Option<Timestamp>,
    /// The start of the event.
    pub starts_at: Option<Timestamp>,
    /// The end of the event. If absent, the event ends at its start.
    pub ends_at: Option<Timestamp>,
    /// The point in time at which the waiting list ends.
    pub waitlist_until: WaitlistUntil,
    /// The time until which holders can return tickets. If absent, they can until the event starts.
    pub cancel_until: Option<Timestamp>,
}

/// The phase of an event, which decides whether returned tickets go to the waiting list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The waiting list is served.
    Open,
    /// The waiting list has ended, at the start of the event or at the end of sales. No entry is promoted any more, and waiting
    /// entries are closed.
    Begun,
    /// The event is cancelled. Its bookings are cancelled and its waiting-list entries are closed.
    Cancelled,
}

impl Schedule {
    /// Returns the phase at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        match self.status {
            EventStatus::Cancelled => Phase::Cancelled,
            _ if self.waitlist_ends_at().is_some_and(|end| end <= now) => Phase::Begun,
            _ => Phase::Open,
        }
    }

    /// Returns the time at which promotions end and waiting entries are closed, or `None` if no date of the event ends its
    /// waiting list.
    fn waitlist_ends_at(&self) -> Option<Timestamp> {
        match self.waitlist_until {
            WaitlistUntil::Start => self.starts_at,
            WaitlistUntil::SalesEnd => earlier(self.starts_at, self.sales_end_at),
        }
    }

    /// Returns the time at which sales end, which is never later than the end of the event.
    fn sales_end(&self) -> Option<Timestamp> {
        earlier(self.sales_end_at.or(self.starts_at), self.ends_at.or(self.starts_at))
    }

    /// Checks whether holders can return tickets at `now`.
    pub fn accepts_returns(&self, now: Timestamp) -> Result<(), ReturnRefusal> {
        if self.starts_at.is_some_and(|starts_at| starts_at <= now) {
            return Err(ReturnRefusal::EventBegun);
        }
        match self.cancel_until {
            Some(deadline) if deadline <= now => Err(ReturnRefusal::DeadlinePassed { deadline }),
            _ => Ok(()),
        }
    }

    /// Checks whether tickets are on sale at `now`.
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

/// Returns the earlier of two optional times.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

/// The reason why a holder can no longer return tickets.
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

/// A request to book tickets.
#[derive(Debug, Clone, Copy)]
pub struct BookRequest {
    /// The number of tickets.
    pub quantity: u32,
    /// Whether to join the waiting list if there are not enough tickets.
    pub join_waitlist: bool,
    /// The account's booked and waiting tickets of this type. It is used only if there is a limit per account.
    pub account_total: u32,
    /// Whether the account has an open waiting-list entry for this type. It is used only if the request has to wait.
    pub already_waiting: bool,
}

/// A request to change the quantity of a waiting entry.
#[derive(Debug, Clone, Copy)]
pub struct EntryChange {
    /// The current quantity of the entry.
    pub before: u32,
    /// The requested quantity.
    pub quantity: u32,
    /// The account's booked and waiting tickets of this type, including this entry. It is used only if there is a limit per
    /// account.
    pub account_total: u32,
}

/// The result of changing the quantity of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedEntry {
    /// The quantity was the same, so nothing changed.
    Unchanged,
    /// The quantity was lowered, and the entry keeps its number.
    Kept,
    /// The quantity was raised, and the entry moved to the end of the list.
    Moved {
        /// The new sequence number, which orders the list.
        number: i64,
        /// The new position in the queue, starting at 1.
        position: u32,
    },
}

/// The result of a booking request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booked {
    /// All requested tickets were booked.
    Confirmed,
    /// The request was put on the waiting list.
    Waitlisted {
        /// The sequence number that orders the list.
        number: i64,
        /// The position in the queue, starting at 1.
        position: u32,
    },
}

/// The reason why a booking request was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookRefusal {
    /// The event is a draft.
    #[error("there is no such event")]
    NotPublic,
    /// The event is cancelled.
    #[error("the event is cancelled")]
    EventCancelled,
    /// The current time is outside the sales window.
    #[error("sales are closed")]
    SalesClosed,
    /// The quantity is above the limit per booking.
    #[error("a booking may have at most {max} tickets")]
    QuantityTooLarge {
        /// The limit of the ticket type.
        max: u32,
    },
    /// The quantity is above the capacity of the ticket type, so the request could never be fulfilled.
    #[error("there are {total} tickets of this type")]
    QuantityAboveTotal {
        /// The capacity of the ticket type.
        total: u32,
    },
    /// The account would exceed the limit per account.
    #[error("an account may have at most {max} tickets, booked and waited for together")]
    AccountLimit {
        /// The limit of the ticket type.
        max: u32,
    },
    /// There are not enough tickets, and the request does not allow waiting or the waiting list has ended.
    #[error("there are not enough tickets")]
    SoldOut,
    /// The account already has an open waiting-list entry for the ticket type.
    #[error("the account is already on the waiting list of this ticket type")]
    AlreadyWaiting,
}

/// The destination of returned tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// The tickets became available to everybody.
    Available,
    /// The tickets are held for the waiting list. The caller must send a `tickets.released` message.
    Held,
}

/// The error of a capacity that is below the number of booked tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{booked} tickets are booked")]
pub struct CapacityBelowBooked {
    /// The number of booked tickets.
    pub booked: u32,
}

/// The result of one allocation pass over the waiting list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The sequence numbers and quantities of the promoted entries, in the order of promotion.
    pub promoted: Vec<(i64, u32)>,
    /// The number of tickets that became available because no waiting entry could take them.
    pub leftover: u32,
    /// True if the pass stopped early. The remaining tickets are still held, and the caller must send another `tickets.released`
    /// message.
    pub unfinished: bool,
}

impl Stock {
    /// Returns the largest quantity that can currently be booked. An entry can exceed it if the capacity or the limit was lowered
    /// after the entry had joined. Such an entry keeps its place and is skipped until the values are raised again.
    pub fn largest_party(&self, terms: Terms) -> u32 {
        self.capacity.min(terms.max_per_booking)
    }

    /// Returns whether the counters satisfy the invariants that must hold at every commit.
    pub fn is_consistent(&self) -> bool {
        let sum = u64::from(self.available) + u64::from(self.booked) + u64::from(self.held);
        sum == u64::from(self.capacity) && (self.held == 0 || (self.available == 0 && self.waiting > 0))
    }

    /// Increments the version and returns it.
    pub fn next_sequence(&mut self) -> i64 {
        self.version += 1;
        self.version
    }

    /// Books all requested tickets, or joins the waiting list, or returns the reason for rejecting the request. The caller has
    /// checked that the event is on sale.
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
        // No entry is promoted after the waiting list has ended, so joining it would be pointless.
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

    /// Changes the quantity of a waiting entry. The event must be in [`Phase::Open`], and on sale if the quantity is raised.
    ///
    /// An entry whose quantity is lowered keeps its number; one whose quantity is raised gets a new number at the end of the
    /// list. The limit per account is checked only if the quantity is raised. If the new quantity fits in the available tickets,
    /// these become held, as after a return. The caller detects this by comparing `held` and sends `tickets.released`.
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

    /// Takes back `quantity` tickets of a booking, which the caller guarantees to have that many.
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
            // After the waiting list has ended, held tickets are reserved for nobody.
            self.available += quantity + std::mem::take(&mut self.held);
            Returned::Available
        }
    }

    /// Moves all available tickets to `held` if the waiting list is not empty. Returns whether it moved any. Callers use it when
    /// more entries can be promoted, for example because the event was postponed.
    pub fn hold_again(&mut self) -> bool {
        let due = self.waiting > 0 && self.available > 0;
        if due {
            self.held += std::mem::take(&mut self.available);
        }
        due
    }

    /// Counts one more waiting entry, because a closed entry was reopened after the event had been postponed.
    pub fn rejoin(&mut self) {
        self.waiting += 1;
    }

    /// Counts one waiting entry less, because it left without a booking. If it was the last one, held tickets become available.
    pub fn leave(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.unhold();
        }
    }

    /// Changes the capacity. Added tickets are treated like returned ones; removed tickets are taken from the available ones
    /// first, then from the held ones. Fails if `capacity` is below the number of booked tickets.
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

    /// Moves all held tickets to `available`, because no entry will be promoted with them. Returns their number.
    pub fn unhold(&mut self) -> u32 {
        let held = std::mem::take(&mut self.held);
        self.available += held;
        held
    }

    /// Goes through the waiting list in the order of joining and promotes each entry that fits in the held tickets.
    ///
    /// An entry that is larger than the held tickets or than the limit per booking keeps its place and does not block the entries
    /// behind it. The pass stops after `limit` promotions, or where `heads` does not know the rest of a queue; in both cases the
    /// remaining tickets stay held.
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
