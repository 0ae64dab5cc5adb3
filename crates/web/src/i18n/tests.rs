//! Tests of the texts.

use std::collections::BTreeSet;
use std::sync::Arc;

use rowlock_locale::ids_in;

use super::*;

fn ids(language: Language) -> BTreeSet<String> {
    sources::of(language).iter().flat_map(|source| ids_in(source)).map(str::to_owned).collect()
}

#[test]
fn every_text_exists_in_every_language() {
    assert_eq!(ids(Language::English), ids(Language::German));
}

#[test]
fn every_text_that_a_template_uses_exists() {
    // Defined by rowlock-locale.
    let known: BTreeSet<String> = ids(Language::English).into_iter().chain(["price-free".to_owned()]).collect();
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
fn the_price_of_several_tickets_is_shown() {
    let locale = Locale::new(Arc::new(load().unwrap()), Language::English);
    let price = |amount_minor| Price { amount_minor, currency: "EUR".to_owned() };
    assert_eq!(price_text(&locale, &price(1_250), 3), "€37.50");
    assert_eq!(price_text(&locale, &price(0), 3), "Free");
}
