//! Reads the rows that commands refer to: stored responses, bookings and entries. The reads do not depend on the locked rows.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::try_join;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TransferId, WaitlistEntryId};
use uuid::Uuid;

use super::transfers::{read_transfers_by_id, read_transfers_of_accounts, read_transfers_of_bookings};
use crate::command::{Command, RenderedResponse, Target};
use crate::execute::statements as sql;
use crate::execute::unit_of_work::{BookingTickets, StoredResponse, Tracked};
use crate::tickets::{stored_number, stored_numbers};
use crate::views::rows::{BookingRow, EntryRow, unreadable};
use crate::views::{Booking, Transfer, WaitlistEntry};

/// A stored response: event, account, key, operation, hash of the request, status, body and ETag.
type KeyRow = (Uuid, Uuid, String, String, Vec<u8>, i16, String, Option<String>);

/// The tickets of a booking; see [`sql::TicketColumns`].
type TicketRow = (Uuid, Uuid, i32, Option<i32>, Option<Vec<i32>>, Option<Vec<String>>, Option<Vec<i32>>);

fn tickets_of_row(row: TicketRow) -> QueryResult<((EventId, BookingId), BookingTickets)> {
    let (event, id, quantity, issued, void, reasons, used) = row;
    let numbers = stored_numbers(u32::try_from(quantity).map_err(unreadable)?, (issued, void, reasons))?;
    let used = used.unwrap_or_default().into_iter().map(stored_number).collect::<QueryResult<_>>()?;
    Ok(((EventId::from_uuid(event), BookingId::from_uuid(id)), BookingTickets { numbers, used, is_changed: false }))
}

/// Locks bookings in key order. Check-ins and replacements of codes wait for the transaction, which sees those that came before.
async fn lock_bookings(mut conn: &AsyncPgConnection, events: Vec<Uuid>, ids: Vec<Uuid>) -> QueryResult<()> {
    let _: Vec<Uuid> = match events.as_slice() {
        &[event, ref others @ ..] if others.iter().all(|other| *other == event) => {
            sql::LockBookingsOfEvent { event, ids }.load(&mut conn).await?
        }
        _ => sql::LockBookings { events, ids }.load(&mut conn).await?,
    };
    Ok(())
}

/// Locks the confirmed bookings of accounts; see [`lock_bookings`].
async fn lock_bookings_of_accounts(mut conn: &AsyncPgConnection, events: Vec<Uuid>, accounts: Vec<Uuid>) -> QueryResult<()> {
    let _: Vec<Uuid> = match events.as_slice() {
        &[event, ref others @ ..] if others.iter().all(|other| *other == event) => {
            sql::LockBookingsOfAccountsAtEvent { event, accounts }.load(&mut conn).await?
        }
        _ => sql::LockBookingsOfAccounts { events, accounts }.load(&mut conn).await?,
    };
    Ok(())
}

/// The rows that the commands refer to.
#[derive(Default)]
pub(super) struct ReferencedRows {
    keys: Vec<(EventId, AccountId, String)>,
    bookings: BTreeSet<(EventId, BookingId)>,
    bookings_of_account: BTreeSet<(EventId, AccountId)>,
    entries: BTreeSet<(EventId, WaitlistEntryId)>,
    entries_of_account: BTreeSet<(EventId, AccountId)>,
    transfers: BTreeSet<(EventId, TransferId)>,
    /// The bookings whose pending transfers are needed.
    promising: BTreeSet<(EventId, BookingId)>,
}

impl ReferencedRows {
    pub(super) fn add(&mut self, command: &Command) {
        let event = command.event();
        if let Some((account, _, idempotency)) = command.idempotency() {
            self.keys.push((event, account, idempotency.key.as_str().to_owned()));
        }
        match command {
            Command::Confirm(confirm) => {
                self.bookings.insert((event, confirm.booking));
            }
            Command::CancelBooking(cancel) => match cancel.target {
                Target::ById(id, _) => {
                    self.bookings.insert((event, id));
                    self.promising.insert((event, id));
                }
                Target::OnlyAtEvent(_) => {
                    self.bookings_of_account.insert((event, cancel.account));
                }
            },
            Command::LeaveWaitlist(leave) => match leave.target {
                Target::ById(id, _) => {
                    self.entries.insert((event, id));
                }
                Target::OnlyAtEvent(_) => {
                    self.entries_of_account.insert((event, leave.account));
                }
            },
            Command::ChangeEntry(change) => match change.target {
                Target::ById(id, _) => {
                    self.entries.insert((event, id));
                }
                Target::OnlyAtEvent(_) => {
                    self.entries_of_account.insert((event, change.account));
                }
            },
            Command::OfferTransfer(offer) => {
                self.bookings.insert((event, offer.booking));
                self.promising.insert((event, offer.booking));
            }
            Command::AcceptTransfer(accept) => {
                self.bookings.insert((event, accept.from_booking));
                self.transfers.insert((event, accept.transfer));
            }
            Command::EndTransfer(end) => {
                self.transfers.insert((event, end.transfer));
            }
            Command::Book(_)
            | Command::BookWish(_)
            | Command::ChangeEvent(_)
            | Command::DeleteEvent(_)
            | Command::Reallocate(_)
            | Command::Expire(_) => {}
        }
    }

    pub(super) async fn read_keys(
        &self,
        mut conn: &AsyncPgConnection,
    ) -> QueryResult<HashMap<(EventId, AccountId, String), Tracked<StoredResponse>>> {
        if self.keys.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = sql::StoredResponses { events: Vec::new(), accounts: Vec::new(), keys: Vec::new() };
        for (event, account, key) in &self.keys {
            query.events.push(event.as_uuid());
            query.accounts.push(account.as_uuid());
            query.keys.push(key.clone());
        }
        let rows: Vec<KeyRow> = query.load(&mut conn).await?;
        rows.into_iter()
            .map(|(event, account, key, operation, hash, status, body, etag)| {
                let request_hash = <[u8; 32]>::try_from(hash.as_slice()).map_err(unreadable)?;
                let status = u16::try_from(status).map_err(unreadable)?;
                let stored = StoredResponse { operation, request_hash, response: RenderedResponse { status, body, etag } };
                Ok(((EventId::from_uuid(event), AccountId::from_uuid(account), key), Tracked::stored(stored)))
            })
            .collect()
    }

    pub(super) async fn read_bookings_by_id(&self, conn: &AsyncPgConnection) -> QueryResult<Vec<Booking>> {
        if self.bookings.is_empty() {
            return Ok(Vec::new());
        }
        let (events, ids): (Vec<_>, Vec<_>) = self.bookings.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let ((), rows) = try_join!(lock_bookings(conn, events.clone(), ids.clone()), async {
            let rows: Vec<BookingRow> = sql::BookingsById { events, ids }.load(&mut { conn }).await?;
            Ok(rows)
        })?;
        rows.into_iter().map(Booking::try_from).collect()
    }

    pub(super) async fn read_bookings_of_accounts(&self, conn: &AsyncPgConnection) -> QueryResult<Vec<Booking>> {
        if self.bookings_of_account.is_empty() {
            return Ok(Vec::new());
        }
        let (events, accounts): (Vec<_>, Vec<_>) =
            self.bookings_of_account.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let ((), rows) = try_join!(lock_bookings_of_accounts(conn, events.clone(), accounts.clone()), async {
            let rows: Vec<BookingRow> = sql::BookingsOfAccounts { events, accounts }.load(&mut { conn }).await?;
            Ok(rows)
        })?;
        rows.into_iter().map(Booking::try_from).collect()
    }

    /// Reads the tickets of the bookings, which were locked before.
    pub(super) async fn read_tickets(&self, conn: &AsyncPgConnection) -> QueryResult<Vec<((EventId, BookingId), BookingTickets)>> {
        let (by_id, of_accounts) = try_join!(self.read_tickets_by_id(conn), self.read_tickets_of_accounts(conn))?;
        by_id.into_iter().chain(of_accounts).map(tickets_of_row).collect()
    }

    async fn read_tickets_by_id(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<TicketRow>> {
        if self.bookings.is_empty() {
            return Ok(Vec::new());
        }
        let (events, ids) = self.bookings.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        sql::TicketsById { events, ids }.load(&mut conn).await
    }

    async fn read_tickets_of_accounts(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<TicketRow>> {
        if self.bookings_of_account.is_empty() {
            return Ok(Vec::new());
        }
        let (events, accounts) = self.bookings_of_account.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        sql::TicketsOfAccounts { events, accounts }.load(&mut conn).await
    }

    pub(super) async fn read_entries_by_id(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<WaitlistEntry>> {
        if self.entries.is_empty() {
            return Ok(Vec::new());
        }
        let (events, ids) = self.entries.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let rows: Vec<EntryRow> = sql::EntriesById { events, ids }.load(&mut conn).await?;
        rows.into_iter().map(WaitlistEntry::try_from).collect()
    }

    pub(super) async fn read_entries_of_accounts(&self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<WaitlistEntry>> {
        if self.entries_of_account.is_empty() {
            return Ok(Vec::new());
        }
        let (events, accounts) = self.entries_of_account.iter().map(|(event, id)| (event.as_uuid(), id.as_uuid())).unzip();
        let rows: Vec<EntryRow> = sql::EntriesOfAccounts { events, accounts }.load(&mut conn).await?;
        rows.into_iter().map(WaitlistEntry::try_from).collect()
    }

    pub(super) async fn read_transfers(&self, conn: &AsyncPgConnection) -> QueryResult<Vec<Transfer>> {
        let (by_id, of_bookings, of_accounts) = try_join!(
            read_transfers_by_id(conn, &self.transfers),
            read_transfers_of_bookings(conn, &self.promising),
            read_transfers_of_accounts(conn, &self.bookings_of_account),
        )?;
        Ok(by_id.into_iter().chain(of_bookings).chain(of_accounts).collect())
    }
}
