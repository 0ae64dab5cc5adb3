//! Files for machines: `robots.txt`, the site map and the icon at its old address.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use crate::error::PageError;
use crate::pages::events::fetch;
use crate::site::Site;
use crate::visitor::Visitor;

/// Most pages of the list of events that the site map reads.
const MAX_PAGES: usize = 20;

/// Keeps search engines out of personal pages and of the combinations of filters.
pub(crate) async fn robots(site: web::Data<Site>) -> HttpResponse {
    let text = format!(
        "User-agent: *\nDisallow: /*?\nDisallow: /events/*/book\nDisallow: /tickets\nDisallow: /queue\nDisallow: /guest\nDisallow: /account\n\
         Disallow: /signin\nDisallow: /signup\nDisallow: /forgotpassword\nDisallow: /resetpassword\nDisallow: /confirmemail\nDisallow: /unsubscribe\nDisallow: /dev/\nDisallow: /language/\nDisallow: /desk\nDisallow: /embed/\nDisallow: /api/\nDisallow: /admin/\n\n\
         Sitemap: {}\n",
        site.settings.absolute("/sitemap.xml")
    );
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=3600")).content_type("text/plain; charset=utf-8").body(text)
}

/// Lists the public pages.
pub(crate) async fn sitemap(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let absolute = |path: &str| escape(&visitor.site.settings.absolute(path));
    let mut urls = vec![absolute("/"), absolute("/help")];
    let mut path = "/api/events?limit=100".to_owned();
    for _ in 0..MAX_PAGES {
        let events = fetch(&visitor, path).await?;
        urls.extend(events.items.iter().map(|event| absolute(&format!("/events/{}", event.id))));
        let Some(cursor) = &events.next_cursor else { break };
        path = format!("/api/events?limit=100&cursor={}", crate::view::links::encode(cursor));
    }
    let entries: String = urls.into_iter().map(|url| format!("<url><loc>{url}</loc></url>\n")).collect::<Vec<_>>().concat();
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{entries}</urlset>\n"
    );
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .content_type("application/xml; charset=utf-8")
        .body(document))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Redirects the address that browsers try on their own to the icon.
pub(crate) async fn icon(site: web::Data<Site>) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, site.assets.url("icon.svg")))
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
        .finish()
}
