//! The texts of the site, and sentences about problems of the API.

mod sources;

use rowlock_domain::states::Language;
use rowlock_locale::{Locale, Texts};

use crate::api::models::Price;
use crate::api::problem::Problem;

/// Parses the embedded Fluent files.
pub(crate) fn load() -> Result<Texts, String> {
    Texts::load(sources::of(Language::English), sources::of(Language::German))
}

/// Returns a sentence about a problem document: the text `problem-CODE`, or a general one.
pub(crate) fn problem_text(locale: &Locale, problem: &Problem) -> String {
    let wait = i64::try_from(problem.retry_after.unwrap_or(1)).unwrap_or(1);
    let known = locale.optional_with(&format!("problem-{}", problem.code), [("seconds", wait.into())]);
    known.unwrap_or_else(|| locale.text("problem-other"))
}

/// Formats the price of some tickets, or says that they are free.
pub(crate) fn price_text(locale: &Locale, price: &Price, quantity: i64) -> String {
    locale.price(price.amount_minor.saturating_mul(quantity), &price.currency)
}

#[cfg(test)]
mod tests;
