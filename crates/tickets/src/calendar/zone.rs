//! The rules of a time zone between two times.

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, Utc};
use chrono_tz::{OffsetComponents, OffsetName, Tz};

/// How far back the last change of an offset is searched. Zones with daylight saving time change more often than this.
const SEARCHED: TimeDelta = TimeDelta::days(370);

/// An offset from UTC, and when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observance {
    /// The wall-clock time before the change at which the offset began.
    pub(super) starts_at: NaiveDateTime,
    pub(super) seconds_before: i32,
    pub(super) seconds: i32,
    pub(super) is_daylight: bool,
    pub(super) name: String,
}

/// Returns the offset at `from`, and every later one until `to`.
pub(super) fn observances(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Observance> {
    let first = last_change(zone, from - SEARCHED, from).unwrap_or(from - SEARCHED);
    let mut observances = vec![at_change(zone, first)];
    let mut begun = from;
    while let Some(change) = first_change(zone, begun, to) {
        observances.push(at_change(zone, change));
        begun = change;
    }
    observances
}

/// Returns the offset that began at an instant.
fn at_change(zone: Tz, change: DateTime<Utc>) -> Observance {
    let after = change.with_timezone(&zone);
    let seconds_before = seconds(zone, change - TimeDelta::seconds(1));
    Observance {
        starts_at: change.naive_utc() + TimeDelta::seconds(seconds_before.into()),
        seconds_before,
        seconds: seconds(zone, change),
        is_daylight: !after.offset().dst_offset().is_zero(),
        name: after.offset().abbreviation().map_or_else(|| zone.name().to_owned(), ToOwned::to_owned),
    }
}

fn seconds(zone: Tz, at: DateTime<Utc>) -> i32 {
    at.with_timezone(&zone).offset().fix().local_minus_utc()
}

/// Returns the last instant after `from`, and at the latest at `to`, at which the offset changed.
fn last_change(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut late = to;
    while late > from {
        let early = (late - TimeDelta::days(1)).max(from);
        if seconds(zone, early) != seconds(zone, late) {
            return Some(bisect(zone, early, late));
        }
        late = early;
    }
    None
}

/// Returns the first instant after `from`, and at the latest at `to`, at which the offset changed.
fn first_change(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut early = from;
    while early < to {
        let late = (early + TimeDelta::days(1)).min(to);
        if seconds(zone, early) != seconds(zone, late) {
            return Some(bisect(zone, early, late));
        }
        early = late;
    }
    None
}

/// Returns the second of the change between two times that are at most a day apart.
fn bisect(zone: Tz, mut early: DateTime<Utc>, mut late: DateTime<Utc>) -> DateTime<Utc> {
    let offset = seconds(zone, early);
    while late - early > TimeDelta::seconds(1) {
        let middle = early + TimeDelta::seconds((late - early).num_seconds() / 2);
        if seconds(zone, middle) == offset {
            early = middle;
        } else {
            late = middle;
        }
    }
    DateTime::from_timestamp(late.timestamp(), 0).unwrap_or(late)
}
