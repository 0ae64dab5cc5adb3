//! Collects the transfers that a transaction inserts and ends.

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use futures_util::try_join;
use rowlock_domain::ids::{AccountId, BookingId};

use super::execute_rows;
use crate::execute::statements as sql;
use crate::execute::unit_of_work::{Tracked, UnitOfWork};
use crate::views::rows::to_int;

/// The writes of transfers.
pub(super) struct TransferWrites {
    new: sql::InsertTransfers,
    ended: sql::EndTransfers,
}

impl TransferWrites {
    /// Collects the changes of transfers. Returns `None` if there are none.
    pub(super) fn of(work: &UnitOfWork) -> QueryResult<Option<Box<Self>>> {
        if work.transfers.iter().all(|row| !row.is_new() && row.original().is_none()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Self { new: new_transfers(work)?, ended: ended_transfers(work) })))
    }

    pub(super) async fn write(writes: Option<Box<Self>>, conn: &AsyncPgConnection) -> QueryResult<()> {
        let Some(writes) = writes else { return Ok(()) };
        let Self { new, ended } = *writes;
        let rows = (new.ids.len(), ended.ids.len());
        try_join!(execute_rows(conn, new, rows.0), execute_rows(conn, ended, rows.1)).map(|_| ())
    }
}

fn new_transfers(work: &UnitOfWork) -> QueryResult<sql::InsertTransfers> {
    let mut rows = sql::InsertTransfers {
        events: Vec::new(),
        ids: Vec::new(),
        types: Vec::new(),
        bookings: Vec::new(),
        accounts: Vec::new(),
        quantities: Vec::new(),
        statuses: Vec::new(),
        emails: Vec::new(),
        hashes: Vec::new(),
        expires: Vec::new(),
        ended: Vec::new(),
        now: work.now,
    };
    for transfer in work.transfers.iter().filter(|row| row.is_new()).map(Tracked::get) {
        rows.events.push(transfer.key.event.as_uuid());
        rows.ids.push(transfer.id.as_uuid());
        rows.types.push(transfer.key.ticket_type.as_uuid());
        rows.bookings.push(transfer.booking.as_uuid());
        rows.accounts.push(transfer.from_account.as_uuid());
        rows.quantities.push(to_int(transfer.quantity)?);
        rows.statuses.push(transfer.status.as_str());
        rows.emails.push(transfer.to_email.clone());
        rows.hashes.push(transfer.token_hash.to_vec());
        rows.expires.push(transfer.expires_at);
        rows.ended.push(transfer.ended_at);
    }
    Ok(rows)
}

fn ended_transfers(work: &UnitOfWork) -> sql::EndTransfers {
    let mut rows = sql::EndTransfers {
        events: Vec::new(),
        ids: Vec::new(),
        statuses: Vec::new(),
        accounts: Vec::new(),
        bookings: Vec::new(),
        now: work.now,
    };
    for transfer in work.transfers.iter().filter(|row| row.original().is_some()).map(Tracked::get) {
        rows.events.push(transfer.key.event.as_uuid());
        rows.ids.push(transfer.id.as_uuid());
        rows.statuses.push(transfer.status.as_str());
        rows.accounts.push(transfer.to_account.map(AccountId::as_uuid));
        rows.bookings.push(transfer.received_booking.map(BookingId::as_uuid));
    }
    rows
}
