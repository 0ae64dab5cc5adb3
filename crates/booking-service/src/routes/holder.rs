//! The holder of tickets who sent a request: an account with an access token, or a guest with the token of a link.
//!
//! A guest has a generated account id, so everything that a route does with the account of a holder is the same for both. Only the
//! routes that take a [`TicketHolder`] are open to guests: those that show and return tickets and places in waiting lists.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::Caller;
use rowlock_http::problem::Problem;
use rowlock_inventory::guests;
use rowlock_sealing::{GUEST_LINK, GuestToken};

use crate::state::AppState;

/// The header with the token of a guest's link.
const TOKEN_HEADER: &str = "x-guest-token";

/// The account or the guest that sent the request. With the header `X-Guest-Token` it is the guest, whoever is logged in.
#[derive(Debug, Clone, Copy)]
pub(super) struct TicketHolder {
    /// The account, or the generated id of the guest.
    pub(super) account: AccountId,
}

/// Returns the problem for a token that authenticates nobody. It is the same whether the token is malformed, forged or that of an
/// earlier link.
fn unauthenticated() -> Problem {
    Problem::new(
        ProblemCode::Unauthenticated,
        "The link is incomplete or was replaced by a newer one. Use the newest e-mail about your tickets.",
    )
}

/// Returns the guest to whom a token belongs. The token is authenticated before anything is read, in a time that does not depend on
/// its contents.
///
/// # Errors
///
/// Returns 401 `unauthenticated` unless the token is that of a link that works, and 404 `link-not-found` if the token is authentic but
/// the guest does not exist, which happens if the database was restored from a backup that is older than the booking.
async fn guest(state: &AppState, token: &str) -> Result<AccountId, Problem> {
    let GuestToken { guest, link } = state.sealing.open(GUEST_LINK, token).map_err(|_| unauthenticated())?;
    match state.reader.run(async |conn| guests::current_link(conn, guest).await).await? {
        Some(current) if current == link => Ok(guest),
        Some(_) => Err(unauthenticated()),
        None => Err(Problem::new(ProblemCode::LinkNotFound, "The booking to which the link leads does not exist.")),
    }
}

impl FromRequest for TicketHolder {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(token) = request.headers().get(TOKEN_HEADER).cloned() else {
            let caller = Caller::from_request(request, payload);
            return Box::pin(async move { Ok(Self { account: caller.await?.sub }) });
        };
        let state = request.app_data::<web::Data<AppState>>().cloned();
        Box::pin(async move {
            let state = state.ok_or_else(|| Problem::new(ProblemCode::InternalError, "The service has no state."))?;
            let token = token.to_str().map_err(|_| unauthenticated())?;
            Ok(Self { account: guest(&state, token).await? })
        })
    }
}
