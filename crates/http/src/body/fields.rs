//! Types of the fields of request bodies, and how the domain's types are deserialized.

use std::fmt::Display;
use std::str::FromStr;

use deserr::{Deserr, IntoValue, Sequence, Value, ValuePointerRef};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId, ScanId, SessionId, TicketTypeId, WaitlistEntryId, WishId};
use rowlock_domain::states::Language;
use rowlock_domain::text::{Description, DoorName, Email, InvalidValue, LoginEmail, Password, PersonName, Title, Username};
use rowlock_domain::tickets::TicketNumber;
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_domain::values::{AccountLimit, Capacity, CheckoutMinutes, Currency, OfferMinutes, Quantity};

use super::InvalidBody;

/// Deserializes a JSON string with `parse`. Call it from an implementation of [`Deserr`].
pub fn text_field<T, E: Display, V: IntoValue>(
    value: &Value<V>,
    location: ValuePointerRef<'_>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, InvalidBody> {
    match value {
        Value::String(text) => parse(text).map_err(|error| InvalidBody::at(location, error.to_string())),
        other => Err(InvalidBody::wrong_kind(other, location, "must be a string")),
    }
}

/// Deserializes a whole number with `parse`. Call it from an implementation of [`Deserr`].
///
/// A number that exceeds `i64` is passed as `i64::MAX`, so that the error of `parse` names the valid range.
pub fn integer_field<T, E: Display, V: IntoValue>(
    value: &Value<V>,
    location: ValuePointerRef<'_>,
    parse: impl FnOnce(i64) -> Result<T, E>,
) -> Result<T, InvalidBody> {
    let number = match value {
        Value::Integer(number) => i64::try_from(*number).unwrap_or(i64::MAX),
        Value::NegativeInteger(number) => *number,
        other => return Err(InvalidBody::wrong_kind(other, location, "must be a whole number")),
    };
    parse(number).map_err(|error| InvalidBody::at(location, error.to_string()))
}

macro_rules! text_fields {
    ($($type:ty),+ $(,)?) => {$(
        impl Deserr<InvalidBody> for $type {
            fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
                text_field(&value, location, Self::from_str)
            }
        }
    )+};
}

macro_rules! integer_fields {
    ($($type:ty),+ $(,)?) => {$(
        impl Deserr<InvalidBody> for $type {
            fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
                integer_field(&value, location, Self::new)
            }
        }
    )+};
}

text_fields!(AccountId, BookingId, EventId, ScanId, SessionId, TicketTypeId, WaitlistEntryId, WishId);
text_fields!(Currency, Description, DoorName, Email, LoginEmail, Password, PersonName, TimeZoneName, Title, Username);
impl Deserr<InvalidBody> for Language {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        text_field(&value, location, |text| text.parse().map_err(|_| InvalidValue::new("must be one of: en, de")))
    }
}

integer_fields!(AccountLimit, Capacity, CheckoutMinutes, OfferMinutes, Quantity, TicketNumber);

/// A whole number whose range is checked later. Values that exceed `i64` become `i64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeNumber(pub i64);

impl Deserr<InvalidBody> for WholeNumber {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        integer_field(&value, location, |number| Ok::<_, InvalidValue>(Self(number)))
    }
}

const TIME_MESSAGE: &str = "must be an RFC 3339 time such as 2026-12-31T20:00:00Z";

/// Parses an RFC 3339 time with any offset and truncates it to microseconds. The year must be from 1970 to 9999.
pub(crate) fn time_from(text: &str) -> Result<Timestamp, &'static str> {
    let parsed = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| TIME_MESSAGE)?;
    let years = 1970..=9999;
    chrono::DateTime::from_timestamp_micros(parsed.timestamp_micros())
        .filter(|time| years.contains(&chrono::Datelike::year(time)))
        .ok_or("must be between the years 1970 and 9999")
}

impl Deserr<InvalidBody> for Timestamp {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        match value {
            Value::String(text) => time_from(&text).map_err(|message| InvalidBody::at(location, message)),
            other => Err(InvalidBody::wrong_kind(&other, location, TIME_MESSAGE)),
        }
    }
}

/// The change of one field in a PATCH. The field needs `#[deserr(default)]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field is absent, so the value is unchanged.
    #[default]
    Keep,
    /// The field is `null`, which clears the value.
    Clear,
    /// The field contains the new value.
    Set(T),
}

impl<T> Patch<T> {
    /// Returns the value after the change, given the current value.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T: Deserr<InvalidBody>> Deserr<InvalidBody> for Patch<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        match value {
            Value::Null => Ok(Self::Clear),
            value => T::deserialize_from_value(value, location).map(Self::Set),
        }
    }
}

/// The change of one field in a PATCH that cannot be cleared. The field needs `#[deserr(default)]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NonNullPatch<T> {
    /// The field is absent, so the value is unchanged.
    #[default]
    Keep,
    /// The field contains the new value.
    Set(T),
}

impl<T> NonNullPatch<T> {
    /// Returns the new value, or `None` if the value is unchanged.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T: Deserr<InvalidBody>> Deserr<InvalidBody> for NonNullPatch<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        match value {
            Value::Null => Err(InvalidBody::at(location, "must not be null")),
            value => T::deserialize_from_value(value, location).map(Self::Set),
        }
    }
}

/// A list of at most `MAX` items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoundedVec<T, const MAX: usize>(pub Vec<T>);

impl<T: Deserr<InvalidBody>, const MAX: usize> Deserr<InvalidBody> for BoundedVec<T, MAX> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        match value {
            Value::Sequence(items) if items.len() > MAX => Err(InvalidBody::at(location, format!("must have at most {MAX} items"))),
            value => Vec::deserialize_from_value(value, location).map(Self),
        }
    }
}
