//! `GET /.well-known/ticket-keys.json`: returns the public keys with which the codes of tickets are verified.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_tickets::PublicTicketKey;
use serde::Serialize;
use utoipa::ToSchema;

use super::ticket_examples as examples;
use crate::state::AppState;

/// The public keys with which the codes of tickets are verified, as a JWK set (RFC 7517, RFC 8037).
#[derive(Serialize, ToSchema)]
#[schema(as = TicketKeys)]
struct TicketKeySet {
    keys: Vec<TicketKeyResource>,
}

/// A public key that verifies codes of tickets.
#[derive(Serialize, ToSchema)]
#[schema(as = TicketKey)]
struct TicketKeyResource {
    /// Always `OKP`.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// The key, base64url.
    x: String,
    /// The thumbprint of the key (RFC 7638). Codes contain its first 8 bytes.
    kid: String,
    /// Always `ticket`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
}

impl From<&PublicTicketKey> for TicketKeyResource {
    fn from(key: &PublicTicketKey) -> Self {
        let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
        Self { kty: "OKP", crv: "Ed25519", x, kid: key.kid(), usage: "ticket", alg: "EdDSA" }
    }
}

route_problems!(KeysProblems = Problems::for_anyone());

/// Get the public keys with which the codes of tickets are verified.
///
/// A scanner without a network verifies codes with them. A code is 107 bytes in base32 (RFC 4648, without padding): the version 1, the
/// first 8 bytes of the thumbprint of the key, the 16 bytes of the event's id and the 16 of the booking's, the number of the ticket in
/// 2 bytes (big-endian), and the Ed25519 signature of the 43 bytes before it. A valid signature for the right event does not tell
/// whether the ticket was returned, replaced or used: send the scans later to `POST /admin/events/{eventId}/checkins/batch`.
#[utoipa::path(
    get,
    path = "/.well-known/ticket-keys.json",
    operation_id = "getTicketKeys",
    tag = "about",
    responses(
        (
            status = 200,
            description = "The keys.",
            body = TicketKeySet,
            headers(("Cache-Control" = String, description = "How long the keys may be cached.")),
            example = json!(examples::keys())
        ),
        KeysProblems
    ),
)]
pub(super) async fn keys(state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let loaded = state.ticket_keys.get().await?;
    let keys = loaded.public().iter().map(TicketKeyResource::from).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=30")).json(TicketKeySet { keys }))
}
