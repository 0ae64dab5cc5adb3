//! Deadlines and durations in words.

use chrono::{SecondsFormat, TimeDelta};
use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_locale::Locale;

const MINUTES_PER_HOUR: i64 = 60;
const MINUTES_PER_DAY: i64 = 24 * MINUTES_PER_HOUR;

/// A deadline as pages show it, with the values from which the script counts down to it.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    /// Time and zone, such as `14:05 Berlin time`. The weekday or the date precedes the time on any other day.
    pub(crate) text: String,
    /// The instant as browsers read it.
    pub(crate) iso: String,
    /// IANA name of the zone in which `text` is.
    pub(crate) zone: &'static str,
    /// Seconds until the deadline, or zero if it has passed. The script counts these, so that a browser whose clock is wrong shows the
    /// right time.
    pub(crate) seconds: i64,
    /// Whether the deadline is on the present day, so that `text` has no date.
    pub(crate) is_today: bool,
}

impl Deadline {
    /// Describes an instant in a zone.
    pub(crate) fn new(at: Timestamp, zone: Tz, locale: &Locale, now: Timestamp) -> Self {
        let day = |at: Timestamp| at.with_timezone(&zone).date_naive();
        let is_today = day(at) == day(now);
        let is_soon = at > now && at - now < TimeDelta::days(6);
        let moment = match (is_today, is_soon) {
            (true, _) => locale.time(at, zone),
            (false, true) => locale.weekday_time(at, zone),
            (false, false) => locale.date_time(at, zone),
        };
        Self {
            text: format!("{moment}\u{a0}{}", locale.zone_name(zone)),
            iso: at.to_rfc3339_opts(SecondsFormat::Secs, true),
            zone: zone.name(),
            seconds: (at - now).num_seconds().max(0),
            is_today,
        }
    }
}

/// Returns a duration in words, such as `30 minutes` or `1 day 2 hours`.
pub(crate) fn duration(locale: &Locale, minutes: i64) -> String {
    let minutes = minutes.max(0);
    let parts = [
        ("duration-days", minutes / MINUTES_PER_DAY),
        ("duration-hours", minutes % MINUTES_PER_DAY / MINUTES_PER_HOUR),
        ("duration-minutes", minutes % MINUTES_PER_HOUR),
    ];
    let words: Vec<_> =
        parts.into_iter().filter(|(_, count)| *count > 0).map(|(id, count)| locale.with(id, [("count", count.into())])).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rowlock_domain::states::Language;

    use super::*;
    use crate::i18n;

    fn locale(language: Language) -> Locale {
        Locale::new(Arc::new(i18n::load().unwrap()), language)
    }

    #[test]
    fn durations_are_read_in_their_largest_units() {
        let (english, german) = (locale(Language::English), locale(Language::German));
        for (minutes, in_english, in_german) in [
            (1, "1 minute", "1 Minute"),
            (30, "30 minutes", "30 Minuten"),
            (60, "1 hour", "1 Stunde"),
            (90, "1 hour 30 minutes", "1 Stunde 30 Minuten"),
            (120, "2 hours", "2 Stunden"),
            (1_440, "1 day", "1 Tag"),
            (10_080, "7 days", "7 Tage"),
            (1_565, "1 day 2 hours 5 minutes", "1 Tag 2 Stunden 5 Minuten"),
        ] {
            assert_eq!((duration(&english, minutes).as_str(), duration(&german, minutes).as_str()), (in_english, in_german));
        }
    }

    #[test]
    fn a_deadline_names_its_day_unless_it_is_the_present_one() {
        let english = locale(Language::English);
        let now = "2026-08-14T21:30:00Z".parse().unwrap();
        let deadline = |at: &str| Deadline::new(at.parse().unwrap(), Tz::Europe__Berlin, &english, now);
        let today = deadline("2026-08-14T21:40:00Z");
        assert_eq!((today.text.as_str(), today.seconds, today.is_today), ("23:40\u{a0}Berlin time", 600, true));
        assert_eq!(today.iso, "2026-08-14T21:40:00Z");
        assert_eq!(deadline("2026-08-14T22:10:00Z").text, "Saturday 00:10\u{a0}Berlin time");
        assert_eq!(deadline("2026-08-21T21:30:00Z").text, "Fri, 21 Aug 2026, 23:30\u{a0}Berlin time");
        let past = deadline("2026-08-13T12:05:00Z");
        assert_eq!((past.text.as_str(), past.seconds), ("Thu, 13 Aug 2026, 14:05\u{a0}Berlin time", 0));
    }
}
