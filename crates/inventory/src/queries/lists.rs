//! Lists of events for the public and for administrators. Pages start at a cursor on an index, never at an offset.
//!
//! The statement is composed for each request, so that PostgreSQL plans it for the actual values. For a rare word it looks up the
//! few events in the trigram index and sorts them; for a common word it scans the list in order and soon finds enough.

use chrono::Datelike;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::{InvalidValue, MatchPosition, SearchTerm, SearchWord};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::events::with_types;
use crate::views::rows::EventRow;
use crate::views::{Event, EventWithTypes};

/// The position in a list after which a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCursor {
    #[serde(deserialize_with = "deserialize_storable")]
    starts_at: Option<Timestamp>,
    #[serde(deserialize_with = "deserialize_storable_required")]
    created_at: Timestamp,
    id: EventId,
}

impl EventCursor {
    /// Returns the cursor for the page after an event.
    pub const fn after(event: &Event) -> Self {
        Self { starts_at: event.starts_at, created_at: event.created_at, id: event.id }
    }

    /// Returns the creation time, the start and the id as statement parameters, which are all NULL for the first page.
    fn columns(after: Option<Self>) -> (Option<Timestamp>, Option<Timestamp>, Option<Uuid>) {
        (after.map(|cursor| cursor.created_at), after.and_then(|cursor| cursor.starts_at), after.map(|cursor| cursor.id.as_uuid()))
    }
}

/// Deserializes a time that the database can store. Cursors come from clients, who may have forged them.
fn deserialize_storable_required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserialize_storable(deserializer)?.ok_or_else(|| D::Error::custom("not a time"))
}

fn deserialize_storable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let time = Option::<Timestamp>::deserialize(deserializer)?;
    if time.is_none_or(|time| (1970..=9999).contains(&time.year())) { Ok(time) } else { Err(D::Error::custom("out of range")) }
}

/// The period of the listed events, relative to the current time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum EventPeriod {
    /// Events that are running or yet to come, and those without a date, ordered by start.
    #[default]
    Upcoming,
    /// Events that are over, ordered by start, latest first.
    Past,
    /// All events, ordered by start.
    All,
}

impl std::str::FromStr for EventPeriod {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "upcoming" => Ok(Self::Upcoming),
            "past" => Ok(Self::Past),
            "all" => Ok(Self::All),
            _ => Err(InvalidValue::new("must be upcoming, past or all")),
        }
    }
}

/// The statuses of the listed events, without duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStatuses(Vec<EventStatus>);

impl EventStatuses {
    /// Returns the statuses that the public list contains.
    pub fn public() -> Self {
        Self(vec![EventStatus::Published])
    }

    /// Returns every status.
    pub fn all() -> Self {
        Self(EventStatus::ALL.to_vec())
    }
}

impl std::str::FromStr for EventStatuses {
    type Err = InvalidValue;

    /// Parses statuses that are separated by commas.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named: Result<Vec<EventStatus>, _> = text.split(',').map(|word| word.trim().parse()).collect();
        let named =
            named.map_err(|_| InvalidValue::new("must be draft, published or cancelled, or several of these separated by commas"))?;
        Ok(Self(EventStatus::ALL.iter().copied().filter(|status| named.contains(status)).collect()))
    }
}

/// The criteria of a list of events.
#[derive(Debug, Clone)]
pub struct EventFilter {
    /// The statuses.
    pub statuses: EventStatuses,
    /// The words that must all occur in the name, the venue or the description.
    pub q: Option<SearchTerm>,
    /// The period relative to the current time.
    pub period: EventPeriod,
    /// The earliest end of the listed events.
    pub from: Option<Timestamp>,
    /// The latest start of the listed events.
    pub to: Option<Timestamp>,
}

/// The columns of an [`EventRow`].
const COLUMNS: &str = "id, name, description, venue, starts_at, ends_at, sales_start_at, sales_end_at, waitlist_until, cancel_until, status, \
                       published_at, version, created_by, created_at, updated_at, time_zone, picture, checkout_minutes, offer_minutes";

/// The index of the first parameter that is a word. Both statements have the same parameters before it.
const FIRST_WORD: usize = 8;

/// Returns the SQL conditions that all words occur. The SQL functions normalize the words like `search_text`.
///
/// A short word matches only at the beginning of a word, where the preceding space gives it trigrams. For a word that has no
/// trigrams even then, the index is useless. `strpos` prevents its use: PostgreSQL would otherwise consider such a word rare and
/// read the whole index.
fn word_conditions(words: &[SearchWord<'_>]) -> String {
    let condition = |(place, word): (usize, &SearchWord<'_>)| match word.match_position() {
        MatchPosition::Anywhere => format!(" AND e.search_text LIKE search_pattern(${place})"),
        MatchPosition::WordStart => format!(" AND e.search_text LIKE search_pattern(' ' || ${place})"),
        MatchPosition::AnywhereUnindexed => format!(" AND strpos(e.search_text, search_form(${place})) > 0"),
    };
    (FIRST_WORD..).zip(words).map(condition).collect()
}

/// Returns a UNION of one branch per status, each with its own order and limit, so that each reads the first rows of its part of
/// the index.
fn union_per_status(statuses: &EventStatuses, branch: impl Fn(&str) -> String) -> String {
    let union_per_status: Vec<_> = statuses.0.iter().map(|status| format!("({})", branch(status.as_str()))).collect();
    union_per_status.join(" UNION ALL ")
}

/// The time at or after which the listed events end. It is an expression that is repeated wherever it is needed, so that the
/// planner knows its value.
const SINCE: &str = "coalesce(greatest($2, CASE WHEN $1 THEN now() END), '-infinity'::timestamptz)";

/// Returns the statement for events that end at or after a time, ordered by start (events without one last) and then by creation.
/// Events that are running at that time are few; they are read from the range index before words are matched. The others are read
/// from the index by status and start.
fn list_from_time_sql(statuses: &EventStatuses, words: &[SearchWord<'_>]) -> String {
    let words = word_conditions(words);
    let named: Vec<_> = statuses.0.iter().map(|status| format!("'{status}'")).collect();
    let named = named.join(", ");
    let later = union_per_status(statuses, |status| {
        format!(
            "SELECT e.* FROM events e
              WHERE e.status = '{status}' AND coalesce(e.starts_at, 'infinity'::timestamptz) >= {SINCE}
                AND ($3 IS NULL OR e.starts_at <= $3){words}
                AND ($4 IS NULL OR (coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id) > (coalesce($5, 'infinity'::timestamptz), $4, $6))
              ORDER BY coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id LIMIT $7"
        )
    });
    format!(
        "WITH running AS MATERIALIZED (
            SELECT e.* FROM events e
             WHERE tstzrange(e.starts_at, coalesce(e.ends_at, e.starts_at), '[]') @> {SINCE} AND e.starts_at < {SINCE} AND e.status IN ({named}))
         SELECT {COLUMNS} FROM (
            (SELECT e.* FROM running e
              WHERE ($3 IS NULL OR e.starts_at <= $3){words}
                AND ($4 IS NULL OR (e.starts_at, e.created_at, e.id) > (coalesce($5, 'infinity'::timestamptz), $4, $6))
              ORDER BY e.starts_at, e.created_at, e.id LIMIT $7)
            UNION ALL {later}) AS e
          ORDER BY coalesce(starts_at, 'infinity'::timestamptz), created_at, id LIMIT $7"
    )
}

/// Returns the statement for events that are over, latest start first. It takes the parameters of [`list_from_time_sql`] and
/// does not use the first one.
fn list_past_sql(statuses: &EventStatuses, words: &[SearchWord<'_>]) -> String {
    let words = word_conditions(words);
    let over = union_per_status(statuses, |status| {
        format!(
            "SELECT e.* FROM events e
              WHERE e.status = '{status}' AND coalesce(e.starts_at, 'infinity'::timestamptz) < now() AND coalesce(e.ends_at, e.starts_at) < now()
                AND ($2 IS NULL OR coalesce(e.ends_at, e.starts_at) >= $2)
                AND ($3 IS NULL OR e.starts_at <= $3){words}
                AND ($4 IS NULL OR (coalesce(e.starts_at, 'infinity'::timestamptz), e.created_at, e.id) < (coalesce($5, 'infinity'::timestamptz), $4, $6))
              ORDER BY coalesce(e.starts_at, 'infinity'::timestamptz) DESC, e.created_at DESC, e.id DESC LIMIT $7"
        )
    });
    format!(
        "SELECT {COLUMNS} FROM ({over}) AS e ORDER BY coalesce(starts_at, 'infinity'::timestamptz) DESC, created_at DESC, id DESC LIMIT $7"
    )
}

/// Lists at most `limit` events after the cursor.
pub async fn list_events(
    conn: &mut AsyncPgConnection,
    filter: &EventFilter,
    after: Option<EventCursor>,
    limit: i64,
) -> QueryResult<Vec<EventWithTypes>> {
    let words = filter.q.as_ref().map(SearchTerm::words).unwrap_or_default();
    let text = match filter.period {
        EventPeriod::Past => list_past_sql(&filter.statuses, &words),
        EventPeriod::Upcoming | EventPeriod::All => list_from_time_sql(&filter.statuses, &words),
    };
    let (created_at, starts_at, id) = EventCursor::columns(after);
    let query = diesel::sql_query(text)
        .into_boxed()
        .bind::<Bool, _>(filter.period == EventPeriod::Upcoming)
        .bind::<Nullable<Timestamptz>, _>(filter.from)
        .bind::<Nullable<Timestamptz>, _>(filter.to)
        .bind::<Nullable<Timestamptz>, _>(created_at)
        .bind::<Nullable<Timestamptz>, _>(starts_at)
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<BigInt, _>(limit);
    let query = words.into_iter().fold(query, |query, word| query.bind::<Text, _>(word.as_str()));
    let rows: Vec<EventRow> = query.load(conn).await?;
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
        assert_eq!(EventStatuses::all().0, EventStatus::ALL);
        for bad in ["", "sold", "draft,", "draft;published", "Draft"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
