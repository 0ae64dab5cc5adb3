//! Tests of languages and formats.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue reports the cause by panicking")]

use chrono_tz::Tz;

use super::*;

fn locale(language: Language) -> Locale {
    Locale::new(Arc::new(Texts::load(&["only-english = Hello { $name }"], &[]).unwrap()), language)
}

#[test]
fn the_formats_have_the_same_texts_in_every_language() {
    assert_eq!(ids_in(ENGLISH_FORMATS).collect::<Vec<_>>(), ids_in(GERMAN_FORMATS).collect::<Vec<_>>());
}

#[test]
fn a_missing_text_is_shown_in_english_or_as_its_id() {
    let german = locale(Language::German);
    assert_eq!(german.with("only-english", [("name", "Ada".into())]), "Hello Ada");
    assert_eq!(german.text("nothing"), "[nothing]");
    assert_eq!((german.optional("only-english"), german.optional("price-free").as_deref()), (None, Some("Kostenlos")));
    assert_eq!(german.optional_with("money", [("amount", "1".into()), ("symbol", "€".into())]).as_deref(), Some("1\u{a0}€"));
}

#[test]
fn malformed_and_repeated_texts_are_refused() {
    assert!(Texts::load(&["= nothing"], &[]).unwrap_err().starts_with("en: "));
    assert!(Texts::load(&[], &["a = 1\na = 2"]).unwrap_err().starts_with("de: "));
    assert!(Texts::load(&["money = twice"], &[]).unwrap_err().starts_with("en: "));
}

#[test]
fn times_are_those_of_the_zone_and_the_language() {
    let at = "2026-08-14T18:00:00Z".parse().unwrap();
    let berlin: Tz = "Europe/Berlin".parse().unwrap();
    assert_eq!(locale(Language::English).date(at, berlin), "Friday, 14 August 2026");
    assert_eq!(locale(Language::German).date(at, berlin), "Freitag, 14. August 2026");
    assert_eq!(locale(Language::English).time(at, berlin), "20:00");
    assert_eq!(locale(Language::English).zone_name(berlin), "Berlin time");
    assert_eq!(locale(Language::German).zone_name(Tz::UTC), "UTC");
}

#[test]
fn money_and_numbers_are_those_of_the_language() {
    assert_eq!(locale(Language::English).price(1_250, "EUR"), "€12.50");
    assert_eq!(locale(Language::German).price(125_000, "EUR"), "1.250,00\u{a0}€");
    assert_eq!(locale(Language::English).price(900, "JPY"), "JP¥900");
    assert_eq!(locale(Language::English).price(1_500, "CHF"), "CHF\u{a0}15.00");
    assert_eq!(locale(Language::German).price(1_500, "CHF"), "15,00\u{a0}CHF");
    assert_eq!(locale(Language::English).price(1_200, "USD"), "US$12.00");
    assert_eq!(locale(Language::German).price(0, "EUR"), "Kostenlos");
    assert_eq!(locale(Language::English).number(12_345), "12,345");
}
