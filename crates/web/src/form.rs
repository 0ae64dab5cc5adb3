//! Forms: reading and checking them, and the errors that a page shows at the fields and in its summary.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use rowlock_locale::Locale;
use uuid::Uuid;

use crate::api::problem::Problem;
use crate::csrf;
use crate::error::PageError;
use crate::i18n::problem_text;
use crate::visitor::Visitor;

/// Name of the form field that holds the idempotency key.
pub(crate) const KEY_FIELD: &str = "key";

/// The fields of a submitted form. Its extractor refuses requests that come from another site or whose token is not the visitor's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Returns the trimmed value of a field, or an empty text if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// Returns the value of a field as it was typed, for passwords.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// Returns all values of a field that may be there several times.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.trim())
    }

    /// Returns a field as a number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.get(name).parse().ok()
    }

    /// Returns the idempotency key of the form, or a new one if it has none that is valid.
    pub(crate) fn key(&self) -> String {
        valid_key(self.get(KEY_FIELD)).unwrap_or_else(new_key)
    }
}

/// Returns a new idempotency key. It is made when a form is rendered, so that submitting the form twice acts once.
pub(crate) fn new_key() -> String {
    Uuid::new_v4().to_string()
}

/// Returns a key that this site made.
pub(crate) fn valid_key(text: &str) -> Option<String> {
    Uuid::try_parse(text).ok().map(|key| key.to_string())
}

impl FromRequest for Form {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            if !csrf::comes_from_this_site(&request) {
                return Err(PageError::ForeignForm);
            }
            let body = body.await.map_err(|_| PageError::BodyTooLarge)?;
            let form = Self(url::form_urlencoded::parse(&body).into_owned().collect());
            let visitor = Visitor::of(&request)?;
            if visitor.owns_form_token(form.get(csrf::FIELD)) { Ok(form) } else { Err(PageError::FormExpired) }
        })
    }
}

/// The errors of a submitted form.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormErrors {
    /// Invalid fields, by the name of the form field, with a sentence each.
    fields: Vec<(String, String)>,
    /// The error of the form as a whole.
    general: Option<String>,
}

impl FormErrors {
    /// Adds the error of a field.
    pub(crate) fn add(&mut self, field: &str, message: String) {
        self.fields.push((field.to_owned(), message));
    }

    /// Sets what is wrong with the form as a whole.
    pub(crate) fn general(message: String) -> Self {
        Self { fields: Vec::new(), general: Some(message) }
    }

    /// Converts an error of the API. A field named in a problem document gets the text `invalid-FIELD`; if there is none, the message
    /// of the API. An error that does not concern the form is returned as the page's error.
    pub(crate) fn of(error: impl Into<PageError>, locale: &Locale) -> Result<Self, PageError> {
        let error = error.into();
        match error.problem() {
            Some(problem) if problem.status < 500 && problem.status != 401 && problem.status != 404 => {
                Ok(Self::of_problem(problem, locale))
            }
            _ => Err(error),
        }
    }

    /// Converts a problem document.
    pub(crate) fn of_problem(problem: &Problem, locale: &Locale) -> Self {
        if problem.errors.is_empty() {
            return Self::general(problem_text(locale, problem));
        }
        let fields = problem.errors.iter().map(|error| {
            let id = format!("invalid-{}", error.field.to_ascii_lowercase());
            let message = locale.optional(&id).unwrap_or_else(|| format!("{} {}", error.field, error.message));
            (error.field.clone(), message)
        });
        Self { fields: fields.collect(), general: None }
    }

    /// Moves the errors of the items of a list, such as `types[1]`, to the field of the list.
    pub(crate) fn at_list(mut self, list: &str) -> Self {
        for (field, _) in &mut self.fields {
            if field.strip_prefix(list).is_some_and(|rest| rest.starts_with('[')) {
                list.clone_into(field);
            }
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.general.is_none()
    }

    /// Returns the sentence about a field.
    pub(crate) fn at(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, message)| message.as_str())
    }

    /// Returns the invalid fields with their sentences.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Returns the sentence about the whole form.
    pub(crate) fn summary(&self) -> Option<&str> {
        self.general.as_deref()
    }
}
