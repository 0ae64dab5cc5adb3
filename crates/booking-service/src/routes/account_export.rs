//! `GET /internal/account-export`: all that is stored here about a person, for `auth-service`, which asks with the person's
//! token. The gateway does not pass it on.

use actix_web::{HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_http::Caller;
use rowlock_http::problem::Problem;
use rowlock_inventory::accounts::{self, StoredHolder, StoredKey};
use rowlock_inventory::queries;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::resources::{BookingResource, WaitlistEntryResource};
use crate::service::Booking;

/// How many rows are read at a time.
const PAGE: i64 = 1_000;

/// What booking-service has stored about a person.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredBookings)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    bookings: Vec<BookingResource>,
    waitlist: Vec<WaitlistEntryResource>,
    /// The names and e-mails that are kept with them.
    #[schema(value_type = Vec<HolderShown>)]
    holders: Vec<StoredHolder>,
    #[schema(value_type = Vec<KeyShown>)]
    idempotency_keys: Vec<StoredKey>,
    #[schema(required)]
    account_state: Option<AccountState>,
}

/// What auth-service has told of the account.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredAccountState)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountState {
    state: String,
    #[schema(value_type = DateTime)]
    received_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    settled_at: Option<Timestamp>,
}

/// The name and e-mail that are kept with a booking or a waiting-list entry.
#[derive(ToSchema)]
#[schema(as = StoredHolder)]
#[expect(dead_code, reason = "describes a StoredHolder")]
pub(super) struct HolderShown {
    /// The booking or the entry.
    id: Uuid,
    name: String,
    email: String,
}

/// A key that makes a request repeatable.
#[derive(ToSchema)]
#[schema(as = StoredIdempotencyKey)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes a StoredKey")]
pub(super) struct KeyShown {
    #[schema(value_type = Uuid)]
    event_id: EventId,
    key: String,
    /// What was asked.
    operation: String,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
}

/// Answers 200 with everything.
pub(super) async fn account_export(caller: Caller, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let account = caller.sub;
    let stored = booking.reader.run(async |conn| {
        let (mut bookings, mut waitlist) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let page = queries::bookings_of(conn, account, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.booking.id);
            bookings.extend(page.iter().map(BookingResource::from));
        }
        let mut after = None;
        loop {
            let page = queries::entries_of(conn, account, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.entry.id);
            waitlist.extend(page.iter().map(WaitlistEntryResource::from));
        }
        let holders = accounts::stored_holders(conn, account).await?;
        let idempotency_keys = accounts::stored_keys(conn, account).await?;
        let state = accounts::stored_state(conn, account).await?;
        let account_state = state.map(|(state, received_at, settled_at)| AccountState { state, received_at, settled_at });
        Ok(Stored { bookings, waitlist, holders, idempotency_keys, account_state })
    });
    Ok(HttpResponse::Ok().json(stored.await?))
}
