//! The OpenAPI document without its routes: description, tags, security schemes, headers and problems.

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Server, Tag};

use super::problems::{ProblemDocument, examples};

/// Name of the security scheme for access tokens.
pub const TOKEN: &str = "token";
/// Name of the security scheme for the token of a guest's link.
pub const GUEST_LINK: &str = "guestLink";
/// Name of the security scheme for the token that creates the first administrator.
pub const BOOTSTRAP_TOKEN: &str = "bootstrapToken";

const DESCRIPTION: &str = "\
Rowlock is an open-source ticketing backend. It sells limited tickets without overselling and assigns returned tickets to the \
waiting-list entry that joined first among those whose party size fits.

Request and response bodies are JSON in camelCase, times are RFC 3339 in UTC, and ids are UUIDs. Lists are `{items, nextCursor}`.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. A body that is not a JSON object or has an unknown field is \
400. Invalid values are 422, and `errors` names all of them. A malformed id in a path is 404, like an unknown one. A request that \
failed with 503 changed nothing and can be retried, except for `outcome-unknown`: retry that with the same `Idempotency-Key`, which \
takes effect only once and returns the outcome.

Log in with `POST /api/loginaccount` or `POST /admin/loginaccount`. Send the `token` of the response in the header \
`Authorization: Bearer TOKEN`; it is valid for 15 minutes. Send the `refreshToken` in the body of `POST /api/refreshtoken` to get \
the next pair.

Every response has an `X-Request-Id`. Include it when you report a problem.";

/// Returns the OpenAPI document without routes: title, description, tags, security schemes, headers and problems.
pub fn shared() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Rowlock")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    OpenApiBuilder::new().info(info).servers(Some([Server::new("/")])).tags(Some(tags())).components(Some(components())).build()
}

fn tags() -> Vec<Tag> {
    let tag = |name: &str, description: &str| TagBuilder::new().name(name).description(Some(description)).build();
    vec![
        tag("events", "Events with tickets to book."),
        tag("bookings", "Book tickets, cancel bookings, and list your own."),
        tag("waiting list", "Join by booking sold-out tickets, list and change your entries, and leave."),
        tag("transfers", "Give tickets to somebody else, who gets a link by e-mail and accepts them with an account of their own."),
        tag("check-in", "Admit people with their tickets. Every administrator may do this, also with the role `door`."),
        tag("accounts", "Your own account."),
        tag("sessions", "Log in, refresh the access token, and log out."),
        tag(
            "administration",
            "Manage events, bookings, accounts and mails. Every route except the log-in requires an administrator's token.",
        ),
        tag("webhooks", "Have messages about bookings, waiting lists and events sent to a server of your own."),
        tag("about", "This document, and the keys that verify access tokens."),
    ]
}

fn components() -> Components {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "The `token` of a log-in: a JWT that is signed with EdDSA and valid for 15 minutes. The public keys are at `/.well-known/jwks.json`.",
        ))
        .build();
    let bootstrap = ApiKeyValue::with_description(
        "X-Bootstrap-Token",
        "The value of the setting `bootstrap.token` of auth-service. It can be used once, to create the first administrator.",
    );
    let guest_link = ApiKeyValue::with_description(
        "X-Guest-Token",
        "The `token` in the link that a guest, who has no account, gets by e-mail. It shows and returns the tickets of one booking, or the place in the waiting list that becomes that booking. A token that is malformed, forged or of an earlier link is 401 `unauthenticated`.",
    );
    let mut schemas = Vec::new();
    ProblemDocument::schemas(&mut schemas);
    let mut components = ComponentsBuilder::new()
        .schema_from::<ProblemDocument>()
        .schemas_from_iter(schemas)
        .security_scheme(TOKEN, SecurityScheme::Http(token))
        .security_scheme(GUEST_LINK, SecurityScheme::ApiKey(ApiKey::Header(guest_link)))
        .security_scheme(BOOTSTRAP_TOKEN, SecurityScheme::ApiKey(ApiKey::Header(bootstrap)))
        .build();
    components.examples = examples().collect();
    components.headers = headers().into_iter().map(|(name, header)| (name.to_owned(), header.into())).collect();
    components
}

fn headers() -> [(&'static str, Header); 5] {
    let text = |description: &str, example: serde_json::Value| {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        HeaderBuilder::new().schema(Some(schema)).description(Some(description)).example(Some(example)).build()
    };
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let seconds =
        HeaderBuilder::new().schema(Some(seconds)).description(Some("Number of seconds to wait before retrying.")).example(Some(json!(1)));
    [
        (
            "X-Request-Id",
            text(
                "The id of this request in the logs: the `X-Request-Id` of the request if it is valid, otherwise a new one.",
                json!("4f0d8a1d2c11b2f1c0de7a514c1e9a39"),
            ),
        ),
        ("Retry-After", seconds.build()),
        ("WWW-Authenticate", text("The accepted authentication scheme (RFC 9110).", json!("Bearer"))),
        (
            "RateLimit-Policy",
            text("The limits that apply to the request: `q` requests in `w` seconds.", json!("\"booking-account\";q=60;w=60")),
        ),
        (
            "RateLimit",
            text(
                "The remaining quota of each limit: `r` requests are left, and the whole quota is available again in `t` seconds.",
                json!("\"booking-account\";r=59;t=1"),
            ),
        ),
    ]
}
