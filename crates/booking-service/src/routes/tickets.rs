//! `GET /api/bookings/{bookingId}/tickets` and `POST /api/bookings/{bookingId}/tickets/{number}/replace`: lists the tickets of a booking
//! and gives one of them a new code.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{AccountId, BookingId, TicketId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::BookingStatus;
use rowlock_domain::tickets::TicketNumber;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, REPLAYED_HEADER, key_reused};
use rowlock_inventory::queries;
use rowlock_inventory::tickets::{KeyedOutcome, ReplaceRefusal, RequestKey, TicketedBooking, replace_code, tickets_of_booking};

use super::command::idempotency_without_body;
use super::holder::TicketHolder;
use super::targets::booking_not_found;
use super::{examples as booking_examples, ticket_examples as examples};
use crate::resources::{TicketListResource, TicketResource, TicketStatus};
use crate::state::AppState;
use crate::ticket_keys::KeyError;

/// Tickets are as good as money, so no cache may keep them.
pub(super) const NO_STORE: (&str, &str) = ("cache-control", "private, no-store");

route_problems!(TicketsProblems = Problems::for_ticket_holders().and(&[ProblemCode::BookingNotFound]));

/// List the tickets of one of your bookings.
///
/// A booking that is not confirmed has none. A ticket's code is the same each time until you replace it.
#[utoipa::path(
    get,
    path = "/api/bookings/{bookingId}/tickets",
    operation_id = "listTickets",
    tag = "bookings",
    params(("bookingId" = Uuid, Path, description = "The booking.", example = json!(booking_examples::BOOKING))),
    responses((status = 200, description = "The tickets.", body = TicketListResource, example = json!(examples::tickets())), TicketsProblems),
    security(("token" = []), ("guestLink" = [])),
)]
pub(super) async fn list(holder: TicketHolder, path: web::Path<String>, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let booking = booking_of(&state, holder.account, &path).await?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(tickets(&state, &booking).await?))
}

route_problems!(
    ReplaceProblems = Problems::for_users().with_input().changing().limited().and(&[
        ProblemCode::BookingNotFound,
        ProblemCode::TicketNotFound,
        ProblemCode::AlreadyCheckedIn,
        ProblemCode::TicketCancelled,
        ProblemCode::ReplacementLimit,
        ProblemCode::IdempotencyKeyReused,
    ])
);

/// Replace the code of a ticket.
///
/// The ticket gets a new number and a new code, and the old code no longer admits anybody. Do this if somebody else may have a copy.
/// The response lists the tickets of the booking as they are now.
#[utoipa::path(
    post,
    path = "/api/bookings/{bookingId}/tickets/{number}/replace",
    operation_id = "replaceTicket",
    tag = "bookings",
    params(
        ("bookingId" = Uuid, Path, description = "The booking.", example = json!(booking_examples::BOOKING)),
        ("number" = u16, Path, description = "The number of the ticket.", maximum = 999, example = json!(0)),
        IdempotencyKeyHeader
    ),
    responses(
        (
            status = 200,
            description = "The tickets.",
            body = TicketListResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if an earlier request with the same key has replaced the code.")),
            example = json!(examples::tickets())
        ),
        ReplaceProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn replace(
    caller: Caller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    state.per_account.check(&request, &caller.sub, "requests from your account")?;
    let idempotency = idempotency_without_body(&request)?;
    let (id, number) = path.into_inner();
    let booking = booking_of(&state, caller.sub, &id).await?;
    let number: TicketNumber = number.parse().map_err(|_| ticket_not_found())?;
    let ticket = TicketId { event: booking.event.id, booking: booking.booking.id, number };
    let key = idempotency.map(|idempotency| RequestKey { account: caller.sub, idempotency });
    let is_repeat = match replace_code(&state.pool, caller.sub, ticket, key.as_ref()).await? {
        KeyedOutcome::New(result) => result.map(|()| false).map_err(problem_of_refusal)?,
        KeyedOutcome::Repeated(_) => true,
        KeyedOutcome::KeyReused => return Err(key_reused()),
    };
    let booking = booking_of(&state, caller.sub, &id).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header(NO_STORE);
    if is_repeat {
        response.insert_header(REPLAYED_HEADER);
    }
    Ok(response.json(tickets(&state, &booking).await?))
}

fn problem_of_refusal(refusal: ReplaceRefusal) -> Problem {
    match refusal {
        ReplaceRefusal::BookingNotFound => booking_not_found(),
        ReplaceRefusal::TicketNotFound => ticket_not_found(),
        ReplaceRefusal::Cancelled => Problem::new(ProblemCode::TicketCancelled, "The booking is not confirmed, so it has no tickets."),
        ReplaceRefusal::CheckedIn => {
            Problem::new(ProblemCode::AlreadyCheckedIn, "This ticket is already checked in, so its code cannot be replaced.")
        }
        ReplaceRefusal::NoNumberLeft => {
            Problem::new(ProblemCode::ReplacementLimit, "The codes of this booking were replaced so often that it has no numbers left.")
        }
    }
}

pub(super) fn ticket_not_found() -> Problem {
    Problem::new(ProblemCode::TicketNotFound, "The booking has no valid ticket with this number.")
}

/// Reads a booking of an account or a guest with its tickets.
///
/// # Errors
///
/// Returns the problem 404 for a malformed or unknown id, and for a booking of another account or guest.
pub(super) async fn booking_of(state: &AppState, account: AccountId, id: &str) -> Result<TicketedBooking, Problem> {
    let id: BookingId = id.parse().map_err(|_| booking_not_found())?;
    let booking = state.reader.run(async |conn| match queries::booking_key(conn, account, id).await? {
        Some(key) => tickets_of_booking(conn, key.event, id).await,
        None => Ok(None),
    });
    booking.await?.ok_or_else(booking_not_found)
}

/// Returns the numbers of the tickets of a booking, which are none unless it is confirmed.
pub(super) fn valid_tickets(booking: &TicketedBooking) -> Vec<TicketId> {
    let is_confirmed = booking.booking.status == BookingStatus::Confirmed;
    let numbers = booking.numbers.valid().filter(|_| is_confirmed);
    numbers.map(|number| TicketId { event: booking.event.id, booking: booking.booking.id, number }).collect()
}

async fn tickets(state: &AppState, booking: &TicketedBooking) -> Result<TicketListResource, Problem> {
    let keys = state.ticket_keys.get().await?;
    let items = valid_tickets(booking).into_iter().map(|ticket| {
        let used_at = booking.checkins.iter().find(|checkin| checkin.number == ticket.number).map(|checkin| checkin.checked_in_at);
        Ok(TicketResource {
            number: ticket.number,
            code: keys.sign(ticket)?,
            reference: ticket.reference(),
            holder_name: booking.booking.holder.name.clone(),
            status: if used_at.is_some() { TicketStatus::Used } else { TicketStatus::Valid },
            used_at,
        })
    });
    Ok(TicketListResource { items: items.collect::<Result<_, KeyError>>()?, wallet_passes: state.printer.issues_passes() })
}
