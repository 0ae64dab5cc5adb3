//! The texts of parts of pages, which are rendered without a request.

use fluent_bundle::FluentValue;
use rowlock_locale::Locale;

/// Looks up texts, with the names of [`Page`](super::page::Page), so that a template can be rendered with either.
pub(crate) struct Words<'a>(pub(crate) &'a Locale);

impl Words<'_> {
    /// Returns the text of an id.
    pub(crate) fn t(&self, id: &str) -> String {
        self.0.text(id)
    }

    /// Returns a text with one argument.
    pub(crate) fn t1<'a>(&self, id: &str, name: &'a str, value: impl Into<FluentValue<'a>>) -> String {
        self.0.with(id, [(name, value.into())])
    }
}
