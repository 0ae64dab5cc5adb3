//! `GET /api/events/{eventId}/image`: the picture of an event.

use actix_web::http::header::{self, ETag, EntityTag};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{KnownVersionHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Door, QueryFields};
use rowlock_inventory::pictures::{self, PictureSize};
use utoipa::{IntoParams, ToSchema};

use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::etag::if_none_match;
use crate::state::AppState;

/// A picture that is requested with its current version never changes.
const CACHE_IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A picture without a version may be replaced at any time.
const CACHE_ONE_MINUTE: &str = "public, max-age=60";

/// Which picture to return.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `get` reads")]
struct ImageParams {
    /// `large`, the default, is at most 1200 × 800 pixels, `small` at most 600 × 400.
    #[param(nullable = false, pattern = "^(large|small)$", example = "large")]
    size: Option<String>,
    /// The `version` of the image. With the current one, the response may be cached forever.
    #[param(nullable = false, example = "5f1d9e0c7a3b2841")]
    v: Option<String>,
}

/// A picture file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies that are not JSON")]
pub(super) struct PictureFile(Vec<u8>);

/// A size as it is named in the query.
struct SizeName(PictureSize);

impl std::str::FromStr for SizeName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "large" => Ok(Self(PictureSize::Large)),
            "small" => Ok(Self(PictureSize::Small)),
            _ => Err("must be large or small"),
        }
    }
}

route_problems!(ImageProblems = Problems::for_anyone().with_input().and(&[ProblemCode::EventNotFound, ProblemCode::ImageNotFound]));

/// Get the picture of an event.
///
/// It is 3 wide and 2 high. The picture of a draft is returned to administrators only, who send their access token.
#[utoipa::path(
    get,
    path = "/api/events/{eventId}/image",
    operation_id = "getEventImage",
    tag = "events",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), ImageParams, KnownVersionHeader),
    responses(
        (
            status = 200,
            description = "The picture.",
            content_type = "image/jpeg",
            body = PictureFile,
            headers(
                ("ETag" = String, description = "The version of the picture at this size, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            )
        ),
        (
            status = 304,
            description = "The client already has the current version.",
            headers(
                ("ETag" = String, description = "The version of the picture at this size, for `If-None-Match`."),
                ("Cache-Control" = String, description = "How long the response may be cached.")
            )
        ),
        ImageProblems
    ),
)]
pub(super) async fn get(path: web::Path<String>, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let mut query = QueryFields::of(&request)?;
    let (size, known) = (query.optional("size"), query.optional::<String>("v"));
    let (size, known) = query.finish((|| Some((size?, known?)))())?;
    let size = size.map_or(PictureSize::Large, |SizeName(size)| size);
    let (file, is_public) = match state.event_cache.picture(id, size).await? {
        Some(file) => (file, true),
        None if AdminCaller::<Door>::extract(&request).await.is_ok() => {
            let stored = state.reader.run(async |conn| pictures::read(conn, id, size).await).await?;
            (stored.ok_or_else(event_not_found)?.file.map(|(version, jpeg)| (version, jpeg.into())), false)
        }
        None => return Err(event_not_found()),
    };
    let (version, jpeg) = file.ok_or_else(image_not_found)?;
    let etag = EntityTag::new_strong(format!("{version}-{}", if size == PictureSize::Large { "l" } else { "s" }));
    let lifetime = match (is_public, known) {
        (false, _) => "private, no-store",
        (true, Some(known)) if known == version => CACHE_IMMUTABLE,
        (true, _) => CACHE_ONE_MINUTE,
    };
    let is_known = if_none_match(&request, &etag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(ETag(etag)).insert_header((header::CACHE_CONTROL, lifetime));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    Ok(if is_known { response.finish() } else { response.content_type("image/jpeg").body(jpeg) })
}

/// Returns the problem for an event that has no picture.
pub(super) fn image_not_found() -> Problem {
    Problem::new(ProblemCode::ImageNotFound, "The event has no picture.")
}
