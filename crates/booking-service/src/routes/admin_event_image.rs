//! `PUT` and `DELETE /admin/events/{eventId}/image`: stores and removes the picture of an event.

use actix_web::http::header::ETag;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{AuditEntryId, EventId, MessageId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{EventVersionHeader, NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Administrator, Organiser};
use rowlock_inventory::pictures::{NewPicture, PictureChange, change};
use rowlock_inventory::queries;
use rowlock_inventory::views::EventWithTypes;

use super::command::idempotency_without_body;
use super::event_image::PictureFile;
use super::examples;
use super::targets::{event_in_path, event_not_found};
use crate::etag::{event_etag, expected_version};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::resources::EventImageResource;
use crate::state::{AppState, SOURCE};

route_problems!(
    PutProblems = Problems::for_administrators().with_input().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::PreconditionFailed,
        ProblemCode::BodyTooLarge,
        ProblemCode::UnsupportedMediaType,
        ProblemCode::UnsupportedImage,
    ])
);

/// Set the picture of an event.
///
/// The body is a PNG, JPEG or WebP file of at most 5 MiB, 40 million pixels and 10,000 pixels in each direction. The picture is turned
/// as its EXIF orientation says, cropped to 3:2 around its middle, which needs at least 300 × 200 pixels, and stored as JPEG in two
/// sizes without its metadata. Of an animation, the first frame is used.
#[utoipa::path(
    put,
    path = "/admin/events/{eventId}/image",
    operation_id = "setEventImage",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), EventVersionHeader, NaturallyIdempotentKeyHeader),
    request_body(content((PictureFile = "image/png"), (PictureFile = "image/jpeg"), (PictureFile = "image/webp")), description = "The file."),
    responses(
        (
            status = 200,
            description = "The picture as events describe it.",
            body = EventImageResource,
            headers(("ETag" = String, description = "The version of the event, for `If-Match`.")),
            example = json!(examples::image())
        ),
        PutProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn put(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    idempotency_without_body(&request)?;
    // Nothing is decoded for an event that does not exist.
    state.reader.run(async |conn| queries::event(conn, event).await).await?.ok_or_else(event_not_found)?;
    let picture = state.pictures.receive(&request, payload).await?;
    let changed = run(&state, &admin, event, &request, Some(picture)).await?;
    let image = EventImageResource::of(&changed.event).ok_or_else(unexpected)?;
    Ok(HttpResponse::Ok().insert_header(ETag(event_etag(&changed))).json(image))
}

route_problems!(
    DeleteProblems =
        Problems::for_administrators().with_input().changing().and(&[ProblemCode::EventNotFound, ProblemCode::PreconditionFailed])
);

/// Remove the picture of an event. Without one, nothing happens.
#[utoipa::path(
    delete,
    path = "/admin/events/{eventId}/image",
    operation_id = "removeEventImage",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), EventVersionHeader, NaturallyIdempotentKeyHeader),
    responses(
        (
            status = 204,
            description = "The event has no picture.",
            headers(("ETag" = String, description = "The version of the event, for `If-Match`."))
        ),
        DeleteProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn delete(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    idempotency_without_body(&request)?;
    let changed = run(&state, &admin, event, &request, None).await?;
    Ok(HttpResponse::NoContent().insert_header(ETag(event_etag(&changed))).finish())
}

async fn run(
    state: &AppState,
    admin: &Administrator,
    event: EventId,
    request: &HttpRequest,
    picture: Option<NewPicture>,
) -> Result<EventWithTypes, Problem> {
    let clock = &state.clock;
    let audit = (AuditEntryId::from_uuid(clock.uuid()), admin.actor());
    let message = MessageId::from_uuid(clock.uuid());
    let wanted = PictureChange { event, expected_version: expected_version(request)?, picture, audit, message };
    let outcome = change(&state.pool, wanted, clock.now(), SOURCE).await;
    state.event_cache.invalidate();
    state.notifier.notify();
    outcome.map_err(|error| problem_of_error(&error))?.map_err(problem_of_refusal)
}
