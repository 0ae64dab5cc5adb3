//! Allocation passes over the waiting list.

use super::{BookingLimits, Commitment, Stock};
use crate::queue::{Candidate, QueueHeads};

/// The result of one allocation pass over the waiting list.
#[must_use = "the promoted entries have to be stored, and an unfinished pass needs a `tickets.released` message"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationPass {
    /// The sequence numbers and quantities of the promoted entries, in the order of promotion.
    pub promoted: Vec<(i64, u32)>,
    /// The number of tickets that became available because no waiting entry could take them.
    pub leftover: u32,
    /// True if the pass stopped early. The remaining tickets are still held, and the caller must send another `tickets.released`
    /// message.
    pub unfinished: bool,
}

impl Stock {
    /// Goes through the waiting list in the order of joining and promotes each entry that fits in the held tickets. The promoted
    /// entries become confirmed or reserved bookings, as `commitment` says.
    ///
    /// An entry that is larger than the held tickets or than the limit per booking keeps its place and does not block the entries
    /// behind it. The pass stops after `limit` promotions, or where `heads` does not know the rest of a queue; in both cases the
    /// remaining tickets stay held.
    pub fn reallocate(&mut self, heads: &mut QueueHeads, limits: BookingLimits, limit: usize, commitment: Commitment) -> AllocationPass {
        let mut promoted = Vec::new();
        let mut unfinished = false;
        while self.held > 0 && self.waiting > 0 {
            if promoted.len() == limit {
                unfinished = true;
                break;
            }
            match heads.take_first_fitting(self.held.min(limits.max_per_booking)) {
                Candidate::Entry { number, quantity } => {
                    self.held -= quantity;
                    self.commit(quantity, commitment);
                    self.waiting -= 1;
                    promoted.push((number, quantity));
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
