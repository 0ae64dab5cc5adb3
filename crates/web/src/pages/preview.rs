//! The picture of an event in link previews.

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use rowlock_domain::ids::EventId;

use crate::error::PageError;
use crate::pages::event::fetch;
use crate::preview::{Painter, Preview};
use crate::view::event::EventView;
use crate::visitor::Visitor;

/// Returns the path of the picture.
pub(crate) fn path(id: impl std::fmt::Display) -> String {
    format!("/events/{id}/preview.png")
}

/// Serves the picture, in the visitor's language.
pub(crate) async fn show(visitor: Visitor, painter: web::Data<Painter>, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let draw = Box::pin(draw(visitor.clone(), painter.into_inner(), id));
    let picture = visitor.site.caches.preview((id, visitor.language()), draw).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((header::VARY, "accept-language"))
        .content_type("image/png")
        .body(picture))
}

async fn draw(visitor: Visitor, painter: std::sync::Arc<Painter>, id: EventId) -> Result<Bytes, PageError> {
    let event = fetch(&visitor, id).await?;
    let view = EventView::new(&event, &visitor.locale, visitor.site.clock.now());
    let when = event.starts_at.map_or(view.when, |at| visitor.locale.date(at, event.zone()));
    let preview = Preview { name: view.name, when, venue: view.venue, site: visitor.site.settings.name.clone(), tone: view.tone };
    match web::block(move || painter.draw(&preview)).await {
        Ok(Ok(picture)) => Ok(picture),
        Ok(Err(error)) => {
            tracing::error!(%error, event_id = %id, "the picture of a link preview could not be drawn");
            Err(PageError::Internal)
        }
        Err(_) => Err(PageError::Internal),
    }
}
