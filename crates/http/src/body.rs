//! Deserializes a JSON body into one struct per request, so that the types of the fields are stated once.
//!
//! A request body derives [`Deserr`] with the error type [`InvalidBody`], which collects the errors of all fields. One response
//! therefore names every invalid field. Rules that concern several fields are checked with [`JsonBody::has`] and
//! [`JsonBody::peek`] before [`JsonBody::finish`], so that their errors are in the same response.
//!
//! ```
//! use deserr::Deserr;
//! use rowlock_domain::ids::EventId;
//! use rowlock_domain::values::Quantity;
//! use rowlock_http::{InvalidBody, JsonBody};
//!
//! #[derive(Deserr)]
//! #[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
//! struct BookTickets {
//!     event_id: EventId,
//!     #[deserr(default)]
//!     quantity: Option<Quantity>,
//! }
//!
//! let body = JsonBody::<BookTickets>::parse(r#"{"eventId": "0192f0c1-2345-7abc-8def-0123456789ab", "quantity": 0}"#)?;
//! let problem = body.finish().err().map(|problem| problem.document()).unwrap_or_default();
//! assert_eq!(problem["errors"][0]["field"], "quantity");
//! assert_eq!(problem["errors"][0]["message"], "must be from 1 to 100");
//! # Ok::<(), rowlock_http::problem::Problem>(())
//! ```

mod errors;
mod fields;

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use deserr::{Deserr, IntoValue, ValuePointerRef};
use rowlock_domain::problem::ProblemCode;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use errors::InvalidBody;
pub(crate) use fields::time_from;
pub use fields::{BoundedVec, NonNullPatch, Patch, WholeNumber, integer_field, text_field};

use crate::KeyedRequest;
use crate::idempotency::read_key;
use crate::problem::{FieldError, Problem};

/// The JSON object in a request body, which [`finish`](Self::finish) deserializes into `T`.
///
/// The extractor fails with a problem if the body is too large or not a JSON object. Fields are checked only by `finish`, so that
/// a handler can check a rate limit first.
#[must_use = "the fields are checked by `finish`"]
pub struct JsonBody<T> {
    fields: Map<String, Value>,
    bytes: Bytes,
    /// Errors of rules that concern several fields or headers.
    errors: Vec<FieldError>,
    /// Fields that are present and not allowed beside others.
    forbidden: Vec<FieldError>,
    body: PhantomData<fn() -> T>,
}

impl<T> JsonBody<T> {
    /// Parses a body, which must be a JSON object.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self, Problem> {
        let bytes = bytes.into();
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self { fields, bytes, errors: Vec::new(), forbidden: Vec::new(), body: PhantomData }),
            Ok(_) => Err(Problem::new(ProblemCode::MalformedJson, "The body must be a JSON object.")),
            Err(error) => Err(Problem::new(ProblemCode::MalformedJson, format!("The body is not valid JSON: {error}."))),
        }
    }

    /// Selects another type to deserialize into, for a route whose fields depend on which of them are present.
    pub fn cast<U>(self) -> JsonBody<U> {
        JsonBody { fields: self.fields, bytes: self.bytes, errors: self.errors, forbidden: self.forbidden, body: PhantomData }
    }

    /// Returns whether a field is present and not null.
    pub fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null())
    }

    /// Deserializes one field, or returns `None` if it is invalid. `Option<F>` accepts a field that is absent or null.
    ///
    /// It records no error: [`finish`](Self::finish) reports an invalid field. Use it for rules that concern several fields.
    pub fn peek<F: Deserr<InvalidBody>>(&self, name: &str) -> Option<F> {
        let value = self.fields.get(name).cloned().unwrap_or_default();
        F::deserialize_from_value(value.into_value(), ValuePointerRef::Origin).ok()
    }

    /// Records an error of a field or header.
    pub fn add_error(&mut self, name: impl Into<String>, message: impl Into<String>) {
        self.errors.push(FieldError { field: name.into(), message: message.into() });
    }

    /// Treats a field as unknown if it is present, because the other fields do not allow it.
    pub fn forbid(&mut self, name: &str, message: impl Into<String>) {
        if self.fields.contains_key(name) {
            self.forbidden.push(FieldError { field: name.to_owned(), message: message.into() });
        }
    }

    /// Returns the SHA-256 hash of the body as it was sent.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

impl<T: Deserr<InvalidBody>> JsonBody<T> {
    /// Returns the request, or a problem that names every unknown field or, if there are none, every invalid field.
    pub fn finish(self) -> Result<T, Problem> {
        let (errors, forbidden) = (self.errors, self.forbidden);
        let value = deserr::Value::<Value>::Map(self.fields);
        match T::deserialize_from_value(value, ValuePointerRef::Origin) {
            Ok(value) if errors.is_empty() && forbidden.is_empty() => Ok(value),
            Ok(_) => Err(InvalidBody::default().into_problem(forbidden, errors)),
            Err(invalid) => Err(invalid.into_problem(forbidden, errors)),
        }
    }

    /// Like [`finish`](Self::finish), and reads the header `Idempotency-Key`. The hash covers the body.
    pub fn finish_keyed(self, request: &HttpRequest) -> Result<(T, Option<KeyedRequest>), Problem> {
        self.finish_with_key(request, Self::hash)
    }

    /// Like [`finish_keyed`](Self::finish_keyed), for a request whose path identifies its subject. The hash covers the path and the
    /// body.
    pub fn finish_keyed_with_path(self, request: &HttpRequest) -> Result<(T, Option<KeyedRequest>), Problem> {
        self.finish_with_key(request, |body| KeyedRequest::hash_of_path(request, body.hash()))
    }

    fn finish_with_key(
        mut self,
        request: &HttpRequest,
        hash: impl FnOnce(&Self) -> [u8; 32],
    ) -> Result<(T, Option<KeyedRequest>), Problem> {
        let keyed = match read_key(request) {
            Ok(key) => key.map(|key| KeyedRequest { key, hash: hash(&self) }),
            Err(error) => {
                self.add_error("Idempotency-Key", error.to_string());
                None
            }
        };
        Ok((self.finish()?, keyed))
    }
}

impl<T> std::fmt::Debug for JsonBody<T> {
    /// Omits the values, because a body may contain a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonBody").field("fields", &self.fields.keys()).field("errors", &self.errors).finish_non_exhaustive()
    }
}

/// The maximum size of a body in bytes, for the error message.
pub(crate) struct BodyLimit(pub(crate) usize);

fn body_too_large(limit: Option<usize>) -> Problem {
    match limit {
        Some(limit) => Problem::new(ProblemCode::BodyTooLarge, format!("The request body is larger than the limit of {limit} bytes.")),
        None => Problem::new(ProblemCode::BodyTooLarge, "The request body is too large."),
    }
}

/// Reads the body of a request up to the size limit.
pub(crate) fn read_body(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Bytes, Problem>> + use<> {
    let body = Bytes::from_request(request, payload);
    let limit = request.app_data::<web::Data<BodyLimit>>().map(|limit| limit.0);
    async move {
        body.await.map_err(|error| match error.as_error::<PayloadError>() {
            Some(PayloadError::Overflow) => body_too_large(limit),
            // `Bytes` checks the `Content-Length` itself and fails with 413.
            None if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE => body_too_large(limit),
            _ => Problem::new(ProblemCode::MalformedRequest, "The body could not be read."),
        })
    }
}

impl<T: 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_body(request, payload);
        Box::pin(async move { Self::parse(body.await?) })
    }
}

#[cfg(test)]
mod tests;
