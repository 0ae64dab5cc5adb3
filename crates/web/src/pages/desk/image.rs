//! The picture of an event: uploading, showing and removing it.

use actix_multipart::Multipart;
use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use reqwest::Method;
use rowlock_domain::ids::EventId;

use super::event::EventPage;
use super::models::DeskEvent;
use super::{id_in, organizer};
use crate::api::Call;
use crate::api::problem::ApiError;
use crate::csrf;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::i18n::problem_text;
use crate::redirect::see_other;
use crate::visitor::{Visitor, render_refused};

/// Maximum size of a picture in bytes, which is that of the API.
const MAX_PICTURE: usize = 5 * 1024 * 1024;

/// Maximum size of every other field in bytes.
const MAX_FIELD: usize = 1024;

/// Maximum number of fields.
const MAX_FIELDS: usize = 8;

/// Codes of the problems that concern the chosen file.
const FILE_PROBLEMS: [&str; 3] = ["unsupported-image", "unsupported-media-type", "body-too-large"];

/// Shows the picture of an event, also of a draft.
pub(super) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let id: EventId = id_in(&id)?;
    let response = visitor.respond(Call::get(&format!("/api/events/{id}/image?size=small"))).await?;
    let content = response.bytes().await.map_err(ApiError::Unreadable)?;
    let nosniff = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(nosniff)
        .content_type("image/jpeg")
        .body(content))
}

/// Stores the chosen picture.
pub(super) async fn upload(
    visitor: Visitor,
    id: web::Path<String>,
    request: HttpRequest,
    form: Multipart,
) -> Result<HttpResponse, PageError> {
    if !csrf::comes_from_this_site(&request) {
        return Err(PageError::ForeignForm);
    }
    organizer(&visitor)?;
    let id: EventId = id_in(&id)?;
    let picture = match read(&visitor, form).await? {
        Some(picture) if picture.is_empty() => Err("desk-picture-missing"),
        Some(picture) => Ok(picture),
        None => Err("problem-body-too-large"),
    };
    let picture = match picture {
        Ok(picture) => picture,
        Err(reason) => return refuse(&visitor, id, visitor.locale.text(reason)).await,
    };
    let path = format!("/admin/events/{id}/image");
    let call = Call::new(Method::PUT, &path).file(media_type(&picture), picture.clone());
    match visitor.call_empty(call).await {
        Ok(()) => Ok(see_other(&format!("/desk/events/{id}?done=image-set#picture"))),
        Err(error) => match error.problem() {
            Some(problem) if FILE_PROBLEMS.contains(&problem.code.as_str()) => {
                let message = problem_text(&visitor.locale, problem);
                refuse(&visitor, id, message).await
            }
            _ => Err(error),
        },
    }
}

/// Removes the picture.
pub(super) async fn remove(visitor: Visitor, id: web::Path<String>, _: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let id: EventId = id_in(&id)?;
    visitor.call_empty(Call::new(Method::DELETE, &format!("/admin/events/{id}/image"))).await?;
    Ok(see_other(&format!("/desk/events/{id}?done=image-removed#picture")))
}

/// Shows the page of the event again, with the error at the field.
async fn refuse(visitor: &Visitor, id: EventId, message: String) -> Result<HttpResponse, PageError> {
    let (event, _) = DeskEvent::read(visitor, id).await?;
    let mut errors = FormErrors::default();
    errors.add("image", message);
    render_refused(&EventPage::new(visitor, event, errors).await?)
}

/// Reads the chosen file. It is empty if none was chosen, and `None` if it is too large. The token has to come before the file, so that
/// nothing large is read for a stranger.
async fn read(visitor: &Visitor, mut form: Multipart) -> Result<Option<Bytes>, PageError> {
    let mut is_ours = false;
    for _ in 0..MAX_FIELDS {
        let Some(field) = form.next().await else { break };
        let mut field = field.map_err(|_| PageError::BadForm)?;
        let name = field.name().unwrap_or_default().to_owned();
        if name == "image" && !is_ours {
            return Err(PageError::FormExpired);
        }
        let limit = if name == "image" { MAX_PICTURE } else { MAX_FIELD };
        let content = match field.bytes(limit).await {
            Ok(content) => content.map_err(|_| PageError::BadForm)?,
            Err(_) if name == "image" => return Ok(None),
            Err(_) => return Err(PageError::BodyTooLarge),
        };
        if name == "image" {
            return Ok(Some(content));
        }
        if name == csrf::FIELD {
            is_ours = std::str::from_utf8(&content).is_ok_and(|token| visitor.owns_form_token(token.trim()));
        }
    }
    if is_ours { Ok(Some(Bytes::new())) } else { Err(PageError::FormExpired) }
}

/// Returns the media type of a file by its first bytes. Browsers guess it from the name of the file.
fn media_type(content: &[u8]) -> &'static str {
    match content {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "application/octet-stream",
    }
}
