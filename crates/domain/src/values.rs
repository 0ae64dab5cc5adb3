//! Numbers with limits: quantities, stocks, prices.
//!
//! Each limit is far above what an event needs and far below where arithmetic could overflow.

use serde::Serialize;

use crate::text::Invalid;

/// How many tickets one booking or waiting-list entry is about. 1 to [`Quantity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// The largest party that any ticket type may allow.
    pub const MAX: u32 = 100;
    /// What a request means that names no quantity.
    pub const ONE: Self = Self(1);

    /// Accepts 1 to [`Quantity::MAX`].
    pub fn new(value: i64) -> Result<Self, Invalid> {
        in_range(value, 1, Self::MAX).map(Self)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// How many tickets of a type exist. 0 to [`Capacity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Capacity(u32);

impl Capacity {
    /// The most tickets one type may have.
    pub const MAX: u32 = 10_000_000;

    /// Accepts 0 to [`Capacity::MAX`].
    pub fn new(value: i64) -> Result<Self, Invalid> {
        in_range(value, 0, Self::MAX).map(Self)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// How much one account may hold or wait for of a ticket type. 1 to [`Capacity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountLimit(u32);

impl AccountLimit {
    /// Accepts 1 to [`Capacity::MAX`].
    pub fn new(value: i64) -> Result<Self, Invalid> {
        in_range(value, 1, Capacity::MAX).map(Self)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// What a ticket costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// In the minor unit of the currency (cents, pence, yen).
    pub amount_minor: i64,
    /// ISO 4217 code, three capital letters.
    pub currency: Currency,
}

impl Price {
    /// The highest price, in minor units.
    pub const MAX_AMOUNT: i64 = 1_000_000_000_000;

    /// Accepts 0 to [`Price::MAX_AMOUNT`] minor units.
    pub fn amount(value: i64) -> Result<i64, Invalid> {
        if (0..=Self::MAX_AMOUNT).contains(&value) {
            Ok(value)
        } else {
            Err(Invalid::new(format!("must be from 0 to {}", Self::MAX_AMOUNT)))
        }
    }
}

/// The form of an ISO 4217 code: three capital letters. Which codes exist is not checked: the list changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// The three letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Currency {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("must be a currency code of three capital letters, as EUR"))
        }
    }
}

fn in_range(value: i64, min: u32, max: u32) -> Result<u32, Invalid> {
    u32::try_from(value)
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| Invalid::new(format!("must be from {min} to {max}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_refused_with_the_range() {
        for bad in [i64::MIN, -1, 0, 101, i64::MAX] {
            assert_eq!(Quantity::new(bad).unwrap_err().to_string(), "must be from 1 to 100");
        }
        assert_eq!(Quantity::new(100).unwrap().get(), 100);
        assert_eq!(Capacity::new(0).unwrap().get(), 0);
        assert!(Capacity::new(10_000_001).is_err());
        assert!("eur".parse::<Currency>().is_err());
    }
}
