//! Reads the `Idempotency-Key` of a request.

use actix_web::HttpRequest;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::{IdempotencyKey, InvalidValue};
use sha2::{Digest, Sha256};

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
pub const REPLAYED_HEADER: (&str, &str) = ("idempotent-replayed", "true");

/// Returns the problem for a key that was sent with another request before.
pub fn key_reused() -> Problem {
    Problem::new(
        ProblemCode::IdempotencyKeyReused,
        "This Idempotency-Key was used for another request. Use a fresh key for each request, and the same one only to repeat it.",
    )
}

/// Reads the header `Idempotency-Key`.
pub(crate) fn read_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, InvalidValue> {
    // A value that is not ASCII is rejected like any other malformed key.
    let value = request.headers().get("idempotency-key");
    value.map(|value| value.to_str().unwrap_or("\u{0}").parse()).transpose()
}

impl KeyedRequest {
    /// Reads the key of a request without a body. The hash covers the path.
    ///
    /// # Errors
    ///
    /// Returns a problem that names the header if the key is malformed.
    pub fn of_path(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let key = read_key(request).map_err(|error| Problem::invalid_field("Idempotency-Key", error.to_string()))?;
        Ok(key.map(|key| Self { key, hash: Self::hash_of_path(request, Sha256::digest(b"{}").into()) }))
    }

    /// Returns the hash of a path and of a body with the hash `body`.
    pub(crate) fn hash_of_path(request: &HttpRequest, body: [u8; 32]) -> [u8; 32] {
        Sha256::new().chain_update(request.path()).chain_update([0]).chain_update(body).finalize().into()
    }
}
