//! `GET /api/transfers/{transferId}`, `POST /api/transfers/{transferId}/accept` and `POST /api/transfers/{transferId}/decline`: what the
//! owner of the link in an e-mail can do with a transfer.
//!
//! The secret of the link proves that the tickets were offered to the caller. The address is not compared with that of the account,
//! because people have several addresses and forward e-mail.

use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::ids::{BookingId, TransferId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::{Caller, InvalidBody, JsonBody, route_problems, text_field};
use rowlock_inventory::command::{AcceptTransfer, EndTransfer, TransferSide, TransferTokenHash};
use rowlock_inventory::views::NamedTransfer;
use rowlock_inventory::{Command, queries};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::caller::{holder_of, record_enabled_account};
use super::command::{CommandBody, check_user_command, run};
use super::tickets::NO_STORE;
use super::transfer_examples as examples;
use crate::resources::{TransferResource, TransferResponse};
use crate::state::AppState;

/// The header with the secret of a link.
const TOKEN_HEADER: &str = "x-transfer-token";

/// The secret of a link, which proves that the tickets were offered to whoever knows it. `Debug` does not show it.
#[derive(Debug)]
pub(super) struct TransferToken(SecretString);

impl TransferToken {
    /// Returns a new random token.
    pub(super) fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into())
    }

    /// Returns the token, which only the receiver may see.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns what is stored of the token.
    pub(super) fn hash(&self) -> TransferTokenHash {
        Sha256::digest(self.expose()).into()
    }
}

impl Deserr<InvalidBody> for TransferToken {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        let parse = |token: &str| {
            if (1..=1000).contains(&token.chars().count()) { Ok(Self(token.into())) } else { Err("must have 1 to 1000 characters") }
        };
        text_field(&value, location, parse)
    }
}

/// The token of the link.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferLink {
    /// The `token` in the link.
    #[schema(value_type = String, min_length = 1, max_length = 1000)]
    token: TransferToken,
}

impl CommandBody for TransferLink {}

/// The transfer that a route is about.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes the path")]
pub(super) struct TransferInPath {
    /// The transfer.
    #[param(rename = "transferId", value_type = Uuid, example = json!(examples::TRANSFER))]
    transfer_id: TransferId,
}

/// The token of the link, for accounts that have not accepted yet.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `get` reads")]
struct TransferTokenHeader {
    /// The `token` in the link. The account that offered or accepted the tickets does not need it.
    #[param(nullable = false, rename = "X-Transfer-Token", example = json!(examples::TOKEN))]
    x_transfer_token: Option<String>,
}

/// Returns the problem for a transfer that does not exist or is none of the caller's business.
pub(super) fn transfer_not_found() -> Problem {
    Problem::new(ProblemCode::TransferNotFound, "There is no such transfer, or the token of the link is wrong.")
}

/// Returns a transfer. A malformed id gets the same 404 as an unknown one.
pub(super) async fn find_transfer(state: &AppState, path: &str) -> Result<NamedTransfer, Problem> {
    let id: TransferId = path.parse().map_err(|_| transfer_not_found())?;
    state.reader.run(async |conn| queries::transfer(conn, id).await).await?.ok_or_else(transfer_not_found)
}

route_problems!(GetProblems = Problems::for_users().and(&[ProblemCode::TransferNotFound]));

/// Get a transfer that you have offered or accepted, or whose link you have.
#[utoipa::path(
    get,
    path = "/api/transfers/{transferId}",
    operation_id = "getTransfer",
    tag = "transfers",
    params(TransferInPath, TransferTokenHeader),
    responses((status = 200, description = "The transfer.", body = TransferResource, example = json!(examples::offered())), GetProblems),
    security(("token" = [])),
)]
pub(super) async fn get(
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let found = find_transfer(&state, &path).await?;
    let token = request.headers().get(TOKEN_HEADER).and_then(|token| token.to_str().ok());
    let has_link = token.is_some_and(|token| TransferToken(token.into()).hash() == found.transfer.token_hash);
    let is_side = found.transfer.from_account == caller.sub || found.transfer.to_account == Some(caller.sub);
    if !has_link && !is_side {
        return Err(transfer_not_found());
    }
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(TransferResource::for_account(&found, caller.sub)))
}

route_problems!(
    AcceptProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::TransferNotFound,
        ProblemCode::TransferEnded,
        ProblemCode::OwnTransfer,
        ProblemCode::BookingCancelled,
        ProblemCode::AlreadyCheckedIn,
        ProblemCode::AccountLimit,
        ProblemCode::EventBegun,
        ProblemCode::EventCancelled,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Accept tickets that were offered to you.
///
/// You get a booking with the tickets, whose id is the `bookingId` of the transfer. The codes that the sender had for them are void.
/// The limits per booking and per account of the ticket type apply to you. If you have accepted before, the transfer is returned
/// unchanged.
#[utoipa::path(
    post,
    path = "/api/transfers/{transferId}/accept",
    operation_id = "acceptTransfer",
    tag = "transfers",
    params(TransferInPath, IdempotencyKeyHeader),
    request_body(content = TransferLink, example = json!(examples::link())),
    responses(
        (
            status = 200,
            description = "You have the tickets.",
            body = TransferResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"transfer": examples::accepted()})
        ),
        AcceptProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn accept(
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<TransferLink>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_user_command(&caller, &request, body, &state)?;
    let found = find_transfer(&state, &path).await?.transfer;
    record_enabled_account(&state, &caller).await?;
    let command = AcceptTransfer {
        key: found.key,
        transfer: found.id,
        from_booking: found.booking,
        receiver: holder_of(&caller),
        token_hash: body.token.hash(),
        booking: BookingId::from_uuid(state.clock.uuid()),
        idempotency,
    };
    run(&state, Command::AcceptTransfer(Box::new(command))).await
}

route_problems!(
    DeclineProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::TransferNotFound,
        ProblemCode::TransferEnded,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Decline tickets that were offered to you.
///
/// The sender keeps them and is told. A transfer that was declined before is returned unchanged.
#[utoipa::path(
    post,
    path = "/api/transfers/{transferId}/decline",
    operation_id = "declineTransfer",
    tag = "transfers",
    params(TransferInPath, IdempotencyKeyHeader),
    request_body(content = TransferLink, example = json!(examples::link())),
    responses(
        (
            status = 200,
            description = "The transfer.",
            body = TransferResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"transfer": examples::declined()})
        ),
        DeclineProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn decline(
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<TransferLink>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_user_command(&caller, &request, body, &state)?;
    let found = find_transfer(&state, &path).await?.transfer;
    let side = TransferSide::Receiver(body.token.hash());
    let command = EndTransfer { key: found.key, transfer: found.id, account: caller.sub, side, idempotency };
    run(&state, Command::EndTransfer(Box::new(command))).await
}
