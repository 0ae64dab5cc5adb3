//! Fields that several routes of administrators read alike.

use rowlock_domain::values::{Currency, Price};
use rowlock_platform::http::{JsonFields, integer, text};

/// The most ticket types an event may have.
pub(super) const MAX_TYPES: usize = 50;

/// `price: {amountMinor, currency}`; free of charge unless told. The outer `None` means that it was bad.
pub(super) fn price(fields: &mut JsonFields) -> Option<Price> {
    let given = fields.object("price", |price| {
        let amount = price.required("amountMinor", integer(Price::amount));
        let currency = price.required("currency", text::<Currency>);
        Some(Price { amount_minor: amount?, currency: currency? })
    })?;
    given.or_else(|| Some(Price { amount_minor: 0, currency: "EUR".parse().ok()? }))
}
