//! Collects the errors of all fields of a request body.

use std::convert::Infallible;
use std::ops::ControlFlow;

use deserr::{DeserializeError, ErrorKind, IntoValue, MergeWithError, Value, ValueKind, ValuePointerRef};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::InvalidValue;

use crate::problem::{FieldError, Problem};

/// The errors of a request body: its unknown fields and its invalid ones.
#[derive(Debug, Default)]
pub struct InvalidBody {
    unknown: Vec<FieldError>,
    invalid: Vec<FieldError>,
}

impl InvalidBody {
    /// Creates the error of one field. `message` is the end of a sentence that begins with the field.
    pub fn at(location: ValuePointerRef<'_>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(path_of(location), message);
        errors
    }

    /// Creates the error of a value of the wrong kind. A field that is null counts as missing.
    pub fn wrong_kind<V: IntoValue>(actual: &Value<V>, location: ValuePointerRef<'_>, message: &'static str) -> Self {
        let is_missing = matches!(actual, Value::Null) && !matches!(location, ValuePointerRef::Index { .. });
        Self::at(location, if is_missing { "is required" } else { message })
    }

    fn add(&mut self, field: String, message: impl Into<String>) {
        self.invalid.push(FieldError { field, message: message.into() });
    }

    /// Returns the problem that names the unknown fields or, if there are none, the invalid ones including `more`.
    /// `forbidden` counts as unknown.
    pub(crate) fn into_problem(mut self, mut forbidden: Vec<FieldError>, mut more: Vec<FieldError>) -> Problem {
        self.unknown.append(&mut forbidden);
        if self.unknown.is_empty() {
            more.append(&mut self.invalid);
            return Problem::invalid_input(more);
        }
        let names: Vec<_> = self.unknown.iter().map(|unknown| unknown.field.as_str()).collect();
        let detail = format!("The body has unknown fields: {}.", names.join(", "));
        Problem::new(ProblemCode::UnknownField, detail).with_errors(self.unknown)
    }
}

/// Returns the path of a field, such as `ticketTypes[1].name`.
fn path_of(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev: ValuePointerRef::Origin } => key.to_owned(),
        ValuePointerRef::Key { key, prev } => format!("{}.{key}", path_of(*prev)),
        ValuePointerRef::Index { index, prev } => format!("{}[{index}]", path_of(*prev)),
    }
}

const fn expected(kinds: &[ValueKind]) -> &'static str {
    match kinds.first() {
        Some(ValueKind::String) => "must be a string",
        Some(ValueKind::Boolean) => "must be true or false",
        Some(ValueKind::Map) => "must be an object",
        Some(ValueKind::Sequence) => "must be a list",
        Some(ValueKind::Integer | ValueKind::NegativeInteger) => "must be a whole number",
        Some(ValueKind::Float) => "must be a number",
        Some(ValueKind::Null) | None => "has an invalid value",
    }
}

impl DeserializeError for InvalidBody {
    fn error<V: IntoValue>(errors: Option<Self>, kind: ErrorKind<'_, V>, location: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut errors = errors.unwrap_or_default();
        match kind {
            ErrorKind::IncorrectValueKind { actual, accepted } => {
                return Self::merge(Some(errors), Self::wrong_kind(&actual, location, expected(accepted)), location);
            }
            ErrorKind::MissingField { field } => errors.add(path_of(location.push_key(field)), "is required"),
            ErrorKind::UnknownKey { key, accepted } => errors.unknown.push(FieldError {
                field: path_of(location.push_key(key)),
                message: format!("is not a known field; known fields: {}", accepted.join(", ")),
            }),
            ErrorKind::UnknownValue { accepted, .. } => errors.add(path_of(location), format!("must be one of {}", accepted.join(", "))),
            ErrorKind::BadSequenceLen { expected, .. } => errors.add(path_of(location), format!("must have {expected} items")),
            ErrorKind::Unexpected { msg } => errors.add(path_of(location), msg),
        }
        ControlFlow::Continue(errors)
    }
}

impl MergeWithError<Self> for InvalidBody {
    fn merge(errors: Option<Self>, mut other: Self, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        ControlFlow::Continue(match errors {
            Some(mut errors) => {
                errors.unknown.append(&mut other.unknown);
                errors.invalid.append(&mut other.invalid);
                errors
            }
            None => other,
        })
    }
}

impl MergeWithError<InvalidValue> for InvalidBody {
    fn merge(errors: Option<Self>, other: InvalidValue, location: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        Self::merge(errors, Self::at(location, other.to_string()), location)
    }
}

impl MergeWithError<Infallible> for InvalidBody {
    fn merge(_: Option<Self>, other: Infallible, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        match other {}
    }
}
