//! Validated numbers: quantities, capacities and prices.
//!
//! Each limit is far above what an event needs and far below the point where arithmetic could overflow.

use serde::Serialize;

use crate::text::InvalidValue;

/// The number of tickets of a booking or a waiting-list entry, from 1 to [`Quantity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// The largest quantity that any ticket type may allow.
    pub const MAX: u32 = 100;
    /// The default for a request that omits the quantity.
    pub const ONE: Self = Self(1);

    /// Returns the quantity, or an error if `value` is not from 1 to [`Quantity::MAX`].
    pub fn new(value: i64) -> Result<Self, InvalidValue> {
        in_range(value, 1, Self::MAX).map(Self)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The total number of tickets of a type, from 0 to [`Capacity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Capacity(u32);

impl Capacity {
    /// The largest capacity of one ticket type.
    pub const MAX: u32 = 10_000_000;

    /// Returns the capacity, or an error if `value` is not from 0 to [`Capacity::MAX`].
    pub fn new(value: i64) -> Result<Self, InvalidValue> {
        in_range(value, 0, Self::MAX).map(Self)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The maximum number of tickets of one type that an account may have booked, reserved and wait for, from 1 to
/// [`Capacity::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountLimit(u32);

impl AccountLimit {
    /// Returns the limit, or an error if `value` is not from 1 to [`Capacity::MAX`].
    pub fn new(value: i64) -> Result<Self, InvalidValue> {
        in_range(value, 1, Capacity::MAX).map(Self)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The number of minutes for which a booking is reserved during the checkout, from 1 to [`CheckoutMinutes::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CheckoutMinutes(u32);

impl CheckoutMinutes {
    /// One day.
    pub const MAX: u32 = 1_440;

    /// Returns the number of minutes, or an error if `value` is not from 1 to [`CheckoutMinutes::MAX`].
    pub fn new(value: i64) -> Result<Self, InvalidValue> {
        in_range(value, 1, Self::MAX).map(Self)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The number of minutes for which tickets are offered to a promoted waiting-list entry, from 1 to [`OfferMinutes::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct OfferMinutes(u32);

impl OfferMinutes {
    /// One week.
    pub const MAX: u32 = 10_080;

    /// Returns the number of minutes, or an error if `value` is not from 1 to [`OfferMinutes::MAX`].
    pub fn new(value: i64) -> Result<Self, InvalidValue> {
        in_range(value, 1, Self::MAX).map(Self)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The price of one ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// The amount in the minor unit of the currency (cents, pence, yen).
    pub amount_minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Price {
    /// The highest price, in minor units.
    pub const MAX_AMOUNT: i64 = 1_000_000_000_000;

    /// Returns `value`, or an error if it is not from 0 to [`Price::MAX_AMOUNT`] minor units.
    pub fn amount(value: i64) -> Result<i64, InvalidValue> {
        if (0..=Self::MAX_AMOUNT).contains(&value) {
            Ok(value)
        } else {
            Err(InvalidValue::new(format!("must be from 0 to {}", Self::MAX_AMOUNT)))
        }
    }
}

/// An ISO 4217 code of a currency in use. Codes of funds, precious metals, tests and withdrawn currencies are rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// Returns the three letters of the code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Currency {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match iso_currency::Currency::from_code(text) {
            Some(known) if is_in_use(known) => Ok(Self(text.to_owned())),
            _ => Err(InvalidValue::new("must be the ISO 4217 code of a currency in use, such as EUR")),
        }
    }
}

/// Returns whether the currency is in circulation, that is, neither a fund, a metal, a test code nor withdrawn.
fn is_in_use(currency: iso_currency::Currency) -> bool {
    match currency {
        // ISO 4217 lists the bolívar as both VES and VED; the `iso_currency` crate marks VES as withdrawn.
        iso_currency::Currency::VES => true,
        // UYI is a unit of account, which the `iso_currency` crate does not mark as a fund.
        iso_currency::Currency::UYI => false,
        other => other.flags().is_empty(),
    }
}

fn in_range(value: i64, min: u32, max: u32) -> Result<u32, InvalidValue> {
    u32::try_from(value)
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| InvalidValue::new(format!("must be from {min} to {max}")))
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
    }

    #[test]
    fn only_currencies_in_use_are_accepted() {
        for good in ["EUR", "USD", "CHF", "JPY", "KWD", "XOF", "XAF", "XPF", "VES"] {
            assert_eq!(good.parse::<Currency>().map(|currency| currency.as_str().to_owned()).as_deref(), Ok(good));
        }
        for bad in ["ZZZ", "eur", "EU", "EURO", "", "€", "XXX", "XTS", "XAU", "USN", "UYI", "HRK", "DEM", "EUR "] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }
}
