//! The embedded Fluent files.

use rowlock_domain::states::Language;

macro_rules! sources {
    ($($name:literal),+ $(,)?) => {
        const ENGLISH: &[&str] = &[$(include_str!(concat!("../../locales/en/", $name, ".ftl"))),+];
        const GERMAN: &[&str] = &[$(include_str!(concat!("../../locales/de/", $name, ".ftl"))),+];
    };
}

sources!("site", "events", "account", "tickets", "codes", "live", "desk", "checkin", "webhooks", "mails", "errors");

/// Returns the files of a language.
pub(super) fn of(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => ENGLISH,
        Language::German => GERMAN,
    }
}
