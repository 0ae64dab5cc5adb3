//! Has the link of a guest sent again, who has tickets or waits for them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::{Action, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, BookingId, EventId, MessageId, TicketTypeId, TypeKey, WaitlistEntryId};
use rowlock_domain::messages::{DomainEvent, Message, Subject};
use rowlock_domain::states::{BookingStatus, WaitlistStatus};
use rowlock_domain::trace::TraceContext;
use rowlock_postgres::{DatabaseError, Pool, statement};
use serde_json::{Map, json};
use uuid::Uuid;

use super::FIRST_LINK;
use crate::auditlog::record;
use crate::command::ByAdministrator;
use crate::tickets::{KeyedOutcome, Operation, RequestKey};
use crate::views::rows::unreadable;

statement! {
    /// Locks a booking against another replacement of its link, and reads it. The link may have been replaced while the guest waited.
    struct LockBooking { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> (SqlUuid, SqlUuid, Text, BigInt, Nullable<Integer>, Timestamptz);
    "SELECT b.account_id, b.ticket_type_id, b.status, b.quantity::bigint,
            CASE WHEN b.guest_link IS NOT NULL THEN greatest(b.guest_link, (
                SELECT max(w.guest_link) FROM waitlist_entries w WHERE w.event_id = b.event_id AND w.account_id = b.account_id)) END,
            clock_timestamp()
       FROM bookings b WHERE b.event_id = $1 AND b.id = $2 FOR NO KEY UPDATE OF b"
}

statement! {
    /// Locks an entry against another replacement of its link and against its promotion, and reads it.
    struct LockEntry { first: Integer = i32, event: SqlUuid = Uuid, id: SqlUuid = Uuid } ->
        (SqlUuid, SqlUuid, Text, BigInt, Nullable<Integer>, Nullable<SqlUuid>, Timestamptz);
    "SELECT account_id, ticket_type_id, status, quantity::bigint, CASE WHEN for_guest THEN coalesce(guest_link, $1) END, booking_id,
            clock_timestamp()
       FROM waitlist_entries WHERE event_id = $2 AND id = $3 FOR NO KEY UPDATE"
}

statement! {
    struct StoreLinkOfBooking { link: Integer = i32, event: SqlUuid = Uuid, id: SqlUuid = Uuid }
    "UPDATE bookings SET guest_link = $1 WHERE event_id = $2 AND id = $3"
}

statement! {
    struct StoreLinkOfEntry { link: Integer = i32, event: SqlUuid = Uuid, id: SqlUuid = Uuid }
    "UPDATE waitlist_entries SET guest_link = $1 WHERE event_id = $2 AND id = $3"
}

/// The resource of the guest to which the link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkTarget {
    /// The booking of a guest.
    Booking(BookingId),
    /// The waiting-list entry of a guest.
    Entry(WaitlistEntryId),
}

/// A request to send the link of a guest again.
#[derive(Debug, Clone)]
pub struct SendLink {
    /// The event.
    pub event: EventId,
    /// The booking or the entry of the guest.
    pub target: LinkTarget,
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
    /// The event has no such booking or entry.
    NotFound,
    /// The holder has an account.
    NotAGuest,
    /// The booking is cancelled.
    Cancelled,
    /// The entry was promoted to this booking, which has the link now.
    Promoted(BookingId),
    /// The entry no longer waits and has not become a booking.
    Ended,
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

/// A locked booking or entry of a guest.
struct Locked {
    account: AccountId,
    ticket_type: TicketTypeId,
    quantity: u32,
    /// The number of the link that works.
    link: i32,
    now: Timestamp,
}

/// A booking as [`LockBooking`] reads it: account, ticket type, status, number of tickets, number of the link, and the time.
type BookingRow = (Uuid, Uuid, String, i64, Option<i32>, Timestamp);

/// An entry as [`LockEntry`] reads it: as a booking, with the booking that it became before the time.
type EntryRow = (Uuid, Uuid, String, i64, Option<i32>, Option<Uuid>, Timestamp);

async fn lock(conn: &mut AsyncPgConnection, event: EventId, target: LinkTarget) -> QueryResult<Result<Locked, SendLinkRefusal>> {
    match target {
        LinkTarget::Booking(id) => lock_booking(conn, event, id).await,
        LinkTarget::Entry(id) => lock_entry(conn, event, id).await,
    }
}

async fn lock_booking(conn: &mut AsyncPgConnection, event: EventId, id: BookingId) -> QueryResult<Result<Locked, SendLinkRefusal>> {
    let lock = LockBooking { event: event.as_uuid(), id: id.as_uuid() };
    let row: Option<BookingRow> = lock.get_result(conn).await.optional()?;
    let Some((account, ticket_type, status, quantity, link, now)) = row else { return Ok(Err(SendLinkRefusal::NotFound)) };
    let Some(link) = link else { return Ok(Err(SendLinkRefusal::NotAGuest)) };
    let status: BookingStatus = status.parse().map_err(unreadable)?;
    if !status.is_open() {
        return Ok(Err(SendLinkRefusal::Cancelled));
    }
    locked(account, ticket_type, quantity, link, now).map(Ok)
}

async fn lock_entry(conn: &mut AsyncPgConnection, event: EventId, id: WaitlistEntryId) -> QueryResult<Result<Locked, SendLinkRefusal>> {
    let lock = LockEntry { first: FIRST_LINK, event: event.as_uuid(), id: id.as_uuid() };
    let row: Option<EntryRow> = lock.get_result(conn).await.optional()?;
    let Some((account, ticket_type, status, quantity, link, booking, now)) = row else { return Ok(Err(SendLinkRefusal::NotFound)) };
    let Some(link) = link else { return Ok(Err(SendLinkRefusal::NotAGuest)) };
    match (status.parse().map_err(unreadable)?, booking) {
        (WaitlistStatus::Waiting, _) => locked(account, ticket_type, quantity, link, now).map(Ok),
        (WaitlistStatus::Promoted, Some(booking)) => Ok(Err(SendLinkRefusal::Promoted(BookingId::from_uuid(booking)))),
        _ => Ok(Err(SendLinkRefusal::Ended)),
    }
}

fn locked(account: Uuid, ticket_type: Uuid, quantity: i64, link: i32, now: Timestamp) -> QueryResult<Locked> {
    let (account, ticket_type) = (AccountId::from_uuid(account), TicketTypeId::from_uuid(ticket_type));
    Ok(Locked { account, ticket_type, quantity: u32::try_from(quantity).map_err(unreadable)?, link, now })
}

async fn store_link(conn: &mut AsyncPgConnection, event: EventId, target: LinkTarget, link: i32) -> QueryResult<usize> {
    let event = event.as_uuid();
    match target {
        LinkTarget::Booking(id) => StoreLinkOfBooking { link, event, id: id.as_uuid() }.execute(conn).await,
        LinkTarget::Entry(id) => StoreLinkOfEntry { link, event, id: id.as_uuid() }.execute(conn).await,
    }
}

async fn send_in_transaction(conn: &mut AsyncPgConnection, request: &SendLink, source: &str) -> QueryResult<Result<(), SendLinkRefusal>> {
    let SendLink { event, target, replace, .. } = *request;
    let Locked { account, ticket_type, quantity, link, now } = match lock(conn, event, target).await? {
        Ok(locked) => locked,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let link = if replace { link.saturating_add(1) } else { link };
    if replace {
        store_link(conn, event, target, link).await?;
    }
    let key = TypeKey { event, ticket_type };
    let mut details = Map::from_iter([
        ("eventId".to_owned(), json!(event)),
        ("ticketTypeId".to_owned(), json!(key.ticket_type)),
        ("replaced".to_owned(), json!(replace)),
    ]);
    details.extend(request.by.reason.iter().map(|reason| ("reason".to_owned(), json!(reason.as_str()))));
    let (action, subject, booking_id, waitlist_entry_id) = match target {
        LinkTarget::Booking(id) => (Action::SendGuestLink, id.as_uuid(), Some(id), None),
        LinkTarget::Entry(id) => (Action::SendLinkOfEntry, id.as_uuid(), None, Some(id)),
    };
    record(conn, &AuditEntry { id: request.audit, at: now, actor: request.by.actor.clone(), action, subject, details }).await?;
    let message = Message {
        id: request.message,
        subject: Subject::TicketType(key),
        // The ticket type does not change, so its version is not in the message.
        sequence: link.into(),
        time: now,
        domain_event: DomainEvent::GuestLinkRequested { booking_id, waitlist_entry_id, account_id: account, quantity },
        trace: request.trace,
    };
    crate::execute::insert_message(conn, &message, source).await?;
    Ok(Ok(()))
}
