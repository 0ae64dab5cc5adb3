//! The frame of a page: what `base.html` and the templates of all pages use.

use std::fmt::Display;

use fluent_bundle::FluentValue;
use rowlock_domain::states::Language;
use rowlock_locale::{Locale, own_name};

use crate::api::models::Price;
use crate::csrf;
use crate::i18n::price_text;
use crate::session::Session;
use crate::view::links::encode;
use crate::visitor::Visitor;

/// Facts about the request that templates need.
pub(crate) struct Page {
    visitor: Visitor,
    /// Title of the page, without the name of the site.
    pub(crate) title: String,
    /// Summary for search engines and link previews.
    pub(crate) description: Option<String>,
    /// Path that search engines should list the page under. `None` keeps it out of their index.
    pub(crate) canonical: Option<String>,
    /// Path of the picture of link previews.
    pub(crate) picture: Option<String>,
    /// Class of `<main>`, such as `wide`.
    pub(crate) width: &'static str,
    /// Entry of the navigation that is marked as current.
    pub(crate) section: &'static str,
    /// Path and query of the page, to which the switch of the language returns.
    here: String,
}

impl Page {
    pub(crate) fn new(visitor: Visitor, title: String) -> Self {
        let here = visitor.path_and_query().to_owned();
        Self { visitor, title, description: None, canonical: None, picture: None, width: "", section: "", here }
    }

    /// Sets the path and query of the page. A public page must set those of its key, because the address with which it was requested
    /// may contain more.
    pub(crate) fn at(self, here: impl Into<String>) -> Self {
        Self { here: here.into(), ..self }
    }

    /// Marks an entry of the navigation as current.
    pub(crate) fn in_section(self, section: &'static str) -> Self {
        Self { section, ..self }
    }

    /// Returns the name of the site.
    pub(crate) fn site_name(&self) -> &str {
        &self.visitor.site.settings.name
    }

    /// Returns the text of an id.
    pub(crate) fn t(&self, id: &str) -> String {
        self.visitor.locale.text(id)
    }

    /// Returns a text with one argument.
    pub(crate) fn t1<'a>(&self, id: &str, name: &'a str, value: impl Into<FluentValue<'a>>) -> String {
        self.visitor.locale.with(id, [(name, value.into())])
    }

    /// Returns a text with two arguments.
    pub(crate) fn t2<'a>(
        &self,
        id: &str,
        first: &'a str,
        one: impl Into<FluentValue<'a>>,
        second: &'a str,
        two: impl Into<FluentValue<'a>>,
    ) -> String {
        self.visitor.locale.with(id, [(first, one.into()), (second, two.into())])
    }

    /// Returns the texts and formats of the language.
    pub(crate) fn locale(&self) -> &Locale {
        &self.visitor.locale
    }

    /// Returns whether the installation sends e-mail.
    pub(crate) fn has_mail(&self) -> bool {
        self.visitor.site.settings.mail
    }

    /// Returns whether the desk has pages for webhooks and mails, which need a notifier.
    pub(crate) fn has_notifier(&self) -> bool {
        self.visitor.site.api.has_notifier()
    }

    /// Formats a price.
    pub(crate) fn price(&self, price: &Price) -> String {
        price_text(self.locale(), price, 1)
    }

    /// Returns the session, if the visitor is signed in.
    pub(crate) fn session(&self) -> Option<Session> {
        self.visitor.session()
    }

    /// Returns whether the visitor may manage events, bookings and waiting lists.
    pub(crate) fn is_organizer(&self) -> bool {
        self.session().is_some_and(|session| session.is_organizer())
    }

    /// Returns whether the visitor may see accounts and the audit log.
    pub(crate) fn is_owner(&self) -> bool {
        self.session().is_some_and(|session| session.is_owner())
    }

    /// Returns the URL of a file in `assets`.
    pub(crate) fn asset(&self, name: &str) -> &str {
        self.visitor.site.assets.url(name)
    }

    /// Returns the absolute URL of a path.
    pub(crate) fn absolute(&self, path: &str) -> String {
        self.visitor.site.settings.absolute(path)
    }

    /// Returns the hidden field with the token that every form needs. It is safe HTML.
    pub(crate) fn csrf_field(&self) -> impl Display + use<> {
        csrf::hidden_field(&self.visitor.form_token())
    }

    /// Returns the languages with their links, for the switch in the footer.
    pub(crate) fn languages(&self) -> Vec<LanguageLink> {
        let next = encode(&self.here);
        let current = self.visitor.language();
        Language::ALL
            .iter()
            .map(|language| LanguageLink {
                code: language.as_str(),
                name: own_name(*language),
                href: format!("/language/{}?next={next}", language.as_str()),
                is_current: *language == current,
            })
            .collect()
    }

    /// Returns the code of the page's language.
    pub(crate) fn language_code(&self) -> &'static str {
        self.visitor.language().as_str()
    }

    /// Returns the attribute that marks the current entry of the navigation. It is safe HTML.
    pub(crate) fn current(&self, section: &str) -> &'static str {
        if self.section == section { "aria-current=\"page\"" } else { "" }
    }
}

/// A language in the switch of the footer.
pub(crate) struct LanguageLink {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}
