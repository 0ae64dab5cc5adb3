//! Statements that read rows under the locks.

use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::{BookingColumns, EntryColumns, EventColumns};

/// Selects the columns of [`BookingColumns`].
macro_rules! select_bookings {
    ($from:literal) => {
        concat!(
            "SELECT b.event_id, b.id, b.ticket_type_id, b.account_id, b.holder_name, b.holder_email, b.quantity, b.status, b.origin, b.booked_at, b.cancelled_at, b.expires_at, b.guest_link
       FROM ",
            $from
        )
    };
}

/// The event, the id and the quantity of a booking, its stored numbers, and the numbers that were checked in.
pub(in crate::execute) type TicketColumns =
    (SqlUuid, SqlUuid, Integer, Nullable<Integer>, Nullable<Array<Integer>>, Nullable<Array<Text>>, Nullable<Array<Integer>>);

/// Selects [`TicketColumns`].
macro_rules! select_tickets {
    ($from:literal) => {
        concat!(
            "SELECT b.event_id, b.id, b.quantity, b.issued, b.void_numbers, b.void_reasons,
            (SELECT array_agg(c.number) FROM checkins c WHERE c.event_id = b.event_id AND c.booking_id = b.id)
       FROM ",
            $from
        )
    };
}

/// Selects the columns of [`EntryColumns`].
macro_rules! select_entries {
    ($from:literal) => {
        concat!(
            "SELECT w.event_id, w.id, w.ticket_type_id, w.account_id, w.holder_name, w.holder_email, w.quantity, w.number, w.status, w.booking_id, w.joined_at, w.ended_at, w.for_guest, w.min_quantity, w.wish_id, w.preference
       FROM ",
            $from
        )
    };
}

statement! {
    /// Reads the database's clock.
    pub(in crate::execute) struct ReadClock {} -> (Timestamptz,);
    "SELECT clock_timestamp()"
}

statement! {
    /// Reads the events of the locked types, and the database's clock. The statement runs after the locks were acquired.
    pub(in crate::execute) struct EventsById { ids: Array<SqlUuid> = Vec<Uuid> } -> (EventColumns, Timestamptz);
    "SELECT id, name, description, venue, starts_at, ends_at, sales_start_at, sales_end_at, waitlist_until, cancel_until, status, published_at, version, created_by, created_at, updated_at,
            time_zone, picture, checkout_minutes, offer_minutes, clock_timestamp()
       FROM events WHERE id = ANY($1)"
}

statement! {
    /// Reads the stored responses of requests with idempotency keys.
    pub(in crate::execute) struct StoredResponses { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<String> }
    -> (SqlUuid, SqlUuid, Text, Text, Binary, SmallInt, Text, Nullable<Text>);
    "SELECT i.event_id, i.account_id, i.key, i.operation, i.request_hash, i.status, i.response, i.etag
       FROM unnest($1, $2, $3) AS k (event_id, account_id, key)
       JOIN idempotency_keys i ON i.event_id = k.event_id AND i.account_id = k.account_id AND i.key = k.key
      WHERE i.created_at > now() - interval '24 hours'"
}

statement! {
    /// Locks bookings against check-ins and replacements of codes. The key order keeps two transactions from waiting for each other.
    pub(in crate::execute) struct LockBookings { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> SqlUuid;
    "SELECT b.id FROM unnest($1, $2) AS k (event_id, id) JOIN bookings b ON b.event_id = k.event_id AND b.id = k.id
      ORDER BY b.event_id, b.id FOR NO KEY UPDATE OF b"
}

statement! {
    /// Locks bookings of one event; see [`LockBookings`]. A database that is distributed by event locks rows only if the statement
    /// names the event.
    pub(in crate::execute) struct LockBookingsOfEvent { event: SqlUuid = Uuid, ids: Array<SqlUuid> = Vec<Uuid> } -> SqlUuid;
    "SELECT b.id FROM bookings b WHERE b.event_id = $1 AND b.id = ANY($2) ORDER BY b.id FOR NO KEY UPDATE"
}

statement! {
    /// Locks the confirmed bookings of accounts at events; see [`LockBookings`].
    pub(in crate::execute) struct LockBookingsOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> SqlUuid;
    "SELECT b.id FROM unnest($1, $2) AS k (event_id, account_id) JOIN bookings b ON b.account_id = k.account_id AND b.event_id = k.event_id
      WHERE b.status = 'confirmed' ORDER BY b.event_id, b.id FOR NO KEY UPDATE OF b"
}

statement! {
    /// Locks the confirmed bookings of accounts at one event; see [`LockBookingsOfEvent`].
    pub(in crate::execute) struct LockBookingsOfAccountsAtEvent { event: SqlUuid = Uuid, accounts: Array<SqlUuid> = Vec<Uuid> } -> SqlUuid;
    "SELECT b.id FROM bookings b WHERE b.event_id = $1 AND b.account_id = ANY($2) AND b.status = 'confirmed' ORDER BY b.id FOR NO KEY UPDATE"
}

statement! {
    /// Reads the numbers of bookings by id, and which of them were checked in. Runs after the bookings were locked.
    pub(in crate::execute) struct TicketsById { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> TicketColumns;
    select_tickets!("unnest($1, $2) AS k (event_id, id) JOIN bookings b ON b.event_id = k.event_id AND b.id = k.id")
}

statement! {
    /// Reads the numbers of the confirmed bookings of accounts at events; see [`TicketsById`].
    pub(in crate::execute) struct TicketsOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> TicketColumns;
    select_tickets!(
        "unnest($1, $2) AS k (event_id, account_id) JOIN bookings b ON b.account_id = k.account_id AND b.event_id = k.event_id
      WHERE b.status = 'confirmed'"
    )
}

statement! {
    /// Reads bookings by id.
    pub(in crate::execute) struct BookingsById { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> BookingColumns;
    select_bookings!(
        "unnest($1, $2) AS k (event_id, id) JOIN bookings b ON b.event_id = k.event_id AND b.id = k.id"
    )
}

statement! {
    /// Reads the confirmed and reserved bookings of accounts at events, and for each account the first and the last one that was
    /// cancelled or has expired.
    pub(in crate::execute) struct BookingsOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> BookingColumns;
    select_bookings!(
        "unnest($1, $2) AS k (event_id, account_id)
      CROSS JOIN LATERAL (
            (SELECT * FROM bookings c WHERE c.account_id = k.account_id AND c.event_id = k.event_id AND c.status IN ('confirmed', 'reserved'))
             UNION
            (SELECT * FROM bookings c WHERE c.account_id = k.account_id AND c.event_id = k.event_id AND c.status IN ('cancelled', 'expired')
              ORDER BY coalesce(c.cancelled_at, c.expires_at), c.id LIMIT 1)
             UNION
            (SELECT * FROM bookings c WHERE c.account_id = k.account_id AND c.event_id = k.event_id AND c.status IN ('cancelled', 'expired')
              ORDER BY coalesce(c.cancelled_at, c.expires_at) DESC, c.id DESC LIMIT 1)) AS b
      ORDER BY b.id"
    )
}

statement! {
    /// Reads waiting-list entries by id.
    pub(in crate::execute) struct EntriesById { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> EntryColumns;
    select_entries!(
        "unnest($1, $2) AS k (event_id, id) JOIN waitlist_entries w ON w.event_id = k.event_id AND w.id = k.id"
    )
}

statement! {
    /// Reads the waiting entries of accounts at events, and for each account the first and the last ended one.
    pub(in crate::execute) struct EntriesOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> EntryColumns;
    select_entries!(
        "unnest($1, $2) AS k (event_id, account_id)
      CROSS JOIN LATERAL (
            (SELECT * FROM waitlist_entries e WHERE e.account_id = k.account_id AND e.event_id = k.event_id AND e.status = 'waiting')
             UNION
            (SELECT * FROM waitlist_entries e WHERE e.account_id = k.account_id AND e.event_id = k.event_id AND e.status <> 'waiting'
              ORDER BY e.ended_at, e.id LIMIT 1)
             UNION
            (SELECT * FROM waitlist_entries e WHERE e.account_id = k.account_id AND e.event_id = k.event_id AND e.status <> 'waiting'
              ORDER BY e.ended_at DESC, e.id DESC LIMIT 1)) AS w
      ORDER BY w.number"
    )
}

statement! {
    /// Reads all entries of wishes at one event, in the order of preference.
    pub(in crate::execute) struct EntriesOfWishes { event: SqlUuid = Uuid, wishes: Array<SqlUuid> = Vec<Uuid> } -> EntryColumns;
    select_entries!(
        "waitlist_entries w WHERE w.event_id = $1 AND w.wish_id = ANY($2) AND w.wish_id IS NOT NULL ORDER BY w.wish_id, w.preference"
    )
}

statement! {
    /// Counts the waiting entries of types for each minimum above a limit.
    pub(in crate::execute) struct OversizedEntries { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, above: Array<Integer> = Vec<i32> }
    -> (SqlUuid, SqlUuid, Integer, BigInt);
    "SELECT k.event_id, k.ticket_type_id, w.min_quantity, w.entries
       FROM unnest($1, $2, $3) AS k (event_id, ticket_type_id, above)
      CROSS JOIN LATERAL (SELECT least(e.min_quantity, e.quantity) AS min_quantity, count(*) AS entries FROM waitlist_entries e
                           WHERE e.event_id = k.event_id AND e.ticket_type_id = k.ticket_type_id AND e.status = 'waiting'
                             AND least(e.min_quantity, e.quantity) > k.above
                           GROUP BY 1) AS w"
}

statement! {
    /// Reads the open entries of accounts for ticket types. An account has few open entries, a waiting list can have very many.
    /// The planner cannot know that of a list that has just grown, so `IS TRUE` keeps it from the indexes of the lists.
    pub(in crate::execute) struct OpenEntries { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> }
    -> EntryColumns;
    select_entries!(
        "unnest($1, $2, $3) AS k (event_id, ticket_type_id, account_id)
      CROSS JOIN LATERAL (SELECT * FROM waitlist_entries e
                           WHERE e.account_id = k.account_id AND e.status = 'waiting'
                             AND ((e.event_id, e.ticket_type_id) = (k.event_id, k.ticket_type_id)) IS TRUE OFFSET 0) AS w
      ORDER BY w.number"
    )
}

statement! {
    /// Sums the tickets that accounts have booked, reserved and wait for, for types with a limit per account.
    pub(in crate::execute) struct AccountTotals { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> }
    -> (SqlUuid, SqlUuid, SqlUuid, BigInt);
    "SELECT k.event_id, k.ticket_type_id, k.account_id,
            (SELECT coalesce(sum(b.quantity), 0) FROM bookings b
              WHERE b.account_id = k.account_id AND b.event_id = k.event_id AND b.ticket_type_id = k.ticket_type_id AND b.status IN ('confirmed', 'reserved'))
          + (SELECT coalesce(sum(w.quantity), 0) FROM waitlist_entries w
              WHERE w.account_id = k.account_id AND w.event_id = k.event_id AND w.ticket_type_id = k.ticket_type_id AND w.status = 'waiting')
       FROM unnest($1, $2, $3) AS k (event_id, ticket_type_id, account_id)"
}

statement! {
    /// Reads the queue heads per minimum: at most as many entries as a pass over `pool` tickets could promote, plus spare ones for
    /// entries that leave before the pass. The condition is a range over the index by minimum. Otherwise, for a minimum without
    /// waiting entries, the planner reads the whole list in order just to find none.
    pub(in crate::execute) struct QueueHeads {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, pools: Array<Integer> = Vec<i32>, limits: Array<Integer> = Vec<i32>,
        spares: Array<Integer> = Vec<i32>,
    }
    -> EntryColumns;
    select_entries!(
        "unnest($1, $2, $3, $4, $5) AS k (event_id, ticket_type_id, pool, most, spare)
      CROSS JOIN LATERAL generate_series(1, least(k.pool, 100)) AS q (min_quantity)
      CROSS JOIN LATERAL (SELECT * FROM waitlist_entries e
                           WHERE e.event_id = k.event_id AND e.ticket_type_id = k.ticket_type_id AND e.status = 'waiting'
                             AND (least(e.min_quantity, e.quantity), e.number) >= (q.min_quantity, 0)
                             AND (least(e.min_quantity, e.quantity), e.number) < (q.min_quantity + 1, 0)
                           ORDER BY least(e.min_quantity, e.quantity), e.number LIMIT least(k.most, k.pool / q.min_quantity) + k.spare) AS w"
    )
}

statement! {
    /// Reads the first waiting entries of types, of any quantity, which are to be closed.
    pub(in crate::execute) struct FirstWaiting { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, limits: Array<Integer> = Vec<i32> } -> EntryColumns;
    select_entries!(
        "unnest($1, $2, $3) AS k (event_id, ticket_type_id, most)
      CROSS JOIN LATERAL (SELECT * FROM waitlist_entries e WHERE e.event_id = k.event_id AND e.ticket_type_id = k.ticket_type_id AND e.status = 'waiting'
                           ORDER BY e.number LIMIT k.most) AS w"
    )
}

statement! {
    /// Reads the entries that were closed when the waiting lists of events ended, except those of disabled or erased accounts and those
    /// whose wish is fulfilled.
    /// They are reopened if the event is postponed.
    pub(in crate::execute) struct ClosedEntries { events: Array<SqlUuid> = Vec<Uuid> } -> EntryColumns;
    select_entries!(
        "waitlist_entries w
      WHERE w.event_id = ANY($1) AND w.status = 'closed' AND w.account_id <> '00000000-0000-0000-0000-000000000000'
        AND w.account_id NOT IN (SELECT s.account_id FROM account_states s WHERE s.state <> 'enabled')
        AND NOT EXISTS (SELECT FROM waitlist_entries o WHERE o.event_id = w.event_id AND o.ticket_type_id = w.ticket_type_id
                                                         AND o.account_id = w.account_id AND o.status = 'waiting')
        AND NOT EXISTS (SELECT FROM waitlist_entries p WHERE p.event_id = w.event_id AND p.wish_id = w.wish_id AND p.booking_id IS NOT NULL)
      ORDER BY w.event_id, w.number"
    )
}

statement! {
    /// Reads the entries whose promotion created bookings. They belong to the accounts of the bookings, so the index by account
    /// finds them.
    pub(in crate::execute) struct EntriesOfBookings { events: Array<SqlUuid> = Vec<Uuid>, bookings: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> }
    -> EntryColumns;
    select_entries!(
        "unnest($1, $2, $3) AS k (event_id, booking_id, account_id)
       JOIN waitlist_entries w ON w.account_id = k.account_id AND w.event_id = k.event_id AND w.booking_id = k.booking_id"
    )
}

statement! {
    /// Reads the numbers and sizes of all waiting entries of types, in the order of the numbers. `least` ignores NULL.
    pub(in crate::execute) struct WaitingSizes { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> }
    -> (SqlUuid, SqlUuid, BigInt, Integer, Integer);
    "SELECT w.event_id, w.ticket_type_id, w.number, w.quantity, least(w.min_quantity, w.quantity)
       FROM unnest($1, $2) AS k (event_id, ticket_type_id)
       JOIN waitlist_entries w ON w.event_id = k.event_id AND w.ticket_type_id = k.ticket_type_id AND w.status = 'waiting'
      ORDER BY w.event_id, w.ticket_type_id, w.number"
}

statement! {
    /// Reads reserved bookings of types whose time is over, those that ended first.
    pub(in crate::execute) struct DueReservations {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, limits: Array<Integer> = Vec<i32>, now: Timestamptz = Timestamp,
    }
    -> BookingColumns;
    select_bookings!(
        "unnest($1, $2, $3) AS k (event_id, ticket_type_id, most) CROSS JOIN (SELECT $4 AS at) AS n
      CROSS JOIN LATERAL (SELECT * FROM bookings c
                           WHERE c.event_id = k.event_id AND c.ticket_type_id = k.ticket_type_id AND c.status = 'reserved' AND c.expires_at <= n.at
                           ORDER BY c.expires_at, c.id LIMIT k.most) AS b"
    )
}

statement! {
    /// Reads confirmed and reserved bookings of types, which are to be cancelled with their event.
    pub(in crate::execute) struct FirstOpen { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, limits: Array<Integer> = Vec<i32> } -> BookingColumns;
    select_bookings!(
        "unnest($1, $2, $3) AS k (event_id, ticket_type_id, most)
      CROSS JOIN LATERAL (SELECT * FROM bookings c WHERE c.event_id = k.event_id AND c.ticket_type_id = k.ticket_type_id AND c.status IN ('confirmed', 'reserved')
                           ORDER BY c.id LIMIT k.most) AS b"
    )
}

statement! {
    /// Counts the bookings and entries that an event has ever had. The keys of both tables begin with the event, and the limit
    /// bounds the work that is done while its types are locked.
    pub(in crate::execute) struct CountEverSold { event: SqlUuid = Uuid } -> (BigInt, BigInt);
    "SELECT (SELECT count(*) FROM (SELECT FROM bookings b WHERE b.event_id = $1 LIMIT 1000) AS found),
            (SELECT count(*) FROM (SELECT FROM waitlist_entries w WHERE w.event_id = $1 LIMIT 1000) AS found)"
}
