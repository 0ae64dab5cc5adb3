//! The account that is named by the access token of a request.

use rowlock_http::Caller;
use rowlock_http::problem::Problem;
use rowlock_http::tokens::Claims;
use rowlock_inventory::accounts;
use rowlock_inventory::views::Holder;
use rowlock_postgres::{DatabaseError, checkout, committed};

use crate::state::AppState;

/// Version of an account that was never disabled.
const FIRST_VERSION: i64 = 1;

/// Returns the holder for a booking or entry. Name and e-mail address come from the token and are stored with it.
pub(super) fn holder_of(claims: &Claims) -> Holder {
    Holder { account: claims.sub, name: claims.name.clone(), email: claims.email.clone() }
}

/// Records that the caller's account is enabled, if it was ever disabled: the message about it may still be in transit, and
/// until it arrives this service would treat the account as disabled. Call it before a command that books or waits.
pub(super) async fn record_enabled_account(state: &AppState, caller: &Caller) -> Result<(), Problem> {
    if caller.ver > FIRST_VERSION {
        let (conn, account, version) = (checkout(&state.pool).await?, caller.sub, caller.ver);
        let recorded = committed(conn, async |conn| accounts::record_account_open(conn, account, version).await).await;
        recorded.map_err(DatabaseError::from)?;
    }
    Ok(())
}
