//! `GET /admin/auditlog`: who did what to the box office itself, the newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, AuditEntryId};
use rowlock_http::openapi::{Action, ActorRole, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Page, QueryFields};
use rowlock_inventory::auditlog;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::examples;
use crate::service::Booking;

/// An entry of the audit log.
#[derive(ToSchema)]
#[schema(as = AuditEntry)]
#[expect(dead_code, reason = "describes an AuditEntry of the domain")]
struct EntryShown {
    #[schema(value_type = Uuid)]
    id: AuditEntryId,
    #[schema(value_type = DateTime)]
    at: Timestamp,
    actor: ActorShown,
    action: Action,
    /// The event or account that it was done to.
    subject: Uuid,
    /// What was changed to what. Nothing personal.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

/// Who acted, in which request.
#[derive(ToSchema)]
#[schema(as = Actor)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes an Actor of the domain")]
struct ActorShown {
    /// The account, if it was one.
    #[schema(value_type = Option<Uuid>, required)]
    account_id: Option<AccountId>,
    role: ActorRole,
    /// The request, as logs and answers name it.
    #[schema(required)]
    request_id: Option<String>,
}

route_problems!(AuditLogProblems = Problems::for_administrators().with_input());

/// Who did what to the box office itself, the newest first.
///
/// Events made, changed and cancelled, administrators made, accounts disabled and enabled. The log is only added to.
#[utoipa::path(
    get,
    path = "/admin/auditlog",
    operation_id = "listAuditLog",
    tag = "administration",
    params(PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<EntryShown>, example = json!(examples::page(&examples::audit_entry()))),
        AuditLogProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn auditlog(_: AdminCaller, request: HttpRequest, booking: web::Data<Booking>) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let cursor = query.cursor::<AuditEntryId>();
    let limit = query.limit();
    let (cursor, limit) = query.finish(cursor.zip(limit))?;
    let entries = booking.reader.run(async |conn| auditlog::list(conn, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(entries, limit, |entry| entry.id, |entry| entry)))
}
