//! `POST /api/unsubscribe`: stops e-mail of one kind with the token of a link in such an e-mail.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::{InvalidBody, JsonBody, route_problems};
use rowlock_sealing::{UNSUBSCRIBE, UnsubscribeToken};
use utoipa::ToSchema;

use super::{LinkTokenText, examples, invalid_link};
use crate::state::AuthState;

/// The token of a link with which a person unsubscribes.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct Unsubscribe {
    /// The token, which does not expire.
    #[schema(value_type = String, min_length = 1, max_length = 1000, write_only)]
    token: LinkTokenText,
}

route_problems!(UnsubscribeProblems = Problems::for_anyone().with_body().changing().and(&[ProblemCode::LinkNotFound]));

/// Stop e-mail of one kind.
///
/// Needs no login, because the link is in the e-mail. The owner of the account can turn the e-mail on again with
/// `PATCH /api/account`.
#[utoipa::path(
    post,
    path = "/api/unsubscribe",
    operation_id = "unsubscribe",
    tag = "accounts",
    params(NaturallyIdempotentKeyHeader),
    request_body(content = Unsubscribe, example = json!(examples::link_token())),
    responses((status = 204, description = "The e-mail is stopped, or had been stopped before."), UnsubscribeProblems),
)]
pub(super) async fn unsubscribe(
    auth: web::Data<AuthState>,
    request: HttpRequest,
    body: JsonBody<Unsubscribe>,
) -> Result<HttpResponse, Problem> {
    let (Unsubscribe { token }, _) = body.finish_keyed(&request)?;
    let opened = auth.mail.sealing.as_ref().and_then(|keys| keys.open(UNSUBSCRIBE, token.expose()).ok());
    let UnsubscribeToken { account_id, list } = opened.ok_or_else(invalid_link)?;
    auth.store.unsubscribe(account_id, list).await?;
    Ok(HttpResponse::NoContent().finish())
}
