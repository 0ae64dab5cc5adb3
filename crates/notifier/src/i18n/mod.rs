//! Languages: texts from Fluent files, and dates as each language writes them.

mod dates;

use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use rowlock_domain::states::Language;

const ENGLISH: &str = include_str!("../../locales/en/mail.ftl");
const GERMAN: &str = include_str!("../../locales/de/mail.ftl");

/// The texts of all languages.
pub(crate) struct Texts {
    english: FluentBundle<FluentResource>,
    german: FluentBundle<FluentResource>,
}

impl Texts {
    /// Parses the embedded Fluent files.
    pub(crate) fn load() -> Result<Self, String> {
        Ok(Self { english: bundle(Language::English, ENGLISH)?, german: bundle(Language::German, GERMAN)? })
    }

    fn format(&self, language: Language, id: &str, arguments: &FluentArgs<'_>) -> Option<String> {
        let bundle = match language {
            Language::English => &self.english,
            Language::German => &self.german,
        };
        let pattern = bundle.get_message(id)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(arguments), &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::warn!(id, language = language.as_str(), ?errors, "a text lacks an argument");
        }
        Some(text)
    }
}

fn bundle(language: Language, source: &str) -> Result<FluentBundle<FluentResource>, String> {
    let tag = language.as_str().parse().map_err(|error| format!("{language}: {error}"))?;
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Isolation marks are for mixed writing directions; they would end up in subjects.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| format!("{language}: {errors:?}"))?;
    bundle.add_resource(resource).map_err(|errors| format!("{language}: {errors:?}"))?;
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

    /// Returns the text of an id.
    pub(crate) fn text(&self, id: &str) -> String {
        self.with(id, [])
    }

    /// Returns a text with arguments. A text that is missing in the language is shown in English.
    pub(crate) fn with<'a, const N: usize>(&self, id: &str, arguments: [(&'a str, FluentValue<'a>); N]) -> String {
        let arguments = arguments.into_iter().collect();
        let text = self.texts.format(self.language, id, &arguments);
        text.or_else(|| self.texts.format(Language::English, id, &arguments)).unwrap_or_else(|| {
            tracing::error!(id, "a text is missing");
            format!("[{id}]")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_languages_have_the_same_texts() {
        let ids = |source: &str| -> Vec<String> {
            source.lines().filter_map(|line| line.split_once(" =")).map(|(id, _)| id.to_owned()).filter(|id| !id.starts_with(' ')).collect()
        };
        assert_eq!(ids(ENGLISH), ids(GERMAN));
        Texts::load().unwrap();
    }
}
