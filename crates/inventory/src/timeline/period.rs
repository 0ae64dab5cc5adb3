//! The period and the buckets of a chart of sales.

use std::fmt;
use std::str::FromStr;

use chrono::{SubsecRound, TimeDelta};
use rowlock_domain::Timestamp;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::InvalidValue;

use crate::views::Event;

/// The largest number of buckets of a timeline.
pub const MAX_BUCKETS: i64 = 1000;

/// The default is the smallest bucket that gives at most about this many of them.
const DEFAULT_BUCKETS: i64 = 200;

/// The length of a bucket. Buckets begin at whole minutes, hours or days of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One day of UTC.
    Day,
}

impl Bucket {
    const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Returns the name in requests and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Returns the length in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }

    /// Returns the start of the bucket that contains a time.
    fn floor(self, time: Timestamp) -> Timestamp {
        let seconds = time.timestamp();
        Timestamp::from_timestamp(seconds - seconds.rem_euclid(self.seconds()), 0).unwrap_or(time)
    }

    /// Returns the start of the first bucket that does not begin before a time, or of the last bucket of the year 9999.
    fn ceil(self, time: Timestamp) -> Timestamp {
        let floor = self.floor(time);
        if floor == time {
            return floor;
        }
        let next = floor + TimeDelta::seconds(self.seconds());
        if next.timestamp() > LAST_SECOND { floor } else { next }
    }
}

/// The last second of the year 9999, the last one that RFC 3339 can express.
const LAST_SECOND: i64 = 253_402_300_799;

impl FromStr for Bucket {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL.into_iter().find(|bucket| bucket.as_str() == text).ok_or_else(|| InvalidValue::new("must be minute, hour or day"))
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The period that a reader asks for. Everything that is absent is chosen to fit the event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeriodRequest {
    /// The start of the period.
    pub from: Option<Timestamp>,
    /// The end of the period.
    pub to: Option<Timestamp>,
    /// The length of a bucket.
    pub bucket: Option<Bucket>,
}

/// The reason why a period cannot be returned. Each names the field and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The period is empty.
    #[error("must be later than from")]
    Empty,
    /// The period has more than [`MAX_BUCKETS`] buckets of the requested length.
    #[error("is too short: the period has {buckets} buckets, and at most {MAX_BUCKETS} are possible; use {fitting} or a shorter period")]
    BucketTooShort {
        /// The number of buckets.
        buckets: i64,
        /// The smallest bucket that is possible.
        fitting: Bucket,
    },
    /// The period has more than [`MAX_BUCKETS`] days.
    #[error("must be at most {MAX_BUCKETS} days before to")]
    TooLong,
}

impl PeriodError {
    /// Returns the name of the query parameter that is invalid.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Empty => "to",
            Self::BucketTooShort { .. } => "bucket",
            Self::TooLong => "from",
        }
    }
}

/// A period of whole buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The start of the first bucket.
    pub from: Timestamp,
    /// The end of the last bucket.
    pub to: Timestamp,
    /// The length of a bucket.
    pub bucket: Bucket,
}

impl Period {
    /// Chooses the period: what was requested, extended to whole buckets. The default begins when sales began or with the first
    /// recorded change, whichever is earlier. It ends now, or when sales ended or with the last change, whichever is later.
    /// `recorded` are the first and the last minute with a change.
    pub(super) fn choose(
        request: PeriodRequest,
        event: &Event,
        recorded: Option<(Timestamp, Timestamp)>,
        now: Timestamp,
    ) -> Result<Self, PeriodError> {
        let to = request.to.unwrap_or_else(|| default_end(event, recorded, now));
        let from = request.from.unwrap_or_else(|| default_start(event, recorded).min(to - TimeDelta::minutes(1)));
        if from >= to {
            return Err(PeriodError::Empty);
        }
        let fits = |bucket: Bucket, most: i64| buckets(bucket, from, to) <= most;
        let default = Bucket::ALL.into_iter().find(|bucket| fits(*bucket, DEFAULT_BUCKETS)).unwrap_or(Bucket::Day);
        let bucket = request.bucket.unwrap_or(default);
        if fits(bucket, MAX_BUCKETS) {
            return Ok(Self { from: bucket.floor(from), to: bucket.ceil(to), bucket });
        }
        if request.from.is_none() {
            // A default must not be refused, so the beginning is cut off. The running totals contain it.
            let to = bucket.ceil(to);
            return Ok(Self { from: to - TimeDelta::seconds(MAX_BUCKETS * bucket.seconds()), to, bucket });
        }
        match Bucket::ALL.into_iter().find(|bucket| fits(*bucket, MAX_BUCKETS)) {
            Some(fitting) => Err(PeriodError::BucketTooShort { buckets: buckets(bucket, from, to), fitting }),
            None => Err(PeriodError::TooLong),
        }
    }

    /// Returns the start of each bucket.
    pub(super) fn starts(self) -> impl Iterator<Item = Timestamp> {
        let step = TimeDelta::seconds(self.bucket.seconds());
        std::iter::successors(Some(self.from), move |start| start.checked_add_signed(step)).take_while(move |start| *start < self.to)
    }
}

fn buckets(bucket: Bucket, from: Timestamp, to: Timestamp) -> i64 {
    (bucket.ceil(to) - bucket.floor(from)).num_seconds() / bucket.seconds()
}

fn default_start(event: &Event, recorded: Option<(Timestamp, Timestamp)>) -> Timestamp {
    let begin = event.sales_start_at.or(event.published_at).unwrap_or(event.created_at);
    recorded.map_or(begin, |(first, _)| begin.min(first))
}

fn default_end(event: &Event, recorded: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Timestamp {
    let called_off = (event.status == EventStatus::Cancelled).then_some(event.updated_at);
    let end = [event.starts_at, called_off].into_iter().flatten().min().map_or(now, |end| end.min(now));
    let after_last = recorded.map(|(_, last)| last + TimeDelta::minutes(1));
    // Whole seconds keep the boundaries readable.
    after_last.map_or(end, |last| end.max(last)).trunc_subsecs(0)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use proptest::prelude::*;
    use rowlock_domain::ids::{AccountId, EventId};
    use rowlock_domain::states::WaitlistUntil;
    use uuid::Uuid;

    use super::*;

    fn time(day: u32, hour: u32, minute: u32) -> Timestamp {
        Utc.with_ymd_and_hms(2026, 3, day, hour, minute, 30).unwrap()
    }

    fn event() -> Event {
        Event {
            id: EventId::from_uuid(Uuid::nil()),
            name: "A test".to_owned(),
            description: None,
            venue: None,
            time_zone: "UTC".to_owned(),
            picture: None,
            starts_at: None,
            ends_at: None,
            sales_start_at: Some(time(1, 9, 0)),
            sales_end_at: None,
            waitlist_until: WaitlistUntil::Start,
            cancel_until: None,
            checkout_minutes: None,
            offer_minutes: None,
            status: EventStatus::Published,
            published_at: Some(time(1, 8, 0)),
            version: 1,
            created_by: AccountId::from_uuid(Uuid::nil()),
            created_at: time(1, 7, 0),
            updated_at: time(1, 8, 0),
        }
    }

    fn choose(request: PeriodRequest, now: Timestamp) -> Result<Period, PeriodError> {
        Period::choose(request, &event(), None, now)
    }

    #[test]
    fn the_default_fits_the_event() {
        let period = |event: &Event, recorded, now| Period::choose(PeriodRequest::default(), event, recorded, now).unwrap();
        let whole = |day, hour, minute| time(day, hour, minute) - TimeDelta::seconds(30);
        let short = period(&event(), None, time(1, 10, 0));
        assert_eq!((short.from, short.to, short.bucket), (whole(1, 9, 0), whole(1, 10, 1), Bucket::Minute));
        let longer = period(&event(), None, time(3, 10, 0));
        assert_eq!((longer.from, longer.to, longer.bucket), (whole(1, 9, 0), whole(3, 11, 0), Bucket::Hour));
        let early = period(&event(), Some((whole(1, 6, 0), whole(1, 6, 5))), time(20, 10, 0));
        assert_eq!((early.from, early.to, early.bucket), (whole(1, 0, 0), whole(21, 0, 0), Bucket::Day));
        let over = Event { starts_at: Some(time(1, 10, 0)), ..event() };
        assert_eq!(period(&over, None, time(30, 0, 0)).to, whole(1, 10, 1));
        assert_eq!(period(&over, Some((whole(1, 9, 0), whole(1, 10, 30))), time(30, 0, 0)).to, whole(1, 10, 31));
        let later = Event { sales_start_at: Some(time(9, 9, 0)), ..event() };
        let before_sales = period(&later, None, time(1, 9, 0));
        assert_eq!(before_sales.starts().count(), 2, "the minute before now, and the one that contains now");
    }

    #[test]
    fn a_default_is_never_refused() {
        let old = Event { sales_start_at: Some(Utc.with_ymd_and_hms(1990, 1, 1, 0, 0, 0).unwrap()), ..event() };
        let period = Period::choose(PeriodRequest::default(), &old, None, time(1, 9, 0)).unwrap();
        assert_eq!((period.bucket, period.starts().count()), (Bucket::Day, 1000));
        let minutes = PeriodRequest { bucket: Some(Bucket::Minute), ..PeriodRequest::default() };
        assert_eq!(Period::choose(minutes, &old, None, time(1, 9, 0)).unwrap().starts().count(), 1000);
    }

    #[test]
    fn a_period_that_is_refused_says_what_to_do() {
        let request = |from, to, bucket| choose(PeriodRequest { from: Some(from), to: Some(to), bucket }, time(1, 10, 0));
        let empty = request(time(2, 0, 0), time(2, 0, 0), None).unwrap_err();
        assert_eq!((empty.field(), empty.to_string().as_str()), ("to", "must be later than from"));
        let short = request(time(2, 0, 0), time(4, 0, 0), Some(Bucket::Minute)).unwrap_err();
        assert_eq!(short, PeriodError::BucketTooShort { buckets: 2881, fitting: Bucket::Hour });
        assert!(short.to_string().contains("use hour or a shorter period"), "{short}");
        let long = request(time(2, 0, 0), time(4, 0, 0) + TimeDelta::days(1100), None).unwrap_err();
        assert_eq!((long, long.field()), (PeriodError::TooLong, "from"));
    }

    proptest! {
        #[test]
        fn a_period_contains_what_was_requested_in_a_bounded_number_of_buckets(
            from in 0..LAST_SECOND, length in 1..200_000_000i64, bucket in prop::option::of(prop::sample::select(Bucket::ALL.to_vec())),
        ) {
            let at = |seconds: i64| Timestamp::from_timestamp(seconds.min(LAST_SECOND), 0).unwrap();
            let request = PeriodRequest { from: Some(at(from)), to: Some(at(from + length)), bucket };
            if let Ok(period) = choose(request, time(1, 10, 0)) {
                let count = i64::try_from(period.starts().count()).unwrap();
                prop_assert!(count <= MAX_BUCKETS);
                prop_assert!(period.from <= at(from) && period.to.timestamp() <= LAST_SECOND);
                prop_assert!(period.to >= at(from + length) || at(from + length).timestamp() > LAST_SECOND - 86_400);
                prop_assert!(bucket.is_none_or(|bucket| bucket == period.bucket));
            }
        }
    }
}
