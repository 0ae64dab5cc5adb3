//! Replays a queue with returns that are drawn from the history.

use super::WaitingEntries;
use super::history::History;
use crate::queue::{Candidate, QueueHeads};

/// The number of runs.
pub(super) const RUNS: usize = 32;

/// The number of returns of an entry that was not served.
pub(super) const NEVER: u32 = u32::MAX;

/// The start of the sequence of random numbers, which is always the same: an estimate must not change without a reason.
const SEED: u64 = 0x5851_F42D_4C95_7F2D;

/// Returns for each run and each entry the number of returns after which it was served, or [`NEVER`] if `limit` returns do not suffice.
/// Entries leave in the course of a run as they did in the past, but the result of an entry does not depend on its own leaving.
pub(super) fn replay(history: &History, waiting: WaitingEntries<'_>, limit: u32) -> [Vec<u32>; RUNS] {
    let mut all = QueueHeads::default();
    for entry in waiting.first {
        all.push(*entry);
    }
    let mut random = Random(SEED);
    std::array::from_fn(|_| run(history, waiting, all.clone(), limit, &mut random))
}

fn run(history: &History, waiting: WaitingEntries<'_>, mut heads: QueueHeads, limit: u32, random: &mut Random) -> Vec<u32> {
    let mut served = vec![NEVER; waiting.first.len()];
    let leaves: Vec<f64> = match history.returns_until_leaving() {
        Some(average) => served.iter().map(|_| -random.fraction().ln() * average).collect(),
        None => Vec::new(),
    };
    let mut open = served.len();
    for count in 1..=limit {
        if open == 0 {
            break;
        }
        let mut left = random.size(history.sizes());
        while left > 0 {
            let room = left.min(waiting.largest_quantity);
            let Candidate::Entry(entry) = heads.take_first_fitting(room) else { break };
            open -= 1;
            let Ok(index) = waiting.first.binary_search_by_key(&entry.number, |known| known.number) else { continue };
            if let Some(served) = served.get_mut(index) {
                *served = count;
            }
            // An entry that has left by now would have got these tickets, and those behind it get them instead.
            if leaves.get(index).is_none_or(|leaves| *leaves >= f64::from(count)) {
                left -= entry.size.quantity.min(room);
            }
        }
    }
    served
}

/// A small generator of random numbers, SplitMix64.
#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    /// Returns a number of 32 bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let [.., a, b, c, d] = (mixed ^ (mixed >> 31)).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    /// Returns a number above 0 and below 1.
    pub(super) fn fraction(&mut self) -> f64 {
        (f64::from(self.bits()) + 0.5) / (f64::from(u32::MAX) + 1.0)
    }

    /// Draws a size by its frequency. Returns 0 if there are none.
    fn size(&mut self, sizes: &[(u32, u32)]) -> u32 {
        let total: f64 = sizes.iter().map(|(_, count)| f64::from(*count)).sum();
        let mut rest = self.fraction() * total;
        for &(size, count) in sizes {
            rest -= f64::from(count);
            if rest <= 0.0 {
                return size;
            }
        }
        0
    }
}
