//! The visitor of a request: language, session, and everything that a handler does in their name.

use std::cell::RefCell;
use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::rc::Rc;

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use askama::Template;
use rowlock_domain::states::Language;
use rowlock_http::preferred_language;
use rowlock_locale::Locale;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::api::models::List;
use crate::api::problem::ApiError;
use crate::api::{Call, Origin};
use crate::cache::PageKey;
use crate::error::PageError;
use crate::session::Session;
use crate::site::Site;
use crate::view::links;
use crate::view::page::Page;

/// Name of the cookie that holds the language, without the prefix.
const LANGUAGE: &str = "rowlock_language";
/// Name of the cookie that holds the session.
const SESSION: &str = "rowlock_session";
/// Name of the cookie that holds the name of the door at which the visitor checks people in.
const DOOR: &str = "rowlock_door";
/// Name of the cookie to which form tokens belong.
const VISITOR: &str = "rowlock_visitor";
/// Maximum number of pages of a list that are read for one page of the site, which stands for thousands of bookings of one person.
const MAX_PAGES: usize = 50;
/// Lifetime of the language cookie.
const YEAR: CookieDuration = CookieDuration::days(365);

/// Cookies that the response to a request sets. `middleware::add_headers` writes them.
#[derive(Default, Clone)]
pub(crate) struct PendingCookies(pub(crate) Rc<RefCell<Vec<Cookie<'static>>>>);

/// The visitor of a request.
#[derive(Clone)]
pub(crate) struct Visitor(Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) site: web::Data<Site>,
    pub(crate) locale: Locale,
    request: HttpRequest,
    session: RefCell<Option<Session>>,
    cookies: PendingCookies,
    /// The token of the link with which a guest acts without an account.
    guest: Option<SecretString>,
}

impl Deref for Visitor {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRequest for Visitor {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl Visitor {
    /// Reads the visitor of a request from its cookies and headers.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, PageError> {
        let site = request.app_data::<web::Data<Site>>().cloned().ok_or(PageError::Internal)?;
        let secure = site.settings.is_secure();
        let cookie = |name: &str| request.cookie(&cookie_name(name, secure)).map(|cookie| cookie.value().to_owned());
        let session = cookie(SESSION).and_then(|value| site.seal.open(&value));
        let language = cookie(LANGUAGE).and_then(|code| code.parse().ok()).unwrap_or_else(|| preferred_language(request));
        let locale = Locale::new(site.texts.clone(), language);
        let cookies = request.extensions().get::<PendingCookies>().cloned().unwrap_or_default();
        Ok(Self(Rc::new(Inner { site, locale, request: request.clone(), session: RefCell::new(session), cookies, guest: None })))
    }

    /// Returns the same visitor as a guest with this token, in whose name the API is called. The session is neither used nor needed.
    pub(crate) fn as_guest(&self, token: &str) -> Self {
        Self(Rc::new(Inner {
            site: self.site.clone(),
            locale: self.locale.clone(),
            request: self.request.clone(),
            session: RefCell::new(self.session()),
            cookies: self.cookies.clone(),
            guest: Some(token.into()),
        }))
    }

    /// Returns the session, if the visitor is signed in.
    pub(crate) fn session(&self) -> Option<Session> {
        self.session.borrow().clone()
    }

    /// Returns the language of the page.
    pub(crate) fn language(&self) -> Language {
        self.locale.language()
    }

    /// Returns path and query of the request.
    pub(crate) fn path_and_query(&self) -> &str {
        self.request.uri().path_and_query().map_or("/", |path| path.as_str())
    }

    /// Returns the URL of the live stream of a page, with the query of the page, on which its parts depend.
    pub(crate) fn live_url(&self, path: &str) -> String {
        let query = self.request.query_string();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// Returns a value of the query, trimmed, or an empty text.
    pub(crate) fn query(&self, name: &str) -> String {
        let query = self.request.query_string().as_bytes();
        url::form_urlencoded::parse(query).find(|(field, _)| field == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    }

    /// Returns whether the request only reads, so that it can be repeated by a link.
    pub(crate) fn is_reading(&self) -> bool {
        self.request.method().is_safe()
    }

    /// Returns what templates need to know about the request.
    pub(crate) fn page(&self, title: impl Into<String>) -> Page {
        Page::new(self.clone(), title.into())
    }

    /// Returns what a public page of this visitor depends on. `path` contains the parts of the query that the page uses.
    pub(crate) fn page_key(&self, path: impl Into<String>) -> PageKey {
        let session = self.session.borrow();
        let is_admin = session.as_ref().is_some_and(|session| session.is_admin);
        PageKey { path: path.into(), language: self.language(), signed_in: session.is_some(), is_admin }
    }

    /// Responds with a public page, rendered at most once a second. It must not contain anything about the visitor but what the key
    /// says, and no form token.
    pub(crate) async fn public_page(
        &self,
        key: PageKey,
        render: impl Future<Output = Result<Bytes, PageError>>,
    ) -> Result<HttpResponse, PageError> {
        let html = self.site.caches.page(key, render).await?;
        Ok(HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "private, no-cache"))
            .insert_header((header::VARY, "cookie, accept-language"))
            .content_type("text/html; charset=utf-8")
            .body(html))
    }

    /// Calls the API without an account.
    pub(crate) async fn call_public<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ApiError> {
        self.site.api.send(&call, &self.origin()).await
    }

    /// Calls the API with the visitor's account, or as the guest. The access token is renewed when it must be.
    ///
    /// # Errors
    ///
    /// Fails with [`PageError::SignInNeeded`] if the visitor is not signed in or the session has ended, and with
    /// [`PageError::UnknownGuestLink`] if the link of the guest does not work.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, PageError> {
        self.respond(call).await?.json().await.map_err(|error| ApiError::Unreadable(error).into())
    }

    /// Returns the items of the first [`MAX_PAGES`] pages of a list of the API. `filter` is the rest of the query.
    pub(crate) async fn call_list<T: DeserializeOwned>(&self, path: &str, filter: &[(&str, &str)]) -> Result<Vec<T>, PageError> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let query = [filter, &[("limit", "100"), ("cursor", &cursor)]].concat();
            let page = format!("{path}{}", links::query(&query));
            let list: List<T> = self.call(Call::get(&page)).await?;
            items.extend(list.items);
            match list.next_cursor {
                Some(next) => cursor = next,
                None => break,
            }
        }
        Ok(items)
    }

    /// Like [`call`](Self::call), for responses without a document.
    pub(crate) async fn call_empty(&self, call: Call<'_>) -> Result<(), PageError> {
        self.respond(call).await.map(drop)
    }

    /// Like [`call`](Self::call), and returns the response itself.
    pub(crate) async fn respond(&self, call: Call<'_>) -> Result<reqwest::Response, PageError> {
        if let Some(token) = &self.guest {
            let call = call.guest_token(token.expose_secret());
            return self.site.api.respond(&call, &self.origin()).await.map_err(PageError::for_guest);
        }
        let mut session = self.session().ok_or_else(|| self.sign_in_needed())?;
        if session.must_renew(self.site.clock.now()) {
            session = self.renew(&session).await?;
        }
        let call = call.token(session.access_token.clone());
        match self.site.api.respond(&call, &self.origin()).await {
            // The session has ended elsewhere, or the signing key has changed.
            Err(error) if error.code() == "unauthenticated" => {
                let session = self.renew(&session).await?;
                let call = call.token(session.access_token);
                self.site.api.respond(&call, &self.origin()).await.map_err(|error| match error.code() {
                    "unauthenticated" => self.end_session_and_ask(),
                    _ => error.into(),
                })
            }
            outcome => outcome.map_err(PageError::from),
        }
    }

    async fn renew(&self, session: &Session) -> Result<Session, PageError> {
        match self.site.renewals.renew(&self.site.api, session, &self.origin()).await {
            Ok(renewed) => {
                self.sign_in(renewed.clone())?;
                Ok(renewed)
            }
            Err(error) if matches!(error.code(), "invalid-refresh-token" | "account-disabled" | "unauthenticated") => {
                Err(self.end_session_and_ask())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Starts or replaces the session. Nothing of an earlier one is kept.
    pub(crate) fn sign_in(&self, session: Session) -> Result<(), PageError> {
        let value = self.site.seal.seal(&session).map_err(|_| PageError::Internal)?;
        self.set_cookie(SESSION, value, CookieDuration::seconds(self.site.session.max_age_seconds));
        self.session.replace(Some(session));
        Ok(())
    }

    /// Ends the session in this browser. The API is told by the handler of the sign-out.
    pub(crate) fn forget_session(&self) {
        self.set_cookie(SESSION, String::new(), CookieDuration::ZERO);
        self.session.replace(None);
    }

    /// Replaces the visitor id, which invalidates the tokens of all forms that this browser has open.
    pub(crate) fn forget_visitor(&self) {
        self.set_cookie(VISITOR, String::new(), CookieDuration::ZERO);
    }

    fn end_session_and_ask(&self) -> PageError {
        self.forget_session();
        self.sign_in_needed()
    }

    /// Returns the error that leads to the sign-in and back to this page.
    pub(crate) fn sign_in_needed(&self) -> PageError {
        let next = if self.is_reading() { self.path_and_query() } else { "/" };
        PageError::SignInNeeded { next: next.to_owned() }
    }

    /// Sets the cookie of the language.
    pub(crate) fn choose_language(&self, language: Language) {
        self.set_cookie(LANGUAGE, language.as_str().to_owned(), YEAR);
    }

    /// Returns the name of the door at which the visitor last checked somebody in, or an empty text.
    pub(crate) fn door(&self) -> String {
        let cookie = self.request.cookie(&cookie_name(DOOR, self.site.settings.is_secure()));
        cookie.map(|cookie| links::decode(cookie.value())).unwrap_or_default()
    }

    /// Sets the cookie with the name of the door.
    pub(crate) fn remember_door(&self, door: &str) {
        self.set_cookie(DOOR, links::encode(door), YEAR);
    }

    /// Returns the token for the forms of this visitor, who gets a visitor cookie if there is none.
    pub(crate) fn form_token(&self) -> String {
        let id = self.visitor_id().unwrap_or_else(|| {
            let id = uuid::Uuid::new_v4().simple().to_string();
            self.set_cookie(VISITOR, id.clone(), CookieDuration::seconds(self.site.session.max_age_seconds));
            id
        });
        self.site.form_tokens.token(&id)
    }

    /// Returns whether a token of a form belongs to this visitor.
    pub(crate) fn owns_form_token(&self, token: &str) -> bool {
        self.visitor_id().is_some_and(|id| self.site.form_tokens.is_valid(&id, token))
    }

    fn visitor_id(&self) -> Option<String> {
        let name = cookie_name(VISITOR, self.site.settings.is_secure());
        let pending = self.cookies.0.borrow().iter().rev().find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned());
        pending.or_else(|| self.request.cookie(&name).map(|cookie| cookie.value().to_owned())).filter(|id| !id.is_empty())
    }

    fn set_cookie(&self, name: &str, value: String, max_age: CookieDuration) {
        let secure = self.site.settings.is_secure();
        let cookie = Cookie::build(cookie_name(name, secure), value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(secure)
            .max_age(max_age)
            .finish();
        let mut cookies = self.cookies.0.borrow_mut();
        cookies.retain(|other| other.name() != cookie.name());
        cookies.push(cookie);
    }

    /// Returns for whom the API is called.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            language: Some(self.language().as_str()),
            address: rowlock_http::client_address(&self.request),
            request_id: rowlock_http::request_id(&self.request),
            user_agent: self.request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned),
        }
    }
}

/// Returns the name of a cookie. Behind TLS it has a prefix with which browsers accept it from this host only.
fn cookie_name(name: &str, secure: bool) -> String {
    if secure { format!("__Host-{name}") } else { name.to_owned() }
}

/// Responds with a personal page, which no cache may store.
pub(crate) fn render<T: Template>(template: &T) -> Result<HttpResponse, PageError> {
    render_status(StatusCode::OK, template)
}

/// Responds with a form that was refused.
pub(crate) fn render_refused<T: Template>(template: &T) -> Result<HttpResponse, PageError> {
    render_status(StatusCode::UNPROCESSABLE_ENTITY, template)
}

/// Responds with a personal page and a status.
pub(crate) fn render_status<T: Template>(status: StatusCode, template: &T) -> Result<HttpResponse, PageError> {
    let html = template.render()?;
    let mut response = HttpResponse::build(status);
    Ok(response.insert_header((header::CACHE_CONTROL, "no-store")).content_type("text/html; charset=utf-8").body(html))
}
