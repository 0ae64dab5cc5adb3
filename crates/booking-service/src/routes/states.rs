//! `POST /internal/states`: returns what became of bookings, waiting-list entries and holders, for the service that sends e-mail: a mail
//! that has waited must not tell of tickets that were returned in the meantime. The gateway does not route it.

use actix_web::{HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{AccountId, BookingId, EventId, WaitlistEntryId};
use rowlock_domain::states::{BookingStatus, WaitlistStatus};
use rowlock_http::problem::Problem;
use rowlock_http::{BoundedVec, InvalidBody, JsonBody};
use rowlock_inventory::queries;
use serde::Serialize;

use crate::state::AppState;

/// Maximum number of items in each list of a request.
const MAX_ITEMS: usize = 500;

/// The rows whose states are returned.
#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
pub(super) struct WantedStates {
    #[deserr(default = BoundedVec(Vec::new()))]
    bookings: BoundedVec<WantedBooking, MAX_ITEMS>,
    #[deserr(default = BoundedVec(Vec::new()))]
    waitlist_entries: BoundedVec<WantedEntry, MAX_ITEMS>,
    #[deserr(default = BoundedVec(Vec::new()))]
    holders: BoundedVec<WantedHolder, MAX_ITEMS>,
}

#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct WantedBooking {
    event_id: EventId,
    id: BookingId,
}

#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct WantedEntry {
    event_id: EventId,
    id: WaitlistEntryId,
}

#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct WantedHolder {
    event_id: EventId,
    account_id: AccountId,
}

#[derive(Serialize)]
struct BookingResource {
    id: BookingId,
    status: BookingStatus,
    quantity: u64,
}

#[derive(Serialize)]
struct EntryResource {
    id: WaitlistEntryId,
    status: WaitlistStatus,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderResource {
    event_id: EventId,
    account_id: AccountId,
    quantity: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct States {
    bookings: Vec<BookingResource>,
    waitlist_entries: Vec<EntryResource>,
    holders: Vec<HolderResource>,
}

/// Returns 200 with the states of the bookings and entries that exist, and the tickets of the accounts that hold some.
pub(super) async fn states(state: web::Data<AppState>, body: JsonBody<WantedStates>) -> Result<HttpResponse, Problem> {
    let WantedStates { bookings, waitlist_entries, holders } = body.finish()?;
    let bookings: Vec<_> = bookings.0.into_iter().map(|WantedBooking { event_id, id }| (event_id, id)).collect();
    let entries: Vec<_> = waitlist_entries.0.into_iter().map(|WantedEntry { event_id, id }| (event_id, id)).collect();
    let holders: Vec<_> = holders.0.into_iter().map(|WantedHolder { event_id, account_id }| (event_id, account_id)).collect();
    let read = async |conn: &mut _| {
        let bookings = if bookings.is_empty() { Vec::new() } else { queries::states_of_bookings(conn, &bookings).await? };
        let entries = if entries.is_empty() { Vec::new() } else { queries::states_of_entries(conn, &entries).await? };
        let holders = if holders.is_empty() { Vec::new() } else { queries::states_of_holders(conn, &holders).await? };
        Ok((bookings, entries, holders))
    };
    let (bookings, entries, holders) = state.reader.run(read).await?;
    let states = States {
        bookings: bookings
            .into_iter()
            .map(|queries::BookingState { id, status, quantity }| BookingResource { id, status, quantity })
            .collect(),
        waitlist_entries: entries.into_iter().map(|queries::EntryState { id, status }| EntryResource { id, status }).collect(),
        holders: holders
            .into_iter()
            .map(|queries::HolderState { event, account, quantity }| HolderResource { event_id: event, account_id: account, quantity })
            .collect(),
    };
    Ok(HttpResponse::Ok().json(states))
}
