//! The charts of an event: what was sold and who waits over time, and what was returned and given to the waiting list.

use chrono::TimeDelta;
use chrono_tz::Tz;
use fluent_bundle::FluentValue;
use rowlock_domain::Timestamp;
use rowlock_locale::Locale;
use serde::Deserialize;

use super::models::DeskEvent;
use crate::view::chart::{self, Bar, ChartLine, Frame};

/// The largest number of bars, which are narrower than a finger, but still distinct on a phone.
const BARS: usize = 48;
/// The largest number of changes of the capacity that are marked.
const CAPACITY_MARKS: usize = 3;
/// Estimated width of a letter, in units of a picture.
const LETTER: i64 = 8;
/// Height of a row of texts above the plot.
const ROW: i64 = 18;

const NARROW: Frame = Frame { width: 480, height: 300, left: 52, right: 24, top: 60, bottom: 32 };
const WIDE: Frame = Frame { width: 960, height: 320, left: 56, right: 130, top: 60, bottom: 32 };

/// The sales of an event, as the API returns them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timeline {
    bucket: String,
    from: Timestamp,
    to: Timestamp,
    /// Whether all bookings are counted. Absent in the responses of an older API.
    #[serde(default = "is_current")]
    pub(super) up_to_date: bool,
    totals: Counts,
    buckets: Vec<Bucket>,
}

const fn is_current() -> bool {
    true
}

/// The changes in a span of time, and the totals at its end.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Counts {
    booked: i64,
    returned: i64,
    promoted: i64,
    promotions: i64,
    joined: i64,
    left: i64,
    sold: i64,
    waiting: i64,
    capacity: i64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Bucket {
    start: Timestamp,
    #[serde(flatten)]
    counts: Counts,
}

impl Bucket {
    const fn has_changes(&self) -> bool {
        let Counts { booked, returned, promoted, joined, left, .. } = self.counts;
        booked != 0 || returned != 0 || promoted != 0 || joined != 0 || left != 0
    }
}

/// A text in a picture.
pub(super) struct Text {
    pub(super) x: i64,
    pub(super) y: i64,
    /// The attribute `text-anchor`.
    pub(super) anchor: &'static str,
    pub(super) text: String,
}

/// A horizontal line of the grid with its value.
pub(super) struct GridLine {
    pub(super) y: i64,
    pub(super) label: Text,
}

/// A vertical line that marks an event in the history, with its text.
pub(super) struct ChartMarker {
    pub(super) x: i64,
    pub(super) label: Text,
}

/// The chart of tickets sold and parties waiting, in one of its sizes.
pub(super) struct LineChart {
    /// `narrow` or `wide`.
    pub(super) size: &'static str,
    pub(super) frame: Frame,
    pub(super) grid: Vec<GridLine>,
    pub(super) times: Vec<Text>,
    pub(super) sold: ChartLine,
    pub(super) waiting: Option<ChartLine>,
    pub(super) names: Vec<Text>,
    pub(super) marks: Vec<ChartMarker>,
}

/// A chart with a bar for each span of time.
pub(super) struct BarChart {
    /// Part of the ids of the picture.
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) frame: Frame,
    pub(super) bars: Vec<Bar>,
    pub(super) grid: Vec<GridLine>,
    pub(super) times: Vec<Text>,
}

/// A row of the table below the charts.
pub(super) struct Row {
    pub(super) start: Timestamp,
    pub(super) time: String,
    pub(super) numbers: [String; 7],
}

/// The sales of an event, as its page shows them.
pub(super) struct Sales {
    /// Number of returned tickets.
    pub(super) returned: i64,
    /// Nothing has been counted, so there is nothing to draw.
    pub(super) is_empty: bool,
    /// Something has happened that is not counted yet.
    pub(super) is_late: bool,
    pub(super) description: String,
    pub(super) zone: String,
    pub(super) lines: Vec<LineChart>,
    pub(super) bars: Vec<BarChart>,
    pub(super) rows: Vec<Row>,
}

/// A point in time that is worth a mark.
struct Moment {
    at: Timestamp,
    text: String,
}

/// Everything that the parts of the charts have in common.
struct Drawing<'a> {
    locale: &'a Locale,
    zone: Tz,
    timeline: &'a Timeline,
}

impl Sales {
    /// Prepares the charts of an event.
    pub(super) fn new(locale: &Locale, event: &DeskEvent, timeline: &Timeline) -> Self {
        let drawing = Drawing { locale, zone: event.zone(), timeline };
        let Counts { sold, waiting, capacity, returned, .. } = timeline.totals;
        let description = locale.with(
            "desk-sales-description",
            [
                ("sold", FluentValue::from(locale.number(sold))),
                ("total", locale.number(capacity).into()),
                ("waiting", locale.number(waiting).into()),
                ("from", drawing.moment(timeline.from).into()),
                ("to", drawing.moment(timeline.to).into()),
            ],
        );
        let moments = drawing.moments(event);
        Self {
            returned,
            is_late: !timeline.up_to_date || event.booked_tickets > sold,
            is_empty: !timeline.buckets.iter().any(Bucket::has_changes) && sold == 0 && waiting == 0,
            description,
            zone: locale.zone_name(event.zone()),
            lines: vec![drawing.lines("narrow", NARROW, &moments), drawing.lines("wide", WIDE, &moments)],
            bars: drawing.bar_charts(),
            rows: timeline.buckets.iter().filter(|bucket| bucket.has_changes()).map(|bucket| drawing.row(bucket)).collect(),
        }
    }
}

impl Drawing<'_> {
    /// Formats a time of the axis in the zone of the event: the day, or the time of day if the period is short.
    fn axis_time(&self, at: Timestamp) -> String {
        if self.timeline.to - self.timeline.from > TimeDelta::days(2) {
            self.locale.short_date(at, self.zone)
        } else {
            self.locale.time(at, self.zone)
        }
    }

    /// Formats the start of a bucket with its day.
    fn moment(&self, at: Timestamp) -> String {
        if self.timeline.bucket == "day" {
            self.locale.short_date(at, self.zone)
        } else {
            format!("{}, {}", self.locale.short_date(at, self.zone), self.locale.time(at, self.zone))
        }
    }

    fn seconds_since_start(&self, at: Timestamp) -> i64 {
        (at - self.timeline.from).num_seconds()
    }

    fn x(&self, frame: &Frame, at: Timestamp) -> i64 {
        frame.x(self.seconds_since_start(at), self.seconds_since_start(self.timeline.to))
    }

    /// Returns the moments to mark: the start of sales, when everything was sold for the first time, and changes of the capacity.
    fn moments(&self, event: &DeskEvent) -> Vec<Moment> {
        let mut moments = Vec::new();
        let begin = event.sales_start_at.or(event.published_at);
        if let Some(at) = begin.filter(|at| (self.timeline.from..=self.timeline.to).contains(at)) {
            moments.push(Moment { at, text: self.locale.text("desk-sales-on-sale") });
        }
        let is_sold_out = |bucket: &Bucket| bucket.counts.capacity > 0 && bucket.counts.sold >= bucket.counts.capacity;
        if let Some(index) = self.timeline.buckets.iter().position(is_sold_out) {
            // The totals of a bucket are those of its end.
            let at = self.timeline.buckets.get(index + 1).map_or(self.timeline.to, |next| next.start);
            moments.push(Moment { at, text: self.locale.text("desk-sales-sold-out") });
        }
        let pairs = self.timeline.buckets.iter().zip(self.timeline.buckets.iter().skip(1));
        let changed = pairs.filter(|(before, after)| before.counts.capacity != after.counts.capacity);
        moments.extend(changed.take(CAPACITY_MARKS).map(|(_, after)| Moment {
            at: after.start,
            text: self.locale.with("desk-sales-capacity", [("total", FluentValue::from(self.locale.number(after.counts.capacity)))]),
        }));
        moments.sort_by_key(|moment| moment.at);
        moments
    }

    fn lines(&self, size: &'static str, frame: Frame, moments: &[Moment]) -> LineChart {
        let totals = |total: fn(&Counts) -> i64, change: fn(&Counts) -> i64| -> Vec<i64> {
            let before = self.timeline.buckets.first().map(|first| total(&first.counts) - change(&first.counts));
            before.into_iter().chain(self.timeline.buckets.iter().map(|bucket| total(&bucket.counts))).collect()
        };
        let sold = totals(|counts| counts.sold, |counts| counts.booked + counts.promoted - counts.returned);
        let waiting = totals(|counts| counts.waiting, |counts| counts.joined - counts.promotions - counts.left);
        let values = chart::grid(sold.iter().chain(&waiting).copied().max().unwrap_or_default());
        let maximum = values.last().copied().unwrap_or(1);
        let sold_line = chart::line(&frame, &sold, maximum);
        let waiting_line = waiting.iter().any(|value| *value > 0).then(|| chart::line(&frame, &waiting, maximum));
        let ends: Vec<i64> = [Some(&sold_line), waiting_line.as_ref()].into_iter().flatten().map(|line| line.end).collect();
        let texts = [("desk-sales-sold", self.timeline.totals.sold), ("desk-sales-waiting", self.timeline.totals.waiting)];
        let is_wide = frame.right > 100;
        let name = |(y, (id, count)): (i64, (&str, i64))| Text {
            x: if is_wide { frame.plot_end() + 8 } else { frame.plot_end() },
            y: if is_wide { y + 5 } else { y - 6 },
            anchor: if is_wide { "start" } else { "end" },
            text: self.locale.with(id, [("count", FluentValue::from(self.locale.number(count)))]),
        };
        let names = chart::spread(&frame, &ends, ROW).into_iter().zip(texts).map(name).collect();
        LineChart {
            size,
            frame,
            grid: self.grid(&frame, &values, maximum),
            times: self.times(&frame, if is_wide { 6 } else { 3 }),
            sold: sold_line,
            waiting: waiting_line,
            names,
            marks: self.marks(&frame, moments),
        }
    }

    fn marks(&self, frame: &Frame, moments: &[Moment]) -> Vec<ChartMarker> {
        let width = |text: &str| i64::try_from(text.chars().count()).unwrap_or_default() * LETTER + 12;
        let places: Vec<(i64, i64)> = moments.iter().map(|moment| (self.x(frame, moment.at), width(&moment.text))).collect();
        let mark = |((x, _), (label, moment)): ((i64, i64), (chart::Label, &Moment))| {
            let row = i64::try_from(label.row).unwrap_or_default().min(2);
            let (x_of_text, anchor) = if label.before { (x - 5, "end") } else { (x + 5, "start") };
            ChartMarker { x, label: Text { x: x_of_text, y: ROW * (row + 1) - 4, anchor, text: moment.text.clone() } }
        };
        let labels = chart::labels(frame, &places);
        places.into_iter().zip(labels.into_iter().zip(moments)).map(mark).collect()
    }

    fn grid(&self, frame: &Frame, values: &[i64], maximum: i64) -> Vec<GridLine> {
        let line = |value: i64| {
            let y = frame.y(value, maximum);
            GridLine { y, label: Text { x: frame.left - 8, y: y + 5, anchor: "end", text: self.locale.number(value) } }
        };
        [0].into_iter().chain(values.iter().copied()).map(line).collect()
    }

    /// Returns the texts of the time axis, at most `most` at equal distances, without neighbors that read alike.
    fn times(&self, frame: &Frame, most: i64) -> Vec<Text> {
        let period = self.seconds_since_start(self.timeline.to);
        let mut texts: Vec<Text> = Vec::new();
        for index in 0..most {
            let seconds = chart::scale(index, most - 1, period);
            let text = self.axis_time(self.timeline.from + TimeDelta::seconds(seconds));
            if texts.last().is_some_and(|last| last.text == text) {
                continue;
            }
            let anchor = match index {
                0 => "start",
                last if last == most - 1 => "end",
                _ => "middle",
            };
            texts.push(Text { x: frame.x(index, most - 1), y: frame.height - 8, anchor, text });
        }
        texts
    }

    fn bar_charts(&self) -> Vec<BarChart> {
        let frame = Frame { height: 180, top: 16, right: 24, ..NARROW };
        let one = |name: &'static str, title: &str, description: &str, count: fn(&Counts) -> i64| {
            let all: Vec<i64> = self.timeline.buckets.iter().map(|bucket| count(&bucket.counts)).collect();
            let sum: i64 = all.iter().sum();
            let values = chart::merged(&all, BARS);
            let lines = chart::grid(values.iter().copied().max().unwrap_or_default());
            let maximum = lines.last().copied().unwrap_or(1);
            let largest = lines.into_iter().next_back().into_iter().collect::<Vec<_>>();
            (sum > 0).then(|| BarChart {
                name,
                title: self.locale.text(title),
                description: self.locale.with(description, [("count", FluentValue::from(sum))]),
                frame,
                bars: chart::bars(&frame, &values, maximum),
                grid: self.grid(&frame, &largest, maximum),
                times: self.times(&frame, 3),
            })
        };
        let returned = one("returned", "desk-sales-returned", "desk-sales-returned-sum", |counts| counts.returned);
        let promoted = one("promoted", "desk-sales-promoted", "desk-sales-promoted-sum", |counts| counts.promoted);
        returned.into_iter().chain(promoted).collect()
    }

    fn row(&self, bucket: &Bucket) -> Row {
        let Counts { booked, returned, promoted, joined, left, sold, waiting, .. } = bucket.counts;
        let numbers = [booked, returned, promoted, joined, left, sold, waiting].map(|number| self.locale.number(number));
        Row { start: bucket.start, time: self.moment(bucket.start), numbers }
    }
}
