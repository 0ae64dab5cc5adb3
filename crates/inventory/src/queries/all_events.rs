//! Events as administrators list them: drafts and cancelled ones included.
//!
//! A page of several statuses is merged from the first rows of each, so that the index by status and start serves them all.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::{Invalid, SearchTerm};
use rowlock_postgres::statement;
use uuid::Uuid;

use super::events::{EventCursor, EventPeriod, containing, with_types};
use crate::views::rows::{EventColumns, EventRow};
use crate::views::{Event, EventWithTypes};

/// The statuses of the events to list, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStatuses(Vec<EventStatus>);

impl Default for EventStatuses {
    fn default() -> Self {
        Self(EventStatus::ALL.to_vec())
    }
}

impl std::str::FromStr for EventStatuses {
    type Err = Invalid;

    /// Reads statuses that are separated by commas.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let named: Result<Vec<EventStatus>, _> = text.split(',').map(|word| word.trim().parse()).collect();
        let named = named.map_err(|_| Invalid::new("must be draft, published or cancelled, or several of these separated by commas"))?;
        Ok(Self(EventStatus::ALL.iter().copied().filter(|status| named.contains(status)).collect()))
    }
}

/// Which events administrators list.
#[derive(Debug, Clone)]
pub struct AllEventsFilter {
    /// In the name, the venue or the description.
    pub q: Option<SearchTerm>,
    /// By the present.
    pub period: EventPeriod,
    /// By their status.
    pub statuses: EventStatuses,
}

statement! {
    /// Events of some statuses by start (those without one last), then by creation; only those that run or are still to come,
    /// if that is asked for. Those that run come from the index of ranges, the others from the index by start.
    struct ListAllFrom {
        statuses: Array<Text> = Vec<&'static str>, upcoming: Bool = bool, q: Nullable<Text> = Option<String>,
        created_at: Nullable<Timestamptz> = Option<Timestamp>, starts_at: Nullable<Timestamptz> = Option<Timestamp>,
        id: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64,
    } -> EventColumns;
    "WITH wanted AS MATERIALIZED (SELECT s.status FROM unnest($1) AS s (status)),
          since AS MATERIALIZED (SELECT CASE WHEN $2 THEN now() ELSE '-infinity'::timestamptz END AS at),
          running AS (
        SELECT e.* FROM events e
         WHERE tstzrange(e.starts_at, coalesce(e.ends_at, e.starts_at), '[]') @> (SELECT at FROM since) AND e.starts_at < (SELECT at FROM since)
           AND e.status IN (SELECT status FROM wanted)
           AND ($3 IS NULL OR e.name ILIKE $3 OR e.venue ILIKE $3 OR e.description ILIKE $3)
           AND ($4 IS NULL OR (e.starts_at, e.created_at, e.id) > (coalesce($5, 'infinity'::timestamptz), $4, $6))
         ORDER BY e.starts_at, e.created_at, e.id LIMIT $7),
          later AS (
        SELECT l.* FROM wanted w CROSS JOIN LATERAL (
            SELECT e.* FROM events e
             WHERE e.status = w.status AND coalesce(e.starts_at, 'infinity'::timestamptz) >= (SELECT at FROM since)
               AND ($3 IS NULL OR e.name ILIKE $3 OR e.venue ILIKE $3 OR e.description ILIKE $3)
               AND ($4 IS NULL OR (coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id) > (coalesce($5, 'infinity'::timestamptz), $4, $6))
             ORDER BY coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id LIMIT $7) AS l)
     SELECT id, name, description, venue, starts_at, ends_at, sales_start_at, sales_end_at, waitlist_until, cancel_until, status, published_at, version,
            created_by, created_at, updated_at
       FROM (SELECT * FROM running UNION ALL SELECT * FROM later) AS e
      ORDER BY coalesce(starts_at, 'infinity'::timestamptz), created_at, id LIMIT $7"
}

statement! {
    /// Events of some statuses that are over, the latest start first.
    struct ListAllPast {
        statuses: Array<Text> = Vec<&'static str>, q: Nullable<Text> = Option<String>, created_at: Nullable<Timestamptz> = Option<Timestamp>,
        starts_at: Nullable<Timestamptz> = Option<Timestamp>, id: Nullable<SqlUuid> = Option<Uuid>, limit: BigInt = i64,
    } -> EventColumns;
    "SELECT p.id, p.name, p.description, p.venue, p.starts_at, p.ends_at, p.sales_start_at, p.sales_end_at, p.waitlist_until, p.cancel_until, p.status,
            p.published_at, p.version, p.created_by, p.created_at, p.updated_at
       FROM unnest($1) AS w (status) CROSS JOIN LATERAL (
        SELECT e.* FROM events e
         WHERE e.status = w.status AND coalesce(e.starts_at, 'infinity'::timestamptz) < now() AND coalesce(e.ends_at, e.starts_at) < now()
           AND ($2 IS NULL OR e.name ILIKE $2 OR e.venue ILIKE $2 OR e.description ILIKE $2)
           AND ($3 IS NULL OR (coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id) < (coalesce($4, 'infinity'::timestamptz), $3, $5))
         ORDER BY coalesce(e.starts_at, 'infinity'::timestamptz) DESC, e.created_at DESC, e.id DESC LIMIT $6) AS p
      ORDER BY coalesce(p.starts_at, 'infinity'::timestamptz) DESC, p.created_at DESC, p.id DESC LIMIT $6"
}

/// Events of any status, at most `limit`, behind a cursor.
pub async fn list_all_events(
    conn: &mut AsyncPgConnection,
    filter: &AllEventsFilter,
    after: Option<EventCursor>,
    limit: i64,
) -> QueryResult<Vec<EventWithTypes>> {
    let q = filter.q.as_ref().and_then(containing);
    let statuses = filter.statuses.0.iter().map(|status| status.as_str()).collect();
    let (created_at, starts_at, id) = EventCursor::columns(after);
    let upcoming = filter.period == EventPeriod::Upcoming;
    let rows: Vec<EventRow> = match filter.period {
        EventPeriod::Past => ListAllPast { statuses, q, created_at, starts_at, id, limit }.load(conn).await?,
        EventPeriod::Upcoming | EventPeriod::All => {
            ListAllFrom { statuses, upcoming, q, created_at, starts_at, id, limit }.load(conn).await?
        }
    };
    let listed: Vec<_> = rows.into_iter().map(Event::try_from).collect::<QueryResult<_>>()?;
    with_types(conn, listed).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_separated_by_commas_and_counted_once() {
        let read = |text: &str| text.parse::<EventStatuses>().map(|statuses| statuses.0);
        assert_eq!(read("cancelled, draft,draft").unwrap(), [EventStatus::Draft, EventStatus::Cancelled]);
        assert_eq!(read("published").unwrap(), [EventStatus::Published]);
        assert_eq!(EventStatuses::default().0, EventStatus::ALL);
        for bad in ["", "sold", "draft,", "draft;published", "Draft"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
