//! Queries about transfers of tickets.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TransferId};
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::{TransferColumns, TransferRow};
use crate::views::{HeldTransfer, Holder, NamedTransfer, Transfer};

/// Selects the name of the event, the columns of [`TransferColumns`], and further columns if there are any. A transfer whose time is
/// over, or whose event has begun or is cancelled, is shown as lapsed whether or not it was ended already.
macro_rules! select_transfers {
    ($rest:literal) => {
        select_transfers!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT e.name, t.event_id, t.id, t.ticket_type_id, t.booking_id, t.from_account, t.quantity, s.status,
            CASE s.status WHEN 'pending' THEN t.to_email END, t.token_hash, t.created_at, t.expires_at,
            CASE WHEN t.status = s.status THEN t.ended_at ELSE least(t.expires_at, now()) END, t.to_account, t.received_booking",
            $more,
            "
       FROM transfers t JOIN events e ON e.id = t.event_id
      CROSS JOIN LATERAL (SELECT CASE WHEN t.status = 'pending' AND (t.expires_at <= now() OR e.starts_at <= now() OR e.status = 'cancelled')
                                      THEN 'lapsed' ELSE t.status END AS status) AS s
      ",
            $rest
        )
    };
}

/// The columns of [`TransfersOfEvent`], in the order of [`HeldRow`].
type HeldColumns = (Text, TransferColumns, Text, Text, Nullable<Text>, Nullable<Text>);

type HeldRow = (String, TransferRow, String, String, Option<String>, Option<String>);

statement! {
    struct FindTransfer { id: SqlUuid = Uuid } -> (Text, TransferColumns);
    select_transfers!("WHERE t.id = $1")
}

statement! {
    struct TransfersOfAccount {
        account: SqlUuid = Uuid, before: Nullable<SqlUuid> = Option<Uuid>, booking: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64,
    } -> (Text, TransferColumns);
    select_transfers!(
        "WHERE (t.from_account = $1 OR t.to_account = $1) AND t.id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            AND ($3 IS NULL OR CASE t.from_account WHEN $1 THEN t.booking_id ELSE t.received_booking END = $3)
          ORDER BY t.id DESC LIMIT $4"
    )
}

statement! {
    /// Lists the transfers of an event with the names and the addresses of the sender and, if there is one, of the receiver.
    struct TransfersOfEvent { event: SqlUuid = Uuid, before: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64 } -> HeldColumns;
    select_transfers!(
        ", b.holder_name, b.holder_email, r.holder_name, r.holder_email",
        "JOIN bookings b ON b.event_id = t.event_id AND b.id = t.booking_id
          LEFT JOIN bookings r ON r.event_id = t.event_id AND r.id = t.received_booking
         WHERE t.event_id = $1 AND t.id < coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY t.id DESC LIMIT $3"
    )
}

fn named((event_name, row): (String, TransferRow)) -> QueryResult<NamedTransfer> {
    Ok(NamedTransfer { event_name, transfer: Transfer::try_from(row)? })
}

fn held((_, row, from_name, from_email, to_name, to_email): HeldRow) -> QueryResult<HeldTransfer> {
    let transfer = Transfer::try_from(row)?;
    let from = Holder { account: transfer.from_account, name: from_name, email: from_email };
    let to = transfer.to_account.zip(to_name.zip(to_email)).map(|(account, (name, email))| Holder { account, name, email });
    Ok(HeldTransfer { transfer, from, to })
}

/// Returns a transfer as it is now, whoever is on its sides.
pub async fn transfer(conn: &mut AsyncPgConnection, id: TransferId) -> QueryResult<Option<NamedTransfer>> {
    let found: Option<(String, TransferRow)> = FindTransfer { id: id.as_uuid() }.get_result(conn).await.optional()?;
    found.map(named).transpose()
}

/// Lists the transfers that an account has offered or accepted, with ids below `after`, newest first: all, or those of one booking of
/// the account.
pub async fn transfers_of_account(
    conn: &mut AsyncPgConnection,
    account: AccountId,
    booking: Option<BookingId>,
    after: Option<TransferId>,
    limit: i64,
) -> QueryResult<Vec<NamedTransfer>> {
    let (before, booking) = (after.map(TransferId::as_uuid), booking.map(BookingId::as_uuid));
    let query = TransfersOfAccount { account: account.as_uuid(), before, limit, booking };
    let rows: Vec<(String, TransferRow)> = query.load(conn).await?;
    rows.into_iter().map(named).collect()
}

/// Lists the transfers of the tickets of an event with ids below `after` and the people on their sides, newest first.
pub async fn transfers_of_event(
    conn: &mut AsyncPgConnection,
    event: EventId,
    after: Option<TransferId>,
    limit: i64,
) -> QueryResult<Vec<HeldTransfer>> {
    let query = TransfersOfEvent { event: event.as_uuid(), before: after.map(TransferId::as_uuid), limit };
    let rows: Vec<HeldRow> = query.load(conn).await?;
    rows.into_iter().map(held).collect()
}
