//! The sales of an event over time, as bars below the stock of `events show`.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use serde::Deserialize;
use serde_json::Value;

use crate::api::ApiRequest;
use crate::bars::{BAR_CHARACTERS, distribute_cells};
use crate::error::Failure;
use crate::output::{Column, table_within};
use crate::session::Session;

/// The largest number of rows. More buckets are merged, so that the chart fits a window.
const ROWS: usize = 12;

/// The sales of an event, as far as the chart shows them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timeline {
    bucket: String,
    up_to_date: bool,
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Deserialize)]
struct Bucket {
    start: Timestamp,
    booked: u64,
    promoted: u64,
    returned: u64,
    sold: u64,
    waiting: u64,
}

impl Bucket {
    /// Adds a later bucket.
    fn merge(&mut self, later: &Self) {
        self.booked += later.booked;
        self.promoted += later.promoted;
        self.returned += later.returned;
        (self.sold, self.waiting) = (later.sold, later.waiting);
    }

    const fn all_booked(&self) -> u64 {
        self.booked + self.promoted
    }

    const fn is_empty(&self) -> bool {
        self.all_booked() == 0 && self.returned == 0 && self.waiting == 0 && self.sold == 0
    }
}

/// Fetches the timeline of an event, or returns `None` if the server has none because it runs an earlier version.
pub(super) fn timeline(session: &mut Session, event: EventId) -> Result<Option<Value>, Failure> {
    match session.send(&ApiRequest::get(format!("/admin/events/{event}/timeline"))) {
        Ok(response) => Ok(Some(response.body)),
        Err(failure) if failure.exit_code() == 6 => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Renders a timeline as a bar for each bucket, or a sentence if nothing was sold. Returns `None` if the document is of a format
/// that this build does not know.
pub(super) fn render_timeline(document: &Value, width: u16) -> Option<String> {
    let Timeline { bucket, up_to_date, buckets } = Timeline::deserialize(document).ok()?;
    if buckets.iter().all(Bucket::is_empty) {
        return Some(" No sales yet.".to_owned());
    }
    let rows = merged(&buckets);
    let largest = rows.iter().map(Bucket::all_booked).max().unwrap_or_default();
    let cells = usize::from(width.saturating_sub(60)).clamp(10, 40);
    let format = if bucket == "day" { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" };
    let row = |bucket: &Bucket| {
        vec![
            bucket.start.format(format).to_string(),
            bar(bucket.all_booked(), largest, cells),
            bucket.all_booked().to_string(),
            bucket.returned.to_string(),
            bucket.sold.to_string(),
            bucket.waiting.to_string(),
        ]
    };
    let columns = [
        Column::Text("FROM (UTC)"),
        Column::Text(""),
        Column::Number("BOOKED"),
        Column::Number("RETURNED"),
        Column::Number("SOLD"),
        Column::Number("WAITING"),
    ];
    let table = table_within(&columns, rows.iter().map(row), Some(width));
    let late = if up_to_date { "" } else { "\n The latest changes are not counted yet." };
    Some(format!("{table}{late}"))
}

fn bar(value: u64, largest: u64, width: usize) -> String {
    let cells = distribute_cells(&[value, largest.saturating_sub(value)], width);
    let [full, ..] = BAR_CHARACTERS;
    full.to_string().repeat(cells.first().copied().unwrap_or_default())
}

/// Merges neighboring buckets until at most [`ROWS`] are left.
fn merged(buckets: &[Bucket]) -> Vec<Bucket> {
    let size = buckets.len().div_ceil(ROWS).max(1);
    let merge = |group: &[Bucket]| {
        let (first, others) = group.split_first()?;
        let mut sum = first.clone();
        for bucket in others {
            sum.merge(bucket);
        }
        Some(sum)
    };
    buckets.chunks(size).filter_map(merge).collect()
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone, Utc};
    use serde_json::json;

    use super::*;

    fn document(booked: &[u64], bucket: &str, step: TimeDelta) -> Value {
        let start = Utc.with_ymd_and_hms(2026, 3, 1, 9, 0, 0).unwrap();
        let mut sold = 0;
        let buckets: Vec<_> = (0i32..)
            .zip(booked)
            .map(|(index, booked)| {
                sold += booked;
                json!({"start": start + step * index, "booked": booked, "promoted": 0, "returned": 0, "sold": sold, "waiting": 1})
            })
            .collect();
        json!({"bucket": bucket, "upToDate": true, "buckets": buckets})
    }

    #[test]
    fn each_bucket_has_a_bar_with_its_numbers() {
        let text = render_timeline(&document(&[20, 0, 10], "hour", TimeDelta::hours(1)), 80).unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "FROM (UTC) BOOKED RETURNED SOLD WAITING",
                "2026-03-01 09:00 ████████████████████ 20 0 20 1",
                "2026-03-01 10:00 0 0 20 1",
                "2026-03-01 11:00 ██████████ 10 0 30 1",
            ]
        );
    }

    #[test]
    fn many_buckets_are_merged_and_fit_the_terminal() {
        for count in [1, 11, 12, 13, 200, 1000] {
            let booked: Vec<u64> = (0..count).collect();
            for width in [60, 80, 120, 200] {
                let text = render_timeline(&document(&booked, "day", TimeDelta::days(1)), width).unwrap();
                assert!(text.lines().count() <= ROWS + 1, "{text}");
                assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}:\n{text}");
                let last = text.lines().last().unwrap().split_whitespace().rev().nth(1).unwrap().to_owned();
                assert_eq!(last, booked.iter().sum::<u64>().to_string());
            }
        }
    }

    #[test]
    fn without_sales_there_is_a_sentence() {
        let mut empty = document(&[0, 0], "hour", TimeDelta::hours(1));
        for bucket in empty["buckets"].as_array_mut().unwrap() {
            bucket["waiting"] = json!(0);
        }
        assert_eq!(render_timeline(&empty, 80).unwrap(), " No sales yet.");
        assert_eq!(render_timeline(&json!({"buckets": "other"}), 80), None);
    }
}
