//! The set-wise statements of the transaction. Each one has a fixed text and takes its rows as arrays, so it is prepared once per
//! connection and costs one round trip however many commands there are.

use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::{BookingColumns, EntryColumns, EventColumns, TypeColumns};

/// Appends the locking clause to a query. The feature `without-row-lock` omits the clause. It is only for the control run of
/// `make chaos`, which must detect the resulting errors.
#[cfg(not(feature = "without-row-lock"))]
macro_rules! locking {
    ($query:literal, $lock:literal) => {
        concat!($query, " ", $lock)
    };
}
#[cfg(feature = "without-row-lock")]
macro_rules! locking {
    ($query:literal, $lock:literal) => {
        $query
    };
}

statement! {
    /// Begins a transaction. It is prepared like the other statements, so that it is pipelined with them in order.
    pub(super) struct Begin {}
    "BEGIN"
}

statement! {
    /// Commits a transaction. If a statement of the transaction has failed, COMMIT rolls it back.
    pub(super) struct Commit {}
    "COMMIT"
}

statement! {
    /// Rolls a transaction back.
    pub(super) struct Rollback {}
    "ROLLBACK"
}

statement! {
    /// Reads the types of whole events. They never change and are deleted only with their event, so no lock is needed.
    pub(super) struct TypesOfEvents { events: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SqlUuid);
    "SELECT event_id, id FROM ticket_types WHERE event_id = ANY($1)"
}

statement! {
    /// Locks the rows in key order, waiting for each one.
    pub(super) struct Lock { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> } -> TypeColumns;
    locking!(
        "SELECT t.event_id, t.id, t.position, t.name, t.price_minor, t.currency, t.capacity, t.available, t.booked, t.held, t.waiting,
            t.next_waitlist_number, t.version, t.max_per_booking, t.max_per_account
       FROM unnest($1, $2) AS k (event_id, id) JOIN ticket_types t ON t.event_id = k.event_id AND t.id = k.id
      ORDER BY t.event_id, t.id",
        "FOR UPDATE OF t"
    )
}

statement! {
    /// Locks the rows that no other transaction has locked.
    pub(super) struct LockFree { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> } -> TypeColumns;
    locking!(
        "SELECT t.event_id, t.id, t.position, t.name, t.price_minor, t.currency, t.capacity, t.available, t.booked, t.held, t.waiting,
            t.next_waitlist_number, t.version, t.max_per_booking, t.max_per_account
       FROM unnest($1, $2) AS k (event_id, id) JOIN ticket_types t ON t.event_id = k.event_id AND t.id = k.id
      ORDER BY t.event_id, t.id",
        "FOR UPDATE OF t SKIP LOCKED"
    )
}

statement! {
    /// Locks rows of one event in key order, waiting for each one. The statement names the event, because a database that is
    /// distributed by event does not lock rows otherwise.
    pub(super) struct LockOfEvent { event: SqlUuid = Uuid, ids: Array<SqlUuid> = Vec<Uuid> } -> TypeColumns;
    locking!(
        "SELECT t.event_id, t.id, t.position, t.name, t.price_minor, t.currency, t.capacity, t.available, t.booked, t.held, t.waiting,
            t.next_waitlist_number, t.version, t.max_per_booking, t.max_per_account
       FROM ticket_types t WHERE t.event_id = $1 AND t.id = ANY($2)
      ORDER BY t.id",
        "FOR UPDATE"
    )
}

statement! {
    /// Locks the rows of one event that no other transaction has locked.
    pub(super) struct LockOfEventFree { event: SqlUuid = Uuid, ids: Array<SqlUuid> = Vec<Uuid> } -> TypeColumns;
    locking!(
        "SELECT t.event_id, t.id, t.position, t.name, t.price_minor, t.currency, t.capacity, t.available, t.booked, t.held, t.waiting,
            t.next_waitlist_number, t.version, t.max_per_booking, t.max_per_account
       FROM ticket_types t WHERE t.event_id = $1 AND t.id = ANY($2)
      ORDER BY t.id",
        "FOR UPDATE SKIP LOCKED"
    )
}

statement! {
    /// Locks one row, waiting for it. This is what most batches of an event in demand need, and it costs half as much as the
    /// general statement.
    pub(super) struct LockOne { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> TypeColumns;
    locking!(
        "SELECT t.event_id, t.id, t.position, t.name, t.price_minor, t.currency, t.capacity, t.available, t.booked, t.held, t.waiting,
            t.next_waitlist_number, t.version, t.max_per_booking, t.max_per_account
       FROM ticket_types t WHERE t.event_id = $1 AND t.id = $2",
        "FOR UPDATE"
    )
}

statement! {
    /// Locks one row, if no other transaction has locked it.
    pub(super) struct LockOneFree { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> TypeColumns;
    locking!(
        "SELECT t.event_id, t.id, t.position, t.name, t.price_minor, t.currency, t.capacity, t.available, t.booked, t.held, t.waiting,
            t.next_waitlist_number, t.version, t.max_per_booking, t.max_per_account
       FROM ticket_types t WHERE t.event_id = $1 AND t.id = $2",
        "FOR UPDATE SKIP LOCKED"
    )
}

statement! {
    /// Returns those of the given ticket types that exist.
    pub(super) struct Existing { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SqlUuid);
    "SELECT t.event_id, t.id FROM unnest($1, $2) AS k (event_id, id) JOIN ticket_types t ON t.event_id = k.event_id AND t.id = k.id"
}

statement! {
    /// Reads the database's clock.
    pub(super) struct Now {} -> (Timestamptz,);
    "SELECT clock_timestamp()"
}

statement! {
    /// Reads the events of the locked types, and the database's clock. The statement runs after the locks were acquired.
    pub(super) struct Events { ids: Array<SqlUuid> = Vec<Uuid> } -> (EventColumns, Timestamptz);
    "SELECT id, name, description, venue, starts_at, ends_at, sales_start_at, sales_end_at, waitlist_until, cancel_until, status, published_at, version, created_by, created_at, updated_at,
            clock_timestamp()
       FROM events WHERE id = ANY($1)"
}

statement! {
    /// Reads the stored responses of requests with idempotency keys.
    pub(super) struct Keys { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<String> }
    -> (SqlUuid, SqlUuid, Text, Text, Binary, SmallInt, Text, Nullable<Text>);
    "SELECT i.event_id, i.account_id, i.key, i.operation, i.request_hash, i.status, i.response, i.etag
       FROM unnest($1, $2, $3) AS k (event_id, account_id, key)
       JOIN idempotency_keys i ON i.event_id = k.event_id AND i.account_id = k.account_id AND i.key = k.key
      WHERE i.created_at > now() - interval '24 hours'"
}

statement! {
    /// Reads bookings by id.
    pub(super) struct BookingsById { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> BookingColumns;
    "SELECT b.event_id, b.id, b.ticket_type_id, b.account_id, b.holder_name, b.holder_email, b.quantity, b.status, b.origin, b.booked_at, b.cancelled_at
       FROM unnest($1, $2) AS k (event_id, id) JOIN bookings b ON b.event_id = k.event_id AND b.id = k.id"
}

statement! {
    /// Reads the confirmed bookings of accounts at events, and for each account the first and the last cancelled one.
    pub(super) struct BookingsOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> BookingColumns;
    "SELECT b.event_id, b.id, b.ticket_type_id, b.account_id, b.holder_name, b.holder_email, b.quantity, b.status, b.origin, b.booked_at, b.cancelled_at
       FROM unnest($1, $2) AS k (event_id, account_id)
      CROSS JOIN LATERAL (
            (SELECT * FROM bookings c WHERE c.account_id = k.account_id AND c.event_id = k.event_id AND c.status = 'confirmed')
             UNION
            (SELECT * FROM bookings c WHERE c.account_id = k.account_id AND c.event_id = k.event_id AND c.status = 'cancelled'
              ORDER BY c.cancelled_at, c.id LIMIT 1)
             UNION
            (SELECT * FROM bookings c WHERE c.account_id = k.account_id AND c.event_id = k.event_id AND c.status = 'cancelled'
              ORDER BY c.cancelled_at DESC, c.id DESC LIMIT 1)) AS b
      ORDER BY b.id"
}

statement! {
    /// Reads waiting-list entries by id.
    pub(super) struct EntriesById { events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid> } -> EntryColumns;
    "SELECT w.event_id, w.id, w.ticket_type_id, w.account_id, w.holder_name, w.holder_email, w.quantity, w.number, w.status, w.booking_id, w.joined_at, w.ended_at
       FROM unnest($1, $2) AS k (event_id, id) JOIN waitlist_entries w ON w.event_id = k.event_id AND w.id = k.id"
}

statement! {
    /// Reads the waiting entries of accounts at events, and for each account the first and the last ended one.
    pub(super) struct EntriesOfAccounts { events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> } -> EntryColumns;
    "SELECT w.event_id, w.id, w.ticket_type_id, w.account_id, w.holder_name, w.holder_email, w.quantity, w.number, w.status, w.booking_id, w.joined_at, w.ended_at
       FROM unnest($1, $2) AS k (event_id, account_id)
      CROSS JOIN LATERAL (
            (SELECT * FROM waitlist_entries e WHERE e.account_id = k.account_id AND e.event_id = k.event_id AND e.status = 'waiting')
             UNION
            (SELECT * FROM waitlist_entries e WHERE e.account_id = k.account_id AND e.event_id = k.event_id AND e.status <> 'waiting'
              ORDER BY e.ended_at, e.id LIMIT 1)
             UNION
            (SELECT * FROM waitlist_entries e WHERE e.account_id = k.account_id AND e.event_id = k.event_id AND e.status <> 'waiting'
              ORDER BY e.ended_at DESC, e.id DESC LIMIT 1)) AS w
      ORDER BY w.number"
}

statement! {
    /// Counts the waiting entries of types for each quantity above a limit.
    pub(super) struct LargeParties { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, above: Array<Integer> = Vec<i32> }
    -> (SqlUuid, SqlUuid, Integer, BigInt);
    "SELECT k.event_id, k.ticket_type_id, w.quantity, w.entries
       FROM unnest($1, $2, $3) AS k (event_id, ticket_type_id, above)
      CROSS JOIN LATERAL (SELECT e.quantity, count(*) AS entries FROM waitlist_entries e
                           WHERE e.event_id = k.event_id AND e.ticket_type_id = k.ticket_type_id AND e.status = 'waiting' AND e.quantity > k.above
                           GROUP BY e.quantity) AS w"
}

statement! {
    /// Reads the open entries of accounts for ticket types. An account has few open entries, a waiting list can have very many. The
    /// planner cannot know that of a list that has just grown, so `IS TRUE` keeps it from the indexes of the lists.
    pub(super) struct OpenEntries { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> }
    -> EntryColumns;
    "SELECT w.event_id, w.id, w.ticket_type_id, w.account_id, w.holder_name, w.holder_email, w.quantity, w.number, w.status, w.booking_id, w.joined_at, w.ended_at
       FROM unnest($1, $2, $3) AS k (event_id, ticket_type_id, account_id)
      CROSS JOIN LATERAL (SELECT * FROM waitlist_entries e
                           WHERE e.account_id = k.account_id AND e.status = 'waiting'
                             AND ((e.event_id, e.ticket_type_id) = (k.event_id, k.ticket_type_id)) IS TRUE OFFSET 0) AS w
      ORDER BY w.number"
}

statement! {
    /// Sums the tickets that accounts have booked and wait for, for types with a limit per account.
    pub(super) struct Totals { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid> }
    -> (SqlUuid, SqlUuid, SqlUuid, BigInt);
    "SELECT k.event_id, k.ticket_type_id, k.account_id,
            (SELECT coalesce(sum(b.quantity), 0) FROM bookings b
              WHERE b.account_id = k.account_id AND b.event_id = k.event_id AND b.ticket_type_id = k.ticket_type_id AND b.status = 'confirmed')
          + (SELECT coalesce(sum(w.quantity), 0) FROM waitlist_entries w
              WHERE w.account_id = k.account_id AND w.event_id = k.event_id AND w.ticket_type_id = k.ticket_type_id AND w.status = 'waiting')
       FROM unnest($1, $2, $3) AS k (event_id, ticket_type_id, account_id)"
}

statement! {
    /// Reads the queue heads per quantity: at most as many entries as a pass over `pool` tickets could promote, plus spare ones
    /// for entries that leave before the pass. The condition is a range over the index by quantity. Otherwise, for a quantity
    /// without waiting entries, the planner reads the whole list in order just to find none.
    pub(super) struct Heads {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, pools: Array<Integer> = Vec<i32>, limits: Array<Integer> = Vec<i32>,
        spares: Array<Integer> = Vec<i32>,
    }
    -> EntryColumns;
    "SELECT w.event_id, w.id, w.ticket_type_id, w.account_id, w.holder_name, w.holder_email, w.quantity, w.number, w.status, w.booking_id, w.joined_at, w.ended_at
       FROM unnest($1, $2, $3, $4, $5) AS k (event_id, ticket_type_id, pool, most, spare)
      CROSS JOIN LATERAL generate_series(1, least(k.pool, 100)) AS q (quantity)
      CROSS JOIN LATERAL (SELECT * FROM waitlist_entries e
                           WHERE e.event_id = k.event_id AND e.ticket_type_id = k.ticket_type_id AND e.status = 'waiting'
                             AND (e.quantity, e.number) >= (q.quantity, 0) AND (e.quantity, e.number) < (q.quantity + 1, 0)
                           ORDER BY e.quantity, e.number LIMIT least(k.most, k.pool / q.quantity) + k.spare) AS w"
}

statement! {
    /// Reads the first waiting entries of types, of any quantity, which are to be closed.
    pub(super) struct FirstWaiting { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, limits: Array<Integer> = Vec<i32> } -> EntryColumns;
    "SELECT w.event_id, w.id, w.ticket_type_id, w.account_id, w.holder_name, w.holder_email, w.quantity, w.number, w.status, w.booking_id, w.joined_at, w.ended_at
       FROM unnest($1, $2, $3) AS k (event_id, ticket_type_id, most)
      CROSS JOIN LATERAL (SELECT * FROM waitlist_entries e WHERE e.event_id = k.event_id AND e.ticket_type_id = k.ticket_type_id AND e.status = 'waiting'
                           ORDER BY e.number LIMIT k.most) AS w"
}

statement! {
    /// Reads the entries that were closed when the waiting lists of events ended, except those of disabled or erased accounts.
    /// They are reopened if the event is postponed.
    pub(super) struct ClosedEntries { events: Array<SqlUuid> = Vec<Uuid> } -> EntryColumns;
    "SELECT w.event_id, w.id, w.ticket_type_id, w.account_id, w.holder_name, w.holder_email, w.quantity, w.number, w.status, w.booking_id, w.joined_at, w.ended_at
       FROM waitlist_entries w
      WHERE w.event_id = ANY($1) AND w.status = 'closed' AND w.account_id <> '00000000-0000-0000-0000-000000000000'
        AND w.account_id NOT IN (SELECT s.account_id FROM account_states s WHERE s.state <> 'enabled')
        AND NOT EXISTS (SELECT FROM waitlist_entries o WHERE o.event_id = w.event_id AND o.ticket_type_id = w.ticket_type_id
                                                         AND o.account_id = w.account_id AND o.status = 'waiting')
      ORDER BY w.event_id, w.number"
}

statement! {
    /// Reads confirmed bookings of types, which are to be cancelled with their event.
    pub(super) struct FirstConfirmed { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, limits: Array<Integer> = Vec<i32> } -> BookingColumns;
    "SELECT b.event_id, b.id, b.ticket_type_id, b.account_id, b.holder_name, b.holder_email, b.quantity, b.status, b.origin, b.booked_at, b.cancelled_at
       FROM unnest($1, $2, $3) AS k (event_id, ticket_type_id, most)
      CROSS JOIN LATERAL (SELECT * FROM bookings c WHERE c.event_id = k.event_id AND c.ticket_type_id = k.ticket_type_id AND c.status = 'confirmed'
                           ORDER BY c.id LIMIT k.most) AS b"
}

statement! {
    /// Writes what almost every batch writes in one statement: new bookings (a booking that was made and returned in the same
    /// batch is inserted as cancelled), the counters, and the messages in the order of the decisions. If a counter row no longer
    /// has the version that was locked, its new version is NULL and the NOT NULL constraint aborts the statement.
    pub(super) struct WriteSales {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>,
        names: Array<Text> = Vec<String>, emails: Array<Text> = Vec<String>, quantities: Array<Integer> = Vec<i32>, origins: Array<Text> = Vec<&'static str>,
        statuses: Array<Text> = Vec<&'static str>, cancelled: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>, now: Timestamptz = Timestamp,
        stock_events: Array<SqlUuid> = Vec<Uuid>, stock_ids: Array<SqlUuid> = Vec<Uuid>, before: Array<BigInt> = Vec<i64>,
        versions: Array<BigInt> = Vec<i64>, capacities: Array<Integer> = Vec<i32>, available: Array<Integer> = Vec<i32>,
        booked: Array<Integer> = Vec<i32>, held: Array<Integer> = Vec<i32>, waiting: Array<Integer> = Vec<i32>, numbers: Array<BigInt> = Vec<i64>,
        subjects: Array<SqlUuid> = Vec<Uuid>, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>,
        payloads: Array<Text> = Vec<String>,
    }
    "WITH sold AS (
        INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, origin, status, cancelled_at, booked_at)
        SELECT r.*, n.at FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS r CROSS JOIN (SELECT $11 AS at) AS n),
     counted AS (
        UPDATE ticket_types t SET version = CASE t.version WHEN r.before THEN r.version END, capacity = r.capacity, available = r.available,
               booked = r.booked, held = r.held, waiting = r.waiting, next_waitlist_number = r.number,
               held_since = CASE WHEN r.held > 0 THEN coalesce(t.held_since, $11) END
          FROM unnest($12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
               AS r (event_id, id, before, version, capacity, available, booked, held, waiting, number)
         WHERE t.event_id = r.event_id AND t.id = r.id)
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT r.event_id, r.id, r.key, r.payload, $11
       FROM unnest($22, $23, $24, $25) WITH ORDINALITY AS r (event_id, id, key, payload, n) ORDER BY r.n"
}

statement! {
    /// Inserts new waiting-list entries (an entry that was made and ended in the same batch is inserted as ended), and raises the
    /// counts of queue buckets.
    pub(super) struct WriteEntries {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>,
        names: Array<Text> = Vec<String>, emails: Array<Text> = Vec<String>, quantities: Array<Integer> = Vec<i32>, numbers: Array<BigInt> = Vec<i64>,
        statuses: Array<Text> = Vec<&'static str>, bookings: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>,
        ended: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>, now: Timestamptz = Timestamp,
        count_events: Array<SqlUuid> = Vec<Uuid>, count_types: Array<SqlUuid> = Vec<Uuid>, levels: Array<SmallInt> = Vec<i16>,
        buckets: Array<BigInt> = Vec<i64>, by: Array<Integer> = Vec<i32>,
    }
    "WITH joined AS (
        INSERT INTO waitlist_entries (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, number, status, booking_id, ended_at, joined_at, one_per_account)
        SELECT r.*, n.at, true FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS r CROSS JOIN (SELECT $12 AS at) AS n)
     INSERT INTO waitlist_counts AS c (event_id, ticket_type_id, level, bucket, waiting) SELECT * FROM unnest($13, $14, $15, $16, $17)
     ON CONFLICT (event_id, ticket_type_id, level, bucket) DO UPDATE SET waiting = c.waiting + excluded.waiting"
}

statement! {
    /// Updates bookings of which tickets were returned. If a booking is not as it was read, its new status is NULL and the NOT
    /// NULL constraint aborts the statement.
    pub(super) struct UpdateBookings {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, before: Array<Integer> = Vec<i32>, quantities: Array<Integer> = Vec<i32>,
        statuses: Array<Text> = Vec<&'static str>, cancelled: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>,
    }
    "UPDATE bookings b SET quantity = r.quantity, cancelled_at = r.cancelled_at,
            status = CASE WHEN b.status = 'confirmed' AND b.quantity = r.before THEN r.status END
       FROM unnest($1, $2, $3, $4, $5, $6) AS r (event_id, id, before, quantity, status, cancelled_at)
      WHERE b.event_id = r.event_id AND b.id = r.id"
}

statement! {
    /// Updates the quantity and the number of entries. If an entry is not as it was read, its new quantity is NULL and the NOT
    /// NULL constraint aborts the statement.
    pub(super) struct ChangeEntries {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, before: Array<BigInt> = Vec<i64>, quantities: Array<Integer> = Vec<i32>,
        numbers: Array<BigInt> = Vec<i64>,
    }
    "UPDATE waitlist_entries w SET number = r.number, quantity = CASE WHEN w.status = 'waiting' AND w.number = r.before THEN r.quantity END
       FROM unnest($1, $2, $3, $4, $5) AS r (event_id, id, before, quantity, number)
      WHERE w.event_id = r.event_id AND w.id = r.id"
}

statement! {
    /// Updates entries that stopped waiting, or that were reopened. If a row no longer has the status that was read, its new
    /// status is NULL and the NOT NULL constraint aborts the statement.
    pub(super) struct UpdateEntries {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, before: Array<Text> = Vec<&'static str>,
        statuses: Array<Text> = Vec<&'static str>, bookings: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>,
        ended: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>,
    }
    "UPDATE waitlist_entries w SET status = CASE w.status WHEN r.before THEN r.status END, booking_id = r.booking_id, ended_at = r.ended_at
       FROM unnest($1, $2, $3, $4, $5, $6) AS r (event_id, id, before, status, booking_id, ended_at)
      WHERE w.event_id = r.event_id AND w.id = r.id"
}

statement! {
    /// Updates names and limits that an administrator changed.
    pub(super) struct UpdateTerms {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, names: Array<Text> = Vec<String>,
        per_booking: Array<Integer> = Vec<i32>, per_account: Array<Nullable<Integer>> = Vec<Option<i32>>,
    }
    "WITH done AS (
     UPDATE ticket_types t SET name = r.name, max_per_booking = r.per_booking, max_per_account = r.per_account
       FROM unnest($1, $2, $3, $4, $5) AS r (event_id, id, name, per_booking, per_account)
      WHERE t.event_id = r.event_id AND t.id = r.id RETURNING 1)
     SELECT expect_rows(count(*), cardinality($1), 'ticket types') FROM done"
}

statement! {
    /// Lowers the counts of queue buckets.
    pub(super) struct LowerCounts {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, levels: Array<SmallInt> = Vec<i16>, buckets: Array<BigInt> = Vec<i64>,
        by: Array<Integer> = Vec<i32>,
    }
    "WITH done AS (
     UPDATE waitlist_counts c SET waiting = c.waiting - r.fewer
       FROM unnest($1, $2, $3, $4, $5) AS r (event_id, ticket_type_id, level, bucket, fewer)
      WHERE c.event_id = r.event_id AND c.ticket_type_id = r.ticket_type_id AND c.level = r.level AND c.bucket = r.bucket RETURNING 1)
     SELECT expect_rows(count(*), cardinality($1), 'queue buckets') FROM done"
}

statement! {
    /// Inserts messages that no batch of commands caused.
    pub(super) struct InsertMessages {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>, payloads: Array<Text> = Vec<String>,
        now: Timestamptz = Timestamp,
    }
    "INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT r.event_id, r.id, r.key, r.payload, n.at
       FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS r (event_id, id, key, payload, n) CROSS JOIN (SELECT $5 AS at) AS n ORDER BY r.n"
}

statement! {
    /// Inserts the responses for repeated requests. A key that another transaction has inserted in the meantime is skipped, and
    /// the row count then aborts the statement.
    pub(super) struct InsertKeys {
        events: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<String>, operations: Array<Text> = Vec<String>,
        hashes: Array<Binary> = Vec<Vec<u8>>, statuses: Array<SmallInt> = Vec<i16>, responses: Array<Text> = Vec<String>,
        etags: Array<Nullable<Text>> = Vec<Option<String>>, now: Timestamptz = Timestamp,
    }
    "WITH done AS (
     INSERT INTO idempotency_keys AS i (event_id, account_id, key, operation, request_hash, status, response, etag, created_at)
     SELECT r.*, n.at FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS r CROSS JOIN (SELECT $9 AS at) AS n
     ON CONFLICT (event_id, account_id, key) DO UPDATE SET operation = excluded.operation, request_hash = excluded.request_hash,
            status = excluded.status, response = excluded.response, etag = excluded.etag, created_at = excluded.created_at
      WHERE i.created_at <= now() - interval '24 hours' RETURNING 1)
     SELECT expect_rows(count(*), cardinality($1), 'idempotency keys') FROM done"
}

statement! {
    /// Inserts the commit marker of a batch that created neither a booking nor an entry.
    pub(super) struct InsertMarker { event: SqlUuid = Uuid, id: SqlUuid = Uuid, now: Timestamptz = Timestamp }
    "INSERT INTO committed_batches (event_id, id, committed_at) VALUES ($1, $2, $3)"
}

statement! {
    /// Updates an event that an administrator changed, and clears `settled_at`, so that the sweep examines the event again.
    pub(super) struct UpdateEvent {
        id: SqlUuid = Uuid, before: BigInt = i64, version: BigInt = i64, name: Text = String, description: Nullable<Text> = Option<String>,
        venue: Nullable<Text> = Option<String>, starts_at: Nullable<Timestamptz> = Option<Timestamp>, ends_at: Nullable<Timestamptz> = Option<Timestamp>,
        sales_start_at: Nullable<Timestamptz> = Option<Timestamp>, sales_end_at: Nullable<Timestamptz> = Option<Timestamp>, status: Text = &'static str,
        published_at: Nullable<Timestamptz> = Option<Timestamp>, updated_at: Timestamptz = Timestamp, waitlist_until: Text = &'static str,
        cancel_until: Nullable<Timestamptz> = Option<Timestamp>,
    }
    "WITH r AS (SELECT $1 AS id, $2 AS before, $3 AS version, $4 AS name, $5 AS description, $6 AS venue, $7 AS starts_at, $8 AS ends_at,
                       $9 AS sales_start_at, $10 AS sales_end_at, $11 AS status, $12 AS published_at, $13 AS updated_at, $14 AS waitlist_until,
                       $15 AS cancel_until),
          done AS (
     UPDATE events e SET version = r.version, name = r.name, description = r.description, venue = r.venue, starts_at = r.starts_at, ends_at = r.ends_at,
            sales_start_at = r.sales_start_at, sales_end_at = r.sales_end_at, status = r.status, published_at = r.published_at, updated_at = r.updated_at,
            waitlist_until = r.waitlist_until, cancel_until = r.cancel_until, settled_at = NULL
       FROM r WHERE e.id = r.id AND e.version = r.before RETURNING 1)
     SELECT expect_rows(count(*), 1, 'events') FROM done"
}

statement! {
    /// Counts the bookings and entries that an event has ever had. The keys of both tables begin with the event, and the limit
    /// bounds the work that is done while its types are locked.
    pub(super) struct CountEverSold { event: SqlUuid = Uuid } -> (BigInt, BigInt);
    "SELECT (SELECT count(*) FROM (SELECT FROM bookings b WHERE b.event_id = $1 LIMIT 1000) AS found),
            (SELECT count(*) FROM (SELECT FROM waitlist_entries w WHERE w.event_id = $1 LIMIT 1000) AS found)"
}

statement! {
    /// Deletes the stored responses of a deleted event.
    pub(super) struct DeleteKeys { event: SqlUuid = Uuid }
    "DELETE FROM idempotency_keys WHERE event_id = $1"
}

statement! {
    /// Deletes the types of a deleted event. A type that has sold or queued tickets does not match the condition or is referenced
    /// by a foreign key of its bookings. In both cases the batch fails.
    pub(super) struct DeleteTypes { event: SqlUuid = Uuid, count: BigInt = i64 }
    "WITH done AS (
     DELETE FROM ticket_types t WHERE t.event_id = $1 AND t.booked = 0 AND t.held = 0 AND t.waiting = 0 AND t.next_waitlist_number = 1 RETURNING 1)
     SELECT expect_rows(count(*), $2, 'ticket types') FROM done"
}

statement! {
    /// Deletes an event whose types have been deleted.
    pub(super) struct DeleteEvent { id: SqlUuid = Uuid, version: BigInt = i64 }
    "WITH done AS (DELETE FROM events e WHERE e.id = $1 AND e.version = $2 RETURNING 1)
     SELECT expect_rows(count(*), 1, 'events') FROM done"
}

statement! {
    /// Returns whether a batch was committed, that is, whether its commit marker exists in one of these tables.
    pub(super) struct Proven { event: SqlUuid = Uuid, id: SqlUuid = Uuid } -> (diesel::sql_types::Bool,);
    "SELECT EXISTS (SELECT FROM bookings b WHERE b.event_id = $1 AND b.id = $2)
         OR EXISTS (SELECT FROM waitlist_entries w WHERE w.event_id = $1 AND w.id = $2)
         OR EXISTS (SELECT FROM committed_batches c WHERE c.event_id = $1 AND c.id = $2)"
}
