//! Dates and times as each language writes them (Unicode CLDR).

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;
use icu_calendar::Gregorian;
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::{T, YMDE};
use icu_datetime::input::{Date, DateTime, Time};
use icu_locale_core::{Locale as IcuLocale, locale};
use rowlock_domain::Timestamp;
use rowlock_domain::states::Language;

use super::Locale;

impl Locale {
    /// Formats an instant in a time zone, such as `Friday, 14 August 2026, 20:00 (Berlin time)`.
    pub(crate) fn date_time(&self, at: Timestamp, zone: Tz) -> String {
        let Some(wall) = wall(at, zone) else { return at.to_rfc3339() };
        let date = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), YMDE::long());
        let date = date.map(|formatter| formatter.format(&wall.date).to_string()).unwrap_or_default();
        let time = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), T::hm());
        let time = time.map(|formatter| formatter.format(&wall.time).to_string()).unwrap_or_default();
        self.with("date-time", [("date", date.into()), ("time", time.into()), ("zone", self.zone_name(zone).into())])
    }

    /// Names a time zone by its city, such as `Berlin time`, or `UTC`.
    fn zone_name(&self, zone: Tz) -> String {
        let name = zone.name();
        match name.rsplit_once('/') {
            Some((area, city)) if area != "Etc" => self.with("time-zone-of", [("city", city.replace('_', " ").into())]),
            _ => name.rsplit('/').next().unwrap_or(name).to_owned(),
        }
    }

    /// Returns the locale whose conventions the language uses. English dates are day first, with a 24-hour clock.
    fn icu(&self) -> IcuLocale {
        match self.language() {
            Language::English => locale!("en-GB"),
            Language::German => locale!("de-DE"),
        }
    }
}

/// Returns the wall-clock time of an instant in a zone.
fn wall(at: Timestamp, zone: Tz) -> Option<DateTime<Gregorian>> {
    let local = at.with_timezone(&zone);
    let small = |number: u32| u8::try_from(number).ok();
    let date = Date::try_new_gregorian(local.year(), small(local.month())?, small(local.day())?).ok()?;
    let time = Time::try_new(small(local.hour())?, small(local.minute())?, 0, 0).ok()?;
    Some(DateTime { date, time })
}
