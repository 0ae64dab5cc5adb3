//! `/api/account`: returns, changes, exports and erases the caller's account.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::Language;
use rowlock_domain::text::PersonName;
use rowlock_http::openapi::{AccountLanguage, NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{Caller, InvalidBody, JsonBody, KeyedRequest, MaybeRevokedCaller, NonNullPatch, request_id};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::Ref;

use super::{account_gone, examples};
use crate::resources::{AccountResource, AdminAccountResource};
use crate::state::AuthState;
use crate::store::{ProfileChange, SentLink, StoredSession};

route_problems!(EraseProblems = Problems::for_users().with_input().changing().and(&[ProblemCode::LastAdministrator]));

/// Erase your account.
///
/// All personal data is erased. Tickets of future events are returned and waiting-list entries are closed; bookings of past
/// events are kept but anonymized. A repeated request gets 204 as well.
#[utoipa::path(
    delete,
    path = "/api/account",
    operation_id = "eraseAccount",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    responses((status = 204, description = "The account is erased, or had been erased before."), EraseProblems),
    security(("token" = [])),
)]
pub(super) async fn erase(auth: web::Data<AuthState>, caller: MaybeRevokedCaller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    KeyedRequest::of_path(&request)?;
    // The token of an erased account is revoked, but a repeated request gets the same response as the first one.
    if caller.has_ended() && auth.store.account(caller.claims().sub).await?.is_none() {
        return Ok(HttpResponse::NoContent().finish());
    }
    auth.erase(caller.still_valid()?.sub).await?;
    Ok(HttpResponse::NoContent().finish())
}

route_problems!(ExportProblems = Problems::for_users());

/// Export everything that is stored about you.
///
/// The response is 503 if any part of the data cannot be read, because an incomplete export could be mistaken for a complete
/// one.
#[utoipa::path(
    get,
    path = "/api/account/export",
    operation_id = "exportAccount",
    tag = "accounts",
    responses(
        (
            status = 200,
            description = "The export, as a file to download.",
            body = Export,
            headers(
                ("Content-Disposition" = String, description = "`attachment` with the name of the file."),
                ("Cache-Control" = String, description = "`no-store`.")
            ),
            example = json!(examples::export())
        ),
        ExportProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn export(auth: web::Data<AuthState>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Some(account) = auth.store.account(caller.sub).await? else { return Err(account_gone()) };
    let sessions = auth.store.all_sessions(caller.sub).await?;
    let links = auth.store.sent_links(caller.sub).await?;
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bookings = auth.booking_export.fetch(token, request_id(&request)).await?;
    let export = Export { account: AdminAccountResource::from(account), sessions, links, booking_service: bookings };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"rowlock-account.json\""))
        .json(export))
}

/// Everything that is stored about an account. The hash of the password is not included.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountExport)]
#[serde(rename_all = "camelCase")]
struct Export {
    account: AdminAccountResource,
    sessions: Vec<StoredSession>,
    /// The links that were sent by e-mail and are still stored.
    links: Vec<SentLink>,
    /// The data that booking-service stores.
    #[schema(schema_with = stored_bookings)]
    booking_service: Value,
}

/// The schema is part of booking-service's description.
fn stored_bookings() -> Ref {
    Ref::from_schema_name("StoredBookings")
}

/// The new values. Omitted fields are unchanged.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeAccount {
    /// Name of the person, with the rules of `POST /api/createaccount`.
    #[deserr(default)]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 200)]
    name: NonNullPatch<PersonName>,
    /// Language in which the owner of the account wants to be addressed.
    #[deserr(default)]
    #[schema(value_type = Option<AccountLanguage>, nullable = false)]
    language: NonNullPatch<Language>,
    /// The e-mail that the owner gets besides e-mail about own tickets.
    #[deserr(default)]
    #[schema(value_type = Option<ChangeNotifications>, nullable = false)]
    notifications: NonNullPatch<ChangeNotifications>,
}

/// The new values. Omitted fields are unchanged.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeNotifications {
    /// News about places in waiting lists.
    #[deserr(default)]
    #[schema(value_type = Option<bool>, nullable = false)]
    waitlist: NonNullPatch<bool>,
    /// Reminders of events.
    #[deserr(default)]
    #[schema(value_type = Option<bool>, nullable = false)]
    reminders: NonNullPatch<bool>,
}

route_problems!(ChangeProblems = Problems::for_users().with_body().changing());

/// Change your name, your language or the e-mail that you get.
///
/// Access tokens contain the name, so booking-service uses the new name from the next login or refresh on.
#[utoipa::path(
    patch,
    path = "/api/account",
    operation_id = "changeAccount",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = ChangeAccount, example = json!({"name": "Ada King", "notifications": {"reminders": false}})),
    responses((status = 200, description = "The account.", body = AccountResource, example = json!(examples::renamed_account())), ChangeProblems),
    security(("token" = [])),
)]
pub(super) async fn change(
    auth: web::Data<AuthState>,
    caller: Caller,
    request: HttpRequest,
    body: JsonBody<ChangeAccount>,
) -> Result<HttpResponse, Problem> {
    let (ChangeAccount { name, language, notifications }, _) = body.finish_keyed(&request)?;
    let (waitlist, reminders) = match notifications.into_option() {
        Some(ChangeNotifications { waitlist, reminders }) => (waitlist.into_option(), reminders.into_option()),
        None => (None, None),
    };
    let change = ProfileChange {
        name: name.into_option(),
        language: language.into_option(),
        notify_waitlist: waitlist,
        notify_reminders: reminders,
    };
    let account = auth.change_profile(caller.sub, change).await?;
    Ok(HttpResponse::Ok().json(AccountResource::from(account)))
}

route_problems!(AccountProblems = Problems::for_users());

/// Get your account.
#[utoipa::path(
    get,
    path = "/api/account",
    operation_id = "getAccount",
    tag = "accounts",
    responses((status = 200, description = "The account.", body = AccountResource, example = json!(examples::account())), AccountProblems),
    security(("token" = [])),
)]
pub(super) async fn account(auth: web::Data<AuthState>, caller: Caller) -> Result<HttpResponse, Problem> {
    match auth.store.account(caller.sub).await? {
        Some(account) => Ok(HttpResponse::Ok().json(AccountResource::from(account))),
        None => Err(account_gone()),
    }
}
