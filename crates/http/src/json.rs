//! Reads a JSON body field by field, so that one response names every invalid field.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::{FromRequest, HttpRequest, web};
use rowlock_domain::Timestamp;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Invalid;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::problem::{FieldError, Problem};

/// The unread fields of a JSON object, and the errors of the fields that have been read.
///
/// Each reading method returns `None` after it has recorded an error.
#[derive(Debug)]
pub struct JsonFields {
    fields: Map<String, Value>,
    path: String,
    /// Names of the fields that have been read or tried.
    known: Vec<&'static str>,
    unknown: Vec<FieldError>,
    errors: Vec<FieldError>,
    hash: [u8; 32],
}

/// The change of one field in a PATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field is absent, so the value is unchanged.
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

impl JsonFields {
    /// Parses a body, which must be a JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let hash = Sha256::digest(body).into();
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self::of(fields, String::new(), hash)),
            Ok(_) => Err(Problem::new(ProblemCode::MalformedJson, "The body must be a JSON object.")),
            Err(error) => Err(Problem::new(ProblemCode::MalformedJson, format!("The body is not valid JSON: {error}."))),
        }
    }

    fn of(fields: Map<String, Value>, path: String, hash: [u8; 32]) -> Self {
        Self { fields, path, known: Vec::with_capacity(8), unknown: Vec::new(), errors: Vec::new(), hash }
    }

    /// Returns the SHA-256 hash of the body as it was sent.
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Returns whether a field is present and not null.
    pub fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// Records an error of a field.
    pub fn add_error(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: format!("{}{name}", self.path), message: message.into() });
    }

    /// Removes a field and records its name as known.
    fn remove(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.fields.remove(name)
    }

    fn take<T>(&mut self, name: &str, value: &Value, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        match parse(value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.add_error(name, message);
                None
            }
        }
    }

    /// Reads a required field.
    pub fn required<T>(&mut self, name: &'static str, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        match self.remove(name) {
            None | Some(Value::Null) => {
                self.add_error(name, "is required");
                None
            }
            Some(value) => self.take(name, &value, parse),
        }
    }

    /// Reads an optional field. Absent and null are `Some(None)`.
    pub fn optional<T>(&mut self, name: &'static str, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<Option<T>> {
        match self.remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.take(name, &value, parse).map(Some),
        }
    }

    /// Reads a field of a PATCH.
    pub fn patch<T>(&mut self, name: &'static str, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<Patch<T>> {
        match self.remove(name) {
            None => Some(Patch::Keep),
            Some(Value::Null) => Some(Patch::Clear),
            Some(value) => self.take(name, &value, parse).map(Patch::Set),
        }
    }

    /// Reads a field of a PATCH that can be changed but not cleared. Absent is `Some(None)`.
    pub fn change<T>(&mut self, name: &'static str, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<Option<T>> {
        match self.patch(name, parse)? {
            Patch::Keep => Some(None),
            Patch::Set(value) => Some(Some(value)),
            Patch::Clear => {
                self.add_error(name, "must not be null");
                None
            }
        }
    }

    /// Reads a nested object with `read`. Absent and null are `Some(None)`.
    pub fn object<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::Object(fields)) => {
                let path = format!("{}{name}.", self.path);
                self.nested(fields, path, read).map(Some)
            }
            Some(_) => {
                self.add_error(name, "must be an object");
                None
            }
        }
    }

    /// Reads a list of at most `max` objects, each with `read`. Absent and null are `Some(None)`.
    pub fn objects<T>(&mut self, name: &'static str, max: usize, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Option<Vec<T>>> {
        let items: VecDeque<Value> = match self.remove(name) {
            None | Some(Value::Null) => return Some(None),
            Some(Value::Array(items)) if items.len() <= max => items.into(),
            Some(Value::Array(_)) => {
                self.add_error(name, format!("must have at most {max} items"));
                return None;
            }
            Some(_) => {
                self.add_error(name, "must be a list");
                return None;
            }
        };
        let mut read_items = Vec::with_capacity(items.len());
        let mut all_valid = true;
        for (index, item) in items.into_iter().enumerate() {
            if let Value::Object(fields) = item {
                let path = format!("{}{name}[{index}].", self.path);
                match self.nested(fields, path, &mut read) {
                    Some(item) => read_items.push(item),
                    None => all_valid = false,
                }
            } else {
                self.add_error(&format!("{name}[{index}]"), "must be an object");
                all_valid = false;
            }
        }
        all_valid.then_some(Some(read_items))
    }

    fn nested<T>(&mut self, fields: Map<String, Value>, path: String, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut inner = Self::of(fields, path, self.hash);
        let value = read(&mut inner);
        inner.record_unknown();
        self.unknown.append(&mut inner.unknown);
        self.errors.append(&mut inner.errors);
        value
    }

    /// Records the unread fields as unknown.
    fn record_unknown(&mut self) {
        let (path, known) = (&self.path, &self.known);
        let unknown = |name| FieldError {
            field: format!("{path}{name}"),
            message: format!("is not a known field; known fields: {}", known.join(", ")),
        };
        self.unknown.extend(self.fields.keys().map(unknown));
    }

    /// Returns the request, or a problem that names every invalid or unknown field.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        self.record_unknown();
        if !self.unknown.is_empty() {
            let names: Vec<_> = self.unknown.iter().map(|unknown| unknown.field.as_str()).collect();
            let detail = format!("The body has unknown fields: {}.", names.join(", "));
            return Err(Problem::new(ProblemCode::UnknownField, detail).with_errors(self.unknown));
        }
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid_input(self.errors)),
        }
    }
}

/// The largest accepted body in bytes, for the error message.
pub(crate) struct BodyLimit(pub(crate) usize);

fn body_too_large(limit: Option<usize>) -> Problem {
    match limit {
        Some(limit) => Problem::new(ProblemCode::BodyTooLarge, format!("The request body is larger than the limit of {limit} bytes.")),
        None => Problem::new(ProblemCode::BodyTooLarge, "The request body is too large."),
    }
}

impl FromRequest for JsonFields {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        let limit = request.app_data::<web::Data<BodyLimit>>().map(|limit| limit.0);
        Box::pin(async move {
            let body = body.await.map_err(|error| match error.as_error::<PayloadError>() {
                Some(PayloadError::Overflow) => body_too_large(limit),
                // `web::Bytes` checks the `Content-Length` itself and fails with 413.
                None if error.as_response_error().status_code() == actix_web::http::StatusCode::PAYLOAD_TOO_LARGE => body_too_large(limit),
                _ => Problem::new(ProblemCode::MalformedRequest, "The body could not be read."),
            })?;
            Self::parse(&body)
        })
    }
}

/// Parses a JSON string into a type that validates it.
pub fn text<T: FromStr>(value: &Value) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    let text = value.as_str().ok_or("must be a string")?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Parses a whole number into a type that validates it.
pub fn integer<T>(parse: fn(i64) -> Result<T, Invalid>) -> impl Fn(&Value) -> Result<T, String> {
    move |value| match value {
        Value::Number(number) => match number.as_i64() {
            Some(number) => parse(number).map_err(|error| error.to_string()),
            // The number exceeds `i64`. The error of the type names its range.
            None if number.as_u64().is_some() => parse(i64::MAX).map_err(|error| error.to_string()),
            None => Err("must be a whole number".to_owned()),
        },
        _ => Err("must be a whole number".to_owned()),
    }
}

/// Parses `true` or `false`.
pub fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// Parses an RFC 3339 time with any offset and truncates it to microseconds. The year must be from 1970 to 9999.
pub fn time(value: &Value) -> Result<Timestamp, String> {
    const MESSAGE: &str = "must be an RFC 3339 time such as 2026-12-31T20:00:00Z";
    let parsed = chrono::DateTime::parse_from_rfc3339(value.as_str().ok_or(MESSAGE)?).map_err(|_| MESSAGE)?;
    let years = 1970..=9999;
    chrono::DateTime::from_timestamp_micros(parsed.timestamp_micros())
        .filter(|time| years.contains(&chrono::Datelike::year(time)))
        .ok_or_else(|| "must be between the years 1970 and 9999".to_owned())
}

#[cfg(test)]
mod tests {
    use rowlock_domain::text::{Email, PersonName};
    use rowlock_domain::values::Quantity;

    use super::*;

    fn field_names(problem: &Problem) -> String {
        actix_web::ResponseError::error_response(problem);
        format!("{problem:?}")
    }

    #[test]
    fn one_problem_names_every_invalid_field() {
        let mut fields = JsonFields::parse(br#"{"email": 5, "quantity": 0, "items": [{"name": "ok"}, {"name": "a\u0000"}, 3]}"#).unwrap();
        let read = (
            fields.required("name", text::<PersonName>),
            fields.required("email", text::<Email>),
            fields.optional("quantity", integer(Quantity::new)),
            fields.objects("items", 9, |item| item.required("name", text::<PersonName>)),
        );
        let problem = fields.finish(Some(read)).unwrap_err();
        assert_eq!(problem.code(), ProblemCode::InvalidInput);
        let names = field_names(&problem);
        for name in ["\"name\"", "\"email\"", "\"quantity\"", "items[1].name", "items[2]"] {
            assert!(names.contains(name), "{name} in {names}");
        }
    }

    #[test]
    fn unknown_fields_and_malformed_json_have_their_own_codes() {
        let fields = JsonFields::parse(br#"{"nmae": "x"}"#).unwrap();
        assert_eq!(fields.finish(Some(())).unwrap_err().code(), ProblemCode::UnknownField);
        let mut fields = JsonFields::parse(br#"{"nmae": "x"}"#).unwrap();
        let read = (fields.optional("name", text::<PersonName>), fields.optional("email", text::<Email>));
        let document = fields.finish(Some(read)).unwrap_err().document();
        assert_eq!(
            document["errors"][0],
            serde_json::json!({"field": "nmae", "message": "is not a known field; known fields: name, email"})
        );
        for body in [&b"{"[..], b"", b"[]", b"null", b"{\"a\":\xff}"] {
            assert_eq!(JsonFields::parse(body).unwrap_err().code(), ProblemCode::MalformedJson);
        }
    }

    #[test]
    fn numbers_outside_the_range_are_rejected_whatever_their_size() {
        for bad in ["0", "101", "-1", "99999999999999999999", "1.5", "1e400", "\"1\""] {
            let Ok(value) = serde_json::from_str::<Value>(bad) else { continue };
            assert!(integer(Quantity::new)(&value).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_must_have_an_offset_and_a_plausible_year() {
        assert_eq!(time(&"2026-12-31T20:00:00+01:00".into()).unwrap().to_rfc3339(), "2026-12-31T19:00:00+00:00");
        for bad in ["2026-12-31", "2026-12-31T20:00:00", "yesterday", "0001-01-01T00:00:00Z"] {
            assert!(time(&bad.into()).is_err(), "{bad}");
        }
    }
}
