//! The parts of letters that differ for guests, who have no account.

use rowlock_locale::Locale;
use secrecy::{ExposeSecret, SecretString};

use super::letter::Letter;
use crate::settings::SiteSettings;

impl Letter {
    /// Leads a guest to the page of the link instead of the pages of an account. A letter that leads elsewhere is unchanged.
    pub(super) fn for_guest(mut self, locale: &Locale, site: &SiteSettings, token: &SecretString) -> Self {
        let note = match &self.action {
            Some(action) if action.url == site.absolute("/tickets") => "guest-tickets-note",
            Some(action) if action.url == site.absolute("/queue") => "guest-queue-note",
            _ => return self,
        };
        if let Some(action) = &mut self.action {
            let token = token.expose_secret();
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
            action.url = site.absolute(&format!("/guest?{query}"));
        }
        self.notes.push(locale.text(note));
        self
    }
}
