//! `/admin/webhooks/{webhookId}/deliveries`: lists deliveries and sends them again.

use std::cell::Cell;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use diesel_async::AsyncPgConnection;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{MessageId, WebhookId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, KeyedRequest, Organiser, Page, QueryFields};
use rowlock_postgres::Connection;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::resources::{DeliveryResource, StatusResource};
use super::{AdminState, changed, examples, respond, webhook_in_path};
use crate::store::webhooks::{self as store, ChangeError, Effect, ResendSpan, Resending};
use crate::webhooks::DeliveryStatus;

/// Which deliveries to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `list` reads")]
struct DeliveryFilter {
    /// Lists only deliveries with this status.
    #[param(nullable = false)]
    status: Option<StatusResource>,
}

route_problems!(ListProblems = Problems::for_administrators().with_input().and(&[ProblemCode::WebhookNotFound]));

/// List the deliveries of a webhook, newest message first.
///
/// Deliveries are kept for 30 days after they were delivered or have failed, unless the installation has another setting.
#[utoipa::path(
    get,
    path = "/admin/webhooks/{webhookId}/deliveries",
    operation_id = "listWebhookDeliveries",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)), DeliveryFilter, PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<DeliveryResource>, example = json!(examples::page(&examples::delivery()))),
        ListProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn list(
    state: web::Data<AdminState>,
    _: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let status = query.optional::<DeliveryStatus>("status");
    let before = query.cursor::<MessageId>();
    let limit = query.limit();
    let parameters = || Some((status?, before?, limit?));
    let (status, before, limit) = query.finish(parameters())?;
    let webhook = webhook_in_path(&path)?;
    let read = async |conn: &mut AsyncPgConnection| match store::find(conn, webhook).await? {
        Some(_) => store::list_deliveries(conn, webhook, status, before, limit.saturating_add(1)).await.map(Some),
        None => Ok(None),
    };
    let rows = state.store.reader().run(read).await?.ok_or(ChangeError::NotFound)?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, |row| row.message_id, DeliveryResource::from)))
}

/// Returns why nothing can be sent to a webhook, or `None` if it is enabled.
async fn refusal(conn: &mut AsyncPgConnection, webhook: WebhookId) -> diesel::QueryResult<Option<ChangeError>> {
    Ok(match store::find(conn, webhook).await? {
        Some(row) => row.disabled_at.map(|_| ChangeError::Disabled),
        None => Some(ChangeError::NotFound),
    })
}

route_problems!(
    ResendProblems = Problems::for_administrators().with_input().changing().limited().and(&[
        ProblemCode::WebhookNotFound,
        ProblemCode::DeliveryNotFound,
        ProblemCode::WebhookDisabled,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Send a message again.
///
/// The message is sent at once, whether it was delivered or has failed. The receiver gets it with the same `webhook-id`. A message that is
/// being sent at the moment is not sent twice.
#[utoipa::path(
    post,
    path = "/admin/webhooks/{webhookId}/deliveries/{deliveryId}/resend",
    operation_id = "resendWebhookDelivery",
    tag = "webhooks",
    params(
        ("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)),
        ("deliveryId" = Uuid, Path, description = "The delivery.", example = json!(examples::DELIVERY)),
        IdempotencyKeyHeader
    ),
    responses(
        (
            status = 200,
            description = "The current state of the delivery.",
            body = DeliveryResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!(examples::resent_delivery())
        ),
        ResendProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn resend(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    state.count(&request, admin.sub)?;
    let keyed = KeyedRequest::of_path(&request)?;
    let (webhook, delivery) = path.into_inner();
    let webhook = webhook_in_path(&webhook)?;
    let resend = async |conn: &mut Connection| {
        if let Some(refusal) = refusal(conn, webhook).await? {
            return Ok(Err(refusal));
        }
        let Ok(delivery) = delivery.parse::<MessageId>() else { return Ok(Err(ChangeError::DeliveryNotFound)) };
        match store::resend_one(conn, webhook, delivery).await? {
            Some(row) => respond(&DeliveryResource::from(row), None),
            None => Ok(Err(ChangeError::DeliveryNotFound)),
        }
    };
    let outcome = state.change(&admin, keyed.as_ref(), resend).await?;
    state.wake.webhooks.notify_one();
    Ok(changed(StatusCode::OK, &outcome))
}

/// Which messages to send again.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ResendMessages {
    /// The earliest time of a message, as in the field `timestamp` of its payload.
    #[schema(value_type = DateTime)]
    since: Timestamp,
    /// The time before which the messages are; null for no limit.
    #[deserr(default)]
    #[schema(value_type = Option<DateTime>)]
    until: Option<Timestamp>,
    /// Whether to send those messages again, too, that were delivered.
    #[deserr(default)]
    #[schema(value_type = Option<bool>, nullable = false, default = false)]
    include_delivered: bool,
}

/// The number of messages that are sent again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResentMessages)]
struct Resent {
    /// Number of messages.
    resent: usize,
}

route_problems!(
    ResendSpanProblems = Problems::for_administrators().with_body().changing().limited().and(&[
        ProblemCode::WebhookNotFound,
        ProblemCode::WebhookDisabled,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Send the messages of a span of time again.
///
/// Use it after the receiver was unavailable. Messages that have failed are sent again, or with `includeDelivered` all of them.
#[utoipa::path(
    post,
    path = "/admin/webhooks/{webhookId}/resend",
    operation_id = "resendWebhookMessages",
    tag = "webhooks",
    params(("webhookId" = Uuid, Path, description = "The webhook.", example = json!(examples::WEBHOOK)), IdempotencyKeyHeader),
    request_body(content = ResendMessages, example = json!({"since": "2026-11-27T18:00:00Z", "until": "2026-11-28T18:00:00Z"})),
    responses(
        (
            status = 200,
            description = "The number of messages that are sent again.",
            body = Resent,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!({"resent": 12})
        ),
        ResendSpanProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn resend_span(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    mut body: JsonBody<ResendMessages>,
) -> Result<HttpResponse, Problem> {
    state.count(&request, admin.sub)?;
    if let (Some(since), Some(until)) = (body.peek::<Timestamp>("since"), body.peek::<Timestamp>("until"))
        && until <= since
    {
        body.add_error("until", "must be later than since");
    }
    let (ResendMessages { since, until, include_delivered }, keyed) = body.finish_keyed_with_path(&request)?;
    let webhook = webhook_in_path(&path)?;
    let progress: Cell<Option<Resending>> = Cell::new(None);
    let resend = async |conn: &mut Connection| {
        if let Some(refusal) = refusal(conn, webhook).await? {
            return Ok(Err(refusal));
        }
        let span = ResendSpan { since, until, include_delivered };
        let Some(resending) = store::resend_span(conn, webhook, span, progress.get()).await? else {
            return Ok(Err(ChangeError::NotFound));
        };
        progress.set(Some(resending));
        let response = respond(&Resent { resent: resending.count }, None)?;
        Ok(response.map(|effect| Effect { is_partial: resending.more, ..effect }))
    };
    let outcome = state.change(&admin, keyed.as_ref(), resend).await?;
    state.wake.webhooks.notify_one();
    Ok(changed(StatusCode::OK, &outcome))
}
