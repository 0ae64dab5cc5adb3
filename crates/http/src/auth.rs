//! Authentication: extractors that accept a request only with a valid access token.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use rowlock_domain::auditlog::{Actor, ActorRole};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::AdminRole;

use crate::problem::Problem;
use crate::request_log::RequestId;
use crate::revocations::Revocations;
use crate::tokens::{Claims, TokenError, TokenVerifier};

/// The claims of the account that sent the request.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Claims>);

/// The account that sent the request, verified like [`Caller`], except that the token may have been revoked because its account
/// or session has ended. Routes that end accounts and sessions use it, so that a repeated request, which comes with the token that
/// the first one has revoked, gets a success response instead of 401.
#[derive(Debug, Clone)]
pub struct MaybeRevokedCaller {
    claims: Arc<Claims>,
    ended: bool,
}

impl MaybeRevokedCaller {
    /// Returns the claims of the token.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns whether the token was revoked.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns the claims if the token was not revoked.
    ///
    /// # Errors
    ///
    /// Returns the 401 problem that a [`Caller`] with a revoked token gets.
    pub fn still_valid(self) -> Result<Caller, Problem> {
        if self.ended { Err(session_ended()) } else { Ok(Caller(self.claims)) }
    }
}

/// A role that a route requires of administrators, as a type parameter of [`AdminCaller`].
pub trait RequiredRole: 'static {
    /// The role. Roles that include it are accepted as well.
    const ROLE: AdminRole;
}

macro_rules! required_roles {
    ($($(#[$doc:meta])* $name:ident),+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}

        impl RequiredRole for $name {
            const ROLE: AdminRole = AdminRole::$name;
        }
    )+ };
}

required_roles! {
    /// The route is for every administrator.
    Door,
    /// The route is for organizers and owners.
    Organiser,
    /// The route is for owners.
    Owner
}

/// The administrator that sent the request, who has the role `R` or one that includes it. `R` has no default, so every route
/// for administrators names the role that it requires.
#[derive(Debug, Clone)]
pub struct AdminCaller<R> {
    administrator: Administrator,
    role: PhantomData<R>,
}

/// The claims of an administrator and the id of the request.
#[derive(Debug, Clone)]
pub struct Administrator {
    claims: Arc<Claims>,
    request_id: Option<String>,
}

impl Administrator {
    /// Returns the actor for the audit log.
    pub fn actor(&self) -> Actor {
        Actor { account_id: Some(self.claims.sub), role: ActorRole::Admin, request_id: self.request_id.clone() }
    }
}

/// Returns the id of a request, which log lines and the response header `X-Request-Id` contain.
pub fn request_id(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<RequestId>().map(|id| id.0.clone())
}

impl Deref for Caller {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

impl<R> Deref for AdminCaller<R> {
    type Target = Administrator;

    fn deref(&self) -> &Administrator {
        &self.administrator
    }
}

impl Deref for Administrator {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.claims
    }
}

/// Returns the token of an `Authorization: Bearer` header. The scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

fn session_ended() -> Problem {
    Problem::new(ProblemCode::Unauthenticated, "The session of this token has ended. Log in again.")
}

/// Verifies the access token of a request and that its session has not been revoked.
async fn authenticate(request: HttpRequest) -> Result<Arc<Claims>, Problem> {
    let caller = verify(&request).await?;
    if caller.ended { Err(session_ended()) } else { Ok(caller.claims) }
}

async fn verify(request: &HttpRequest) -> Result<MaybeRevokedCaller, Problem> {
    let Some(verifier) = request.app_data::<web::Data<TokenVerifier>>() else {
        return Err(Problem::new(ProblemCode::InternalError, "The service has no token verifier."));
    };
    let Some(token) = bearer(request) else {
        return Err(Problem::new(
            ProblemCode::Unauthenticated,
            "Send the header `Authorization: Bearer TOKEN` with the access token from logging in.",
        ));
    };
    let claims = verifier.verify(token).await.map_err(|error| match error {
        TokenError::Invalid => {
            Problem::new(ProblemCode::Unauthenticated, "The token is not valid or has expired. Log in again or refresh it.")
        }
        TokenError::NoKeys => Problem::new(
            ProblemCode::Unavailable,
            "Access tokens cannot be verified at the moment, because no signing keys have been loaded. Retry in a few seconds.",
        ),
    })?;
    let ended = revocations(request)?.is_revoked(&claims);
    Ok(MaybeRevokedCaller { claims, ended })
}

fn revocations(request: &HttpRequest) -> Result<&Revocations, Problem> {
    let revocations = request.app_data::<web::Data<Revocations>>();
    revocations
        .map(|revocations| &***revocations)
        .ok_or_else(|| Problem::new(ProblemCode::InternalError, "The service has no revocation list."))
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { authenticate(request).await.map(Self) })
    }
}

impl FromRequest for MaybeRevokedCaller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { verify(&request).await })
    }
}

/// Returns the problem for an account without the role that a route requires.
fn role_required(required: AdminRole) -> Problem {
    let who = match required {
        AdminRole::Door => "Only administrators can do this.",
        AdminRole::Organiser => "Only administrators with the role `organiser` or `owner` can do this.",
        AdminRole::Owner => "Only administrators with the role `owner` can do this.",
    };
    Problem::new(ProblemCode::Forbidden, who).with("requiredRole", required.as_str())
}

impl<R: RequiredRole> FromRequest for AdminCaller<R> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let claims = authenticate(request.clone()).await?;
            if !claims.administrator().is_some_and(|role| role.includes(R::ROLE)) {
                return Err(role_required(R::ROLE));
            }
            if revocations(&request)?.is_stale() {
                let detail = "Cannot verify that this administrator account is still active, because the revocation list is out of date. Retry in a few seconds.";
                return Err(Problem::new(ProblemCode::Unavailable, detail));
            }
            let administrator = Administrator { claims, request_id: request_id(&request) };
            Ok(Self { administrator, role: PhantomData })
        })
    }
}
