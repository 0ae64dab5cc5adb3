//! Fields that several routes of administrators read alike.

use rowlock_domain::values::{Currency, Price};
use rowlock_platform::http::{JsonFields, integer, text};
use utoipa::ToSchema;

/// The most ticket types an event may have.
pub(super) const MAX_TYPES: usize = 50;

/// What a ticket of a new type costs.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `price` reads")]
pub(super) struct NewPrice {
    /// In the minor unit of the currency (cents, pence, yen).
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    amount_minor: i64,
    /// Three capital letters (ISO 4217).
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
}

/// `price: {amountMinor, currency}`; free of charge unless told. The outer `None` means that it was bad.
pub(super) fn price(fields: &mut JsonFields) -> Option<Price> {
    let given = fields.object("price", |price| {
        let amount = price.required("amountMinor", integer(Price::amount));
        let currency = price.required("currency", text::<Currency>);
        Some(Price { amount_minor: amount?, currency: currency? })
    })?;
    given.or_else(|| Some(Price { amount_minor: 0, currency: "EUR".parse().ok()? }))
}
