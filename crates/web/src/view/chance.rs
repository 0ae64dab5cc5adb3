//! The chance of a place in a waiting list, in words.

use rowlock_domain::Timestamp;
use rowlock_locale::Locale;

use crate::api::models::Chance;
use crate::view::deadline::duration;

const MINUTES_PER_HOUR: i64 = 60;
const MINUTES_PER_DAY: i64 = 24 * MINUTES_PER_HOUR;

/// The chance to get tickets, and how it was estimated.
pub(crate) struct ChanceText {
    /// The range, in one sentence.
    pub(crate) range: String,
    /// The returned tickets and the time from which the range follows.
    pub(crate) reason: String,
}

impl ChanceText {
    pub(crate) fn new(chance: &Chance, locale: &Locale, now: Timestamp) -> Self {
        // An estimate needs no more precision than the largest unit has.
        let left = match (chance.until - now).num_minutes() {
            minutes if minutes >= MINUTES_PER_DAY => minutes / MINUTES_PER_DAY * MINUTES_PER_DAY,
            minutes if minutes >= MINUTES_PER_HOUR => minutes / MINUTES_PER_HOUR * MINUTES_PER_HOUR,
            minutes => minutes.max(1),
        };
        let left = duration(locale, left);
        Self {
            range: locale.with("chance", [("low", chance.low.into()), ("high", chance.high.into())]),
            reason: locale
                .with("chance-reason", [("tickets", chance.returned_tickets.into()), ("days", chance.days.into()), ("left", left.into())]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{TimeDelta, TimeZone, Utc};
    use rowlock_domain::states::Language;

    use super::*;
    use crate::i18n;

    #[test]
    fn a_chance_is_told_with_its_reason() {
        let texts = Arc::new(i18n::load().unwrap());
        let now = Utc.with_ymd_and_hms(2036, 5, 1, 12, 0, 0).unwrap();
        let chance = |until| Chance { low: 40, high: 60, returned_tickets: 37, days: 12, until };
        let told = |language, left| ChanceText::new(&chance(now + left), &Locale::new(texts.clone(), language), now);
        let english = told(Language::English, TimeDelta::hours(9 * 24 + 5));
        assert_eq!(english.range, "Your chance of getting tickets is about 40 to 60%.");
        assert!(english.reason.contains("37 tickets that were returned in the last 12 days"), "{}", english.reason);
        assert!(english.reason.ends_with("(9 days)."), "{}", english.reason);
        let german = told(Language::German, TimeDelta::minutes(150));
        assert_eq!(german.range, "Ihre Chance auf Tickets liegt bei etwa 40 bis 60\u{a0}%.");
        assert!(german.reason.contains("37 Tickets") && german.reason.ends_with("(2 Stunden)."), "{}", german.reason);
        assert!(told(Language::English, TimeDelta::seconds(-5)).reason.ends_with("(1 minute)."));
    }
}
