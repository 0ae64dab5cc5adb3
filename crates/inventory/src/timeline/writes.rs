//! Statements that write the timeline, and the collection of their rows.

use diesel::QueryResult;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::TypeKey;
use rowlock_postgres::statement;
use uuid::Uuid;

use super::counts::MinuteCounts;
use super::steps::Step;
use crate::views::rows::to_int;

statement! {
    /// Inserts the progress of types that are counted for the first time. A type that does not exist is skipped.
    pub(super) struct InsertProgress { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid> }
    "INSERT INTO sales_progress (event_id, ticket_type_id, initial_capacity)
     SELECT t.event_id, t.id, t.capacity FROM unnest($1, $2) AS k (event_id, id)
       JOIN ticket_types t ON t.event_id = k.event_id AND t.id = k.id ORDER BY t.event_id, t.id
     ON CONFLICT (event_id, ticket_type_id) DO NOTHING"
}

statement! {
    /// Moves the progress of types forward. A type whose progress another writer has moved in the meantime is not updated.
    pub(super) struct UpdateProgress {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, before: Array<BigInt> = Vec<i64>, after: Array<BigInt> = Vec<i64>,
        minutes: Array<Nullable<Timestamptz>> = Vec<Option<Timestamp>>,
    }
    "UPDATE sales_progress p SET sequence = r.after, minute = greatest(p.minute, r.minute)
       FROM unnest($1, $2, $3, $4, $5) AS r (event_id, id, before, after, minute)
      WHERE p.event_id = r.event_id AND p.ticket_type_id = r.id AND p.sequence = r.before"
}

statement! {
    /// Adds counts to minutes.
    #[derive(Default)]
    pub(super) struct AddMinutes {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, minutes: Array<Timestamptz> = Vec<Timestamp>,
        booked: Array<Integer> = Vec<i32>, returned: Array<Integer> = Vec<i32>, promoted: Array<Integer> = Vec<i32>,
        promotions: Array<Integer> = Vec<i32>, joined: Array<Integer> = Vec<i32>, withdrawn: Array<Integer> = Vec<i32>,
        capacities: Array<Nullable<Integer>> = Vec<Option<i32>>,
    }
    "INSERT INTO sales_minutes AS m (event_id, ticket_type_id, minute, booked, returned, promoted, promotions, joined, withdrawn, capacity)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (event_id, ticket_type_id, minute) DO UPDATE
        SET booked = m.booked + excluded.booked, returned = m.returned + excluded.returned, promoted = m.promoted + excluded.promoted,
            promotions = m.promotions + excluded.promotions, joined = m.joined + excluded.joined, withdrawn = m.withdrawn + excluded.withdrawn,
            capacity = coalesce(excluded.capacity, m.capacity)"
}

statement! {
    /// Stores messages that have to wait for their predecessors.
    #[derive(Default)]
    pub(super) struct ParkMessages {
        events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, sequences: Array<BigInt> = Vec<i64>, times: Array<Timestamptz> = Vec<Timestamp>,
        booked: Array<Integer> = Vec<i32>, returned: Array<Integer> = Vec<i32>, promoted: Array<Integer> = Vec<i32>,
        promotions: Array<Integer> = Vec<i32>, joined: Array<Integer> = Vec<i32>, withdrawn: Array<Integer> = Vec<i32>,
        capacities: Array<Nullable<Integer>> = Vec<Option<i32>>,
    }
    "INSERT INTO sales_pending (event_id, ticket_type_id, sequence, at, booked, returned, promoted, promotions, joined, withdrawn, capacity)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (event_id, ticket_type_id, sequence) DO NOTHING"
}

statement! {
    /// Deletes waiting messages that have been counted.
    pub(super) struct ReleaseMessages { events: Array<SqlUuid> = Vec<Uuid>, types: Array<SqlUuid> = Vec<Uuid>, sequences: Array<BigInt> = Vec<i64> }
    "DELETE FROM sales_pending p USING unnest($1, $2, $3) AS r (event_id, id, sequence)
      WHERE p.event_id = r.event_id AND p.ticket_type_id = r.id AND p.sequence = r.sequence"
}

/// Converts a sum to the type of its column.
fn column(value: i64) -> QueryResult<i32> {
    i32::try_from(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

impl AddMinutes {
    pub(super) fn push(&mut self, key: TypeKey, minute: Timestamp, row: MinuteCounts) -> QueryResult<()> {
        self.events.push(key.event.as_uuid());
        self.types.push(key.ticket_type.as_uuid());
        self.minutes.push(minute);
        self.booked.push(column(row.counts.booked)?);
        self.returned.push(column(row.counts.returned)?);
        self.promoted.push(column(row.counts.promoted)?);
        self.promotions.push(column(row.counts.promotions)?);
        self.joined.push(column(row.counts.joined)?);
        self.withdrawn.push(column(row.counts.left)?);
        self.capacities.push(row.capacity.map(to_int).transpose()?);
        Ok(())
    }
}

impl ParkMessages {
    pub(super) fn push(&mut self, key: TypeKey, sequence: i64, step: Step) -> QueryResult<()> {
        self.events.push(key.event.as_uuid());
        self.types.push(key.ticket_type.as_uuid());
        self.sequences.push(sequence);
        self.times.push(step.at);
        self.booked.push(to_int(step.change.booked)?);
        self.returned.push(to_int(step.change.returned)?);
        self.promoted.push(to_int(step.change.promoted)?);
        self.promotions.push(to_int(step.change.promotions)?);
        self.joined.push(to_int(step.change.joined)?);
        self.withdrawn.push(to_int(step.change.left)?);
        self.capacities.push(step.change.capacity.map(to_int).transpose()?);
        Ok(())
    }
}
