//! The HTTP routes with which administrators manage webhooks and have mails sent again.

mod deliveries;
mod examples;
mod fields;
mod mails;
mod resources;
mod switches;
mod webhooks;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use diesel::result::Error;
use rowlock_domain::ids::{AccountId, WebhookId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_http::{Administrator, JsonBody, KeyedRequest, REPLAYED_HEADER, RateLimit, Routes, key_reused};
use rowlock_platform::clock::Clock;
use rowlock_postgres::Connection;
use rowlock_sealing::SealingKeys;
use serde::Serialize;
use tokio::sync::Notify;
use utoipa::OpenApi;

use crate::store::Store;
use crate::store::webhooks::{AuditedAction, Auditor, Change, ChangeError, Changed, Effect};
use crate::webhooks::{Secret, TargetPolicy, WebhookUrl};

/// State shared by all routes.
pub(crate) struct AdminState {
    pub(crate) store: Store,
    /// Seals secrets and stored responses.
    pub(crate) sealing: SealingKeys,
    /// Which targets are permitted.
    pub(crate) targets: TargetPolicy,
    /// Maximum number of webhooks.
    pub(crate) max: u16,
    /// Rate limit of changing requests per account.
    pub(crate) per_account: RateLimit<AccountId>,
    pub(crate) wake: Wakers,
    pub(crate) clock: Clock,
}

/// Wakes the tasks that would otherwise look for due work at the next poll.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wakers {
    /// Wakes a sender of mails.
    pub(crate) mails: Arc<Notify>,
    /// Wakes the dispatcher of webhooks.
    pub(crate) webhooks: Arc<Notify>,
}

/// Returns all routes.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .post("/admin/webhooks", webhooks::create)
        .get("/admin/webhooks", webhooks::list)
        .get("/admin/webhooks/{webhookId}", webhooks::get)
        .patch("/admin/webhooks/{webhookId}", webhooks::change)
        .delete("/admin/webhooks/{webhookId}", switches::delete)
        .post("/admin/webhooks/{webhookId}/enable", switches::enable)
        .post("/admin/webhooks/{webhookId}/disable", switches::disable)
        .post("/admin/webhooks/{webhookId}/rotatesecret", switches::rotate_secret)
        .post("/admin/webhooks/{webhookId}/resend", deliveries::resend_span)
        .get("/admin/webhooks/{webhookId}/deliveries", deliveries::list)
        .post("/admin/webhooks/{webhookId}/deliveries/{deliveryId}/resend", deliveries::resend)
        .get("/admin/deliveries", mails::list)
        .post("/admin/deliveries/{messageId}/resend", mails::resend)
}

/// The OpenAPI description of the routes.
#[derive(OpenApi)]
#[openapi(paths(
    webhooks::create,
    webhooks::list,
    webhooks::get,
    webhooks::change,
    switches::delete,
    switches::enable,
    switches::disable,
    switches::rotate_secret,
    deliveries::resend_span,
    deliveries::list,
    deliveries::resend,
    mails::list,
    mails::resend,
))]
pub(crate) struct Description;

/// Adds all routes to an application.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    routes().configure(config);
}

impl AdminState {
    /// Counts a changing request of an administrator.
    fn count(&self, request: &HttpRequest, account: AccountId) -> Result<(), Problem> {
        self.per_account.check(request, &account, "changes of webhooks and repeats of mails from your account")
    }

    /// Makes a change on behalf of an administrator, once per idempotency key, and records it in the audit log.
    async fn change(
        &self,
        admin: &Administrator,
        keyed: Option<&KeyedRequest>,
        change: impl AsyncFn(&mut Connection) -> Change,
    ) -> Result<Changed, ChangeError> {
        let auditor = Auditor { actor: admin.actor(), clock: self.clock.clone() };
        self.store.change_once(&self.sealing, admin.sub, &auditor, keyed, change).await
    }

    /// Records an error if the field `url` is valid but the target is not permitted.
    fn check_target<T>(&self, body: &mut JsonBody<T>) {
        if let Some(url) = body.peek::<WebhookUrl>("url")
            && let Err(error) = self.targets.check(&url)
        {
            body.add_error("url", error.to_string());
        }
    }
}

/// Parses the id of a webhook in a path. One that is malformed does not exist.
fn webhook_in_path(id: &str) -> Result<WebhookId, ChangeError> {
    id.parse().map_err(|_| ChangeError::NotFound)
}

/// Returns the result of a change that succeeded, with the body of its response and its entry in the audit log.
fn respond(body: &impl Serialize, audited: Option<AuditedAction>) -> Change {
    match serde_json::to_value(body) {
        Ok(body) => Ok(Ok(Effect { body, audited, is_partial: false })),
        Err(error) => Err(Error::SerializationError(error.into())),
    }
}

/// Seals a new secret.
fn sealed(state: &AdminState, secret: &Secret) -> Result<String, ChangeError> {
    secret.seal(&state.sealing).map_err(|error| ChangeError::Response(error.to_string()))
}

/// Returns the response to a change.
fn changed(status: StatusCode, changed: &Changed) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if changed.replayed {
        response.insert_header(REPLAYED_HEADER);
    }
    if changed.body.is_null() { response.finish() } else { response.json(&changed.body) }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::new(ProblemCode::WebhookNotFound, "There is no webhook with this id."),
            ChangeError::DeliveryNotFound => Self::new(ProblemCode::DeliveryNotFound, "The webhook has no delivery with this id."),
            ChangeError::MailNotFound => Self::new(ProblemCode::DeliveryNotFound, "No mail about this message goes to this recipient."),
            ChangeError::MailNotFailed(status) => mails::not_failed(&status),
            ChangeError::Disabled => Self::new(
                ProblemCode::WebhookDisabled,
                "The webhook is disabled. Enable it first with POST /admin/webhooks/{webhookId}/enable.",
            ),
            ChangeError::Limit(max) => {
                Self::new(ProblemCode::WebhookLimit, format!("There are already {max} webhooks. Delete one that is no longer needed."))
            }
            ChangeError::KeyReused => key_reused(),
            ChangeError::Response(_) => Self::internal(&error),
            ChangeError::Database(error) => error.into(),
        }
    }
}
