//! Fields that several routes of administrators read alike.

use rowlock_domain::states::WaitlistUntil;
use rowlock_domain::text::Invalid;
use rowlock_domain::values::{Capacity, Currency, Price};
use rowlock_http::{JsonFields, integer, text};
use serde_json::Value;
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
    /// The code of a currency in use: three capital letters (ISO 4217). All types of an event have the same.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
}

/// How many tickets a type has: at least one, when it is created and whenever it is changed.
pub(super) fn at_least_one(value: i64) -> Result<Capacity, Invalid> {
    if value < 1 { Err(Invalid::new(format!("must be from 1 to {}", Capacity::MAX))) } else { Capacity::new(value) }
}

/// What ends the waiting list.
pub(super) fn waitlist_until(value: &Value) -> Result<WaitlistUntil, String> {
    value.as_str().and_then(|word| word.parse().ok()).ok_or_else(|| "must be start or salesEnd".to_owned())
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
