//! Creates new events for each sample in SQL. Every id consists of the sample's number and a sequence number, so that all
//! workloads and checks can compute it.

use crate::Fallible;
use crate::database::Database;

/// The events of one sample.
#[derive(Debug, Clone, Copy)]
pub struct SampleFixture {
    /// Number of the sample.
    pub sample: u32,
    /// Number of events.
    pub events: u32,
}

/// Initial tickets, bookings and waiting-list entries of each event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stock {
    /// Available tickets.
    pub available: u32,
    /// Bookings of one ticket each, by the visitors 0, 1, 2 and so on.
    pub booked: u32,
    /// Waiting-list entries for one ticket each, each of a different account.
    pub waiting: u32,
    /// Whether the entries wait for a second, sold-out ticket type.
    pub waiting_for_other_type: bool,
}

impl SampleFixture {
    /// Returns the prefix of the event ids.
    pub fn event_prefix(self) -> String {
        self.prefix("019a")
    }

    /// Returns the prefix of the ticket type ids.
    pub fn type_prefix(self) -> String {
        self.prefix("019b")
    }

    /// Returns the id of an event. Events are numbered from 1.
    pub fn event(self, number: u64) -> String {
        format!("{}{number:012x}", self.event_prefix())
    }

    /// Returns the id of an event's ticket type.
    pub fn ticket_type(self, number: u64) -> String {
        format!("{}{number:012x}", self.type_prefix())
    }

    /// Returns the id of a booking of the first event. Bookings are numbered from 0.
    pub fn booking(self, number: u64) -> String {
        format!("{}{:012x}", self.prefix("019d"), 16_777_216 + number)
    }

    /// Returns the number of the event for a request, so that requests cycle through the events.
    pub fn event_number(self, index: u64) -> u64 {
        1 + index % u64::from(self.events.max(1))
    }

    /// Returns the bounds of the range that contains all event ids of the sample.
    pub fn events_between(self) -> (String, String) {
        (self.event(0), self.event(0xffff_ffff_ffff))
    }

    fn prefix(self, kind: &str) -> String {
        format!("{kind}{:04x}-0000-7000-8000-", self.sample)
    }

    /// Inserts the events. `visitors` is the number of different accounts that book.
    pub async fn create(self, database: &Database, stock: Stock, visitors: u64) -> Fallible<()> {
        let Self { events, .. } = self;
        let Stock { available, booked, waiting, waiting_for_other_type } = stock;
        let id = |kind: &str, number: &str| format!("('{}' || lpad(to_hex({number}), 12, '0'))::uuid", self.prefix(kind));
        let account = |number: &str| format!("('01990000-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid");
        // No account has both a booking and a waiting-list entry.
        let (booker, waiter) = (account(&format!("i % {visitors}")), account("i + 16777216"));
        let (event, ticket_type, other_type) = (id("019a", "e"), id("019b", "e"), id("019c", "e"));
        let (queue, waiting_here) = if waiting_for_other_type { (&other_type, 0) } else { (&ticket_type, waiting) };
        let creator = "00000000-0000-0000-0000-000000000000";
        let mut sql = vec![format!(
            "INSERT INTO events (id, name, status, starts_at, published_at, created_by, created_at, updated_at)
             SELECT {event}, 'Boat race ' || e, 'published', now() + interval '30 days', now(), '{creator}', now(), now() FROM generate_series(1, {events}) e;
             INSERT INTO ticket_types (event_id, id, position, name, price_minor, currency, capacity, available, booked, waiting, next_waitlist_number, max_per_booking)
             SELECT {event}, {ticket_type}, 0, 'Standing', 2500, 'EUR', {available} + {booked}, {available}, {booked}, {waiting_here}, {waiting_here} + 1, 10
               FROM generate_series(1, {events}) e;"
        )];
        if waiting_for_other_type {
            sql.push(format!(
                "INSERT INTO ticket_types (event_id, id, position, name, price_minor, currency, capacity, available, waiting, next_waitlist_number, max_per_booking)
                 SELECT {event}, {other_type}, 1, 'Seats', 5000, 'EUR', 0, 0, {waiting}, {waiting} + 1, 10 FROM generate_series(1, {events}) e;"
            ));
        }
        if booked > 0 {
            let booking = id("019d", "e::bigint * 16777216 + i");
            sql.push(format!(
                "INSERT INTO bookings (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, status, origin, booked_at)
                 SELECT {event}, {booking}, {ticket_type}, {booker}, 'Visitor ' || i, 'visitor' || i || '@example.org', 1, 'confirmed', 'direct', now()
                   FROM generate_series(1, {events}) e CROSS JOIN generate_series(0, {booked} - 1) i;"
            ));
        }
        if waiting > 0 {
            let entry = id("019e", "e::bigint * 16777216 + i");
            sql.push(format!(
                "INSERT INTO waitlist_entries (event_id, id, ticket_type_id, account_id, holder_name, holder_email, quantity, number, status, joined_at)
                 SELECT {event}, {entry}, {queue}, {waiter}, 'Visitor ' || i, 'visitor' || i || '@example.org', 1, i + 1, 'waiting', now()
                   FROM generate_series(1, {events}) e CROSS JOIN generate_series(0, {waiting} - 1) i;
                 INSERT INTO waitlist_counts (event_id, ticket_type_id, level, bucket, waiting)
                 SELECT event_id, ticket_type_id, level, number / span, count(*) FROM waitlist_entries
                  CROSS JOIN (VALUES (0, 64), (1, 4096), (2, 262144)) AS s (level, span)
                  WHERE event_id BETWEEN '{}' AND '{}' GROUP BY 1, 2, 3, 4;",
                self.events_between().0,
                self.events_between().1,
            ));
        }
        database.run(&sql.concat()).await?;
        if booked + waiting > 1000 {
            // Autovacuum would have done this long ago if the rows had been inserted one by one.
            database.run("VACUUM (ANALYZE) bookings").await?;
            database.run("VACUUM (ANALYZE) waitlist_entries").await?;
        }
        Ok(())
    }
}
