//! Guests: people without an account, for whom an administrator has booked. Each booking for a guest has a generated account id of its
//! own, by which everything finds the tickets as if they belonged to an account.
//!
//! A guest proves with the token of a link to be the holder. The token contains the number of the link. If an administrator replaces
//! the link, the number grows, and the tokens with the earlier numbers no longer work. A waiting-list entry has no number of its own:
//! its link is the first one, which its booking inherits when the entry is promoted.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::{Action, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, BookingId, EventId, MessageId, TicketTypeId, TypeKey};
use rowlock_domain::messages::{DomainEvent, Message, Subject};
use rowlock_domain::states::BookingStatus;
use rowlock_domain::trace::TraceContext;
use rowlock_postgres::{DatabaseError, Pool, statement};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::auditlog::record;
use crate::command::ByAdministrator;
use crate::tickets::{KeyedOutcome, Operation, RequestKey};
use crate::views::rows::unreadable;

/// The number of the first link of a guest.
pub(crate) const FIRST_LINK: i32 = 1;

statement! {
    struct CurrentLink { guest: SqlUuid = Uuid, first: Integer = i32 } -> Nullable<Integer>;
    "SELECT max(found.link) FROM (
         SELECT guest_link AS link FROM bookings WHERE account_id = $1
          UNION ALL
         SELECT $2 FROM waitlist_entries WHERE account_id = $1 AND for_guest) AS found"
}

statement! {
    /// Finds the guests among some holders of bookings and entries. The number of the link of a booking is never below the first one.
    struct FindGuests { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>, first: Integer = i32 }
        -> (SqlUuid, SqlUuid, Text, Text, Integer);
    "SELECT k.event_id, k.account_id, found.name, found.email, found.link
       FROM (SELECT DISTINCT event_id, account_id FROM unnest($1, $2) AS w (event_id, account_id)) AS k
      CROSS JOIN LATERAL (
            SELECT b.holder_name AS name, b.holder_email AS email, b.guest_link AS link FROM bookings b
             WHERE b.account_id = k.account_id AND b.event_id = k.event_id AND b.guest_link IS NOT NULL
             UNION ALL
            SELECT w.holder_name, w.holder_email, $3 FROM waitlist_entries w
             WHERE w.account_id = k.account_id AND w.event_id = k.event_id AND w.for_guest
             ORDER BY link DESC LIMIT 1) AS found"
}

statement! {
    /// Locks a booking against another replacement of its link, and reads it.
    struct LockBooking { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> (SqlUuid, SqlUuid, Text, BigInt, Nullable<Integer>, Timestamptz);
    "SELECT account_id, ticket_type_id, status, quantity::bigint, guest_link, clock_timestamp() FROM bookings
      WHERE event_id = $1 AND id = $2 FOR NO KEY UPDATE"
}

statement! {
    struct StoreLink { link: Integer = i32, event: SqlUuid = Uuid, id: SqlUuid = Uuid }
    "UPDATE bookings SET guest_link = $1 WHERE event_id = $2 AND id = $3"
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

/// A request to send the link of a guest again.
#[derive(Debug, Clone)]
pub struct SendLink {
    /// The event.
    pub event: EventId,
    /// The booking of the guest.
    pub booking: BookingId,
    /// Whether the links that were sent before stop working.
    pub replace: bool,
    /// The administrator who asks for it.
    pub by: ByAdministrator,
    /// The id of the audit-log entry.
    pub audit: AuditEntryId,
    /// The id of the message.
    pub message: MessageId,
    /// The trace context of the request.
    pub trace: Option<TraceContext>,
}

/// The reason why no link is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendLinkRefusal {
    /// The event has no such booking.
    BookingNotFound,
    /// The holder has an account.
    NotAGuest,
    /// The booking is cancelled.
    Cancelled,
}

/// Has the link of a guest sent again, and records that in the audit log. The message contains neither the link nor the address. A
/// repeat with the same idempotency key sends nothing.
///
/// # Errors
///
/// After [`DatabaseError::OutcomeUnknown`] the link may be sent.
pub async fn send_link(
    pool: &Pool,
    request: &SendLink,
    source: &str,
    key: Option<&RequestKey>,
) -> Result<KeyedOutcome<Result<(), SendLinkRefusal>>, DatabaseError> {
    let operation = Operation { event: request.event, name: "send-guest-link" };
    let stored = |result: &Result<(), SendLinkRefusal>| result.is_ok().then(String::new);
    operation.run(pool, key, async |conn| send_in_transaction(conn, request, source).await, stored).await
}

/// A booking as [`LockBooking`] reads it.
type LockedBooking = (Uuid, Uuid, String, i64, Option<i32>, Timestamp);

async fn send_in_transaction(conn: &mut AsyncPgConnection, request: &SendLink, source: &str) -> QueryResult<Result<(), SendLinkRefusal>> {
    let (event, booking) = (request.event, request.booking);
    let lock = LockBooking { event: event.as_uuid(), id: booking.as_uuid() };
    let locked: Option<LockedBooking> = lock.get_result(conn).await.optional()?;
    let Some((account, ticket_type, status, quantity, link, now)) = locked else { return Ok(Err(SendLinkRefusal::BookingNotFound)) };
    let Some(link) = link else { return Ok(Err(SendLinkRefusal::NotAGuest)) };
    let status: BookingStatus = status.parse().map_err(unreadable)?;
    if !status.is_open() {
        return Ok(Err(SendLinkRefusal::Cancelled));
    }
    let link = if request.replace { link.saturating_add(1) } else { link };
    if request.replace {
        StoreLink { link, event: event.as_uuid(), id: booking.as_uuid() }.execute(conn).await?;
    }
    let key = TypeKey { event, ticket_type: TicketTypeId::from_uuid(ticket_type) };
    let mut details = Map::from_iter([
        ("eventId".to_owned(), json!(event)),
        ("ticketTypeId".to_owned(), json!(key.ticket_type)),
        ("replaced".to_owned(), json!(request.replace)),
    ]);
    details.extend(request.by.reason.iter().map(|reason| ("reason".to_owned(), json!(reason.as_str()))));
    let (id, actor) = (request.audit, request.by.actor.clone());
    record(conn, &AuditEntry { id, at: now, actor, action: Action::SendGuestLink, subject: booking.as_uuid(), details }).await?;
    let message = Message {
        id: request.message,
        subject: Subject::TicketType(key),
        // The ticket type does not change, so its version is not in the message.
        sequence: link.into(),
        time: now,
        domain_event: DomainEvent::GuestLinkRequested {
            booking_id: booking,
            account_id: AccountId::from_uuid(account),
            quantity: u32::try_from(quantity).map_err(unreadable)?,
        },
        trace: request.trace,
    };
    crate::execute::insert_message(conn, &message, source).await?;
    Ok(Ok(()))
}
