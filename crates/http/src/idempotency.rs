//! Reads the `Idempotency-Key` of a request.

use actix_web::HttpRequest;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::IdempotencyKey;
use sha2::{Digest, Sha256};

use crate::JsonFields;
use crate::problem::Problem;

/// A key with the hash of the request that it was sent with.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// The client's key.
    pub key: IdempotencyKey,
    /// SHA-256 of the body, or of the path and the body.
    pub hash: [u8; 32],
}

/// The header of a response to a repeated request, for which nothing was done.
pub const REPLAYED: (&str, &str) = ("idempotent-replayed", "true");

/// Returns the problem for a key that was sent with another request before.
pub fn key_reused() -> Problem {
    Problem::new(
        ProblemCode::IdempotencyKeyReused,
        "This Idempotency-Key was used for another request. Use a fresh key for each request, and the same one only to repeat it.",
    )
}

impl KeyedRequest {
    /// Reads the key of a request with a body. Returns `None` if the key is malformed, after adding the error to those of the body,
    /// and `Some(None)` if there is no key.
    pub fn of_body(request: &HttpRequest, body: &mut JsonFields) -> Option<Option<Self>> {
        let Some(value) = request.headers().get("idempotency-key") else { return Some(None) };
        // A value that is not ASCII is rejected like any other malformed key.
        match value.to_str().unwrap_or("\u{0}").parse() {
            Ok(key) => Some(Some(Self { key, hash: body.hash() })),
            Err(error) => {
                body.add_error("Idempotency-Key", error.to_string());
                None
            }
        }
    }

    /// Like [`of_body`](Self::of_body), for a request whose path says what it is about: the path is part of the hash.
    pub fn of_path_and_body(request: &HttpRequest, body: &mut JsonFields) -> Option<Option<Self>> {
        let keyed = Self::of_body(request, body)?;
        Some(keyed.map(|Self { key, hash }| {
            let whole = Sha256::new().chain_update(request.path()).chain_update([0]).chain_update(hash);
            Self { key, hash: whole.finalize().into() }
        }))
    }

    /// Reads the key of a request without a body. The hash covers the path.
    ///
    /// # Errors
    ///
    /// Returns a problem that names the header if the key is malformed.
    pub fn of_path(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let mut nothing = JsonFields::parse(b"{}")?;
        let keyed = Self::of_path_and_body(request, &mut nothing);
        nothing.finish(keyed)
    }
}
