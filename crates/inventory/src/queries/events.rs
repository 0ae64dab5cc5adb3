//! Events as the public sees them, and one event for anybody. Lists go by a cursor on an index, never by an offset.

use std::collections::HashMap;

use chrono::Datelike;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::text::{Invalid, SearchTerm};
use rowlock_postgres::statement;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::schema::{events, ticket_types};
use crate::views::rows::{EventColumns, EventRow, TypeColumns, TypeRow};
use crate::views::{Event, EventWithTypes, TicketType};

/// Where a page of the public list begins: behind this event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCursor {
    #[serde(deserialize_with = "storable_or_none")]
    starts_at: Option<Timestamp>,
    #[serde(deserialize_with = "storable")]
    created_at: Timestamp,
    id: EventId,
}

impl EventCursor {
    /// The cursor behind an event.
    pub const fn behind(event: &Event) -> Self {
        Self { starts_at: event.starts_at, created_at: event.created_at, id: event.id }
    }

    /// Creation, start and id, as statements take them; all NULL for the first page.
    pub(super) fn columns(after: Option<Self>) -> (Option<Timestamp>, Option<Timestamp>, Option<Uuid>) {
        (after.map(|cursor| cursor.created_at), after.and_then(|cursor| cursor.starts_at), after.map(|cursor| cursor.id.as_uuid()))
    }
}

/// A time that the database can hold. A cursor comes from a client, who may have made it up.
fn storable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    storable_or_none(deserializer)?.ok_or_else(|| D::Error::custom("not a time"))
}

fn storable_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let time = Option::<Timestamp>::deserialize(deserializer)?;
    if time.is_none_or(|time| (1970..=9999).contains(&time.year())) { Ok(time) } else { Err(D::Error::custom("out of range")) }
}

/// Which events to list, by their time and the present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum EventPeriod {
    /// Events that run or are still to come, and those without a date, by start.
    #[default]
    Upcoming,
    /// Events that are over, the latest start first.
    Past,
    /// All events, by start.
    All,
}

impl std::str::FromStr for EventPeriod {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "upcoming" => Ok(Self::Upcoming),
            "past" => Ok(Self::Past),
            "all" => Ok(Self::All),
            _ => Err(Invalid::new("must be upcoming, past or all")),
        }
    }
}

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// In the name, the venue or the description.
    pub q: Option<SearchTerm>,
    /// By the present.
    pub period: EventPeriod,
    /// Ending at or after this time.
    pub from: Option<Timestamp>,
    /// Starting at or before this time.
    pub to: Option<Timestamp>,
}

statement! {
    /// Published events by start (those without one last), then by creation, that end at or after a time. Those that run at
    /// that time come from the index of ranges, the others from the index by start.
    struct ListFrom {
        from: Nullable<Timestamptz> = Option<Timestamp>, upcoming: Bool = bool, to: Nullable<Timestamptz> = Option<Timestamp>,
        q: Nullable<Text> = Option<String>, created_at: Nullable<Timestamptz> = Option<Timestamp>,
        starts_at: Nullable<Timestamptz> = Option<Timestamp>, id: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64,
    } -> EventColumns;
    "WITH since AS MATERIALIZED (SELECT coalesce(greatest($1, CASE WHEN $2 THEN now() END), '-infinity'::timestamptz) AS at),
          running AS (
        SELECT e.* FROM events e
         WHERE e.status = 'published' AND tstzrange(e.starts_at, coalesce(e.ends_at, e.starts_at), '[]') @> (SELECT at FROM since)
           AND e.starts_at < (SELECT at FROM since)),
          later AS (
        SELECT e.* FROM events e
         WHERE e.status = 'published' AND coalesce(e.starts_at, 'infinity'::timestamptz) >= (SELECT at FROM since)
           AND ($3 IS NULL OR e.starts_at <= $3)
           AND ($4 IS NULL OR e.name ILIKE $4 OR e.venue ILIKE $4 OR e.description ILIKE $4)
           AND ($5 IS NULL OR (coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id) > (coalesce($6, 'infinity'::timestamptz), $5, $7))
         ORDER BY coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id LIMIT $8),
          earlier AS (
        SELECT e.* FROM running e
         WHERE ($3 IS NULL OR e.starts_at <= $3)
           AND ($4 IS NULL OR e.name ILIKE $4 OR e.venue ILIKE $4 OR e.description ILIKE $4)
           AND ($5 IS NULL OR (e.starts_at, e.created_at, e.id) > (coalesce($6, 'infinity'::timestamptz), $5, $7))
         ORDER BY e.starts_at, e.created_at, e.id LIMIT $8)
     SELECT id, name, description, venue, starts_at, ends_at, sales_start_at, sales_end_at, waitlist_until, cancel_until, status, published_at, version,
            created_by, created_at, updated_at
       FROM (SELECT * FROM earlier UNION ALL SELECT * FROM later) AS e
      ORDER BY coalesce(starts_at, 'infinity'::timestamptz), created_at, id LIMIT $8"
}

statement! {
    /// Published events that are over, the latest start first.
    struct ListPast {
        q: Nullable<Text> = Option<String>, from: Nullable<Timestamptz> = Option<Timestamp>, to: Nullable<Timestamptz> = Option<Timestamp>,
        created_at: Nullable<Timestamptz> = Option<Timestamp>, starts_at: Nullable<Timestamptz> = Option<Timestamp>, id: Nullable<SqlUuid> = Option<Uuid>,
        limit: BigInt = i64,
    } -> EventColumns;
    "SELECT id, name, description, venue, starts_at, ends_at, sales_start_at, sales_end_at, waitlist_until, cancel_until, status, published_at, version,
            created_by, created_at, updated_at
       FROM events
      WHERE status = 'published' AND coalesce(starts_at, 'infinity'::timestamptz) < now() AND coalesce(ends_at, starts_at) < now()
        AND ($1 IS NULL OR name ILIKE $1 OR venue ILIKE $1 OR description ILIKE $1)
        AND ($2 IS NULL OR coalesce(ends_at, starts_at) >= $2)
        AND ($3 IS NULL OR starts_at <= $3)
        AND ($4 IS NULL OR (coalesce(starts_at, 'infinity'::timestamptz), created_at, id) < (coalesce($5, 'infinity'::timestamptz), $4, $6))
      ORDER BY coalesce(starts_at, 'infinity'::timestamptz) DESC, created_at DESC, id DESC LIMIT $7"
}

statement! {
    /// The ticket types of some events.
    struct TypesOf { events: Array<SqlUuid> = Vec<Uuid> } -> TypeColumns;
    "SELECT event_id, id, position, name, price_minor, currency, capacity, available, booked, held, waiting, next_waitlist_number, version,
            max_per_booking, max_per_account
       FROM ticket_types WHERE event_id = ANY($1) ORDER BY event_id, position"
}

/// A pattern that finds a text as it is: `%`, `_` and `\` stand for themselves.
pub(super) fn containing(term: &SearchTerm) -> Option<String> {
    let term = term.as_str();
    (!term.is_empty()).then(|| format!("%{}%", term.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")))
}

/// Published events, at most `limit`, behind a cursor.
pub async fn list_events(
    conn: &mut AsyncPgConnection,
    filter: &EventFilter,
    after: Option<EventCursor>,
    limit: i64,
) -> QueryResult<Vec<EventWithTypes>> {
    let q = filter.q.as_ref().and_then(containing);
    let &EventFilter { from, to, period, .. } = filter;
    let (created_at, starts_at, id) = EventCursor::columns(after);
    let upcoming = period == EventPeriod::Upcoming;
    let rows: Vec<EventRow> = match period {
        EventPeriod::Past => ListPast { q, from, to, created_at, starts_at, id, limit }.load(conn).await?,
        EventPeriod::Upcoming | EventPeriod::All => ListFrom { from, upcoming, to, q, created_at, starts_at, id, limit }.load(conn).await?,
    };
    let listed: Vec<_> = rows.into_iter().map(Event::try_from).collect::<QueryResult<_>>()?;
    with_types(conn, listed).await
}

/// Adds the ticket types to events, by one more query for all of them.
pub(super) async fn with_types(conn: &mut AsyncPgConnection, listed: Vec<Event>) -> QueryResult<Vec<EventWithTypes>> {
    let ids = listed.iter().map(|event| event.id.as_uuid()).collect();
    let rows: Vec<TypeRow> = TypesOf { events: ids }.load(conn).await?;
    let mut types: HashMap<EventId, Vec<TicketType>> = HashMap::new();
    for row in rows {
        let ticket_type = TicketType::try_from(row)?;
        types.entry(ticket_type.key.event).or_default().push(ticket_type);
    }
    Ok(listed.into_iter().map(|event| EventWithTypes { types: types.remove(&event.id).unwrap_or_default(), event }).collect())
}

/// One event, whatever its status.
pub async fn event(conn: &mut AsyncPgConnection, id: EventId) -> QueryResult<Option<EventWithTypes>> {
    let row: Option<EventRow> = events::table.find(id.as_uuid()).select(EventRow::as_select()).first(conn).await.optional()?;
    let Some(row) = row else { return Ok(None) };
    Ok(with_types(conn, vec![Event::try_from(row)?]).await?.pop())
}

/// The ids of a public event's types, in their order. They never change; empty for an unknown event and for a draft.
pub async fn ticket_type_ids(conn: &mut AsyncPgConnection, id: EventId) -> QueryResult<Vec<TicketTypeId>> {
    let ids: Vec<Uuid> = ticket_types::table
        .inner_join(events::table.on(events::id.eq(ticket_types::event_id)))
        .filter(ticket_types::event_id.eq(id.as_uuid()))
        .filter(events::published_at.is_not_null())
        .order(ticket_types::position)
        .select(ticket_types::id)
        .load(conn)
        .await?;
    Ok(ids.into_iter().map(TicketTypeId::from_uuid).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_themselves() {
        assert_eq!(containing(&"50%_\\".parse().unwrap()).unwrap(), "%50\\%\\_\\\\%");
        assert_eq!(containing(&" ".parse().unwrap()), None);
    }
}
