//! `POST /internal/guests`: returns the names, addresses and links of guests, for the service that sends e-mail. The gateway does not
//! route it.

use actix_web::{HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_http::problem::Problem;
use rowlock_http::{BoundedVec, InvalidBody, JsonBody};
use rowlock_inventory::guests::{self, Guest};
use serde::Serialize;

use crate::state::AppState;

/// Maximum number of holders in a request.
const MAX_ITEMS: usize = 500;

/// The holders of bookings or waiting-list entries who may be guests.
#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
pub(super) struct WantedGuests {
    guests: BoundedVec<WantedGuest, MAX_ITEMS>,
}

#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct WantedGuest {
    event_id: EventId,
    account_id: AccountId,
}

/// A guest. The token of the link is made from the account id and the number of the link.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GuestResource {
    event_id: EventId,
    account_id: AccountId,
    name: String,
    email: String,
    link: u32,
}

impl From<Guest> for GuestResource {
    fn from(guest: Guest) -> Self {
        let Guest { event: event_id, account: account_id, name, email, link } = guest;
        Self { event_id, account_id, name, email, link }
    }
}

#[derive(Serialize)]
struct Guests {
    guests: Vec<GuestResource>,
}

/// Returns 200 with those of the holders that are guests.
pub(super) async fn guests(state: web::Data<AppState>, body: JsonBody<WantedGuests>) -> Result<HttpResponse, Problem> {
    let WantedGuests { guests } = body.finish()?;
    let wanted: Vec<_> = guests.0.into_iter().map(|WantedGuest { event_id, account_id }| (event_id, account_id)).collect();
    let found = if wanted.is_empty() { Vec::new() } else { state.reader.run(async |conn| guests::guests(conn, &wanted).await).await? };
    Ok(HttpResponse::Ok().json(Guests { guests: found.into_iter().map(GuestResource::from).collect() }))
}
