//! Tests of languages and formats.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::*;
use crate::api::models::Price;

fn locale(language: Language) -> Locale {
    Locale::new(Arc::new(Texts::load().unwrap()), language)
}

fn ids(language: Language) -> BTreeSet<String> {
    let is_id = |line: &&str| line.contains(" =") && line.starts_with(|first: char| first.is_ascii_lowercase());
    let lines = sources::of(language).iter().flat_map(|source| source.lines());
    lines.filter(is_id).filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

#[test]
fn every_text_exists_in_every_language() {
    assert_eq!(ids(Language::English), ids(Language::German));
}

#[test]
fn every_text_that_a_template_uses_exists() {
    let known = ids(Language::English);
    let mut files = vec![std::path::PathBuf::from("templates"), "src".into()];
    let mut missing = BTreeSet::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for call in ["page.t(\"", "page.t1(\"", "page.t2(\"", "locale.text(\"", "locale.with(\"", "self.text(\"", "self.with(\""] {
            for rest in text.split(call).skip(1) {
                let id = rest.split('"').next().unwrap();
                if !id.contains('{') && !known.contains(id) {
                    missing.insert(id.to_owned());
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_language_follows_the_browser() {
    assert_eq!(Language::accepted("de-AT,de;q=0.9,en;q=0.5"), Language::German);
    assert_eq!(Language::accepted("fr, en-US;q=0.7, de;q=0.3"), Language::English);
    assert_eq!(Language::accepted("fr"), Language::English);
    assert_eq!(Language::accepted(""), Language::English);
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
    let price = |amount_minor, currency: &str| Price { amount_minor, currency: currency.to_owned() };
    assert_eq!(locale(Language::English).price(&price(1_250, "EUR")), "€12.50");
    assert_eq!(locale(Language::German).price(&price(125_000, "EUR")), "1.250,00\u{a0}€");
    assert_eq!(locale(Language::English).price(&price(900, "JPY")), "JP¥900");
    assert_eq!(locale(Language::English).price(&price(1_500, "CHF")), "CHF\u{a0}15.00");
    assert_eq!(locale(Language::German).price(&price(1_500, "CHF")), "15,00\u{a0}CHF");
    assert_eq!(locale(Language::English).price(&price(1_200, "USD")), "US$12.00");
    assert_eq!(locale(Language::German).price(&price(0, "EUR")), "Kostenlos");
    assert_eq!(locale(Language::English).times(&price(1_250, "EUR"), 3), "€37.50");
    assert_eq!(locale(Language::English).number(12_345), "12,345");
}
