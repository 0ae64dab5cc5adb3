//! The texts of parts of pages, which are rendered without a request.

use fluent_bundle::FluentValue;
use rowlock_domain::ids::BookingId;
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

/// Returns the short name of a ticket for people, which is also printed on it, such as `89AB12CD-0`.
pub(crate) fn reference(booking: &BookingId, number: u32) -> String {
    let id = booking.to_string().to_uppercase();
    format!("{}-{number}", id.rsplit('-').next().and_then(|last| last.get(4..)).unwrap_or_default())
}
