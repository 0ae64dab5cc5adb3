//! `GET /internal/events/{eventId}/holders`: lists the accounts that hold tickets of an event, for the service that sends e-mail. The
//! gateway does not route it.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId};
use rowlock_http::problem::Problem;
use rowlock_http::{Page, QueryFields};
use rowlock_inventory::queries::{self, EventHolder};
use serde::Serialize;

use super::targets::{event_in_path, event_not_found};
use crate::state::AppState;

/// Maximum number of accounts on a page. It is also the default, because only services read this list.
const MAX_LIMIT: i64 = 1_000;

/// An account that holds tickets of an event, without personal data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderResource {
    account_id: AccountId,
    /// The number of its tickets.
    quantity: u64,
    /// The time of its first booking that is confirmed.
    booked_at: Timestamp,
}

impl From<EventHolder> for HolderResource {
    fn from(holder: EventHolder) -> Self {
        let EventHolder { account, quantity, booked_at, .. } = holder;
        Self { account_id: account, quantity, booked_at }
    }
}

/// Returns 200 with a page of the accounts that have a confirmed booking, each once, in the order of their first bookings.
pub(super) async fn holders(path: web::Path<String>, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<BookingId>();
    let limit = query.limit_up_to(MAX_LIMIT, MAX_LIMIT);
    let (cursor, limit) = query.finish(cursor.zip(limit))?;
    let rows = state.reader.run(async |conn| queries::holders_of_event(conn, id, cursor, limit + 1).await).await?;
    let rows = rows.ok_or_else(event_not_found)?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.first_booking, HolderResource::from)))
}
