//! `GET /admin/auditlog`: lists the audit log, newest first.

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, AuditEntryId};
use rowlock_http::openapi::{Action, ActorRole, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, Owner, Page, QueryFields};
use rowlock_inventory::auditlog;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::examples;
use crate::state::AppState;

/// An entry of the audit log.
#[derive(ToSchema)]
#[schema(as = AuditEntry)]
#[expect(dead_code, reason = "describes an AuditEntry of the domain")]
struct AuditEntrySchema {
    #[schema(value_type = Uuid)]
    id: AuditEntryId,
    #[schema(value_type = DateTime)]
    at: Timestamp,
    actor: ActorSchema,
    action: Action,
    /// The id of the event, booking, waiting-list entry or account that the action was performed on.
    subject: Uuid,
    /// Details of the action, such as old and new values. They contain no personal data.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

/// The actor of an action, and the request in which it was performed.
#[derive(ToSchema)]
#[schema(as = Actor)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes an Actor of the domain")]
struct ActorSchema {
    /// The account that acted; null if no account did, for example for a command on the command line.
    #[schema(value_type = Option<Uuid>, required)]
    account_id: Option<AccountId>,
    role: ActorRole,
    /// The request id, which log lines and the response header `X-Request-Id` also contain.
    #[schema(required)]
    request_id: Option<String>,
}

route_problems!(AuditLogProblems = Problems::for_administrators().with_input());

/// List the audit log, newest first.
///
/// The log records what administrators do: events created, changed, cancelled and deleted, bookings made for guests
/// and accounts, links sent to guests, bookings and waiting-list entries changed on behalf of others, administrators created, roles and
/// second factors changed, and accounts disabled and enabled. Entries are only ever added.
#[utoipa::path(
    get,
    path = "/admin/auditlog",
    operation_id = "listAuditLog",
    tag = "administration",
    params(PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<AuditEntrySchema>, example = json!(examples::page(&examples::audit_entry()))),
        AuditLogProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn auditlog(_: AdminCaller<Owner>, request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    let (cursor, limit) = QueryFields::page::<AuditEntryId>(&request)?;
    let entries = state.reader.run(async |conn| auditlog::list(conn, cursor, limit + 1).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(entries, limit, |entry| entry.id, |entry| entry)))
}
