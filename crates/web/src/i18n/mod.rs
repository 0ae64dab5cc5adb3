//! Languages: texts from Fluent files, and dates, numbers and money as each language writes them.

mod format;
mod sources;

use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use fluent_langneg::{NegotiationStrategy, negotiate_languages, parse_accepted_languages};

use crate::api::problem::Problem;

/// A language of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    English,
    German,
}

impl Language {
    /// All languages; the first one is the default.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::German];

    /// Returns the language tag (BCP 47).
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Returns the name of the language in itself.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// Returns the best language for an `Accept-Language`.
    pub(crate) fn accepted(header: &str) -> Self {
        let available = parse_accepted_languages(&Self::ALL.map(Self::code).join(","));
        let requested = parse_accepted_languages(header);
        let best = negotiate_languages(&requested, &available, available.first(), NegotiationStrategy::Lookup);
        best.first().and_then(|tag| Self::of_code(tag.language.as_str())).unwrap_or(Self::English)
    }
}

/// The texts of all languages.
pub(crate) struct Texts {
    english: FluentBundle<FluentResource>,
    german: FluentBundle<FluentResource>,
}

impl Texts {
    /// Parses the embedded Fluent files.
    pub(crate) fn load() -> Result<Self, String> {
        Ok(Self { english: bundle(Language::English)?, german: bundle(Language::German)? })
    }

    fn bundle(&self, language: Language) -> &FluentBundle<FluentResource> {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
        }
    }

    fn format(&self, language: Language, id: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = self.bundle(language);
        let pattern = bundle.get_message(id)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, arguments, &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::warn!(id, language = language.code(), ?errors, "a text lacks an argument");
        }
        Some(text)
    }
}

fn bundle(language: Language) -> Result<FluentBundle<FluentResource>, String> {
    let tag = language.code().parse().map_err(|error| format!("{}: {error}", language.code()))?;
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Isolation marks are for mixed writing directions; they would end up in titles and attributes.
    bundle.set_use_isolating(false);
    for source in sources::of(language) {
        let resource = FluentResource::try_new((*source).to_owned()).map_err(|(_, errors)| format!("{}: {errors:?}", language.code()))?;
        bundle.add_resource(resource).map_err(|errors| format!("{}: {errors:?}", language.code()))?;
    }
    Ok(bundle)
}

/// The texts and formats of one language.
#[derive(Clone)]
pub(crate) struct Locale {
    texts: Arc<Texts>,
    language: Language,
}

impl Locale {
    pub(crate) fn new(texts: Arc<Texts>, language: Language) -> Self {
        Self { texts, language }
    }

    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// Returns the text of an id. A text that is missing in the language is shown in English.
    pub(crate) fn text(&self, id: &str) -> String {
        self.formatted(id, None)
    }

    /// Returns a text with arguments.
    pub(crate) fn with<'a, const N: usize>(&self, id: &str, arguments: [(&'a str, FluentValue<'a>); N]) -> String {
        self.formatted(id, Some(&arguments.into_iter().collect()))
    }

    /// Returns the text of an id that may not exist.
    pub(crate) fn optional(&self, id: &str) -> Option<String> {
        self.texts.format(self.language, id, None)
    }

    /// Returns a sentence about a problem document: the text `problem-CODE`, or a general one for its status.
    pub(crate) fn problem(&self, problem: &Problem) -> String {
        let wait = problem.retry_after.unwrap_or(1);
        let wait = FluentValue::from(i64::try_from(wait).unwrap_or(1));
        let arguments: FluentArgs<'_> = [("seconds", wait)].into_iter().collect();
        let known = self.texts.format(self.language, &format!("problem-{}", problem.code), Some(&arguments));
        known.unwrap_or_else(|| self.text("problem-other"))
    }

    fn formatted(&self, id: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let text = self.texts.format(self.language, id, arguments).or_else(|| self.texts.format(Language::English, id, arguments));
        text.unwrap_or_else(|| {
            tracing::error!(id, "a text is missing");
            format!("[{id}]")
        })
    }
}

#[cfg(test)]
mod tests;
