//! Parameters and headers that several routes take alike.

#![allow(dead_code, reason = "these fields describe parameters; what reads them is in `http`")]

use utoipa::IntoParams;

/// Where a page of a list begins and how long it is.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Where the page begins: the `nextCursor` of the page before. Opaque; it belongs to this list alone.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// How many items the page has at most.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<i32>,
}

/// Makes a request repeatable.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKeyHeader {
    /// Makes the request safe to repeat: sent again with the same key and the same body, it acts once and gets the first
    /// answer to the letter, with `Idempotent-Replayed: true`. The key belongs to the account and the event and is kept for
    /// 24 hours. Refusals are not kept.
    #[param(
        nullable = false,
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 200,
        pattern = "^[!-~]+$",
        example = "b2f1c0de-7a51-4c1e-9a39-4f0d8a1d2c11"
    )]
    idempotency_key: Option<String>,
}

/// Accepted by routes that need no key to be repeated.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct NeedlessKeyHeader {
    /// Accepted as on every changing route. This request can be repeated with or without a key: a repeat changes nothing more.
    #[param(
        nullable = false,
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 200,
        pattern = "^[!-~]+$",
        example = "b2f1c0de-7a51-4c1e-9a39-4f0d8a1d2c11"
    )]
    idempotency_key: Option<String>,
}

/// Makes a change conditional.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct EventVersionHeader {
    /// The `ETag` of the event as it was read: the change is made only if no administrator has changed it meanwhile. `*` is
    /// any version.
    #[param(nullable = false, rename = "If-Match", example = "\"3.17\"")]
    if_match: Option<String>,
}

/// Makes a reading conditional.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct KnownVersionHeader {
    /// `ETag`s that the client has already, separated by commas; 304 if one of them is the present one.
    #[param(nullable = false, rename = "If-None-Match", example = "\"3.17\"")]
    if_none_match: Option<String>,
}
