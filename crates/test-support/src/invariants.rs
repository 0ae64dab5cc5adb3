//! What must be true of the booking database at every commit, set-wise, and whether anything is in flight.

#![allow(clippy::expect_used, reason = "a test cannot go on without its database, and says why")]

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// What is wrong, a text each.
pub async fn broken_invariants(conn: &mut AsyncPgConnection) -> Vec<String> {
    let found: Vec<Found> = diesel::sql_query(INVARIANTS).load(conn).await.expect("a look at the invariants");
    found.iter().filter(|row| row.count > 0).map(|row| format!("{}: {}", row.what, row.count)).collect()
}

/// Messages that wait in the outbox, and ticket types with held tickets.
pub async fn in_flight(conn: &mut AsyncPgConnection) -> i64 {
    let sql = "SELECT 'in flight' AS what, (SELECT count(*) FROM outbox) + (SELECT count(*) FROM ticket_types WHERE held > 0) AS count";
    diesel::sql_query(sql).get_result::<Found>(conn).await.expect("a look at the outbox").count
}

/// The invariants of every commit, set-wise: each row says how much is wrong.
const INVARIANTS: &str = "
SELECT 'counters that do not add up' AS what, count(*) AS count FROM ticket_types
 WHERE capacity <> available + booked + held OR least(available, booked, held, waiting) < 0 OR (held > 0 AND (available > 0 OR waiting = 0))
UNION ALL
SELECT 'booked is not the sum of the confirmed bookings', count(*) FROM ticket_types t
 WHERE booked <> (SELECT coalesce(sum(quantity), 0) FROM bookings b WHERE b.event_id = t.event_id AND b.ticket_type_id = t.id AND b.status = 'confirmed')
UNION ALL
SELECT 'waiting is not the number of waiting entries', count(*) FROM ticket_types t
 WHERE waiting <> (SELECT count(*) FROM waitlist_entries w WHERE w.event_id = t.event_id AND w.ticket_type_id = t.id AND w.status = 'waiting')
UNION ALL
SELECT 'a bucket of the queue is wrong', count(*) FROM waitlist_counts c
 WHERE waiting <> (SELECT count(*) FROM waitlist_entries w WHERE w.event_id = c.event_id AND w.ticket_type_id = c.ticket_type_id
                      AND w.status = 'waiting' AND w.number / (64 ^ (c.level + 1))::bigint = c.bucket)
UNION ALL
SELECT 'an entry without its ticket type', count(*) FROM waitlist_entries w
 WHERE NOT EXISTS (SELECT FROM ticket_types t WHERE t.event_id = w.event_id AND t.id = w.ticket_type_id)
UNION ALL
SELECT 'a promoted entry without its booking', count(*) FROM waitlist_entries w
 WHERE status = 'promoted' AND NOT EXISTS (SELECT FROM bookings b WHERE b.event_id = w.event_id AND b.id = w.booking_id AND b.origin = 'waitlist'
                                              AND b.account_id = w.account_id)
UNION ALL
SELECT 'a booking from the waiting list without its entry', count(*) FROM bookings b
 WHERE origin = 'waitlist' AND 1 <> (SELECT count(*) FROM waitlist_entries w WHERE w.event_id = b.event_id AND w.booking_id = b.id)
UNION ALL
SELECT 'somebody waits for what is available', count(*) FROM waitlist_entries w JOIN ticket_types t ON t.event_id = w.event_id AND t.id = w.ticket_type_id
 WHERE w.status = 'waiting' AND t.held = 0 AND w.quantity <= t.available
";
