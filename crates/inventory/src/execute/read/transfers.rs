//! Reads the transfers that commands refer to, and those that the bookings of commands promise tickets to.

use std::collections::BTreeSet;

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TransferId};

use crate::execute::statements as sql;
use crate::views::Transfer;
use crate::views::rows::TransferRow;

pub(super) async fn read_transfers_by_id(
    mut conn: &AsyncPgConnection,
    transfers: &BTreeSet<(EventId, TransferId)>,
) -> QueryResult<Vec<Transfer>> {
    if transfers.is_empty() {
        return Ok(Vec::new());
    }
    let (events, ids) = transfers.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
    let rows: Vec<TransferRow> = sql::TransfersById { events, ids }.load(&mut conn).await?;
    rows.into_iter().map(Transfer::try_from).collect()
}

/// Reads the pending transfers of bookings and those that were offered lately.
pub(super) async fn read_transfers_of_bookings(
    mut conn: &AsyncPgConnection,
    bookings: &BTreeSet<(EventId, BookingId)>,
) -> QueryResult<Vec<Transfer>> {
    if bookings.is_empty() {
        return Ok(Vec::new());
    }
    let (events, bookings) = bookings.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
    let rows: Vec<TransferRow> = sql::TransfersOfBookings { events, bookings }.load(&mut conn).await?;
    rows.into_iter().map(Transfer::try_from).collect()
}

/// Reads the pending transfers of accounts at events.
pub(super) async fn read_transfers_of_accounts(
    mut conn: &AsyncPgConnection,
    accounts: &BTreeSet<(EventId, AccountId)>,
) -> QueryResult<Vec<Transfer>> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let (events, accounts) = accounts.iter().map(|(event, account)| (event.as_uuid(), account.as_uuid())).unzip();
    let rows: Vec<TransferRow> = sql::TransfersOfAccounts { events, accounts }.load(&mut conn).await?;
    rows.into_iter().map(Transfer::try_from).collect()
}
