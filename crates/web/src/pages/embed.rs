//! A box with an event and a button, which other sites show in a frame. It has no form and no personal data, so that a site cannot
//! make visitors act without knowing it: the button opens the page of the event in a new tab.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::EventId;
use rowlock_domain::states::Language;
use rowlock_locale::Locale;

use crate::cache::PageKey;
use crate::error::PageError;
use crate::pages::event::fetch;
use crate::site::Site;
use crate::view::event::EventView;
use crate::view::state::SaleState;
use crate::visitor::Visitor;

/// Like the policy of pages, except that any site may frame the box.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; form-action 'none'; frame-ancestors *; base-uri 'none'";

/// The script that other sites load. It puts the frame in its place and gives it the height of its content.
const SCRIPT: &str = include_str!("../../assets/embed.js");

#[derive(Template)]
#[template(path = "embed.html")]
struct EmbedPage<'a> {
    site: &'a Site,
    event: EventView,
    language: &'static str,
    url: String,
    button: String,
    opens_in_new_tab: String,
}

/// Serves the script of `<script src="…/embed.js" data-event="…">`.
pub(crate) async fn script() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .content_type("text/javascript; charset=utf-8")
        .body(SCRIPT)
}

/// Shows the box, in the language that the site asks for with `?lang=`, or else in that of the browser.
pub(crate) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let language = visitor.query("lang").parse().unwrap_or(visitor.language());
    let key = PageKey { path: format!("/embed/{id}"), language, signed_in: false, is_admin: false };
    let html = visitor.site.caches.page(key, Box::pin(render(visitor.clone(), id, language))).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::VARY, "accept-language"))
        .content_type("text/html; charset=utf-8")
        .body(html))
}

async fn render(visitor: Visitor, id: EventId, language: Language) -> Result<Bytes, PageError> {
    let event = fetch(&visitor, id).await?;
    let locale = Locale::new(visitor.site.texts.clone(), language);
    let now = visitor.site.clock.now();
    let state = SaleState::of(&event, now);
    let label = match (state.accepts_waiting(&event, now), event.available_tickets) {
        (true, 0) => "join-waiting-list",
        (true, _) => "embed-book",
        (false, _) => "embed-details",
    };
    let page = EmbedPage {
        site: &visitor.site,
        event: EventView::new(&event, &locale, now),
        language: language.as_str(),
        url: visitor.site.settings.absolute(&format!("/events/{id}")),
        button: locale.text(label),
        opens_in_new_tab: locale.text("opens-in-new-tab"),
    };
    Ok(Bytes::from(page.render()?))
}
