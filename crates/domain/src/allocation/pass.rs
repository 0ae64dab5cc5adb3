//! Allocation passes over the waiting list.

use super::{BookingLimits, Commitment, Stock};
use crate::queue::{Candidate, QueueHeads, QueuedEntry};

/// An entry that an allocation pass promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promotion {
    /// The sequence number of the entry.
    pub number: i64,
    /// The number of tickets that it got, which is at least its minimum and at most its quantity.
    pub given: u32,
}

/// The result of one allocation pass over the waiting list.
#[must_use = "the promoted entries have to be stored, and an unfinished pass needs a `tickets.released` message"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationPass {
    /// The promoted entries, in the order of promotion.
    pub promoted: Vec<Promotion>,
    /// The number of tickets that became available because no waiting entry could take them.
    pub leftover: u32,
    /// True if the pass stopped early. The remaining tickets are still held, and the caller must send another `tickets.released`
    /// message.
    pub unfinished: bool,
}

impl Stock {
    /// Goes through the waiting list in the order of joining and promotes each entry whose minimum fits in the held tickets. Each
    /// gets as many of them as it asks for, or all if there are fewer. The promoted entries become confirmed or reserved bookings,
    /// as `commitment` says.
    ///
    /// An entry whose minimum is larger than the held tickets or than the limit per booking keeps its place and does not block the
    /// entries behind it. The pass stops after `limit` promotions, or where `heads` does not know the rest of a queue; in both cases the
    /// remaining tickets stay held.
    pub fn reallocate(&mut self, heads: &mut QueueHeads, limits: BookingLimits, limit: usize, commitment: Commitment) -> AllocationPass {
        let mut promoted = Vec::new();
        let mut unfinished = false;
        while self.held > 0 && self.waiting > 0 {
            if promoted.len() == limit {
                unfinished = true;
                break;
            }
            let room = self.held.min(limits.max_per_booking);
            match heads.take_first_fitting(room) {
                Candidate::Entry(QueuedEntry { number, size }) => {
                    let given = size.quantity.min(room);
                    self.held -= given;
                    self.commit(given, commitment);
                    self.waiting -= 1;
                    promoted.push(Promotion { number, given });
                }
                Candidate::NoneFits => break,
                Candidate::Unknown => {
                    unfinished = true;
                    break;
                }
            }
        }
        let leftover = if unfinished { 0 } else { self.make_held_available() };
        AllocationPass { promoted, leftover, unfinished }
    }
}
