//! Estimates the chance of waiting-list entries to get tickets before the waiting list ends.
//!
//! [`History`] summarizes how tickets of a type were returned in the past days. [`Forecast`] replays the queue: it draws returns of
//! the sizes that the history has, hands them out by the allocation rule, and so finds after how many returns each entry is served.
//! The chance of an entry is the probability that so many returns come in the time that is left.
//!
//! The number of returns per day is unknown and fluctuates. Given the history, the expected number has a gamma distribution, and the
//! number of returns a negative binomial one, whose variance is that of the past days. A chance is stated as the range that follows
//! from the plausible expected numbers. If the range is wide, the history says too little, and there is no estimate.
//!
//! The estimate errs on the low side where it errs: tickets that an allocation pass leaves over are assumed to be sold to others,
//! and neither additional tickets, offers that are not accepted, nor a growing number of returns are foreseen. `simulation` in the tests
//! measures the error.

mod distribution;
mod history;
mod replay;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use chrono::TimeDelta;

use self::distribution::ReturnCount;
pub use self::history::{History, HistoryDay};
use self::replay::{NEVER, RUNS, replay};
use crate::Timestamp;
use crate::allocation::PartySize;
use crate::queue::QueuedEntry;

/// The widest range that is stated, as a difference of probabilities. A wider one would tell its reader nothing.
const WIDEST_RANGE: f64 = 0.45;

/// The lower and the upper end of the stated range of expected returns, in standard deviations: the middle half of the distribution.
const RANGE_ENDS: [f64; 2] = [-0.674, 0.674];

/// The percentages that can be stated. A chance is never said to be 0 or 100.
const STEPS: [u8; 21] = [1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 99];

/// The chance of an entry to get tickets, with what it was estimated from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance {
    /// The lower end of the range in percent, from 1 to 95.
    pub low: u8,
    /// The upper end of the range in percent, from 5 to 99, which is above the lower one.
    pub high: u8,
    /// The number of tickets that were returned in the observed days.
    pub returned_tickets: u32,
    /// The number of observed days.
    pub days: u32,
    /// The time until which returned tickets go to the waiting list.
    pub until: Timestamp,
}

/// The waiting entries of a ticket type as a forecast sees them.
#[derive(Debug, Clone, Copy)]
pub struct WaitingEntries<'a> {
    /// The first entries of the queue, ordered by number.
    pub first: &'a [QueuedEntry],
    /// The largest number of tickets that one entry can get.
    pub largest_quantity: u32,
}

/// How soon the entries of a queue are served if tickets are returned as in the past.
#[derive(Debug, Clone)]
pub struct Forecast {
    history: History,
    until: Timestamp,
    /// The number of returns until the end at the lower and the upper end of the range.
    counts: [ReturnCount; 2],
    entries: Vec<ReplayedEntry>,
}

/// An entry with the number of returns after which it was served in each run, or [`NEVER`].
#[derive(Debug, Clone)]
struct ReplayedEntry {
    number: i64,
    min_quantity: u32,
    served: [u32; RUNS],
}

impl Forecast {
    /// Replays a queue with the returns that can come from `now` until `until`. Returns `None` if no time is left.
    ///
    /// The cost grows with the product of the entries and the runs, and with the expected number of returns: a few milliseconds for
    /// hundreds of each.
    pub fn new(history: &History, waiting: WaitingEntries<'_>, now: Timestamp, until: Timestamp) -> Option<Self> {
        let seconds = (until - now).num_seconds();
        if seconds <= 0 {
            return None;
        }
        let days = TimeDelta::seconds(seconds).as_seconds_f64() / TimeDelta::days(1).as_seconds_f64();
        let counts = RANGE_ENDS.map(|deviations| ReturnCount::new(history.returns_per_day(deviations) * days, history.dispersion()));
        let [_, most] = &counts;
        let runs = replay(history, waiting, most.limit());
        let entry = |(index, entry): (usize, &QueuedEntry)| ReplayedEntry {
            number: entry.number,
            min_quantity: entry.size.min_quantity,
            served: runs.each_ref().map(|run| run.get(index).copied().unwrap_or(NEVER)),
        };
        let entries = waiting.first.iter().enumerate().map(entry).collect();
        Some(Self { history: history.clone(), until, counts, entries })
    }

    /// Returns the chance of an entry that waits at a position, starting at 1, or `None` if the history tells too little about it.
    pub fn chance(&self, number: i64, size: PartySize, position: i64) -> Option<Chance> {
        let [low, high] = self.probabilities(number, size, position)?;
        if high - low > WIDEST_RANGE {
            return None;
        }
        let [low, high] = rounded(low, high);
        let (returned_tickets, days) = (self.history.returned_tickets(), self.history.days());
        Some(Chance { low, high, returned_tickets, days, until: self.until })
    }

    /// Returns the ends of the range before they are rounded.
    fn probabilities(&self, number: i64, size: PartySize, position: i64) -> Option<[f64; 2]> {
        let known = self.entries.binary_search_by_key(&number, |entry| entry.number).ok().and_then(|index| self.entries.get(index));
        let served = match known {
            Some(entry) => entry.served,
            None => self.extrapolate(size, position)?,
        };
        Some(self.counts.each_ref().map(|count| served.iter().map(|needed| count.at_least(*needed)).sum::<f64>() / to_float(RUNS)))
    }

    /// Returns the numbers of returns for an entry behind the known ones, which is beyond the limit or joined after the queue was read.
    /// The queue is assumed to go on as it begins.
    fn extrapolate(&self, size: PartySize, position: i64) -> Option<[u32; RUNS]> {
        let alike = |entry: &ReplayedEntry| entry.min_quantity >= size.min_quantity;
        let place = self.entries.iter().rposition(alike).or_else(|| self.entries.len().checked_sub(1))?;
        let reference = self.entries.get(place)?;
        let place = i64::try_from(place).ok()? + 1;
        let scaled = |needed: u32| u32::try_from(i64::from(needed) * position.clamp(place, 1 << 31) / place).unwrap_or(NEVER);
        Some(reference.served.map(scaled))
    }
}

/// Rounds a range outward to the percentages that can be stated.
fn rounded(low: f64, high: f64) -> [u8; 2] {
    let below = |probability: f64| STEPS.iter().rposition(|step| f64::from(*step) <= probability * 100.0).unwrap_or(0);
    let above = |probability: f64| STEPS.iter().position(|step| f64::from(*step) >= probability * 100.0).unwrap_or(STEPS.len() - 1);
    let low = below(low).min(STEPS.len() - 2);
    let high = above(high).max(low + 1);
    [low, high].map(|index| STEPS.get(index).copied().unwrap_or(99))
}

/// Converts a count.
fn to_float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
