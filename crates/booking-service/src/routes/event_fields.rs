//! Fields that several administrator routes share.

use rowlock_domain::states::WaitlistUntil;
use rowlock_domain::text::Invalid;
use rowlock_domain::values::{Capacity, Currency, Price};
use rowlock_http::{JsonFields, integer, text};
use serde_json::Value;
use utoipa::ToSchema;

/// Maximum number of ticket types of an event.
pub(super) const MAX_TYPES: usize = 50;

/// The price of a ticket.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `price` reads")]
pub(super) struct NewPrice {
    /// Amount in the minor unit of the currency (cents, pence, yen).
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    amount_minor: i64,
    /// Code of a currency in use: three capital letters (ISO 4217). All ticket types of an event must have the same currency.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
}

/// Checks the capacity of a ticket type. Administrators must give at least one ticket, when creating and when changing a type.
pub(super) fn at_least_one(value: i64) -> Result<Capacity, Invalid> {
    if value < 1 { Err(Invalid::new(format!("must be from 1 to {}", Capacity::MAX))) } else { Capacity::new(value) }
}

/// Reads the end of the waiting list: `start` or `salesEnd`.
pub(super) fn waitlist_until(value: &Value) -> Result<WaitlistUntil, String> {
    value.as_str().and_then(|word| word.parse().ok()).ok_or_else(|| "must be start or salesEnd".to_owned())
}

/// Reads `price: {amountMinor, currency}`; free of charge if omitted. Returns `None` if the value is invalid.
pub(super) fn price(fields: &mut JsonFields) -> Option<Price> {
    let given = fields.object("price", |price| {
        let amount = price.required("amountMinor", integer(Price::amount));
        let currency = price.required("currency", text::<Currency>);
        Some(Price { amount_minor: amount?, currency: currency? })
    })?;
    given.or_else(|| Some(Price { amount_minor: 0, currency: "EUR".parse().ok()? }))
}
