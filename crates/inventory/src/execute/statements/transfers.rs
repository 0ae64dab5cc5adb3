//! Statements about transfers.

use diesel::sql_types::{Array, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::TransferColumns;

/// Selects the columns of [`TransferColumns`].
macro_rules! select_transfers {
    ($from:literal) => {
        concat!(
            "SELECT t.event_id, t.id, t.ticket_type_id, t.booking_id, t.from_account, t.quantity, t.status, t.to_email, t.token_hash, t.created_at,
            t.expires_at, t.ended_at, t.to_account, t.received_booking
       FROM ",
            $from
        )
    };
}

statement! {
    /// Reads transfers by id.
    pub(in crate::execute) struct TransfersById { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> TransferColumns;
    select_transfers!("unnest($1, $2) AS k (event_id, id) JOIN transfers t ON t.event_id = k.event_id AND t.id = k.id")
}

statement! {
    /// Reads the pending transfers of bookings, and those that were offered within the last day, whose number is limited.
    pub(in crate::execute) struct TransfersOfBookings { events: Array<SqlUuid> = Vec<Uuid>, bookings: Array<SqlUuid> = Vec<Uuid> } -> TransferColumns;
    select_transfers!(
        "unnest($1, $2) AS k (event_id, booking_id) JOIN transfers t ON t.event_id = k.event_id AND t.booking_id = k.booking_id
      WHERE t.status = 'pending' OR t.created_at > now() - interval '1 day'"
    )
}

statement! {
    /// Reads the pending transfers of accounts at events.
    pub(in crate::execute) struct TransfersOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> TransferColumns;
    select_transfers!(
        "unnest($1, $2) AS k (event_id, account_id) JOIN transfers t ON t.from_account = k.account_id AND t.event_id = k.event_id
      WHERE t.status = 'pending'"
    )
}

statement! {
    /// Inserts new transfers. One that was made and ended in the same batch is inserted as ended.
    pub(in crate::execute) struct InsertTransfers {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, bookings: Array<SqlUuid> = Vec<Uuid>,
        accounts: Array<SqlUuid> = Vec<Uuid>, quantities: Array<Integer> = Vec<i32>, statuses: Array<Text> = Vec<&'static str>,
        emails: Array<Nullable<Text>> = Vec<Option<String>>, hashes: Array<Binary> = Vec<Vec<u8>>, expires: Array<Timestamptz> = Vec<Timestamp>,
        ended: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>, now: Timestamptz = Timestamp,
    }
    "INSERT INTO transfers (event_id, id, ticket_type_id, booking_id, from_account, quantity, status, to_email, token_hash, expires_at, ended_at, created_at)
     SELECT r.*, n.at FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS r CROSS JOIN (SELECT $12 AS at) AS n"
}

statement! {
    /// Ends pending transfers. If a transfer is no longer pending, its new status is NULL and the NOT NULL constraint aborts the
    /// statement. An accepted transfer gets the time of the sale of its tickets, from the booking of the sender or from the transfer
    /// that created that booking.
    pub(in crate::execute) struct EndTransfers {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, statuses: Array<Text> = Vec<&'static str>,
        accounts: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>, bookings: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>, now: Timestamptz = Timestamp,
    }
    "UPDATE transfers t SET status = CASE t.status WHEN 'pending' THEN r.status END, to_email = NULL, ended_at = n.at, to_account = r.to_account,
            received_booking = r.received_booking,
            sold_at = CASE WHEN r.status = 'accepted' THEN coalesce(earlier.sold_at, b.confirmed_at, b.booked_at) END,
            sold_to_waitlist = CASE WHEN r.status = 'accepted' THEN coalesce(earlier.sold_to_waitlist, b.origin = 'waitlist') END
       FROM unnest($1, $2, $3, $4, $5) AS r (event_id, id, status, to_account, received_booking)
      CROSS JOIN (SELECT $6 AS at) AS n
       JOIN transfers s ON s.event_id = r.event_id AND s.id = r.id
       JOIN bookings b ON b.event_id = s.event_id AND b.id = s.booking_id
       LEFT JOIN transfers earlier ON earlier.event_id = b.event_id AND earlier.received_booking = b.id
      WHERE t.event_id = r.event_id AND t.id = r.id"
}
