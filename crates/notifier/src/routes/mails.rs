//! `/admin/deliveries`: lists mails and sends those again that failed or are unclear.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, MessageId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{IdempotencyKeyHeader, PageParams, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, InvalidBody, JsonBody, Organiser, Page, QueryFields};
use rowlock_postgres::Connection;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{AdminState, changed, examples, respond};
use crate::delivery::Status;
use crate::store::webhooks::{AuditedAction, ChangeError};
use crate::store::{self, DeliveryPosition, ListedDelivery};

/// Whether a mail was sent: it is `pending`, was `sent`, has `failed`, or is `unclear` because the outcome is unknown. It is `skipped` if
/// there was nothing to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MailStatus {
    Pending,
    Sent,
    Failed,
    Unclear,
    Skipped,
}

impl MailStatus {
    const ALL: [Self; 5] = [Self::Pending, Self::Sent, Self::Failed, Self::Unclear, Self::Skipped];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unclear => "unclear",
            Self::Skipped => "skipped",
        }
    }

    /// Returns the statuses of the deliveries that have this status for administrators.
    const fn statuses(self) -> &'static [Status] {
        match self {
            Self::Pending => &[Status::Pending, Status::Sending],
            Self::Sent => &[Status::Sent],
            Self::Failed => &[Status::Failed],
            Self::Unclear => &[Status::Unclear],
            Self::Skipped => &[Status::Skipped],
        }
    }

    /// Returns the status for administrators of a delivery with this value in the column `status`.
    fn of_column(column: &str) -> Self {
        let has = |status: &Self| status.statuses().iter().any(|status| status.as_str() == column);
        Self::ALL.into_iter().find(has).unwrap_or(Self::Pending)
    }
}

impl FromStr for MailStatus {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| format!("must be one of {}", names()))
    }
}

/// A mail to a person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mail)]
#[serde(rename_all = "camelCase")]
struct MailResource {
    /// The id of the message about the change that the mail reports. One message can lead to mails to several recipients.
    message_id: Uuid,
    /// The account that gets the mail. A guest has an id of their own instead of an account.
    recipient: Uuid,
    /// The kind of the mail, such as `confirmed` or `event-changed`. New kinds can be added.
    kind: String,
    status: MailStatus,
    /// Number of attempts since the mail was stored or was sent again on request.
    attempts: u32,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    /// When a pending mail is sent or tried again; null while it is being sent, and for every other status.
    #[schema(value_type = Option<DateTime>, required)]
    next_attempt_at: Option<Timestamp>,
    /// When the mail was sent, failed, became unclear or was skipped.
    #[schema(value_type = Option<DateTime>, required)]
    settled_at: Option<Timestamp>,
    /// Why the mail was not sent, or why its last attempt failed. It can quote the mail server, and with it an address.
    #[schema(required)]
    reason: Option<String>,
}

impl From<ListedDelivery> for MailResource {
    fn from(delivery: ListedDelivery) -> Self {
        Self {
            message_id: delivery.message_id.as_uuid(),
            recipient: delivery.recipient.as_uuid(),
            kind: delivery.kind,
            status: MailStatus::of_column(&delivery.status),
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            next_attempt_at: delivery.due_at,
            settled_at: delivery.settled_at,
            reason: delivery.detail,
        }
    }
}

/// Which mails to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `list` reads")]
struct MailFilter {
    /// Lists only mails with this status. Without it, those are listed that failed or are unclear.
    #[param(nullable = false)]
    status: Option<MailStatus>,
}

route_problems!(ListProblems = Problems::for_administrators().with_input());

/// List mails to people, newest first.
///
/// By default, the list contains the mails that somebody has to decide about: those that failed and those of which it is unknown whether
/// they were sent. Mails are kept for 90 days after they were settled, unless the installation has another setting.
#[utoipa::path(
    get,
    path = "/admin/deliveries",
    operation_id = "listMails",
    tag = "administration",
    params(MailFilter, PageParams),
    responses(
        (status = 200, description = "A page.", body = Page<MailResource>, example = json!(examples::page(&examples::mail()))),
        ListProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn list(state: web::Data<AdminState>, _: AdminCaller<Organiser>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut query = QueryFields::of(&request)?;
    let status = query.optional::<MailStatus>("status");
    let after = query.cursor::<DeliveryPosition>();
    let limit = query.limit();
    let parameters = || Some((status?, after?, limit?));
    let (status, after, limit) = query.finish(parameters())?;
    let statuses = status.map_or(Status::NEEDING_DECISION, MailStatus::statuses);
    let rows = state.store.reader().run(async |conn| store::list(conn, statuses, after, limit.saturating_add(1)).await).await?;
    Ok(HttpResponse::Ok().json(Page::cut(rows, limit, ListedDelivery::position, MailResource::from)))
}

/// The recipient of a mail that is sent again.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ResendMail {
    /// The `recipient` of the mail.
    #[schema(value_type = Uuid)]
    recipient: AccountId,
}

route_problems!(
    ResendProblems = Problems::for_administrators().with_body().changing().limited().and(&[
        ProblemCode::DeliveryNotFound,
        ProblemCode::DeliveryNotFailed,
        ProblemCode::IdempotencyKeyReused
    ])
);

/// Send a mail again that failed or is unclear.
///
/// The mail is sent within seconds, to the address that the recipient has then. If an unclear mail was sent after all, it arrives twice.
/// The audit log records who had it sent again. The scope of an `Idempotency-Key` is the account.
#[utoipa::path(
    post,
    path = "/admin/deliveries/{messageId}/resend",
    operation_id = "resendMail",
    tag = "administration",
    params(
        ("messageId" = Uuid, Path, description = "The message of the mail.", example = json!(examples::DELIVERY)),
        IdempotencyKeyHeader
    ),
    request_body(content = ResendMail, example = json!({"recipient": examples::RECIPIENT})),
    responses(
        (
            status = 200,
            description = "The mail, which is pending again.",
            body = MailResource,
            headers(("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")),
            example = json!(examples::resent_mail())
        ),
        ResendProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn resend(
    state: web::Data<AdminState>,
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<ResendMail>,
) -> Result<HttpResponse, Problem> {
    state.count(&request, admin.sub)?;
    let (ResendMail { recipient }, keyed) = body.finish_keyed_with_path(&request)?;
    let message: MessageId = path.parse().map_err(|_| ChangeError::MailNotFound)?;
    let resend = async |conn: &mut Connection| match store::resend_to(conn, message, recipient).await? {
        Ok(delivery) => {
            let audited = AuditedAction::resent_mail(&delivery.before);
            respond(&MailResource::from(delivery.after), Some(audited))
        }
        Err(refusal) => Ok(Err(refusal)),
    };
    let outcome = state.change(&admin, keyed.as_ref(), resend).await?;
    state.wake.mails.notify_one();
    Ok(changed(StatusCode::OK, &outcome))
}

/// Returns the problem for a mail that is not sent again, because the column `status` has this value.
pub(super) fn not_failed(column: &str) -> Problem {
    let status = MailStatus::of_column(column).as_str();
    let detail = format!("The mail is {status}. Only mails that failed or are unclear can be sent again.");
    Problem::new(ProblemCode::DeliveryNotFailed, detail).with("deliveryStatus", status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_of_a_delivery_is_one_for_administrators() {
        let of = Status::ALL.map(|status| MailStatus::of_column(status.as_str()).as_str());
        assert_eq!(of, ["pending", "pending", "sent", "failed", "unclear", "skipped"]);
        let listed: Vec<_> = MailStatus::ALL.into_iter().flat_map(MailStatus::statuses).collect();
        assert_eq!(listed, Status::ALL.iter().collect::<Vec<_>>());
    }
}
