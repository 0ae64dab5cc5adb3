//! Lists the accounts that hold tickets of an event, for the service that tells them about it.

use diesel::QueryResult;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, BookingId, EventId};
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::accounts::ERASED_ACCOUNT;
use crate::views::rows::unreadable;

statement! {
    /// Reads the first confirmed booking of each account at an event, in the order of the primary key. The other bookings of the
    /// account are found with the index `bookings_of_account`, so that selling needs no further index.
    struct HoldersOfEvent { event: SqlUuid = Uuid, after: Nullable<SqlUuid> = Option<Uuid>, erased: SqlUuid = Uuid, limit: BigInt = i64 }
        -> (SqlUuid, SqlUuid, Timestamptz, BigInt);
    "SELECT b.id, b.account_id, b.booked_at,
            (SELECT sum(o.quantity)::bigint FROM bookings o
              WHERE o.account_id = b.account_id AND o.event_id = b.event_id AND o.status = 'confirmed')
       FROM bookings b
      WHERE b.event_id = $1 AND b.id > coalesce($2, '00000000-0000-0000-0000-000000000000') AND b.status = 'confirmed'
        AND b.account_id <> $3
        AND NOT EXISTS (SELECT FROM bookings o
                         WHERE o.account_id = b.account_id AND o.event_id = b.event_id AND o.id < b.id AND o.status = 'confirmed')
      ORDER BY b.id LIMIT $4"
}

statement! {
    struct EventExists { event: SqlUuid = Uuid } -> Bool;
    "SELECT EXISTS (SELECT FROM events WHERE id = $1)"
}

/// An account that holds tickets of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventHolder {
    /// The account, or the generated id of a guest.
    pub account: AccountId,
    /// The number of its tickets.
    pub quantity: u64,
    /// The time of its first booking that is confirmed.
    pub booked_at: Timestamp,
    /// This first booking, after which the next page starts.
    pub first_booking: BookingId,
}

/// Lists the accounts that hold tickets of an event, each once, ordered by their first booking. Returns `None` if the event does not
/// exist.
pub async fn holders_of_event(
    conn: &mut AsyncPgConnection,
    id: EventId,
    after: Option<BookingId>,
    limit: i64,
) -> QueryResult<Option<Vec<EventHolder>>> {
    let exists: bool = EventExists { event: id.as_uuid() }.get_result(conn).await?;
    if !exists {
        return Ok(None);
    }
    let statement = HoldersOfEvent { event: id.as_uuid(), after: after.map(BookingId::as_uuid), erased: ERASED_ACCOUNT.as_uuid(), limit };
    let rows: Vec<(Uuid, Uuid, Timestamp, i64)> = statement.load(conn).await?;
    let holder = |(booking, account, booked_at, quantity): (Uuid, Uuid, Timestamp, i64)| {
        let quantity = u64::try_from(quantity).map_err(unreadable)?;
        let (account, first_booking) = (AccountId::from_uuid(account), BookingId::from_uuid(booking));
        Ok::<_, Error>(EventHolder { account, quantity, booked_at, first_booking })
    };
    rows.into_iter().map(holder).collect::<QueryResult<_>>().map(Some)
}
