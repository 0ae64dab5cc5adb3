//! The numbers of the tickets of a booking.
//!
//! There is no row per ticket. A booking issues the numbers from 0, at first as many as it has tickets. A number becomes void when its
//! ticket is returned, replaced or transferred, and is never issued again, so a code that names it can never admit anybody else.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::states::VoidReason;
use crate::text::InvalidValue;

/// The number of a ticket within its booking, from 0 to [`TicketNumber::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TicketNumber(u16);

impl TicketNumber {
    /// The largest number. It bounds how often the codes of a booking can be replaced.
    pub const MAX: u16 = 999;

    /// Returns the number, or an error if `value` is not from 0 to [`TicketNumber::MAX`].
    pub fn new(value: i64) -> Result<Self, InvalidValue> {
        let number = u16::try_from(value).ok().filter(|number| *number <= Self::MAX);
        number.map(Self).ok_or_else(|| InvalidValue::new(format!("must be from 0 to {}", Self::MAX)))
    }

    /// Returns the number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TicketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TicketNumber {
    type Err = InvalidValue;

    /// Accepts only digits without a leading zero, so that each number has one spelling.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let is_number = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
        let value = if is_number { text.parse().unwrap_or(-1) } else { -1 };
        Self::new(value)
    }
}

/// The state of a number of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberStatus {
    /// The number is a ticket of the booking.
    Valid,
    /// The number was a ticket of the booking and is none any more.
    Void(VoidReason),
    /// The booking has not issued the number.
    NeverIssued,
}

/// The booking has fewer tickets that nobody has used than are to be returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only {unused} tickets of the booking are not checked in")]
pub struct TooFewUnused {
    /// The number of tickets that can be returned.
    pub unused: u32,
}

/// The reason why a ticket cannot get a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReplaceable {
    /// The number is not a valid ticket.
    #[error("the number is not a valid ticket")]
    NotValid,
    /// The booking has issued all numbers that it can.
    #[error("the booking has issued all its numbers")]
    NoNumberLeft,
}

/// The numbers that a booking has issued, and those of them that are void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketNumbers {
    issued: u32,
    /// The void numbers in ascending order.
    void: Vec<(TicketNumber, VoidReason)>,
}

impl TicketNumbers {
    /// Returns the numbers of a booking of which no number was ever void.
    pub const fn unchanged(quantity: u32) -> Self {
        Self { issued: quantity, void: Vec::new() }
    }

    /// Returns the numbers of a booking as they were stored.
    pub fn stored(issued: u32, mut void: Vec<(TicketNumber, VoidReason)>) -> Self {
        void.sort_unstable_by_key(|(number, _)| *number);
        Self { issued, void }
    }

    /// Returns how many numbers the booking has issued.
    pub const fn issued(&self) -> u32 {
        self.issued
    }

    /// Returns the void numbers in ascending order.
    pub fn void(&self) -> &[(TicketNumber, VoidReason)] {
        &self.void
    }

    /// Returns the number of valid tickets.
    pub fn quantity(&self) -> u32 {
        self.issued.saturating_sub(u32::try_from(self.void.len()).unwrap_or(u32::MAX))
    }

    /// Returns the state of a number.
    pub fn status(&self, number: TicketNumber) -> NumberStatus {
        match self.void.binary_search_by_key(&number, |(void, _)| *void).ok().and_then(|index| self.void.get(index)) {
            Some((_, reason)) => NumberStatus::Void(*reason),
            None if u32::from(number.get()) < self.issued => NumberStatus::Valid,
            None => NumberStatus::NeverIssued,
        }
    }

    /// Returns the valid numbers in ascending order.
    pub fn valid(&self) -> impl DoubleEndedIterator<Item = TicketNumber> {
        let issued = u16::try_from(self.issued).unwrap_or(u16::MAX).min(TicketNumber::MAX + 1);
        (0..issued).map(TicketNumber).filter(|number| self.status(*number) == NumberStatus::Valid)
    }

    /// Makes the `count` highest valid numbers void that nobody has used, because their tickets were returned. Changes nothing if
    /// there are too few.
    pub fn give_back(&mut self, count: u32, used: &BTreeSet<TicketNumber>) -> Result<(), TooFewUnused> {
        self.void_highest(count, used, VoidReason::Returned)
    }

    /// Makes the same numbers void as [`give_back`](Self::give_back), because their tickets were transferred.
    pub fn transfer(&mut self, count: u32, used: &BTreeSet<TicketNumber>) -> Result<(), TooFewUnused> {
        self.void_highest(count, used, VoidReason::Transferred)
    }

    fn void_highest(&mut self, count: u32, used: &BTreeSet<TicketNumber>, reason: VoidReason) -> Result<(), TooFewUnused> {
        let unused: Vec<TicketNumber> = self.valid().rev().filter(|number| !used.contains(number)).collect();
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let returned = unused.get(..wanted).ok_or_else(|| TooFewUnused { unused: u32::try_from(unused.len()).unwrap_or(u32::MAX) })?;
        self.void.extend(returned.iter().map(|number| (*number, reason)));
        self.void.sort_unstable_by_key(|(number, _)| *number);
        Ok(())
    }

    /// Makes a number void and issues a new one in its place, which is returned.
    pub fn replace(&mut self, number: TicketNumber) -> Result<TicketNumber, NotReplaceable> {
        if self.status(number) != NumberStatus::Valid {
            return Err(NotReplaceable::NotValid);
        }
        let new = TicketNumber::new(self.issued.into()).map_err(|_| NotReplaceable::NoNumberLeft)?;
        self.issued += 1;
        self.void.push((number, VoidReason::Replaced));
        self.void.sort_unstable_by_key(|(number, _)| *number);
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(value: u16) -> TicketNumber {
        TicketNumber::new(value.into()).unwrap()
    }

    #[test]
    fn a_part_is_taken_from_the_highest_numbers_that_nobody_has_used() {
        let mut numbers = TicketNumbers::unchanged(5);
        numbers.give_back(2, &BTreeSet::from([number(4), number(1)])).unwrap();
        assert_eq!(numbers.valid().map(TicketNumber::get).collect::<Vec<_>>(), [0, 1, 4]);
        assert_eq!(numbers.status(number(3)), NumberStatus::Void(VoidReason::Returned));
        let used = BTreeSet::from([number(4), number(1)]);
        assert_eq!(numbers.give_back(2, &used), Err(TooFewUnused { unused: 1 }));
        assert_eq!(numbers.quantity(), 3, "a refused return changes nothing");
    }

    #[test]
    fn transferred_numbers_are_told_from_returned_ones() {
        let mut numbers = TicketNumbers::unchanged(3);
        numbers.give_back(1, &BTreeSet::new()).unwrap();
        numbers.transfer(2, &BTreeSet::new()).unwrap();
        assert_eq!(numbers.quantity(), 0, "a transfer can take all tickets");
        assert_eq!(numbers.void().iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), {
            use VoidReason::{Returned, Transferred};
            [Transferred, Transferred, Returned]
        });
    }

    #[test]
    fn a_replaced_number_stays_void_and_the_new_one_follows_the_last_one() {
        let mut numbers = TicketNumbers::unchanged(2);
        assert_eq!(numbers.replace(number(0)), Ok(number(2)));
        assert_eq!(numbers.replace(number(0)), Err(NotReplaceable::NotValid));
        assert_eq!(numbers.replace(number(7)), Err(NotReplaceable::NotValid));
        assert_eq!(numbers.status(number(0)), NumberStatus::Void(VoidReason::Replaced));
        assert_eq!((numbers.quantity(), numbers.issued()), (2, 3));
        let mut full = TicketNumbers::stored(1_000, (0..999).map(|value| (number(value), VoidReason::Replaced)).collect());
        assert_eq!(full.replace(number(999)), Err(NotReplaceable::NoNumberLeft));
    }

    #[test]
    fn each_number_has_one_spelling() {
        for (text, value) in [("0", 0), ("7", 7), ("999", 999)] {
            assert_eq!(text.parse::<TicketNumber>().unwrap().get(), value);
        }
        for bad in ["", "00", "07", "+7", "-1", "1000", "1e2", "٣"] {
            assert!(bad.parse::<TicketNumber>().is_err(), "{bad}");
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        GiveBack(u32, BTreeSet<u16>),
        Replace(u16),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let give_back = (1..4u32, proptest::collection::btree_set(0..30u16, 0..5)).prop_map(|(count, used)| Step::GiveBack(count, used));
        proptest::collection::vec(prop_oneof![give_back, (0..30u16).prop_map(Step::Replace)], 0..30)
    }

    proptest! {
        #[test]
        fn a_void_number_never_becomes_valid_again(quantity in 1..20u32, steps in steps()) {
            let mut numbers = TicketNumbers::unchanged(quantity);
            let mut expected = quantity;
            for step in steps {
                let before = numbers.clone();
                let result = match &step {
                    Step::GiveBack(count, used) => {
                        let used = used.iter().copied().map(number).collect();
                        numbers.give_back(*count, &used).map(|()| expected -= count).is_ok()
                    }
                    Step::Replace(value) => numbers.replace(number(*value)).is_ok(),
                };
                prop_assert!(result || numbers == before, "a refused step changes nothing");
                prop_assert_eq!(numbers.quantity(), expected);
                prop_assert_eq!(u32::try_from(numbers.valid().count()).unwrap(), expected);
                prop_assert!(before.void().iter().all(|(old, reason)| numbers.status(*old) == NumberStatus::Void(*reason)));
                prop_assert!(numbers.void().is_sorted_by(|a, b| a.0 < b.0));
            }
        }
    }
}
