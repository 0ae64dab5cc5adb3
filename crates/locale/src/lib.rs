//! Texts from Fluent files, and dates, numbers and money as each language writes them.
//!
//! A service embeds its Fluent files and loads them once ([`Texts`]). A [`Locale`] looks up texts and formats values in one language.

mod format;

use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use rowlock_domain::states::Language;

const ENGLISH_FORMATS: &str = include_str!("../locales/en/formats.ftl");
const GERMAN_FORMATS: &str = include_str!("../locales/de/formats.ftl");

/// Returns the name of a language in that language.
pub const fn own_name(language: Language) -> &'static str {
    match language {
        Language::English => "English",
        Language::German => "Deutsch",
    }
}

/// The texts of a service in all languages.
pub struct Texts {
    english: FluentBundle<FluentResource>,
    german: FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

impl Texts {
    /// Parses the Fluent files of each language. Fails if one is malformed or defines a text twice.
    pub fn load(english: &[&str], german: &[&str]) -> Result<Self, String> {
        Ok(Self {
            english: bundle(Language::English, ENGLISH_FORMATS, english)?,
            german: bundle(Language::German, GERMAN_FORMATS, german)?,
        })
    }

    fn format(&self, language: Language, id: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = match language {
            Language::English => &self.english,
            Language::German => &self.german,
        };
        let pattern = bundle.get_message(id)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, arguments, &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::warn!(id, %language, ?errors, "a text lacks an argument");
        }
        Some(text)
    }
}

fn bundle(language: Language, formats: &str, sources: &[&str]) -> Result<FluentBundle<FluentResource>, String> {
    let tag = language.as_str().parse().map_err(|error| format!("{language}: {error}"))?;
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Isolation marks are for mixed writing directions; they would end up in titles, attributes and subjects.
    bundle.set_use_isolating(false);
    for source in [formats].iter().chain(sources) {
        let resource = FluentResource::try_new((*source).to_owned()).map_err(|(_, errors)| format!("{language}: {errors:?}"))?;
        bundle.add_resource(resource).map_err(|errors| format!("{language}: {errors:?}"))?;
    }
    Ok(bundle)
}

/// The texts and formats of one language.
#[derive(Debug, Clone)]
pub struct Locale {
    texts: Arc<Texts>,
    language: Language,
}

impl Locale {
    /// Creates a locale of these texts.
    pub fn new(texts: Arc<Texts>, language: Language) -> Self {
        Self { texts, language }
    }

    /// Returns the language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns the text of an id. A text that is missing in the language is shown in English, and one that is missing in both as its
    /// id in brackets.
    pub fn text(&self, id: &str) -> String {
        self.formatted(id, None)
    }

    /// Returns a text with arguments.
    pub fn with<'a, const N: usize>(&self, id: &str, arguments: [(&'a str, FluentValue<'a>); N]) -> String {
        self.formatted(id, Some(&arguments.into_iter().collect()))
    }

    /// Returns the text of an id that may not exist.
    pub fn optional(&self, id: &str) -> Option<String> {
        self.texts.format(self.language, id, None)
    }

    /// Returns the text of an id that may not exist, with arguments.
    pub fn optional_with<'a, const N: usize>(&self, id: &str, arguments: [(&'a str, FluentValue<'a>); N]) -> Option<String> {
        self.texts.format(self.language, id, Some(&arguments.into_iter().collect()))
    }

    fn formatted(&self, id: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let text = self.texts.format(self.language, id, arguments).or_else(|| self.texts.format(Language::English, id, arguments));
        text.unwrap_or_else(|| {
            tracing::error!(id, "a text is missing");
            format!("[{id}]")
        })
    }
}

/// Returns the ids of the texts that a Fluent file defines. For tests that compare languages.
pub fn ids_in(source: &str) -> impl Iterator<Item = &str> {
    let is_id = |line: &&str| line.contains(" =") && line.starts_with(|first: char| first.is_ascii_lowercase());
    source.lines().filter(is_id).filter_map(|line| line.split(' ').next())
}

#[cfg(test)]
mod tests;
