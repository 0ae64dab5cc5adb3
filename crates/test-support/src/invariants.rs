//! What must be true of the booking database at every commit, set-wise, and whether anything is in flight.

#![allow(clippy::expect_used, reason = "a test cannot go on without its database, and says why")]

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// What is wrong, a text each.
///
/// # Panics
///
/// When the database cannot be asked.
pub async fn broken_invariants(conn: &mut AsyncPgConnection) -> Vec<String> {
    let found = rowlock_inventory::audit::check(conn).await.expect("a look at the invariants");
    found.iter().filter(|row| row.count > 0).map(|row| format!("{}: {}, as {:?}", row.what, row.count, row.example)).collect()
}

/// Messages that wait in the outbox, and ticket types with held tickets.
pub async fn in_flight(conn: &mut AsyncPgConnection) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM ticket_types WHERE held > 0) AS count";
    diesel::sql_query(sql).get_result::<Count>(conn).await.expect("a look at the outbox").count
}
