//! `GET /admin/holdings/{accountId}`: counts what an account would lose if it were disabled.

use std::str::FromStr;

use actix_web::{HttpResponse, web};
use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::Problems;
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Organiser};
use rowlock_inventory::queries;
use serde::Serialize;
use utoipa::ToSchema;

use super::examples;
use crate::state::AppState;

/// The bookings and waiting-list entries that an account loses when it is disabled or erased.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Holdings {
    /// Confirmed bookings of events that have not started.
    bookings: i64,
    /// Tickets of those bookings.
    tickets: i64,
    /// Open waiting-list entries.
    waitlist_entries: i64,
}

route_problems!(HoldingsProblems = Problems::for_administrators().and(&[ProblemCode::AccountNotFound]));

/// Count what an account would lose if it were disabled.
///
/// Counts the confirmed bookings of events that have not started, and the open waiting-list entries. All counts are zero for an
/// account that has neither or does not exist.
#[utoipa::path(
    get,
    path = "/admin/holdings/{accountId}",
    operation_id = "getHoldings",
    tag = "administration",
    params(("accountId" = Uuid, Path, description = "The account.", example = json!(examples::ADA))),
    responses(
        (status = 200, description = "The counts.", body = Holdings, example = json!(examples::holdings())),
        HoldingsProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn holdings(
    _: AdminCaller<Organiser>,
    path: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let account =
        AccountId::from_str(&path).map_err(|_| Problem::new(ProblemCode::AccountNotFound, "There is no account with this id."))?;
    let counts = state.reader.run(async |conn| queries::holdings(conn, account).await).await?;
    let (bookings, tickets, waitlist_entries) = counts;
    Ok(HttpResponse::Ok().json(Holdings { bookings, tickets, waitlist_entries }))
}
