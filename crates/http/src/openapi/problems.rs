//! The error responses of a route by status, with an example of each problem code.

mod document;
mod examples;

use std::collections::BTreeMap;

use rowlock_domain::problem::ProblemCode;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::Example;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr};

pub use self::document::ProblemDocument;
pub(super) use self::examples::examples;

/// The problems with which a route can respond.
#[derive(Debug, Clone)]
pub struct Problems(Vec<ProblemCode>);

impl Problems {
    /// Returns the problems of every route.
    pub fn for_anyone() -> Self {
        Self(vec![ProblemCode::MalformedRequest, ProblemCode::InternalError, ProblemCode::Unavailable, ProblemCode::Overloaded])
    }

    /// Returns the problems of a route that requires an access token.
    pub fn for_users() -> Self {
        Self::for_anyone().and(&[ProblemCode::Unauthenticated])
    }

    /// Returns the problems of a route that requires an access token or the token of a guest's link.
    pub fn for_ticket_holders() -> Self {
        Self::for_users().and(&[ProblemCode::LinkNotFound])
    }

    /// Returns the problems of a route that requires an administrator's access token.
    pub fn for_administrators() -> Self {
        Self::for_users().and(&[ProblemCode::Forbidden])
    }

    /// Adds the problem of a route that reads a query string or a header.
    pub fn with_input(self) -> Self {
        self.and(&[ProblemCode::InvalidInput])
    }

    /// Adds the problems of a route that reads a JSON body.
    pub fn with_body(self) -> Self {
        self.with_input().and(&[ProblemCode::MalformedJson, ProblemCode::UnknownField, ProblemCode::BodyTooLarge])
    }

    /// Adds the problem of a route that changes data, where a lost connection leaves the outcome unknown.
    pub fn changing(self) -> Self {
        self.and(&[ProblemCode::OutcomeUnknown])
    }

    /// Adds the problem of a route with a rate limit.
    pub fn limited(self) -> Self {
        self.and(&[ProblemCode::RateLimited])
    }

    /// Adds problems that are specific to a route.
    pub fn and(mut self, codes: &[ProblemCode]) -> Self {
        self.0.extend_from_slice(codes);
        self
    }

    /// Returns the responses by status.
    pub fn responses(&self) -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<u16, Vec<ProblemCode>> = BTreeMap::new();
        for code in ProblemCode::ALL.iter().filter(|code| self.0.contains(code)) {
            by_status.entry(code.status()).or_default().push(*code);
        }
        by_status.into_iter().map(|(status, codes)| (status.to_string(), response(status, &codes).into())).collect()
    }
}

fn response(status: u16, codes: &[ProblemCode]) -> Response {
    let titles: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.title())).collect();
    let headers: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    let description = titles.join(". ") + ".";
    let mut response = ResponseBuilder::new().description(description).content("application/problem+json", content(codes)).build();
    response.headers = headers.iter().map(|name| ((*name).to_owned(), header(name))).collect();
    response
}

/// Returns a reference to a shared header.
pub(super) fn header(name: &str) -> RefOr<utoipa::openapi::header::Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

fn content(codes: &[ProblemCode]) -> Content {
    let words = codes.iter().map(|code| code.as_str());
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.clone()));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(ObjectBuilder::new().property("code", code));
    let examples = words.map(|word| (word, RefOr::<Example>::Ref(Ref::new(format!("#/components/examples/{word}")))));
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}
