//! Parameters and headers that several routes share.

#![allow(dead_code, reason = "these fields only describe parameters; the extractors read them")]

use utoipa::IntoParams;

/// Selects a page of a list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// The `nextCursor` of the previous page. Omit it for the first page. Cursors are opaque and valid only for the same list.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Maximum number of items on the page.
    #[param(nullable = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<i32>,
}

/// Makes a request safe to retry.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKeyHeader {
    /// Makes the request safe to retry. If it is sent again with the same key and the same body, it takes effect only once, and the
    /// response is the original one with `Idempotent-Replayed: true`. A key is stored for 24 hours. The scope of a key depends
    /// on the route; the documentation of the API describes it. Error responses are not stored.
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

/// Accepted by routes that are idempotent without a key.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct NaturallyIdempotentKeyHeader {
    /// Accepted for consistency with other changing routes. This request is idempotent with or without a key.
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
    /// The `ETag` of the event when you read it. The change is made only if no administrator has changed the event since. `*`
    /// matches any version.
    #[param(nullable = false, rename = "If-Match", example = "\"3.17\"")]
    if_match: Option<String>,
}

/// Makes a read conditional.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct KnownVersionHeader {
    /// `ETag`s of the versions that the client already has, separated by commas. The response is 304 if one of them is current.
    #[param(nullable = false, rename = "If-None-Match", example = "\"3.17\"")]
    if_none_match: Option<String>,
}
