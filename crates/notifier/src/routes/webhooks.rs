//! `/admin/webhooks`: creates, lists and changes webhooks.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::ids::{EventId, WebhookId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::Title;
use rowlock_http::openapi::{IdempotencyKeyHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, NonNullPatch, Organiser, Page, Patch, QueryFields};
use rowlock_postgres::Connection;
use utoipa::ToSchema;

use super::fields::{MessageType, MessageTypes};
use super::resources::{SecretResource, WebhookResource};
use super::{AdminState, changed, examples, respond, sealed, webhook_in_path};
use crate::store::webhooks::{self as store, AuditedAction, ChangeError, NewWebhook, WebhookChange};
use crate::webhooks::{Secret, WebhookUrl};

/// A new webhook.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CreateWebhook {
    /// An `https` URL whose host is in the public Internet, without user name, password and fragment.
    #[schema(value_type = String, pattern = "^https?://", max_length = 2000)]
    url: WebhookUrl,
    /// For people, such as the name of the system that gets the messages.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    description: Option<Title>,
    /// The types of messages that the webhook gets; null for all.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<MessageType>>, min_items = 1, max_items = 16)]
    types: Option<MessageTypes>,
    /// The event whose messages the webhook gets; null for all events.
    #[deserr(default)]
    #[schema(value_type = Option<Uuid>)]
    event_id: Option<EventId>,
}

/// Changes to a webhook.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ChangeWebhook {
    /// An `https` URL whose host is in the public Internet, without user name, password and fragment.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = "^https?://", max_length = 2000, nullable = false)]
    url: NonNullPatch<WebhookUrl>,
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    description: Patch<Title>,
    /// The types of messages that the webhook gets; null for all.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<MessageType>>, min_items = 1, max_items = 16)]
    types: Patch<MessageTypes>,
    /// The event whose messages the webhook gets; null for all events.
    #[deserr(default)]
    #[schema(value_type = Option<Uuid>)]
    event_id: Patch<EventId>,
}

route_problems!(
    CreateProblems = Problems::for_administrators()
        .with_body()
        .changing()
        .limited()
        .and(&[ProblemCode::WebhookLimit, ProblemCode::IdempotencyKeyReused])
);

/// Create a webhook.
///
/// The webhook gets every message from now on as a `POST` request that is signed as Standard Webhooks specifies. The response is the
/// only one that contains the secret, except for that of a rotation. The scope of an `Idempotency-Key` is the account.
#[utoipa::path(
    post,
    path = "/admin/webhooks",
    operation_id = "createWebhook",
    tag = "webhooks",
    params(IdempotencyKeyHeader),
    request_body(content = CreateWebhook, example = json!(examples::new_webhook())),
    responses(
        (
            status = 201,
            description = "The webhook with its secret.",
            body = SecretResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!(examples::new_secret())
        ),
        CreateProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn create(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    request: HttpRequest,
    mut body: JsonBody<CreateWebhook>,
) -> Result<HttpResponse, Problem> {
    state.count(&request, admin.sub)?;
    state.check_target(&mut body);
    let (CreateWebhook { url, description, types, event_id }, keyed) = body.finish_keyed(&request)?;
    let secret = Secret::generate();
    let new = NewWebhook {
        id: WebhookId::from_uuid(state.clock.uuid()),
        url: url.to_string(),
        description: description.map(Title::into_string),
        types: types.map(|MessageTypes(types)| types),
        event: event_id,
        secret: sealed(&state, &secret)?,
        created_by: admin.sub,
    };
    let create = async |conn: &mut Connection| match store::create(conn, new.clone(), state.max).await? {
        Some(row) => {
            let audited = AuditedAction::created(&row);
            respond(&SecretResource::new(row, secret.expose()), Some(audited))
        }
        None => Ok(Err(ChangeError::Limit(state.max))),
    };
    let created = state.change(&admin, keyed.as_ref(), create).await?;
    Ok(changed(StatusCode::CREATED, &created))
}

route_problems!(ListProblems = Problems::for_administrators().with_input());

/// List all webhooks, newest first.
#[utoipa::path(
    get,
    path = "/admin/webhooks",
    operation_id = "listWebhooks",
    tag = "webhooks",
    params(PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<WebhookResource>, example = json!(examples::page(&examples::webhook()))),
        ListProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn list(state: web::Data<AdminState>, _: AdminCaller<Organiser>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let before = query.cursor::<WebhookId>();
    let limit = query.limit();
    let (before, limit) = query.finish(before.zip(limit))?;
    let rows = state.store.reader().run(async |conn| store::list(conn, before, limit.saturating_add(1)).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.id, WebhookResource::from)))
}

route_problems!(GetProblems = Problems::for_administrators().and(&[ProblemCode::WebhookNotFound]));

/// Return a webhook.
#[utoipa::path(
    get,
    path = "/admin/webhooks/{webhookId}",
    operation_id = "getWebhook",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK))),
    responses(
        (status = 200, description = "The webhook.", body = WebhookResource, example = json!(examples::webhook())),
        GetProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn get(state: web::Data<AdminState>, _: AdminCaller<Organiser>, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let id = webhook_in_path(&path)?;
    let row = state.store.reader().run(async |conn| store::find(conn, id).await).await?.ok_or(ChangeError::NotFound)?;
    Ok(HttpResponse::Ok().json(WebhookResource::from(row)))
}

route_problems!(
    ChangeProblems = Problems::for_administrators()
        .with_body()
        .changing()
        .limited()
        .and(&[ProblemCode::WebhookNotFound, ProblemCode::IdempotencyKeyReused])
);

/// Change a webhook.
///
/// Omitted fields are unchanged; `null` clears a field. With another URL, the earlier failures of the webhook no longer count. Pending
/// messages are sent to the new URL.
#[utoipa::path(
    patch,
    path = "/admin/webhooks/{webhookId}",
    operation_id = "changeWebhook",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)), IdempotencyKeyHeader),
    request_body(content = ChangeWebhook, example = json!(examples::new_webhook())),
    responses(
        (
            status = 200,
            description = "The current state of the webhook.",
            body = WebhookResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!(examples::webhook())
        ),
        ChangeProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    mut body: JsonBody<ChangeWebhook>,
) -> Result<HttpResponse, Problem> {
    state.count(&request, admin.sub)?;
    state.check_target(&mut body);
    let (ChangeWebhook { url, description, types, event_id }, keyed) = body.finish_keyed_with_path(&request)?;
    let id = webhook_in_path(&path)?;
    let change = WebhookChange {
        url: url.into_option().map(|url| url.to_string()),
        description: new_value(description, Title::into_string),
        types: new_value(types, |MessageTypes(types)| types),
        event: new_value(event_id, |event| event),
    };
    let update = async |conn: &mut Connection| {
        let Some(before) = store::find_for_update(conn, id).await? else { return Ok(Err(ChangeError::NotFound)) };
        let Some(after) = store::update(conn, id, change.clone()).await? else { return Ok(Err(ChangeError::NotFound)) };
        let audited = AuditedAction::changed(&before, &after);
        respond(&WebhookResource::from(after), audited)
    };
    let updated = state.change(&admin, keyed.as_ref(), update).await?;
    state.wake.webhooks.notify_one();
    Ok(changed(StatusCode::OK, &updated))
}

fn new_value<T, U>(patch: Patch<T>, convert: impl FnOnce(T) -> U) -> Option<Option<U>> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(value) => Some(Some(convert(value))),
    }
}
