//! Checks the invariants of the booking database, which hold at every commit, and counts the work that is in flight.

#![allow(clippy::expect_used, reason = "a test cannot continue without its database and reports the cause by panicking")]

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Returns a description of each violated invariant, or an empty list.
///
/// # Panics
///
/// Panics if a query fails.
pub async fn broken_invariants(conn: &mut AsyncPgConnection) -> Vec<String> {
    let results = rowlock_inventory::audit::check(conn).await.expect("the invariants can be queried");
    results
        .iter()
        .filter(|row| row.count > 0)
        .map(|row| format!("{}: {} rows, for example {:?}", row.violation, row.count, row.example))
        .collect()
}

/// Returns the number of outbox messages plus the number of ticket types with held tickets. Zero means that nothing is in
/// flight.
pub async fn in_flight(conn: &mut AsyncPgConnection) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM ticket_types WHERE held > 0) AS count";
    diesel::sql_query(sql).get_result::<Count>(conn).await.expect("the outbox can be queried").count
}
