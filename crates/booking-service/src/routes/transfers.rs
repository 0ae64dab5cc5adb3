//! `POST /api/transfers`, `GET /api/transfers` and `POST /api/transfers/{transferId}/withdraw`: offers tickets to somebody else, lists
//! the transfers of an account and withdraws one.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{BookingId, TransferId};
use rowlock_domain::messages::SealedNotice;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Email;
use rowlock_domain::values::Quantity;
use rowlock_http::openapi::{IdempotencyKeyHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::{Caller, InvalidBody, JsonBody, Page, QueryFields, route_problems};
use rowlock_inventory::command::{EndTransfer, OfferTransfer, TransferSide};
use rowlock_inventory::{Command, queries};
use rowlock_sealing::{TRANSFER_NOTICE, TransferNotice};
use utoipa::{IntoParams, ToSchema};

use super::caller::record_enabled_account;
use super::command::{CommandBody, check_user_command, idempotency_without_body, run};
use super::targets::booking_not_found;
use super::transfer_links::{TransferInPath, TransferToken, find_transfer, transfer_not_found};
use super::{examples as common_examples, transfer_examples as examples};
use crate::resources::{TransferResource, TransferResponse};
use crate::state::AppState;

/// The tickets to transfer, and the address of the receiver.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TransferTickets {
    #[schema(value_type = String, format = Uuid)]
    booking_id: BookingId,
    /// Number of tickets, at most as many as the booking has and as `maxPerBooking` of the ticket type.
    #[schema(value_type = i64, minimum = 1, maximum = 100)]
    quantity: Quantity,
    /// E-mail address of the receiver, which gets the link. It must not be your own. The domain must contain a dot, unless the setting
    /// `accounts.allow_local_email_domains` allows others.
    #[schema(value_type = String, max_length = 254, format = "email")]
    to_email: Email,
}

impl CommandBody for TransferTickets {
    fn check_rules(body: &mut JsonBody<Self>, state: &AppState) {
        if let Some(Err(error)) = body.peek::<Email>("toEmail").map(|email| state.email_domains.admit(email)) {
            body.add_error("toEmail", error.to_string());
        }
    }
}

route_problems!(
    OfferProblems = Problems::for_users().with_body().changing().limited().and(&[
        ProblemCode::BookingNotFound,
        ProblemCode::BookingNotConfirmed,
        ProblemCode::BookingCancelled,
        ProblemCode::AlreadyCheckedIn,
        ProblemCode::TicketsOffered,
        ProblemCode::EventBegun,
        ProblemCode::EventCancelled,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Offer tickets of a confirmed booking to somebody else.
///
/// The address gets an e-mail with a link. Its owner logs in and accepts with `POST /api/transfers/{transferId}/accept`; the tickets
/// then leave your booking, and the receiver gets a booking of their own with new codes. Until then the tickets stay yours and can be
/// used. The transfer lapses after 7 days or when the event begins. Several transfers can be pending, but together they never offer
/// more tickets than the booking has: if you return tickets that are offered, the newest transfers are withdrawn. A booking can be
/// offered 20 times a day.
#[utoipa::path(
    post,
    path = "/api/transfers",
    operation_id = "createTransfer",
    tag = "transfers",
    params(IdempotencyKeyHeader),
    request_body(content = TransferTickets, example = json!(examples::offer())),
    responses(
        (
            status = 201,
            description = "The tickets are offered, and the link will be sent.",
            body = TransferResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"transfer": examples::pending()})
        ),
        OfferProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn create(
    caller: Caller,
    request: HttpRequest,
    body: JsonBody<TransferTickets>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_user_command(&caller, &request, body, &state)?;
    let own: Option<Email> = caller.email.parse().ok();
    if own.is_some_and(|own| own.lookup_keys() == body.to_email.lookup_keys()) {
        return Err(Problem::invalid_field("toEmail", "must not be your own address"));
    }
    let (account, booking) = (caller.sub, body.booking_id);
    let key = state.reader.run(async |conn| queries::booking_key(conn, account, booking).await).await?.ok_or_else(booking_not_found)?;
    let transfer = TransferId::from_uuid(state.clock.uuid());
    let token = TransferToken::random();
    let to_email = body.to_email.into_string();
    let notice = TransferNotice { email: to_email.clone(), token: token.expose().to_owned() };
    let notice = state.sealing.seal(TRANSFER_NOTICE, &notice).map_err(|error| Problem::internal(&error))?;
    record_enabled_account(&state, &caller).await?;
    let command = OfferTransfer {
        key,
        account,
        booking,
        transfer,
        quantity: body.quantity,
        to_email,
        token_hash: token.hash(),
        notice: SealedNotice(notice),
        idempotency,
    };
    run(&state, Command::OfferTransfer(Box::new(command))).await
}

/// The booking of the transfers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes a parameter")]
struct BookingParam {
    /// Returns only transfers of this booking of yours: those by which its tickets were offered, and the one by which you got it.
    #[param(nullable = false, rename = "bookingId", format = Uuid, example = json!(common_examples::BOOKING))]
    booking_id: Option<String>,
}

route_problems!(ListProblems = Problems::for_users().with_input());

/// List the transfers that you have offered or accepted, newest first.
#[utoipa::path(
    get,
    path = "/api/transfers",
    operation_id = "listTransfers",
    tag = "transfers",
    params(PageParams, BookingParam),
    responses(
        (status = 200, description = "A page.", body = Page<TransferResource>, example = json!(common_examples::page(&examples::pending()))),
        ListProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn list(caller: Caller, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<TransferId>();
    let limit = query.limit();
    let booking = query.optional::<BookingId>("bookingId");
    let ((cursor, limit), booking) = query.finish(cursor.zip(limit).zip(booking))?;
    let account = caller.sub;
    let rows = state.reader.run(async |conn| queries::transfers_of_account(conn, account, booking, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.transfer.id, |row| TransferResource::for_account(&row, account))))
}

route_problems!(
    WithdrawProblems = Problems::for_users().with_input().changing().limited().and(&[
        ProblemCode::TransferNotFound,
        ProblemCode::TransferEnded,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Withdraw a transfer that you have offered.
///
/// The link stops working. A transfer that was withdrawn before is returned unchanged.
#[utoipa::path(
    post,
    path = "/api/transfers/{transferId}/withdraw",
    operation_id = "withdrawTransfer",
    tag = "transfers",
    params(TransferInPath, IdempotencyKeyHeader),
    responses(
        (
            status = 200,
            description = "The transfer.",
            body = TransferResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"transfer": examples::withdrawn()})
        ),
        WithdrawProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn withdraw(
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    state.per_account.check(&request, &caller.sub, "requests from your account")?;
    let idempotency = idempotency_without_body(&request)?;
    let found = find_transfer(&state, &path).await?.transfer;
    if found.from_account != caller.sub {
        return Err(transfer_not_found());
    }
    let command = EndTransfer { key: found.key, transfer: found.id, account: caller.sub, side: TransferSide::Sender, idempotency };
    run(&state, Command::EndTransfer(Box::new(command))).await
}
