//! Names of time zones in the IANA database.

use std::fmt;
use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};
use serde::Serialize;

use crate::text::InvalidValue;

/// Maximum length of an echoed name. Every name of the database is shorter.
const MAX_LENGTH: usize = 64;

/// The name of a time zone in the IANA database, such as `Europe/Berlin`.
///
/// As in the database, case makes no difference when a name is parsed. The parsed name is spelled as in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeZoneName(Tz);

impl TimeZoneName {
    /// The zone of an event whose organizer has not chosen one.
    pub const UTC: Self = Self(Tz::UTC);

    /// Returns the name as the database spells it.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// Returns the zone with its rules.
    pub const fn zone(self) -> Tz {
        self.0
    }

    /// Returns all names, in alphabetical order.
    pub fn all() -> impl Iterator<Item = &'static str> {
        TZ_VARIANTS.iter().map(|zone| zone.name())
    }
}

impl FromStr for TimeZoneName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let any_case = || TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(text));
        text.parse().ok().or_else(any_case).map(Self).ok_or_else(|| {
            let is_echoed = (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            let unknown = if is_echoed { format!("; `{text}` is unknown") } else { String::new() };
            InvalidValue::new(format!("must be the name of a time zone in the IANA database, such as Europe/Berlin{unknown}"))
        })
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TimeZoneName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_in_any_case_and_spelled_as_in_the_database() {
        for (text, name) in [("Europe/Berlin", "Europe/Berlin"), ("america/new_york", "America/New_York"), ("utc", "UTC")] {
            assert_eq!(text.parse::<TimeZoneName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn an_unknown_name_is_named_with_an_example() {
        let reason = |text: &str| text.parse::<TimeZoneName>().unwrap_err().to_string();
        assert!(reason("Mars/Olympus").ends_with("such as Europe/Berlin; `Mars/Olympus` is unknown"));
        for text in ["", " UTC", "+02:00", "Europe/Berlin\0", "CEST"] {
            assert!(reason(text).contains("such as Europe/Berlin"), "{text:?}");
        }
        assert!(reason(&"x".repeat(10_000)).len() < 200);
    }

    #[test]
    fn every_name_fits_the_constraint_of_the_database() {
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte));
        for name in TimeZoneName::all() {
            let letter_first = name.starts_with(|first: char| first.is_ascii_alphabetic());
            assert!(name.len() <= MAX_LENGTH && letter_first && name.split('/').all(is_part), "{name}");
        }
    }
}
