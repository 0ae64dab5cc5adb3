//! A past in which tickets were returned.

use diesel_async::SimpleAsyncConnection;

use crate::system::System;

/// Replaces the sales timeline of an event: all its tickets were sold before the given number of days, and on each of these days single
/// tickets of every type were returned and sold again, half an hour apart. Nobody left the waiting list.
///
/// # Panics
///
/// Panics if the rows cannot be stored.
pub async fn returned_before(system: &System, event: &str, days: u32, per_day: u32) {
    let mut conn = system.booking_database.admin().await;
    let rows = format!(
        "BEGIN;
         DELETE FROM sales_progress WHERE event_id = '{event}';
         INSERT INTO sales_progress (event_id, ticket_type_id, sequence, minute, initial_capacity)
         SELECT event_id, id, version, date_trunc('minute', now()), capacity FROM ticket_types WHERE event_id = '{event}';
         INSERT INTO sales_minutes (event_id, ticket_type_id, minute, booked, returned, promoted, promotions, joined, withdrawn)
         SELECT event_id, id, date_trunc('minute', now()) - make_interval(days => {days}, hours => 23), booked, 0, 0, 0, waiting, 0
           FROM ticket_types WHERE event_id = '{event}'
         UNION ALL
         SELECT t.event_id, t.id, date_trunc('minute', now()) - make_interval(days => d, mins => 30 * n), 1, 1, 0, 0, 0, 0
           FROM ticket_types t, generate_series(0, {days} - 1) d, generate_series(1, {per_day}) n WHERE t.event_id = '{event}';
         COMMIT"
    );
    conn.batch_execute(&rows).await.unwrap_or_else(|error| panic!("cannot store returns: {error}"));
}
