//! Dates, numbers and money as each language writes them (Unicode CLDR).

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;
use icu_calendar::Gregorian;
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::{E, M, T, YM, YMD, YMDE};
use icu_datetime::input::{Date, DateTime, Time};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_locale_core::{Locale as IcuLocale, locale};
use iso_currency::Currency;
use rowlock_domain::Timestamp;
use rowlock_domain::states::Language;

use super::Locale;

impl Locale {
    /// Formats a day with its weekday, such as `Friday, 14 August 2026`.
    pub fn date(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), YMDE::long());
        formatter.map(|formatter| formatter.format(&wall.date).to_string()).unwrap_or_default()
    }

    /// Formats a day without its weekday, such as `14 Aug 2026`.
    pub fn short_date(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), YMD::medium());
        formatter.map(|formatter| formatter.format(&wall.date).to_string()).unwrap_or_default()
    }

    /// Formats a time of day, such as `20:00`.
    pub fn time(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), T::hm());
        formatter.map(|formatter| formatter.format(&wall.time).to_string()).unwrap_or_default()
    }

    /// Formats a day and a time, such as `Fri, 14 Aug 2026, 20:00`.
    pub fn date_time(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), YMDE::medium().with_time_hm());
        formatter.map(|formatter| formatter.format(&wall).to_string()).unwrap_or_default()
    }

    /// Formats a day and a time with the name of their zone, such as `Fri, 14 Aug 2026, 20:00 Berlin time`.
    pub fn zoned_date_time(&self, at: Timestamp, zone: Tz) -> String {
        format!("{}\u{a0}{}", self.date_time(at, zone), self.zone_name(zone))
    }

    /// Formats a weekday and a time of the coming days, such as `Friday 20:00`.
    pub fn weekday_time(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), E::long());
        let weekday = formatter.map(|formatter| formatter.format(&wall.date).to_string()).unwrap_or_default();
        format!("{weekday} {}", self.time(at, zone))
    }

    /// Formats a month, such as `August 2026`.
    pub fn month(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), YM::long());
        formatter.map(|formatter| formatter.format(&wall.date).to_string()).unwrap_or_default()
    }

    /// Formats the name of a month in at most four letters, for date blocks.
    pub fn short_month(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), M::medium());
        formatter.map(|formatter| formatter.format(&wall.date).to_string()).unwrap_or_default()
    }

    /// Formats the name of a weekday in a few letters.
    pub fn short_weekday(&self, at: Timestamp, zone: Tz) -> String {
        let wall = wall(at, zone);
        let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(self.icu().into(), E::short());
        formatter.map(|formatter| formatter.format(&wall.date).to_string()).unwrap_or_default()
    }

    /// Names a time zone by its city, such as `Berlin time`, or `UTC`.
    pub fn zone_name(&self, zone: Tz) -> String {
        let name = zone.name();
        match name.rsplit_once('/') {
            Some((area, city)) if area != "Etc" => self.with("time-zone-of", [("city", city.replace('_', " ").into())]),
            _ => name.rsplit('/').next().unwrap_or(name).to_owned(),
        }
    }

    /// Formats a whole number with separators.
    pub fn number(&self, number: i64) -> String {
        self.decimal(&Decimal::from(number))
    }

    /// Formats an amount in the minor unit of a currency, or says that it is free. `currency` is an ISO 4217 code.
    pub fn price(&self, amount_minor: i64, currency: &str) -> String {
        if amount_minor == 0 {
            return self.text("price-free");
        }
        let digits = Currency::from_code(currency).and_then(Currency::exponent).unwrap_or(2);
        let mut decimal = Decimal::from(amount_minor);
        decimal.multiply_pow10(-i16::try_from(digits).unwrap_or(2));
        let amount = self.decimal(&decimal);
        let symbol = self.currency_symbol(currency);
        self.with("money", [("symbol", symbol.into()), ("amount", amount.into())])
    }

    /// Returns the symbol of a currency as the CLDR has it for the language, or the code where a symbol would be unknown or belong to
    /// several currencies. The script of the web site gets the same from the browser.
    fn currency_symbol(&self, code: &str) -> String {
        let symbol = match (code, self.language()) {
            ("EUR", _) => "€",
            ("GBP", _) => "£",
            ("INR", _) => "₹",
            ("KRW", _) => "₩",
            ("USD", Language::English) => "US$",
            ("USD", Language::German) => "$",
            ("JPY", Language::English) => "JP¥",
            ("JPY", Language::German) => "¥",
            (code, Language::English) => return format!("{code}\u{a0}"),
            (code, Language::German) => code,
        };
        symbol.to_owned()
    }

    fn decimal(&self, number: &Decimal) -> String {
        let formatter = DecimalFormatter::try_new(self.icu().into(), icu_decimal::options::DecimalFormatterOptions::default());
        formatter.map_or_else(|_| number.to_string(), |formatter| formatter.format(number).to_string())
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
fn wall(at: Timestamp, zone: Tz) -> DateTime<Gregorian> {
    let local = at.with_timezone(&zone);
    let small = |number: u32| u8::try_from(number).unwrap_or(1);
    let epoch = || Date::try_new_gregorian(1970, 1, 1);
    let date = Date::try_new_gregorian(local.year(), small(local.month()), small(local.day())).or_else(|_| epoch());
    let time = Time::try_new(small(local.hour()), small(local.minute()), 0, 0);
    match (date, time) {
        (Ok(date), Ok(time)) => DateTime { date, time },
        _ => unreachable!("a chrono date and time are within the ranges of the calendar"),
    }
}
