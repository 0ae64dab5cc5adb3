//! `/admin/webhooks/{webhookId}`: enables, disables and deletes a webhook, and replaces its secret.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::auditlog::Action;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Administrator, InvalidBody, JsonBody, KeyedRequest, Organiser};
use rowlock_postgres::Connection;
use serde_json::Value;
use utoipa::ToSchema;

use super::resources::{SecretResource, WebhookResource};
use super::{AdminState, changed, examples, respond, sealed, webhook_in_path};
use crate::store::webhooks::{self as store, AuditedAction, ChangeError};
use crate::webhooks::Secret;

route_problems!(
    SwitchProblems = Problems::for_administrators()
        .with_input()
        .changing()
        .limited()
        .and(&[ProblemCode::WebhookNotFound, ProblemCode::IdempotencyKeyReused])
);

/// Enable a webhook.
///
/// The webhook gets messages again, and its earlier failures no longer count. Enabling a webhook that is enabled has no effect.
#[utoipa::path(
    post,
    path = "/admin/webhooks/{webhookId}/enable",
    operation_id = "enableWebhook",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)), IdempotencyKeyHeader),
    responses(
        (
            status = 200,
            description = "The current state of the webhook.",
            body = WebhookResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!(examples::webhook())
        ),
        SwitchProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn enable(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    set_enabled(&state, &admin, &path, &request, true).await
}

/// Disable a webhook.
///
/// Pending messages fail, and messages are not recorded until the webhook is enabled again. Disabling a webhook that is disabled has no
/// effect.
#[utoipa::path(
    post,
    path = "/admin/webhooks/{webhookId}/disable",
    operation_id = "disableWebhook",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)), IdempotencyKeyHeader),
    responses(
        (
            status = 200,
            description = "The current state of the webhook.",
            body = WebhookResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!(examples::disabled_webhook())
        ),
        SwitchProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn disable(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    set_enabled(&state, &admin, &path, &request, false).await
}

async fn set_enabled(
    state: &AdminState,
    admin: &Administrator,
    path: &str,
    request: &HttpRequest,
    enabled: bool,
) -> Result<HttpResponse, Problem> {
    state.count(request, admin.sub)?;
    let keyed = KeyedRequest::of_path(request)?;
    let id = webhook_in_path(path)?;
    let action = if enabled { Action::EnableWebhook } else { Action::DisableWebhook };
    let switch = async |conn: &mut Connection| match store::set_enabled(conn, id, enabled).await? {
        Some((row, has_changed)) => {
            let audited = has_changed.then(|| AuditedAction::new(action, row.id));
            respond(&WebhookResource::from(row), audited)
        }
        None => Ok(Err(ChangeError::NotFound)),
    };
    let switched = state.change(admin, keyed.as_ref(), switch).await?;
    Ok(changed(StatusCode::OK, &switched))
}

/// How to replace a secret.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RotateSecret {
    /// Whether the previous secret stops signing at once. Use it if the secret was exposed.
    #[deserr(default)]
    #[schema(value_type = Option<bool>, nullable = false, default = false)]
    revoke_previous: bool,
}

route_problems!(
    RotateProblems = Problems::for_administrators()
        .with_body()
        .changing()
        .limited()
        .and(&[ProblemCode::WebhookNotFound, ProblemCode::IdempotencyKeyReused])
);

/// Replace the secret of a webhook.
///
/// For 24 hours, requests are signed with the previous secret as well, so that the receiver can be changed without losing messages. The
/// secret before that is no longer used.
#[utoipa::path(
    post,
    path = "/admin/webhooks/{webhookId}/rotatesecret",
    operation_id = "rotateWebhookSecret",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)), IdempotencyKeyHeader),
    request_body(content = RotateSecret, example = json!({"revokePrevious": false})),
    responses(
        (
            status = 200,
            description = "The webhook with its new secret.",
            body = SecretResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!(examples::rotated_secret())
        ),
        RotateProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn rotate_secret(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<RotateSecret>,
) -> Result<HttpResponse, Problem> {
    state.count(&request, admin.sub)?;
    let (RotateSecret { revoke_previous }, keyed) = body.finish_keyed_with_path(&request)?;
    let id = webhook_in_path(&path)?;
    let secret = Secret::generate();
    let sealed = sealed(&state, &secret)?;
    let rotate = async |conn: &mut Connection| match store::rotate(conn, id, sealed.clone(), !revoke_previous).await? {
        Some(row) => {
            let audited = AuditedAction::rotated(&row, revoke_previous);
            respond(&SecretResource::new(row, secret.expose()), Some(audited))
        }
        None => Ok(Err(ChangeError::NotFound)),
    };
    let rotated = state.change(&admin, keyed.as_ref(), rotate).await?;
    Ok(changed(StatusCode::OK, &rotated))
}

/// Delete a webhook.
///
/// Its deliveries are deleted as well. Messages that are being sent at the moment still arrive.
#[utoipa::path(
    delete,
    path = "/admin/webhooks/{webhookId}",
    operation_id = "deleteWebhook",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)), IdempotencyKeyHeader),
    responses(
        (
            status = 204,
            description = "The webhook no longer exists.",
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key."))
        ),
        SwitchProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn delete(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    state.count(&request, admin.sub)?;
    let keyed = KeyedRequest::of_path(&request)?;
    let id = webhook_in_path(&path)?;
    let delete = async |conn: &mut Connection| {
        if store::delete(conn, id).await? {
            respond(&Value::Null, Some(AuditedAction::new(Action::DeleteWebhook, id.as_uuid())))
        } else {
            Ok(Err(ChangeError::NotFound))
        }
    };
    let deleted = state.change(&admin, keyed.as_ref(), delete).await?;
    Ok(changed(StatusCode::NO_CONTENT, &deleted))
}
