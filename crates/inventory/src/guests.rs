//! Guests: people without an account, for whom an administrator has booked. Each booking for a guest has a generated account id of its
//! own, by which everything finds the tickets as if they belonged to an account.
//!
//! A guest proves with the token of a link to be the holder. The token contains the number of the link. If an administrator replaces
//! the link, the number grows, and the tokens with the earlier numbers no longer work. A guest who waited has an entry and a booking
//! when the entry has been promoted; the higher number of both is that of the link that works.

mod send_link;

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_postgres::statement;
use uuid::Uuid;

pub use self::send_link::{LinkTarget, SendLink, SendLinkRefusal, send_link};
use crate::views::rows::unreadable;

/// The number of the first link of a guest.
pub(crate) const FIRST_LINK: i32 = 1;

statement! {
    struct CurrentLink { guest: SqlUuid = Uuid, first: Integer = i32 } -> Nullable<Integer>;
    "SELECT max(found.link) FROM (
         SELECT guest_link AS link FROM bookings WHERE account_id = $1
          UNION ALL
         SELECT coalesce(guest_link, $2) FROM waitlist_entries WHERE account_id = $1 AND for_guest) AS found"
}

statement! {
    /// Finds the guests among some holders of bookings and entries.
    struct FindGuests { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>, first: Integer = i32 }
        -> (SqlUuid, SqlUuid, Text, Text, Integer);
    "SELECT k.event_id, k.account_id, found.name, found.email, found.link
       FROM (SELECT DISTINCT event_id, account_id FROM unnest($1, $2) AS w (event_id, account_id)) AS k
      CROSS JOIN LATERAL (
            SELECT b.holder_name AS name, b.holder_email AS email, b.guest_link AS link FROM bookings b
             WHERE b.account_id = k.account_id AND b.event_id = k.event_id AND b.guest_link IS NOT NULL
             UNION ALL
            SELECT w.holder_name, w.holder_email, coalesce(w.guest_link, $3) FROM waitlist_entries w
             WHERE w.account_id = k.account_id AND w.event_id = k.event_id AND w.for_guest
             ORDER BY link DESC LIMIT 1) AS found"
}

/// A guest, as the service that sends e-mail needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The event.
    pub event: EventId,
    /// The generated account id.
    pub account: AccountId,
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// The number of the link that works.
    pub link: u32,
}

/// Returns the number of the link of a guest that works, or `None` if there is no guest with this id.
pub async fn current_link(conn: &mut AsyncPgConnection, guest: AccountId) -> QueryResult<Option<u32>> {
    let link: Option<i32> = CurrentLink { guest: guest.as_uuid(), first: FIRST_LINK }.get_result(conn).await?;
    link.map(|link| u32::try_from(link).map_err(unreadable)).transpose()
}

/// Returns those of some holders of bookings and waiting-list entries that are guests.
pub async fn guests(conn: &mut AsyncPgConnection, wanted: &[(EventId, AccountId)]) -> QueryResult<Vec<Guest>> {
    let (events, accounts) = wanted.iter().map(|(event, account)| (event.as_uuid(), account.as_uuid())).unzip();
    let rows: Vec<(Uuid, Uuid, String, String, i32)> = FindGuests { events, accounts, first: FIRST_LINK }.load(conn).await?;
    let guest = |(event, account, name, email, link): (Uuid, Uuid, String, String, i32)| {
        let (event, account) = (EventId::from_uuid(event), AccountId::from_uuid(account));
        Ok(Guest { event, account, name, email, link: u32::try_from(link).map_err(unreadable)? })
    };
    rows.into_iter().map(guest).collect()
}
