//! Counts the tickets that were checked in and those that are expected.

use diesel::QueryResult;
use diesel::sql_types::{BigInt, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::views::rows::unreadable;

/// The counts of one ticket type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeSummary {
    /// The ticket type.
    pub id: TicketTypeId,
    /// Its name.
    pub name: String,
    /// The number of tickets that were checked in.
    pub checked_in: u32,
    /// The number of tickets in confirmed bookings, including those that were checked in.
    pub expected: u32,
}

/// The counts of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckinSummary {
    /// The counts per ticket type, ordered as in the event. Every event has at least one.
    pub types: Vec<TypeSummary>,
}

impl CheckinSummary {
    /// Returns the number of tickets of all types that were checked in.
    pub fn checked_in(&self) -> u32 {
        self.types.iter().map(|counts| counts.checked_in).sum()
    }

    /// Returns the number of tickets of all types in confirmed bookings.
    pub fn expected(&self) -> u32 {
        self.types.iter().map(|counts| counts.expected).sum()
    }
}

statement! {
    struct CountCheckins { event: SqlUuid = Uuid } -> (SqlUuid, Text, Integer, BigInt);
    "SELECT t.id, t.name, t.booked, coalesce(c.checked_in, 0) FROM ticket_types t
       LEFT JOIN (SELECT ticket_type_id, count(*) AS checked_in FROM checkins WHERE event_id = $1 GROUP BY ticket_type_id) c
            ON c.ticket_type_id = t.id
      WHERE t.event_id = $1 ORDER BY t.position"
}

/// Returns the counts of an event, or `None` if it does not exist.
pub async fn summary(conn: &mut AsyncPgConnection, event: EventId) -> QueryResult<Option<CheckinSummary>> {
    let rows: Vec<(Uuid, String, i32, i64)> = CountCheckins { event: event.as_uuid() }.load(conn).await?;
    let counts = rows.into_iter().map(|(id, name, booked, checked_in)| {
        let (checked_in, expected) = (u32::try_from(checked_in).map_err(unreadable)?, u32::try_from(booked).map_err(unreadable)?);
        Ok(TypeSummary { id: TicketTypeId::from_uuid(id), name, checked_in, expected })
    });
    let types = counts.collect::<QueryResult<Vec<_>>>()?;
    Ok((!types.is_empty()).then_some(CheckinSummary { types }))
}
