//! The steps that all requests share that run a command: rate limit, fields, `Idempotency-Key`, lane, response.
//!
//! A handler calls [`check_user_command`] or [`check_command`], resolves the ids in the body (see `targets`), builds the
//! [`Command`] and passes it to [`run`].

use actix_web::{HttpRequest, HttpResponse};
use deserr::Deserr;
use rowlock_domain::values::Quantity;
use rowlock_http::problem::Problem;
use rowlock_http::{Caller, InvalidBody, JsonBody, KeyedRequest};
use rowlock_inventory::Command;
use rowlock_inventory::command::Idempotency;

use super::holder::TicketHolder;
use crate::outcome::respond;
use crate::state::AppState;

/// The body of a request that runs a command.
pub(super) trait CommandBody: Deserr<InvalidBody> {
    /// Records violations of rules that concern several fields or the settings.
    fn check_rules(_body: &mut JsonBody<Self>, _state: &AppState) {}
}

/// Checks a request of a user. Counts it against the rate limit of the account first.
///
/// # Errors
///
/// Returns the problem 429 above the rate limit; otherwise see [`check_command`].
pub(super) fn check_user_command<B: CommandBody>(
    caller: &Caller,
    request: &HttpRequest,
    body: JsonBody<B>,
    state: &AppState,
) -> Result<(B, Option<Idempotency>), Problem> {
    state.per_account.check(request, &caller.sub, "requests from your account")?;
    check_command(request, body, state)
}

/// Like [`check_user_command`], for a request that a guest may send as well.
///
/// # Errors
///
/// Returns the problem 429 above the rate limit of the account or the guest; otherwise see [`check_command`].
pub(super) fn check_holder_command<B: CommandBody>(
    holder: TicketHolder,
    request: &HttpRequest,
    body: JsonBody<B>,
    state: &AppState,
) -> Result<(B, Option<Idempotency>), Problem> {
    state.per_account.check(request, &holder.account, "requests from your account")?;
    check_command(request, body, state)
}

/// Checks the fields of a request, the rules of its body and the header `Idempotency-Key`. Returns the body and the key, if the
/// client sent one.
///
/// The request hash of the key covers the body. If the path has parameters, these are part of the request, so the hash covers
/// the path too.
///
/// # Errors
///
/// Returns a problem that names every unknown field or, if there are none, every invalid field.
pub(super) fn check_command<B: CommandBody>(
    request: &HttpRequest,
    mut body: JsonBody<B>,
    state: &AppState,
) -> Result<(B, Option<Idempotency>), Problem> {
    B::check_rules(&mut body, state);
    let has_path_parameters = !request.match_info().is_empty();
    let (body, keyed) = if has_path_parameters { body.finish_keyed_with_path(request) } else { body.finish_keyed(request) }?;
    Ok((body, keyed.map(idempotency)))
}

/// Reads the header `Idempotency-Key` of a request without a body.
///
/// # Errors
///
/// Returns a problem that names the header if the key is malformed.
pub(super) fn idempotency_without_body(request: &HttpRequest) -> Result<Option<Idempotency>, Problem> {
    Ok(KeyedRequest::of_path(request)?.map(idempotency))
}

fn idempotency(KeyedRequest { key, hash }: KeyedRequest) -> Idempotency {
    Idempotency { key, request_hash: hash }
}

/// Records an error unless exactly one of these fields is given: the id of a booking, an entry or a wish, or the id of its event.
pub(super) fn require_exactly_one<B>(body: &mut JsonBody<B>, fields: &[&str]) {
    let given: Vec<&str> = fields.iter().filter(|field| body.has(field)).copied().collect();
    match given.as_slice() {
        [_] => {}
        [] => {
            for field in fields {
                let others: Vec<&str> = fields.iter().filter(|other| *other != field).copied().collect();
                body.add_error(*field, format!("is required, or {}", others.join(" or ")));
            }
        }
        [first, others @ ..] => {
            for other in others {
                body.add_error(*other, format!("must not be given together with {first}"));
            }
        }
    }
}

/// Records an error if `minQuantity` is above the quantity, which is `None` if the request has none or an invalid one.
pub(super) fn require_min_quantity_below<B>(body: &mut JsonBody<B>, quantity: Option<Quantity>) {
    if body.peek::<Quantity>("minQuantity").zip(quantity).is_some_and(|(min, quantity)| min > quantity) {
        body.add_error("minQuantity", "must be at most quantity");
    }
}

/// Runs a command in the lane of its event and returns the response to the client.
pub(super) async fn run(state: &AppState, command: Command) -> Result<HttpResponse, Problem> {
    respond(state.lanes.run(command).await)
}
