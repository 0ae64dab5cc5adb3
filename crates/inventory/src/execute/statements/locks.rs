//! Statements that begin and end a transaction and lock its rows.

use diesel::sql_types::{Array, BigInt, Binary, Nullable, Uuid as SqlUuid};
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::TypeColumns;

/// The columns of a locked type, with the end of its queue log and the version up to which the log is complete.
pub(in crate::execute) type LockedTypeColumns = (TypeColumns, BigInt, Nullable<Binary>, BigInt);

/// Returns a locking clause. The feature `without-row-lock` omits it. It is only for the control run of `make chaos`, which must
/// detect the resulting errors.
#[cfg(not(feature = "without-row-lock"))]
macro_rules! locking_clause {
    ($clause:literal) => {
        concat!(" ", $clause)
    };
}
#[cfg(feature = "without-row-lock")]
macro_rules! locking_clause {
    ($clause:literal) => {
        ""
    };
}

/// Selects [`LockedTypeColumns`] and locks the rows.
macro_rules! select_types {
    ($from:literal, $clause:literal) => {
        concat!(
            "SELECT t.event_id, t.id, t.position, t.name, t.price_minor, t.currency, t.capacity, t.available, t.booked, t.held, t.waiting,
            t.next_waitlist_number, t.version, t.max_per_booking, t.max_per_account, t.reserved,
            t.queue_position, t.queue_hash, t.queue_version
       FROM ",
            $from,
            locking_clause!($clause)
        )
    };
}

statement! {
    /// Begins a transaction. It is prepared like the other statements, so that it is pipelined with them in order.
    pub(in crate::execute) struct Begin {}
    "BEGIN"
}

statement! {
    /// Commits a transaction. If a statement of the transaction has failed, COMMIT rolls it back.
    pub(in crate::execute) struct Commit {}
    "COMMIT"
}

statement! {
    /// Rolls a transaction back.
    pub(in crate::execute) struct Rollback {}
    "ROLLBACK"
}

statement! {
    /// Reads the types of whole events. They never change and are deleted only with their event, so no lock is needed.
    pub(in crate::execute) struct TypesOfEvents { events: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SqlUuid);
    "SELECT event_id, id FROM ticket_types WHERE event_id = ANY($1)"
}

statement! {
    /// Locks the rows in key order, waiting for each one.
    pub(in crate::execute) struct LockTypes { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> } -> LockedTypeColumns;
    select_types!(
        "unnest($1, $2) AS k (event_id, id) JOIN ticket_types t ON t.event_id = k.event_id AND t.id = k.id
      ORDER BY t.event_id, t.id",
        "FOR UPDATE OF t"
    )
}

statement! {
    /// Locks the rows that no other transaction has locked.
    pub(in crate::execute) struct LockTypesSkipLocked { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> } -> LockedTypeColumns;
    select_types!(
        "unnest($1, $2) AS k (event_id, id) JOIN ticket_types t ON t.event_id = k.event_id AND t.id = k.id
      ORDER BY t.event_id, t.id",
        "FOR UPDATE OF t SKIP LOCKED"
    )
}

statement! {
    /// Locks rows of one event in key order, waiting for each one. The statement names the event, because a database that is
    /// distributed by event does not lock rows otherwise.
    pub(in crate::execute) struct LockTypesOfEvent { event: SqlUuid = Uuid, ids: Array<SqlUuid> = Vec<Uuid> } -> LockedTypeColumns;
    select_types!(
        "ticket_types t WHERE t.event_id = $1 AND t.id = ANY($2)
      ORDER BY t.id",
        "FOR UPDATE"
    )
}

statement! {
    /// Locks the rows of one event that no other transaction has locked.
    pub(in crate::execute) struct LockTypesOfEventSkipLocked { event: SqlUuid = Uuid, ids: Array<SqlUuid> = Vec<Uuid> } -> LockedTypeColumns;
    select_types!(
        "ticket_types t WHERE t.event_id = $1 AND t.id = ANY($2)
      ORDER BY t.id",
        "FOR UPDATE SKIP LOCKED"
    )
}

statement! {
    /// Locks one row, waiting for it. This is what most batches of an event in demand need, and it costs half as much as the
    /// general statement.
    pub(in crate::execute) struct LockType { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> LockedTypeColumns;
    select_types!(
        "ticket_types t WHERE t.event_id = $1 AND t.id = $2",
        "FOR UPDATE"
    )
}

statement! {
    /// Locks one row, if no other transaction has locked it.
    pub(in crate::execute) struct LockTypeSkipLocked { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> LockedTypeColumns;
    select_types!(
        "ticket_types t WHERE t.event_id = $1 AND t.id = $2",
        "FOR UPDATE SKIP LOCKED"
    )
}

statement! {
    /// Locks the types of one event that the waiting entries of wishes wait for, except those that another transaction has locked. It
    /// runs while other types are locked and never waits, so it needs no order.
    pub(in crate::execute) struct LockTypesOfWishes { event: SqlUuid = Uuid, wishes: Array<SqlUuid> = Vec<Uuid> } -> LockedTypeColumns;
    select_types!(
        "ticket_types t WHERE t.event_id = $1 AND t.id IN (SELECT w.ticket_type_id FROM waitlist_entries w
                          WHERE w.event_id = $1 AND w.wish_id = ANY($2) AND w.wish_id IS NOT NULL AND w.status = 'waiting')
      ORDER BY t.id",
        "FOR UPDATE OF t SKIP LOCKED"
    )
}

statement! {
    /// Returns those of the given ticket types that exist.
    pub(in crate::execute) struct ExistingTypes { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SqlUuid);
    "SELECT t.event_id, t.id FROM unnest($1, $2) AS k (event_id, id) JOIN ticket_types t ON t.event_id = k.event_id AND t.id = k.id"
}

statement! {
    /// Returns whether a batch was committed, that is, whether its commit marker exists in one of these tables.
    pub(in crate::execute) struct CommitMarkerExists { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> (diesel::sql_types::Bool,);
    "SELECT EXISTS (SELECT FROM bookings b WHERE b.event_id = $1 AND b.id = $2)
         OR EXISTS (SELECT FROM waitlist_entries w WHERE w.event_id = $1 AND w.id = $2)
         OR EXISTS (SELECT FROM committed_batches c WHERE c.event_id = $1 AND c.id = $2)"
}
