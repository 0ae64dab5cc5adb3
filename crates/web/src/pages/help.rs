//! How the box office works.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use askama::Template;

use crate::error::PageError;
use crate::view::page::Page;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    page: Page,
}

/// Shows the explanation.
pub(crate) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let key = visitor.page_key("/help");
    visitor
        .public_page(key, async {
            let mut page = visitor.page(visitor.locale.text("help")).in_section("help").at("/help");
            page.canonical = Some("/help".to_owned());
            page.description = Some(visitor.locale.text("help-description"));
            Ok(Bytes::from(HelpPage { page }.render()?))
        })
        .await
}
