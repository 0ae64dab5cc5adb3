//! Check-ins: each ticket is admitted once.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::{Action, Actor, AuditEntry};
use rowlock_domain::ids::{AuditEntryId, BookingId, CheckinId, EventId, ScanId, TicketId};
use rowlock_domain::states::{BookingStatus, EventStatus, VoidReason};
use rowlock_domain::text::DoorName;
use rowlock_domain::tickets::{NumberStatus, TicketNumber};
use rowlock_postgres::{DatabaseError, Pool, checkout, statement};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use super::keyed::{KeyedOutcome, Operation, RequestKey};
use super::rows::{NumberColumns, stored_number, stored_numbers};
use crate::auditlog::record;
use crate::views::rows::unreadable;

/// A ticket that somebody presents at a door.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The id of the check-in, if one is created.
    pub id: CheckinId,
    /// The ticket.
    pub ticket: TicketId,
    /// The name of the door.
    pub door: Option<DoorName>,
    /// When a door without a network scanned the ticket. `None` means now.
    pub scanned_at: Option<Timestamp>,
    /// The id that the device gave to the scan, by which it is known if it is sent again.
    pub scan: Option<ScanId>,
}

/// A stored check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckin {
    /// The id.
    pub id: CheckinId,
    /// The number of the ticket within its booking.
    pub number: TicketNumber,
    /// When the ticket was scanned.
    pub checked_in_at: Timestamp,
    /// The name of the door.
    pub door: Option<String>,
}

/// A check-in with what the staff at the door sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The check-in.
    pub checkin: StoredCheckin,
    /// The booking of the ticket.
    pub booking: BookingId,
    /// The name of the holder.
    pub holder_name: String,
    /// The name of the ticket type.
    pub ticket_type: String,
}

/// The reason why a ticket admits nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckinRefusal {
    /// The event has no such booking.
    BookingNotFound,
    /// The booking or the event was cancelled.
    Cancelled,
    /// The number is no longer valid.
    Void(VoidReason),
    /// The booking has not issued the number.
    NeverIssued,
    /// The ticket was used before. Contains the first check-in.
    AlreadyCheckedIn(Box<Admission>),
}

/// A booking as a check-in reads it, with the clock.
type LockedBooking = (String, String, i32, Option<i32>, Option<Vec<i32>>, Option<Vec<String>>, String, Timestamp, Uuid, String, Timestamp);

statement! {
    /// Locks a booking against returns and replacements, but not against other check-ins, and reads it.
    struct ShareBooking { event: SqlUuid = Uuid, id: SqlUuid = Uuid }
        -> (Text, Text, Integer, Nullable<Integer>, Nullable<Array<Integer>>, Nullable<Array<Text>>, Text, Timestamptz, SqlUuid, Text, Timestamptz);
    "SELECT b.status, e.status, b.quantity, b.issued, b.void_numbers, b.void_reasons, b.holder_name, b.booked_at, t.id, t.name, clock_timestamp()
       FROM bookings b JOIN events e ON e.id = b.event_id JOIN ticket_types t ON t.event_id = b.event_id AND t.id = b.ticket_type_id
      WHERE b.event_id = $1 AND b.id = $2 FOR SHARE OF b"
}

statement! {
    struct NamesOfBooking { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> (Text, Text);
    "SELECT b.holder_name, t.name FROM bookings b JOIN ticket_types t ON t.event_id = b.event_id AND t.id = b.ticket_type_id
      WHERE b.event_id = $1 AND b.id = $2"
}

statement! {
    /// Inserts a check-in, or returns the present one. A scan made without a network replaces a later one, whichever is received
    /// first; of two at the same time, the one whose door sorts first is kept. A scan with a network never replaces the present one,
    /// whose door has already admitted the holder.
    struct InsertCheckin {
        event: SqlUuid = Uuid, booking: SqlUuid = Uuid, number: Integer = i32, id: SqlUuid = Uuid, ticket_type: SqlUuid = Uuid,
        checked_in_at: Timestamptz = Timestamp, received_at: Timestamptz = Timestamp, door: Nullable<Text> = Option<String>,
        scan: Nullable<SqlUuid> = Option<Uuid>, without_network: Bool = bool,
    } -> (SqlUuid, Timestamptz, Nullable<Text>, Nullable<SqlUuid>);
    "INSERT INTO checkins AS c (event_id, booking_id, number, id, ticket_type_id, checked_in_at, received_at, door, scan_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (event_id, booking_id, number) DO UPDATE SET
        checked_in_at = CASE WHEN $10 AND (excluded.checked_in_at, coalesce(excluded.door, '')) < (c.checked_in_at, coalesce(c.door, ''))
                             THEN excluded.checked_in_at ELSE c.checked_in_at END,
        door = CASE WHEN $10 AND (excluded.checked_in_at, coalesce(excluded.door, '')) < (c.checked_in_at, coalesce(c.door, ''))
                    THEN excluded.door ELSE c.door END,
        scan_id = CASE WHEN $10 AND (excluded.checked_in_at, coalesce(excluded.door, '')) < (c.checked_in_at, coalesce(c.door, ''))
                       THEN excluded.scan_id ELSE c.scan_id END
     RETURNING c.id, c.checked_in_at, c.door, c.scan_id"
}

statement! {
    struct DeleteCheckin { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> (SqlUuid, Integer, Timestamptz, Nullable<Text>, Timestamptz);
    "DELETE FROM checkins WHERE event_id = $1 AND id = $2 RETURNING booking_id, number, checked_in_at, door, clock_timestamp()"
}

/// Admits the holder of a ticket. A scan that a door made without a network counts from the time of the scan: if the ticket was
/// admitted later elsewhere, this scan takes the place of that one. Sending a scan with an id again has the same result, unless another
/// one has taken its place. A scan without a network that has no id is known by its time and door.
///
/// # Errors
///
/// After [`DatabaseError::OutcomeUnknown`] the ticket may have been checked in.
pub async fn check_in(pool: &Pool, scan: &Scan, key: Option<&RequestKey>) -> Result<CheckinOutcome, DatabaseError> {
    let operation = Operation { event: scan.ticket.event, name: "check-in" };
    let stored = |result: &Result<Admission, CheckinRefusal>| {
        let Admission { checkin, booking, .. } = result.as_ref().ok()?;
        let stored = RepeatedCheckin {
            booking: *booking,
            number: checkin.number.get().into(),
            id: checkin.id,
            checked_in_at: checkin.checked_in_at,
            door: checkin.door.clone(),
        };
        serde_json::to_string(&stored).ok()
    };
    Ok(match operation.run(pool, key, async |conn| check_in_transaction(conn, scan).await, stored).await? {
        KeyedOutcome::New(result) => CheckinOutcome::New(result),
        KeyedOutcome::Repeated(stored) => {
            let mut conn = checkout(pool).await?;
            CheckinOutcome::Repeated(repeated(&mut conn, scan.ticket.event, &stored).await?)
        }
        KeyedOutcome::KeyReused => CheckinOutcome::KeyReused,
    })
}

/// The result of a request to check a ticket in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckinOutcome {
    /// The request was executed.
    New(Result<Admission, CheckinRefusal>),
    /// The same request was executed before, and checked the ticket in.
    Repeated(Admission),
    /// The idempotency key was used for a different request.
    KeyReused,
}

/// A check-in as it is stored with an idempotency key, without the name of the holder.
#[derive(Serialize, Deserialize)]
struct RepeatedCheckin {
    booking: BookingId,
    number: i64,
    id: CheckinId,
    checked_in_at: Timestamp,
    door: Option<String>,
}

/// Returns the check-in of an earlier request, with the name that the holder has now.
async fn repeated(conn: &mut AsyncPgConnection, event: EventId, stored: &str) -> QueryResult<Admission> {
    let RepeatedCheckin { booking, number, id, checked_in_at, door } = serde_json::from_str(stored).map_err(unreadable)?;
    let names = NamesOfBooking { event: event.as_uuid(), id: booking.as_uuid() };
    let (holder_name, ticket_type): (String, String) = names.get_result(conn).await?;
    let checkin = StoredCheckin { id, number: TicketNumber::new(number).map_err(unreadable)?, checked_in_at, door };
    Ok(Admission { checkin, booking, holder_name, ticket_type })
}

async fn check_in_transaction(conn: &mut AsyncPgConnection, scan: &Scan) -> QueryResult<Result<Admission, CheckinRefusal>> {
    let TicketId { event, booking, number } = scan.ticket;
    let lock = ShareBooking { event: event.as_uuid(), id: booking.as_uuid() };
    let locked: Option<LockedBooking> = lock.get_result(conn).await.optional()?;
    let Some((status, event_status, quantity, issued, void, reasons, holder_name, booked_at, type_id, ticket_type, now)) = locked else {
        return Ok(Err(CheckinRefusal::BookingNotFound));
    };
    let numbers: NumberColumns = (issued, void, reasons);
    if let Err(refusal) = admits(number, &status, &event_status, quantity, numbers)? {
        return Ok(Err(refusal));
    }
    // The clock of a device may be wrong. A ticket is scanned after it was booked and before the scan is received.
    let checked_in_at = scan.scanned_at.map_or(now, |scanned_at| scanned_at.max(booked_at).min(now));
    let door = scan.door.as_ref().map(ToString::to_string);
    let insert = InsertCheckin {
        event: event.as_uuid(),
        booking: booking.as_uuid(),
        number: number.get().into(),
        id: scan.id.as_uuid(),
        ticket_type: type_id,
        checked_in_at,
        received_at: now,
        door: door.clone(),
        without_network: scan.scanned_at.is_some(),
        scan: scan.scan.map(ScanId::as_uuid),
    };
    let (id, stored_at, stored_door, stored_scan): (Uuid, Timestamp, Option<String>, Option<Uuid>) = insert.get_result(conn).await?;
    let is_new = id == scan.id.as_uuid();
    let is_repeat = match (scan.scan, stored_scan) {
        (Some(scan), Some(stored)) => scan.as_uuid() == stored,
        _ => scan.scanned_at.is_some() && stored_at == checked_in_at && stored_door == door,
    };
    let is_this_scan = is_new || is_repeat;
    let checkin = StoredCheckin { id: CheckinId::from_uuid(id), number, checked_in_at: stored_at, door: stored_door };
    let admission = Admission { checkin, booking, holder_name, ticket_type };
    Ok(if is_this_scan { Ok(admission) } else { Err(CheckinRefusal::AlreadyCheckedIn(Box::new(admission))) })
}

/// Decides whether a number of a booking admits anybody.
fn admits(
    number: TicketNumber,
    status: &str,
    event_status: &str,
    quantity: i32,
    columns: NumberColumns,
) -> QueryResult<Result<(), CheckinRefusal>> {
    let status: BookingStatus = status.parse().map_err(unreadable)?;
    let event_status: EventStatus = event_status.parse().map_err(unreadable)?;
    match status {
        BookingStatus::Confirmed if event_status != EventStatus::Cancelled => {}
        // Its last tickets were transferred, which their numbers tell.
        BookingStatus::Cancelled if quantity == 0 && event_status != EventStatus::Cancelled => {}
        BookingStatus::Reserved => return Ok(Err(CheckinRefusal::NeverIssued)),
        BookingStatus::Confirmed | BookingStatus::Cancelled | BookingStatus::Expired => return Ok(Err(CheckinRefusal::Cancelled)),
    }
    let numbers = stored_numbers(u32::try_from(quantity).map_err(unreadable)?, columns)?;
    Ok(match numbers.status(number) {
        NumberStatus::Valid => Ok(()),
        NumberStatus::Void(reason) => Err(CheckinRefusal::Void(reason)),
        NumberStatus::NeverIssued => Err(CheckinRefusal::NeverIssued),
    })
}

/// A request to undo a check-in.
#[derive(Debug, Clone)]
pub struct Undo {
    /// The event.
    pub event: EventId,
    /// The check-in.
    pub checkin: CheckinId,
    /// The id of the audit-log entry, and the administrator whom it names.
    pub audit: (AuditEntryId, Actor),
}

/// Deletes a check-in and records that in the audit log. The outcome is false if the event has no such check-in.
pub async fn undo(pool: &Pool, undo: &Undo, key: Option<&RequestKey>) -> Result<KeyedOutcome<bool>, DatabaseError> {
    let operation = Operation { event: undo.event, name: "undo-check-in" };
    operation.run(pool, key, async |conn| undo_in_transaction(conn, undo).await, |undone| undone.then(String::new)).await
}

async fn undo_in_transaction(conn: &mut AsyncPgConnection, undo: &Undo) -> QueryResult<bool> {
    let delete = DeleteCheckin { event: undo.event.as_uuid(), id: undo.checkin.as_uuid() };
    let deleted: Option<(Uuid, i32, Timestamp, Option<String>, Timestamp)> = delete.get_result(conn).await.optional()?;
    let Some((booking, number, checked_in_at, door, now)) = deleted else { return Ok(false) };
    let (id, actor) = undo.audit.clone();
    let details = Map::from_iter([
        ("eventId".to_owned(), json!(undo.event)),
        ("number".to_owned(), json!(stored_number(number)?)),
        ("checkedInAt".to_owned(), json!(checked_in_at)),
        ("door".to_owned(), json!(door)),
    ]);
    record(conn, &AuditEntry { id, at: now, actor, action: Action::UndoCheckin, subject: booking, details }).await?;
    Ok(true)
}
