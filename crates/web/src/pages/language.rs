//! The switch of the language.

use actix_web::{HttpResponse, web};

use crate::error::PageError;
use crate::redirect::{safe_next, see_other};
use crate::visitor::Visitor;

/// Remembers the language and goes back to the page.
pub(crate) async fn choose(visitor: Visitor, code: web::Path<String>) -> Result<HttpResponse, PageError> {
    visitor.choose_language(code.parse().map_err(|_| PageError::NotFound)?);
    Ok(see_other(safe_next(&visitor.query("next"))))
}
