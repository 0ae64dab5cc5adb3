//! Statements that write the changes of a transaction.

use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_postgres::statement;
use uuid::Uuid;

statement! {
    /// Writes what almost every batch writes in one statement: new bookings (a booking that was made and returned in the same
    /// batch is inserted as cancelled), the counters, and the messages in the order of the decisions. If a counter row no longer
    /// has the version that was locked, its new version is NULL and the NOT NULL constraint aborts the statement. The end of the queue
    /// log is NULL for a type whose waiting list has not changed, and then stays as it is; if the log was complete, it still is.
    pub(in crate::execute) struct WriteSales {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>,
        names: Array<Text> = Vec<String>, emails: Array<Text> = Vec<String>, quantities: Array<Integer> = Vec<i32>, origins: Array<Text> = Vec<&'static str>,
        statuses: Array<Text> = Vec<&'static str>, cancelled: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>,
        expires: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>, guest_links: Array<Nullable<Integer>> = Vec<Option<i32>>,
        now: Timestamptz = Timestamp,
        stock_events: Array<SqlUuid> = Vec<Uuid>, stock_ids: Array<SqlUuid> = Vec<Uuid>, before: Array<BigInt> = Vec<i64>,
        versions: Array<BigInt> = Vec<i64>, capacities: Array<Integer> = Vec<i32>, available: Array<Integer> = Vec<i32>,
        booked: Array<Integer> = Vec<i32>, reserved: Array<Integer> = Vec<i32>, held: Array<Integer> = Vec<i32>, waiting: Array<Integer> = Vec<i32>, numbers: Array<BigInt> = Vec<i64>,
        queue_positions: Array<Nullable<BigInt>> = Vec<Option<i64>>, queue_hashes: Array<Nullable<Binary>> = Vec<Option<Vec<u8>>>,
        subjects: Array<SqlUuid> = Vec<Uuid>, message_ids: Array<SqlUuid> = Vec<Uuid>, keys: Array<Text> = Vec<&'static str>,
        payloads: Array<Text> = Vec<String>,
    }
    "WITH sold AS (
        INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, origin, status, cancelled_at, expires_at, guest_link, booked_at)
        SELECT r.*, n.at FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS r CROSS JOIN (SELECT $13 AS at) AS n),
     counted AS (
        UPDATE ticket_types t SET version = CASE t.version WHEN r.before THEN r.version END, capacity = r.capacity, available = r.available,
               booked = r.booked, reserved = r.reserved, held = r.held, waiting = r.waiting, next_waitlist_number = r.number,
               held_since = CASE WHEN r.held > 0 THEN coalesce(t.held_since, $13) END,
               queue_position = coalesce(r.queue_position, t.queue_position), queue_hash = coalesce(r.queue_hash, t.queue_hash),
               queue_version = CASE WHEN t.queue_version = r.before OR r.queue_position IS NOT NULL THEN r.version ELSE t.queue_version END
          FROM unnest($14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
               AS r (event_id, id, before, version, capacity, available, booked, reserved, held, waiting, number, queue_position, queue_hash)
         WHERE t.event_id = r.event_id AND t.id = r.id)
     INSERT INTO outbox (event_id, message_id, routing_key, payload, occurred_at)
     SELECT r.event_id, r.id, r.key, r.payload, $13
       FROM unnest($27, $28, $29, $30) WITH ORDINALITY AS r (event_id, id, key, payload, n) ORDER BY r.n"
}

statement! {
    /// Inserts new waiting-list entries (an entry that was made and ended in the same batch is inserted as ended), and raises the
    /// counts of queue buckets.
    pub(in crate::execute) struct WriteEntries {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, accounts: Array<SqlUuid> = Vec<Uuid>,
        names: Array<Text> = Vec<String>, emails: Array<Text> = Vec<String>, quantities: Array<Integer> = Vec<i32>, numbers: Array<BigInt> = Vec<i64>,
        statuses: Array<Text> = Vec<&'static str>, bookings: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>,
        ended: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>, for_guests: Array<Bool> = Vec<bool>,
        min_quantities: Array<Nullable<Integer>> = Vec<Option<i32>>, wishes: Array<Nullable<SqlUuid>> = Vec<Option<Uuid>>,
        preferences: Array<Nullable<SmallInt>> = Vec<Option<i16>>, now: Timestamptz = Timestamp,
        count_events: Array<SqlUuid> = Vec<Uuid>, count_types: Array<SqlUuid> = Vec<Uuid>, levels: Array<SmallInt> = Vec<i16>,
        buckets: Array<BigInt> = Vec<i64>, by: Array<Integer> = Vec<i32>,
    }
    "WITH joined AS (
        INSERT INTO waitlist_entries (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, number, status, booking_id, ended_at, for_guest, min_quantity, wish_id,
                                      preference, joined_at, one_per_account)
        SELECT r.*, n.at, true FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS r CROSS JOIN (SELECT $16 AS at) AS n)
     INSERT INTO waitlist_counts AS c (event_id, ticket_type_id, level, bucket, waiting) SELECT * FROM unnest($17, $18, $19, $20, $21)
     ON CONFLICT (event_id, ticket_type_id, level, bucket) DO UPDATE SET waiting = c.waiting + excluded.waiting"
}

statement! {
    /// Inserts records of queue logs. The primary key rejects a position that is taken.
    pub(in crate::execute) struct InsertQueueLog {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, positions: Array<BigInt> = Vec<i64>, kinds: Array<Text> = Vec<&'static str>,
        numbers: Array<BigInt> = Vec<i64>, previous_numbers: Array<Nullable<BigInt>> = Vec<Option<i64>>,
        quantities: Array<Nullable<Integer>> = Vec<Option<i32>>, min_quantities: Array<Nullable<Integer>> = Vec<Option<i32>>,
        free: Array<Nullable<Integer>> = Vec<Option<i32>>, max_per_booking: Array<Nullable<Integer>> = Vec<Option<i32>>,
        hashes: Array<Binary> = Vec<Vec<u8>>, now: Timestamptz = Timestamp,
    }
    "INSERT INTO queue_log (event_id, ticket_type_id, position, kind, entry_number, previous_number, quantity, min_quantity, free, max_per_booking, hash, recorded_at)
     SELECT r.*, n.at FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS r CROSS JOIN (SELECT $12 AS at) AS n"
}

statement! {
    /// Updates bookings that were confirmed or have expired, or of which tickets were returned. If a booking is not as it was read,
    /// its new status is NULL and the NOT NULL constraint aborts the statement. Numbers that are NULL are unchanged; the others are
    /// array literals, because arrays of different lengths cannot be passed together.
    pub(in crate::execute) struct UpdateBookings {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, before: Array<Integer> = Vec<i32>, quantities: Array<Integer> = Vec<i32>,
        statuses_before: Array<Text> = Vec<&'static str>, statuses: Array<Text> = Vec<&'static str>,
        cancelled: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>, expires: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>,
        issued: Array<Nullable<Integer>> = Vec<Option<i32>>, void_numbers: Array<Nullable<Text>> = Vec<Option<String>>,
        void_reasons: Array<Nullable<Text>> = Vec<Option<String>>, now: Timestamptz = Timestamp,
    }
    "UPDATE bookings b SET quantity = r.quantity, cancelled_at = r.cancelled_at, expires_at = r.expires_at,
            issued = coalesce(r.issued, b.issued), void_numbers = coalesce(r.void_numbers::integer[], b.void_numbers),
            void_reasons = coalesce(r.void_reasons::text[], b.void_reasons),
            status = CASE WHEN b.status = r.status_before AND b.quantity = r.before THEN r.status END,
            confirmed_at = CASE WHEN b.expires_at IS NOT NULL AND r.expires_at IS NULL THEN n.at ELSE b.confirmed_at END
       FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            AS r (event_id, id, before, quantity, status_before, status, cancelled_at, expires_at, issued, void_numbers, void_reasons)
      CROSS JOIN (SELECT $12 AS at) AS n
      WHERE b.event_id = r.event_id AND b.id = r.id"
}

statement! {
    /// Updates the quantity, the minimum and the number of entries. If an entry is not as it was read, its new quantity is NULL and the NOT
    /// NULL constraint aborts the statement.
    pub(in crate::execute) struct UpdateEntrySizes {
        events: Array<SqlUuid> = Vec<Uuid>, ids: Array<SqlUuid> = Vec<Uuid>, before: Array<BigInt> = Vec<i64>, quantities: Array<Integer> = Vec<i32>,
        numbers: Array<BigInt> = Vec<i64>, min_quantities: Array<Nullable<Integer>> = Vec<Option<i32>>,
    }
    "UPDATE waitlist_entries w SET number = r.number, min_quantity = r.min_quantity,
            quantity = CASE WHEN w.status = 'waiting' AND w.number = r.before THEN r.quantity END
       FROM unnest($1, $2, $3, $4, $5, $6) AS r (event_id, id, before, quantity, number, min_quantity)
      WHERE w.event_id = r.event_id AND w.id = r.id"
}

statement! {
    /// Updates entries that stopped waiting, or that were reopened. If a row no longer has the status that was read, its new
    /// status is NULL and the NOT NULL constraint aborts the statement.
    pub(in crate::execute) struct UpdateEntryStatuses {
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
    pub(in crate::execute) struct UpdateLimits {
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
    pub(in crate::execute) struct DecrementCounts {
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
    pub(in crate::execute) struct InsertMessages {
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
    pub(in crate::execute) struct InsertKeys {
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
    pub(in crate::execute) struct InsertMarker { event: SqlUuid = Uuid, id: SqlUuid = Uuid, now: Timestamptz = Timestamp }
    "INSERT INTO committed_batches (event_id, id, committed_at) VALUES ($1, $2, $3)"
}

statement! {
    /// Updates an event that an administrator changed, and clears `settled_at`, so that the sweep examines the event again.
    pub(in crate::execute) struct UpdateEvent {
        id: SqlUuid = Uuid, before: BigInt = i64, version: BigInt = i64, name: Text = String, description: Nullable<Text> = Option<String>,
        venue: Nullable<Text> = Option<String>, starts_at: Nullable<Timestamptz> = Option<Timestamp>, ends_at: Nullable<Timestamptz> = Option<Timestamp>,
        sales_start_at: Nullable<Timestamptz> = Option<Timestamp>, sales_end_at: Nullable<Timestamptz> = Option<Timestamp>, status: Text = &'static str,
        published_at: Nullable<Timestamptz> = Option<Timestamp>, updated_at: Timestamptz = Timestamp, waitlist_until: Text = &'static str,
        cancel_until: Nullable<Timestamptz> = Option<Timestamp>, time_zone: Text = String, checkout_minutes: Nullable<Integer> = Option<i32>,
        offer_minutes: Nullable<Integer> = Option<i32>,
    }
    "WITH r AS (SELECT $1 AS id, $2 AS before, $3 AS version, $4 AS name, $5 AS description, $6 AS venue, $7 AS starts_at, $8 AS ends_at,
                       $9 AS sales_start_at, $10 AS sales_end_at, $11 AS status, $12 AS published_at, $13 AS updated_at, $14 AS waitlist_until,
                       $15 AS cancel_until, $16 AS time_zone, $17 AS checkout_minutes, $18 AS offer_minutes),
          done AS (
     UPDATE events e SET version = r.version, name = r.name, description = r.description, venue = r.venue, starts_at = r.starts_at, ends_at = r.ends_at,
            sales_start_at = r.sales_start_at, sales_end_at = r.sales_end_at, status = r.status, published_at = r.published_at, updated_at = r.updated_at,
            waitlist_until = r.waitlist_until, cancel_until = r.cancel_until, time_zone = r.time_zone, checkout_minutes = r.checkout_minutes,
            offer_minutes = r.offer_minutes, settled_at = NULL
       FROM r WHERE e.id = r.id AND e.version = r.before RETURNING 1)
     SELECT expect_rows(count(*), 1, 'events') FROM done"
}

statement! {
    /// Deletes the stored responses of a deleted event.
    pub(in crate::execute) struct DeleteKeys { event: SqlUuid = Uuid }
    "DELETE FROM idempotency_keys WHERE event_id = $1"
}

statement! {
    /// Deletes the types of a deleted event. A type that has sold or queued tickets does not match the condition or is referenced
    /// by a foreign key of its bookings. In both cases the batch fails.
    pub(in crate::execute) struct DeleteTypes { event: SqlUuid = Uuid, count: BigInt = i64 }
    "WITH done AS (
     DELETE FROM ticket_types t WHERE t.event_id = $1 AND t.booked = 0 AND t.reserved = 0 AND t.held = 0 AND t.waiting = 0 AND t.next_waitlist_number = 1 RETURNING 1)
     SELECT expect_rows(count(*), $2, 'ticket types') FROM done"
}

statement! {
    /// Deletes an event whose types have been deleted.
    pub(in crate::execute) struct DeleteEvent { id: SqlUuid = Uuid, version: BigInt = i64 }
    "WITH done AS (DELETE FROM events e WHERE e.id = $1 AND e.version = $2 RETURNING 1)
     SELECT expect_rows(count(*), 1, 'events') FROM done"
}
