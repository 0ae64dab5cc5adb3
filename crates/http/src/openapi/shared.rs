//! What the whole document has but for its routes.

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Server, Tag};

use super::problems::{ProblemDocument, examples};

/// The name of log-in by access token.
pub const TOKEN: &str = "token";
/// The name of what makes the first administrator.
pub const BOOTSTRAP_TOKEN: &str = "bootstrapToken";

const DESCRIPTION: &str = "\
Rowlock is a box office: it sells a fixed number of tickets, never one of them twice, and hands every returned ticket to the \
person who has waited longest and whose party fits.

Bodies and answers are JSON in camelCase, times are RFC 3339 in UTC, ids are UUIDs. Lists are `{items, nextCursor}`.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. A body that is no JSON object, or has an unknown field, is \
400; bad values are 422, and `errors` names all of them at once. A malformed id in a path is 404, as an unknown one. A 503 changed \
nothing and can be repeated, but for `outcome-unknown`: then repeat it with the same `Idempotency-Key`, which acts once and tells \
the outcome.

Log in with `POST /api/loginaccount` or `POST /admin/loginaccount`. The `token` of the answer goes into the header \
`Authorization: Bearer TOKEN` and is valid for 15 minutes; the `refreshToken` goes into the body of `POST /api/refreshtoken`, \
which gives the next pair.

Every answer has an `X-Request-Id`; name it when you report a problem.";

/// Title, security schemes, headers, problems: an OpenAPI document without routes.
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
        tag("events", "What there is to book."),
        tag("bookings", "Tickets: booking them, giving them back, and one's own."),
        tag("waiting list", "A place in the queue: one gets it by booking what is sold out."),
        tag("accounts", "One's own account."),
        tag("sessions", "Logging in, staying logged in, logging out."),
        tag("administration", "Running the box office. All of it needs an administrator's token, but for the log-in."),
        tag("about", "This description, and the keys that tokens are checked with."),
    ]
}

fn components() -> Components {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "The `token` of a log-in: a JWT signed with EdDSA, valid for 15 minutes. Its keys are at `/.well-known/jwks.json`.",
        ))
        .build();
    let bootstrap = ApiKeyValue::with_description(
        "X-Bootstrap-Token",
        "The setting `bootstrap.token` of auth-service. It makes the first administrator and is used up with it.",
    );
    let mut schemas = Vec::new();
    ProblemDocument::schemas(&mut schemas);
    let mut components = ComponentsBuilder::new()
        .schema_from::<ProblemDocument>()
        .schemas_from_iter(schemas)
        .security_scheme(TOKEN, SecurityScheme::Http(token))
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
        HeaderBuilder::new().schema(Some(seconds)).description(Some("After how many seconds to try again.")).example(Some(json!(1)));
    [
        (
            "X-Request-Id",
            text(
                "What logs call this request: the id that the request brought, if it is a sane one, or a new one.",
                json!("4f0d8a1d2c11b2f1c0de7a514c1e9a39"),
            ),
        ),
        ("Retry-After", seconds.build()),
        ("WWW-Authenticate", text("How to log in (RFC 9110).", json!("Bearer"))),
        (
            "RateLimit-Policy",
            text("The limits that the request was counted under: `q` requests in `w` seconds.", json!("\"booking-account\";q=60;w=60")),
        ),
        (
            "RateLimit",
            text(
                "How the client stands with each limit: `r` requests are left, and in `t` seconds all of them are there again.",
                json!("\"booking-account\";r=59;t=1"),
            ),
        ),
    ]
}
