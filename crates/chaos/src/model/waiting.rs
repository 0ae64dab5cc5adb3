//! The waiting list of the reference model: entries join, change, leave and are promoted.

use super::ReferenceModel;
use crate::messages::TicketClaim;

/// A waiting-list entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedEntry {
    /// Number that orders the waiting list.
    pub number: i64,
    /// Account and number of tickets.
    pub entry: TicketClaim,
    /// The smallest number of tickets that the entry takes.
    pub min_quantity: u32,
}

impl ReferenceModel {
    pub(super) fn join(&mut self, queued: QueuedEntry) -> Result<(), String> {
        let QueuedEntry { entry, min_quantity, number } = queued;
        self.within_limit(entry)?;
        if self.held == 0 && self.available >= min_quantity {
            return Err(format!(
                "puts a request for {min_quantity} to {} tickets on the waiting list although {} are available",
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
        self.waiting.push(queued);
        Ok(())
    }

    /// An entry that grows moves to the end; any other change keeps the position.
    pub(super) fn change_entry(&mut self, changed: QueuedEntry, before: u32, now: i64) -> Result<(), String> {
        let QueuedEntry { entry, min_quantity, number } = changed;
        let position = self.waiting.iter().position(|waiting| waiting.entry.id == entry.id);
        let position = position.ok_or_else(|| format!("changes the entry {}, which is not waiting", entry.id))?;
        let waiting = self.waiting.remove(position);
        let is_unchanged = before == entry.quantity && waiting.min_quantity == min_quantity;
        if waiting.entry.quantity != before || is_unchanged || !(1..=entry.quantity).contains(&min_quantity) {
            return Err(format!(
                "changes the entry {} from {before} to {min_quantity} to {} tickets, but it waits for {} to {}",
                entry.id, entry.quantity, waiting.min_quantity, waiting.entry.quantity
            ));
        }
        if entry.quantity > before {
            self.within_limit(entry)?;
            if number <= self.last_number {
                return Err(format!("assigns the number {number} to an entry that grew, after {}", self.last_number));
            }
            self.last_number = number;
            self.waiting.push(changed);
        } else {
            if number != waiting.number {
                return Err(format!("assigns the number {number} to an entry that shrank and had number {}", waiting.number));
            }
            self.waiting.insert(position, changed);
        }
        if min_quantity <= self.available {
            self.return_tickets(0, now);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, entry: TicketClaim, number: i64) -> Result<(), String> {
        let position = self.waiting.iter().position(|waiting| waiting.entry.id == entry.id);
        let position = position.ok_or_else(|| format!("removes the entry {} (number {number}), which is not waiting", entry.id))?;
        self.waiting.remove(position);
        if self.waiting.is_empty() {
            self.make_held_available();
        }
        Ok(())
    }

    /// Returns the position of the next entry to promote: the first one whose minimum fits the held tickets.
    pub(super) fn next_position(&self) -> Option<usize> {
        self.waiting.iter().position(|waiting| waiting.min_quantity <= self.held)
    }

    /// Removes the next entry from the waiting list and its tickets from the held ones. It gets what it waits for, or all of them.
    pub(super) fn promote(&mut self, entry: TicketClaim, requested: u32, number: i64, now: i64) -> Result<(), String> {
        let position = self
            .next_position()
            .ok_or_else(|| format!("promotes number {number} for {} tickets although only {} are held", entry.quantity, self.held))?;
        let waiting = self.waiting.remove(position);
        let given = waiting.entry.quantity.min(self.held);
        if waiting.number != number || (TicketClaim { quantity: given, ..waiting.entry }) != entry || waiting.entry.quantity != requested {
            return Err(format!(
                "promotes number {number} for {} of {requested} tickets; with {} held, number {} for {given} of {} tickets was next",
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
}
