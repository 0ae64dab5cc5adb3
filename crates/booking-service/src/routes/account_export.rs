//! `GET /internal/account-export`: returns everything that this service stores about an account. `auth-service` calls it with
//! the user's access token; the gateway does not route it.

use actix_web::{HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_http::Caller;
use rowlock_http::problem::Problem;
use rowlock_inventory::accounts::{self, StoredHolder, StoredKey};
use rowlock_inventory::queries;
use rowlock_inventory::tickets::{AccountCheckin, checkins_of_account};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::resources::{BookingResource, TransferResource, WaitlistEntryResource};
use crate::state::AppState;

/// Number of rows read per query.
const PAGE: i64 = 1_000;

/// The data that booking-service stores about an account.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredBookings)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    bookings: Vec<BookingResource>,
    waitlist: Vec<WaitlistEntryResource>,
    /// Transfers on either side, with the e-mail addresses to which the account has offered tickets.
    transfers: Vec<TransferResource>,
    /// Names and e-mail addresses stored with the bookings and entries.
    #[schema(value_type = Vec<StoredHolderSchema>)]
    holders: Vec<StoredHolder>,
    #[schema(value_type = Vec<StoredKeySchema>)]
    idempotency_keys: Vec<StoredKey>,
    /// The tickets of the account that were checked in.
    #[schema(value_type = Vec<StoredCheckinSchema>)]
    checkins: Vec<AccountCheckin>,
    #[schema(required)]
    account_state: Option<AccountState>,
}

/// The last account state that booking-service received from auth-service.
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

/// Name and e-mail address stored with a booking or a waiting-list entry.
#[derive(ToSchema)]
#[schema(as = StoredHolder)]
#[expect(dead_code, reason = "describes a StoredHolder")]
pub(super) struct StoredHolderSchema {
    /// The id of the booking or entry.
    id: Uuid,
    name: String,
    email: String,
}

/// A ticket that was checked in.
#[derive(ToSchema)]
#[schema(as = StoredCheckin)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes an AccountCheckin")]
pub(super) struct StoredCheckinSchema {
    event_id: Uuid,
    booking_id: Uuid,
    /// The number of the ticket within the booking.
    number: u16,
    #[schema(value_type = DateTime)]
    checked_in_at: Timestamp,
    /// The name of the door.
    #[schema(required)]
    door: Option<String>,
}

/// A stored idempotency key.
#[derive(ToSchema)]
#[schema(as = StoredIdempotencyKey)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes a StoredKey")]
pub(super) struct StoredKeySchema {
    #[schema(value_type = Uuid)]
    event_id: EventId,
    key: String,
    /// The kind of request that used the key.
    operation: String,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
}

/// Returns 200 with everything stored about the caller's account.
pub(super) async fn account_export(caller: Caller, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let account = caller.sub;
    let stored = state.reader.run(async |conn| {
        let (mut bookings, mut waitlist) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let page = queries::bookings_of_account(conn, account, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.booking.id);
            bookings.extend(page.iter().map(BookingResource::from));
        }
        let mut after = None;
        loop {
            let page = queries::entries_of_account(conn, account, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.entry.id);
            waitlist.extend(page.iter().map(WaitlistEntryResource::from));
        }
        let (mut transfers, mut after) = (Vec::new(), None);
        loop {
            let page = queries::transfers_of_account(conn, account, None, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.transfer.id);
            transfers.extend(page.iter().map(|row| TransferResource::for_account(row, account)));
        }
        let holders = accounts::stored_holders(conn, account).await?;
        let idempotency_keys = accounts::stored_keys(conn, account).await?;
        let checkins = checkins_of_account(conn, account).await?;
        let state = accounts::stored_state(conn, account).await?;
        let account_state = state.map(|(state, received_at, settled_at)| AccountState { state, received_at, settled_at });
        Ok(Stored { bookings, waitlist, transfers, holders, idempotency_keys, checkins, account_state })
    });
    Ok(HttpResponse::Ok().json(stored.await?))
}
