//! Collects the transfers that a transaction inserts and ends.

use diesel::QueryResult;
use rowlock_domain::ids::{AccountId, BookingId};

use crate::execute::statements as sql;
use crate::execute::unit_of_work::{Tracked, UnitOfWork};
use crate::views::rows::to_int;

pub(super) fn new_transfers(work: &UnitOfWork) -> QueryResult<sql::InsertTransfers> {
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

pub(super) fn ended_transfers(work: &UnitOfWork) -> sql::EndTransfers {
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
