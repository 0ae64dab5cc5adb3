//! Set-wise checks of the invariants that must hold at every commit, over the whole database.

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{QueryResult, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// An invariant and the number of rows that violate it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Finding {
    /// A description of the violation.
    #[diesel(sql_type = Text)]
    pub violation: String,
    /// The number of violating rows, 0 if the invariant holds.
    #[diesel(sql_type = BigInt)]
    pub count: i64,
    /// One violating row: the id of its event, and the id of the row or of its ticket type.
    #[diesel(sql_type = Nullable<Text>)]
    pub example: Option<String>,
}

/// Checks all invariants in one statement and therefore in one snapshot, so the database may be in use. Returns a finding for
/// every invariant, including those that hold. The statement reads all bookings and entries.
pub async fn check(conn: &mut AsyncPgConnection) -> QueryResult<Vec<Finding>> {
    diesel::sql_query(INVARIANTS).load(conn).await
}

const INVARIANTS: &str = "
WITH sold AS (SELECT event_id, ticket_type_id, sum(quantity) AS tickets FROM bookings WHERE status = 'confirmed' GROUP BY 1, 2),
     promised AS (SELECT event_id, ticket_type_id, sum(quantity) AS tickets FROM bookings WHERE status = 'reserved' GROUP BY 1, 2),
     queued AS (SELECT event_id, ticket_type_id, count(*) AS entries FROM waitlist_entries WHERE status = 'waiting' GROUP BY 1, 2),
     leveled AS (SELECT event_id, ticket_type_id, level, number / (64 ^ (level + 1))::bigint AS bucket, count(*) AS entries
                   FROM waitlist_entries CROSS JOIN generate_series(0, 2) AS level WHERE status = 'waiting' GROUP BY 1, 2, 3, 4)
SELECT 'ticket types whose counters do not add up' AS violation, count(*) AS count, min(event_id || ' ' || id) AS example FROM ticket_types
 WHERE capacity <> available + booked + reserved + held OR least(available, booked, reserved, held, waiting) < 0 OR (held > 0 AND (available > 0 OR waiting = 0))
UNION ALL
SELECT 'ticket types whose booked counter differs from the sum of their confirmed bookings', count(*), min(coalesce(t.event_id || ' ' || t.id, s.event_id || ' ' || s.ticket_type_id))
  FROM ticket_types t FULL JOIN sold s ON s.event_id = t.event_id AND s.ticket_type_id = t.id WHERE t.booked IS DISTINCT FROM coalesce(s.tickets, 0)
UNION ALL
SELECT 'ticket types whose reserved counter differs from the sum of their reserved bookings', count(*), min(coalesce(t.event_id || ' ' || t.id, s.event_id || ' ' || s.ticket_type_id))
  FROM ticket_types t FULL JOIN promised s ON s.event_id = t.event_id AND s.ticket_type_id = t.id WHERE t.reserved IS DISTINCT FROM coalesce(s.tickets, 0)
UNION ALL
SELECT 'ticket types whose waiting counter differs from the number of waiting entries', count(*), min(coalesce(t.event_id || ' ' || t.id, q.event_id || ' ' || q.ticket_type_id))
  FROM ticket_types t FULL JOIN queued q ON q.event_id = t.event_id AND q.ticket_type_id = t.id WHERE t.waiting IS DISTINCT FROM coalesce(q.entries, 0)
UNION ALL
SELECT 'queue buckets whose counter differs from the number of waiting entries in them', count(*), min(coalesce(c.event_id || ' ' || c.ticket_type_id, l.event_id || ' ' || l.ticket_type_id))
  FROM waitlist_counts c FULL JOIN leveled l ON l.event_id = c.event_id AND l.ticket_type_id = c.ticket_type_id AND l.level = c.level AND l.bucket = c.bucket
 WHERE coalesce(c.waiting, 0) <> coalesce(l.entries, 0)
UNION ALL
SELECT 'waiting-list entries whose ticket type does not exist', count(*), min(w.event_id || ' ' || w.id)
  FROM waitlist_entries w LEFT JOIN ticket_types t ON t.event_id = w.event_id AND t.id = w.ticket_type_id WHERE t.id IS NULL
UNION ALL
SELECT 'waiting-list entries whose number was never assigned', count(*), min(w.event_id || ' ' || w.id)
  FROM waitlist_entries w JOIN ticket_types t ON t.event_id = w.event_id AND t.id = w.ticket_type_id WHERE w.number >= t.next_waitlist_number
UNION ALL
SELECT 'ticket types whose queue log does not end with its last record', count(*), min(t.event_id || ' ' || t.id)
  FROM ticket_types t LEFT JOIN LATERAL (SELECT q.position, q.hash FROM queue_log q WHERE q.event_id = t.event_id AND q.ticket_type_id = t.id
                                          ORDER BY q.position DESC LIMIT 1) AS last ON true
 WHERE t.queue_position <> coalesce(last.position, 0) OR t.queue_hash IS DISTINCT FROM last.hash
UNION ALL
SELECT 'queue logs that lack records or whose ticket type does not exist', count(*), min(q.event_id || ' ' || q.ticket_type_id)
  FROM (SELECT event_id, ticket_type_id, count(*) AS records FROM queue_log GROUP BY 1, 2) q
  LEFT JOIN ticket_types t ON t.event_id = q.event_id AND t.id = q.ticket_type_id WHERE q.records IS DISTINCT FROM t.queue_position
UNION ALL
SELECT 'promoted waiting-list entries without a matching booking', count(*), min(w.event_id || ' ' || w.id)
  FROM waitlist_entries w LEFT JOIN bookings b ON b.event_id = w.event_id AND b.id = w.booking_id
 WHERE w.booking_id IS NOT NULL AND (b.origin = 'waitlist' AND b.account_id = w.account_id AND b.ticket_type_id = w.ticket_type_id AND b.quantity <= w.quantity) IS NOT TRUE
UNION ALL
SELECT 'bookings from the waiting list that do not belong to exactly one entry', count(*), min(b.event_id || ' ' || b.id)
  FROM bookings b LEFT JOIN (SELECT event_id, booking_id, count(*) AS entries FROM waitlist_entries WHERE booking_id IS NOT NULL GROUP BY 1, 2) w
       ON w.event_id = b.event_id AND w.booking_id = b.id
 WHERE b.origin = 'waitlist' AND w.entries IS DISTINCT FROM 1
UNION ALL
SELECT 'waiting-list entries whose offer does not have the status of their booking', count(*), min(w.event_id || ' ' || w.id)
  FROM waitlist_entries w JOIN bookings b ON b.event_id = w.event_id AND b.id = w.booking_id
 WHERE (w.status = 'expired') <> (b.status = 'expired') OR (w.status = 'left' AND b.status <> 'cancelled')
UNION ALL
SELECT 'waiting-list entries whose wish was fulfilled by another entry', count(*), min(w.event_id || ' ' || w.id)
  FROM waitlist_entries w JOIN waitlist_entries p ON p.event_id = w.event_id AND p.wish_id = w.wish_id AND p.booking_id IS NOT NULL
 WHERE w.status = 'waiting'
UNION ALL
SELECT 'wishes whose entries have different holders or the same ticket type', count(*), min(wish)
  FROM (SELECT event_id || ' ' || wish_id AS wish FROM waitlist_entries WHERE wish_id IS NOT NULL GROUP BY event_id, wish_id
        HAVING count(DISTINCT ticket_type_id) <> count(*)
            OR count(DISTINCT account_id) FILTER (WHERE account_id <> '00000000-0000-0000-0000-000000000000') > 1) AS w
UNION ALL
SELECT 'waiting-list entries that could be booked from the available tickets', count(*), min(w.event_id || ' ' || w.id)
  FROM waitlist_entries w JOIN ticket_types t ON t.event_id = w.event_id AND t.id = w.ticket_type_id
 WHERE w.status = 'waiting' AND t.held = 0 AND least(w.min_quantity, w.quantity) <= least(t.available, t.max_per_booking)
UNION ALL
SELECT 'bookings that list a void ticket number twice', count(*), min(event_id || ' ' || id) FROM bookings
 WHERE void_numbers IS NOT NULL AND cardinality(void_numbers) <> (SELECT count(DISTINCT number) FROM unnest(void_numbers) AS number)
UNION ALL
SELECT 'check-ins of tickets that are void, cancelled or were never issued', count(*), min(c.event_id || ' ' || c.id)
  FROM checkins c JOIN bookings b ON b.event_id = c.event_id AND b.id = c.booking_id JOIN events e ON e.id = c.event_id
 WHERE c.number >= coalesce(b.issued, b.quantity) OR c.number = ANY (coalesce(b.void_numbers, '{}')) OR c.ticket_type_id <> b.ticket_type_id
    OR (b.status <> 'confirmed' AND e.status <> 'cancelled')
UNION ALL
SELECT 'bookings that promise more tickets in pending transfers than they have', count(*), min(b.event_id || ' ' || b.id)
  FROM bookings b JOIN (SELECT event_id, booking_id, sum(quantity) AS tickets FROM transfers WHERE status = 'pending' AND expires_at > now() GROUP BY 1, 2) p
       ON p.event_id = b.event_id AND p.booking_id = b.id JOIN events e ON e.id = b.event_id
 WHERE e.status <> 'cancelled' AND (b.status <> 'confirmed' OR p.tickets > b.quantity)
UNION ALL
SELECT 'bookings from transfers that do not belong to exactly one accepted transfer', count(*), min(b.event_id || ' ' || b.id)
  FROM bookings b LEFT JOIN transfers t ON t.event_id = b.event_id AND t.received_booking = b.id
 WHERE (b.origin = 'transfer' AND t.id IS NULL) OR (t.id IS NOT NULL AND (b.origin = 'transfer' AND b.account_id = t.to_account AND b.ticket_type_id = t.ticket_type_id) IS NOT TRUE)
UNION ALL
SELECT 'bookings whose numbers that were transferred differ from their accepted transfers', count(*), min(b.event_id || ' ' || b.id)
  FROM bookings b LEFT JOIN (SELECT event_id, booking_id, sum(quantity) AS tickets FROM transfers WHERE status = 'accepted' GROUP BY 1, 2) t
       ON t.event_id = b.event_id AND t.booking_id = b.id
 WHERE coalesce(t.tickets, 0) <> coalesce(cardinality(array_positions(b.void_reasons, 'transferred')), 0)
UNION ALL
SELECT 'ticket types whose sales timeline is complete but differs from their counters', count(*), min(t.event_id || ' ' || t.id)
  FROM ticket_types t JOIN sales_progress p ON p.event_id = t.event_id AND p.ticket_type_id = t.id AND p.sequence = t.version
  LEFT JOIN (SELECT event_id, ticket_type_id, sum(booked + promoted - returned) AS tickets, sum(joined - promotions - withdrawn) AS entries
               FROM sales_minutes GROUP BY 1, 2) m ON m.event_id = t.event_id AND m.ticket_type_id = t.id
 WHERE coalesce(m.tickets, 0) <> t.booked OR coalesce(m.entries, 0) <> t.waiting
";
