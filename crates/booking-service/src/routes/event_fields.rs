//! Fields of request bodies that several administrator routes share.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::states::WaitlistUntil;
use rowlock_domain::text::InvalidValue;
use rowlock_domain::values::{Capacity, Currency, Price};
use rowlock_http::{InvalidBody, integer_field, text_field};
use utoipa::ToSchema;

/// Maximum number of ticket types of an event.
pub(super) const MAX_TYPES: usize = 50;

/// The price of a ticket.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewPrice {
    /// Amount in the minor unit of the currency (cents, pence, yen).
    #[schema(value_type = i64, minimum = 0, maximum = 1_000_000_000_000_i64)]
    amount_minor: PriceAmount,
    /// Code of a currency in use: three capital letters (ISO 4217). All ticket types of an event must have the same currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub(super) currency: Currency,
}

impl From<NewPrice> for Price {
    fn from(NewPrice { amount_minor: PriceAmount(amount_minor), currency }: NewPrice) -> Self {
        Self { amount_minor, currency }
    }
}

/// An amount of money in the minor unit of its currency.
#[derive(Debug, Clone, Copy)]
struct PriceAmount(i64);

impl Deserr<InvalidBody> for PriceAmount {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        integer_field(&value, location, |number| Price::amount(number).map(Self))
    }
}

/// The capacity of a ticket type. Administrators must give at least one ticket, when creating and when changing a type.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewCapacity(pub(super) Capacity);

impl NewCapacity {
    /// Returns the capacity, or an error if `value` is not from 1 to [`Capacity::MAX`].
    pub(super) fn new(value: i64) -> Result<Self, InvalidValue> {
        if value < 1 { Err(InvalidValue::new(format!("must be from 1 to {}", Capacity::MAX))) } else { Capacity::new(value).map(Self) }
    }
}

impl Deserr<InvalidBody> for NewCapacity {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        integer_field(&value, location, Self::new)
    }
}

/// The end of the waiting list: `start` or `salesEnd`.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitlistEnd(pub(super) WaitlistUntil);

impl Deserr<InvalidBody> for WaitlistEnd {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        word_field(&value, location, "must be start or salesEnd", |word| word.parse().ok().map(Self))
    }
}

/// Deserializes one of a few words. The error is the same for an unknown word and for a value that is not a string.
pub(super) fn word_field<T, V: IntoValue>(
    value: &Value<V>,
    location: ValuePointerRef<'_>,
    message: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, InvalidBody> {
    match value {
        Value::String(_) => text_field(value, location, |word| parse(word).ok_or(message)),
        other => Err(InvalidBody::wrong_kind(other, location, message)),
    }
}
