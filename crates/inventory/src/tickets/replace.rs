//! Replaces the code of a ticket: its number becomes void, and the booking issues a new one.

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, TicketId};
use rowlock_domain::states::BookingStatus;
use rowlock_domain::tickets::{NotReplaceable, NumberStatus};
use rowlock_postgres::{DatabaseError, Pool, statement};
use uuid::Uuid;

use super::keyed::{KeyedOutcome, Operation, RequestKey};
use super::rows::{NumberColumns, columns_of, stored_numbers};
use crate::views::rows::unreadable;

/// The reason why a code cannot be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaceRefusal {
    /// The account has no such booking.
    BookingNotFound,
    /// The booking is cancelled.
    Cancelled,
    /// The booking has no valid ticket with this number.
    TicketNotFound,
    /// The ticket was used.
    CheckedIn,
    /// The booking has issued all numbers that it can.
    NoNumberLeft,
}

/// A booking as a replacement reads it.
type LockedBooking = (String, i32, Option<i32>, Option<Vec<i32>>, Option<Vec<String>>);

statement! {
    /// Locks a booking of an account against check-ins, returns and other replacements, and reads it.
    struct LockBooking { event: SqlUuid = Uuid, id: SqlUuid = Uuid, account: SqlUuid = Uuid }
        -> (Text, Integer, Nullable<Integer>, Nullable<Array<Integer>>, Nullable<Array<Text>>);
    "SELECT status, quantity, issued, void_numbers, void_reasons FROM bookings
      WHERE event_id = $1 AND id = $2 AND account_id = $3 FOR NO KEY UPDATE"
}

statement! {
    struct FindCheckin { event: SqlUuid = Uuid, booking: SqlUuid = Uuid, number: Integer = i32 } -> SqlUuid;
    "SELECT id FROM checkins WHERE event_id = $1 AND booking_id = $2 AND number = $3"
}

statement! {
    struct StoreNumbers {
        issued: Nullable<Integer> = Option<i32>, numbers: Nullable<Array<Integer>> = Option<Vec<i32>>,
        reasons: Nullable<Array<Text>> = Option<Vec<String>>, event: SqlUuid = Uuid, id: SqlUuid = Uuid,
    }
    "UPDATE bookings SET issued = $1, void_numbers = $2, void_reasons = $3 WHERE event_id = $4 AND id = $5"
}

/// Gives a ticket of an account a new number, so that its present code is void.
///
/// # Errors
///
/// After [`DatabaseError::OutcomeUnknown`] the code may have been replaced.
pub async fn replace_code(
    pool: &Pool,
    account: AccountId,
    ticket: TicketId,
    key: Option<&RequestKey>,
) -> Result<KeyedOutcome<Result<(), ReplaceRefusal>>, DatabaseError> {
    let operation = Operation { event: ticket.event, name: "replace-ticket" };
    let stored = |result: &Result<(), ReplaceRefusal>| result.is_ok().then(String::new);
    operation.run(pool, key, async |conn| replace_in_transaction(conn, account, ticket).await, stored).await
}

async fn replace_in_transaction(
    conn: &mut AsyncPgConnection,
    account: AccountId,
    ticket: TicketId,
) -> QueryResult<Result<(), ReplaceRefusal>> {
    let TicketId { event, booking, number } = ticket;
    let (event, id) = (event.as_uuid(), booking.as_uuid());
    let locked: Option<LockedBooking> = LockBooking { event, id, account: account.as_uuid() }.get_result(conn).await.optional()?;
    let Some((status, quantity, issued, void, reasons)) = locked else { return Ok(Err(ReplaceRefusal::BookingNotFound)) };
    let status: BookingStatus = status.parse().map_err(unreadable)?;
    if status != BookingStatus::Confirmed {
        return Ok(Err(ReplaceRefusal::Cancelled));
    }
    let columns: NumberColumns = (issued, void, reasons);
    let mut numbers = stored_numbers(u32::try_from(quantity).map_err(unreadable)?, columns)?;
    if numbers.status(number) != NumberStatus::Valid {
        return Ok(Err(ReplaceRefusal::TicketNotFound));
    }
    let find = FindCheckin { event, booking: id, number: number.get().into() };
    let used: Option<Uuid> = find.get_result(conn).await.optional()?;
    if used.is_some() {
        return Ok(Err(ReplaceRefusal::CheckedIn));
    }
    match numbers.replace(number) {
        Ok(_) => {}
        Err(NotReplaceable::NotValid) => return Ok(Err(ReplaceRefusal::TicketNotFound)),
        Err(NotReplaceable::NoNumberLeft) => return Ok(Err(ReplaceRefusal::NoNumberLeft)),
    }
    let (issued, void, reasons) = columns_of(&numbers)?;
    StoreNumbers { issued, numbers: void, reasons, event, id }.execute(conn).await?;
    Ok(Ok(()))
}
