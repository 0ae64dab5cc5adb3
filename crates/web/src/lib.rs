//! The web site: server-rendered pages for buyers and organizers, and a client of the public API without a database of its own.
//!
//! [`start`] runs it, for the binary and for tests. Every page works without JavaScript; `assets/site.js` and htmx only avoid
//! reloads.
//!
//! # Layout
//!
//! - `api` calls the services; `api::models` holds the documents that pages read, `api::problem` their errors.
//! - `visitor` is the extractor that every handler starts with: language, session, calls to the API in the visitor's name, CSRF token.
//! - `session` seals the session cookie and renews access tokens; `csrf` checks forms; `form` reads them.
//! - `i18n` holds the Fluent texts of `locales/`; `rowlock-locale` formats dates, numbers and money.
//! - `error` turns every failure into a page, `middleware` adds the security headers and the cookies.
//! - `live` follows the streams of the API and sends browsers the parts of open pages that have changed.
//! - `cache` keeps the public pages for a second; `view` has the pieces that templates share; `preview` draws the pictures of links.
//! - `pages` has one file per page, with its template in `templates/` and its texts in `locales/{en,de}/`.
//!
//! # Adding a page
//!
//! 1. Write a struct that derives [`askama::Template`] and has a field `page: Page`, and a template that extends `base.html`.
//! 2. Write a handler `async fn(visitor: Visitor, …) -> Result<HttpResponse, PageError>` that ends in `render(…)`.
//!    A form is read with the extractor `Form`, which refuses requests from other sites, and contains `{{ page.csrf_field()|safe }}`.
//! 3. Add the route in `pages::configure` and the texts in both languages. A new Fluent file is listed in `i18n::sources`.
//!
//! A test fails if a text is missing in a language.

mod api;
mod assets;
mod cache;
pub mod cli;
mod csrf;
mod error;
mod form;
mod i18n;
mod live;
mod middleware;
mod pages;
mod preview;
mod redirect;
mod service;
mod session;
mod settings;
mod site;
mod view;
mod visitor;

pub use live::LiveSettings;
pub use rowlock_platform::running::Running;
pub use service::{StartError, start};
pub use settings::{ApiSettings, SessionSettings, SiteSettings, WebSettings};
