//! `POST /admin/initialize`: creates an event with its ticket types.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonBody, Organiser, REPLAYED_HEADER, key_reused};
use rowlock_inventory::create::create_event_once;
use rowlock_inventory::create_once::{CreateOnce, CreateOutcome, CreatedResponse};
use rowlock_inventory::views::EventWithTypes;
use serde_json::Value;

use super::command::check_command;
use super::examples;
use super::new_event::InitializeEvent;
use crate::etag::event_etag;
use crate::outcome::{problem_of_error, unexpected};
use crate::resources::EventResource;
use crate::state::{AppState, SOURCE};

route_problems!(InitializeProblems = Problems::for_administrators().with_body().changing().and(&[ProblemCode::IdempotencyKeyReused]));

/// Create an event.
///
/// The event is published immediately unless `status` is `draft`. The scope of an `Idempotency-Key` is the administrator's
/// account.
#[utoipa::path(
    post,
    path = "/admin/initialize",
    operation_id = "initializeEvent",
    tag = "administration",
    params(IdempotencyKeyHeader),
    request_body(content = InitializeEvent, examples(
        ("one ticket type" = (summary = "One ticket type", value = json!(examples::simple_event()))),
        ("priced" = (summary = "One ticket type with a price and limits", value = json!(examples::priced_event()))),
        ("several ticket types" = (summary = "Several ticket types", value = json!(examples::festival())))
    )),
    responses(
        (
            status = 201,
            description = "The event.",
            body = EventResource,
            headers(
                ("Location" = String, description = "The public URL of the event."),
                ("ETag" = String, description = "The version of the event, for `If-Match`."),
                ("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")
            ),
            example = json!(examples::event())
        ),
        InitializeProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn initialize(
    caller: AdminCaller<Organiser>,
    request: HttpRequest,
    body: JsonBody<InitializeEvent>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (body, idempotency) = check_command(&request, body, &state)?;
    let new = body.into_new_event(&caller, &state.clock).map_err(|error| Problem::internal(&error))?;
    let once = idempotency.map(|idempotency| CreateOnce { account: caller.sub, idempotency, render });
    let created = create_event_once(&state.pool, new, state.clock.now(), SOURCE, once).await;
    let (response, replayed) = match created.map_err(|error| problem_of_error(&error))? {
        CreateOutcome::New(event) => {
            state.notifier.notify();
            (render(&event).ok_or_else(unexpected)?, false)
        }
        CreateOutcome::Replayed(response) => (response, true),
        CreateOutcome::KeyReused => return Err(key_reused()),
    };
    let id = serde_json::from_str::<Value>(&response.body).ok().and_then(|event| event.get("id")?.as_str().map(str::to_owned));
    let location = format!("/api/events/{}", id.ok_or_else(unexpected)?);
    let mut answer = HttpResponse::Created();
    answer.insert_header(("location", location)).insert_header(("etag", response.etag)).content_type("application/json");
    if replayed {
        answer.insert_header(REPLAYED_HEADER);
    }
    Ok(answer.body(response.body))
}

/// Renders the response to a new event, which is also stored for retries with the same idempotency key.
fn render(event: &EventWithTypes) -> Option<CreatedResponse> {
    let body = serde_json::to_string(&EventResource::from(event)).ok()?;
    Some(CreatedResponse { body, etag: event_etag(event).to_string() })
}
