//! Cross-origin requests (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>): lets web pages of the configured origins
//! call the API from a browser. Without configured origins no response has CORS headers, so browsers block all other pages.
//!
//! Every response to an allowed origin has the headers, errors among them, so that a page can read why a request failed.
//! Tokens are sent in `Authorization`, never in cookies, so credentials are not allowed.

use std::str::FromStr;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use url::Url;

const METHODS: &str = "GET, HEAD, POST, PATCH, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, \
     X-Guest-Token, X-Transfer-Token";
const EXPOSED_HEADERS: &str =
    "ETag, Location, Retry-After, Idempotent-Replayed, X-Request-Id, RateLimit, RateLimit-Policy, Content-Disposition";
/// How long a browser may cache the response to a preflight request, in seconds.
const PREFLIGHT_MAX_AGE: &str = "3600";

/// An origin as browsers send it: scheme, host and, unless it is the default of the scheme, port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let must = "must be an origin such as https://shop.example, in lower case and without a path or a default port";
        let url = Url::parse(text).map_err(|_| must)?;
        if !matches!(url.scheme(), "http" | "https") || url.origin().ascii_serialization() != text {
            return Err(must);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| must)
    }
}

/// The origins whose pages may call the API.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedOrigins(pub(crate) Vec<Origin>);

impl AllowedOrigins {
    /// Returns the origin of a request if it is allowed.
    fn origin_of(&self, request: &ServiceRequest) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        self.0.iter().find(|allowed| allowed.0 == origin).map(|allowed| allowed.0.clone())
    }
}

/// Middleware that adds CORS headers to responses. It responds to preflight requests of allowed origins itself, for every path.
pub(crate) async fn allow_origins<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(allowed) = request.app_data::<web::Data<AllowedOrigins>>().filter(|allowed| !allowed.0.is_empty()).cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let origin = allowed.origin_of(&request);
    let is_preflight = request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if let Some(origin) = origin.clone().filter(|_| is_preflight) {
        let mut response = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE))
            .finish();
        add_headers(response.headers_mut(), Some(origin));
        return Ok(request.into_response(response).map_into_right_body());
    }
    match next.call(request).await {
        Ok(mut response) => {
            add_headers(response.headers_mut(), origin);
            Ok(response.map_into_left_body())
        }
        Err(error) => {
            let mut response = error.error_response();
            add_headers(response.headers_mut(), origin);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// Adds the CORS headers. `Vary` is added for other origins as well, because a cache must not serve one origin the response of
/// another.
fn add_headers(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, middleware};
    use rowlock_domain::problem::ProblemCode;

    use super::*;
    use crate::problem::Problem;

    async fn not_found() -> Result<HttpResponse, Problem> {
        Err(Problem::new(ProblemCode::NotFound, "No."))
    }

    /// Sends a request and returns the status, the allowed origin, the allowed methods and the exposed headers.
    async fn send(origins: &[&str], method: Method, headers: &[(&str, &str)]) -> (u16, Option<String>, Option<String>, Option<String>) {
        let allowed = AllowedOrigins(origins.iter().map(|origin| origin.parse().unwrap()).collect());
        let app = App::new().app_data(web::Data::new(allowed)).wrap(middleware::from_fn(allow_origins)).default_service(web::to(not_found));
        let app = init_service(app).await;
        let mut request = TestRequest::with_uri("/anything").method(method);
        for header in headers {
            request = request.insert_header(*header);
        }
        let response = call_service(&app, request.to_request()).await;
        let text = |name: header::HeaderName| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(text(header::VARY).is_some(), !origins.is_empty());
        assert_eq!(text(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), None);
        let shown = [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_METHODS, header::ACCESS_CONTROL_EXPOSE_HEADERS];
        let [origin, methods, exposed] = shown.map(text);
        (response.status().as_u16(), origin, methods, exposed)
    }

    #[actix_web::test]
    async fn only_allowed_origins_get_cors_headers() {
        let (shop, method) = ("https://shop.example", ("access-control-request-method", "POST"));
        let (some, exposed) = (|text: &str| Some(text.to_owned()), Some(EXPOSED_HEADERS.to_owned()));
        let preflight = send(&["http://localhost:5173", shop], Method::OPTIONS, &[("origin", shop), method]).await;
        assert_eq!(preflight, (204, some(shop), some(METHODS), exposed.clone()));
        assert_eq!(send(&[shop], Method::GET, &[("origin", shop)]).await, (404, some(shop), None, exposed), "an error as well");
        assert_eq!(send(&[shop], Method::GET, &[]).await, (404, None, None, None));
        for other in ["https://shop.example.evil", "http://shop.example", "https://shop.example:8443", "null", "https://SHOP.example"] {
            assert_eq!(send(&[shop], Method::OPTIONS, &[("origin", other), method]).await, (404, None, None, None), "{other}");
        }
        assert_eq!(send(&[], Method::OPTIONS, &[("origin", shop), method]).await, (404, None, None, None), "none by default");
    }

    #[test]
    fn an_origin_is_parsed_as_browsers_send_it() {
        for origin in ["https://shop.example", "http://localhost:5173", "http://[::1]:80808"] {
            assert_eq!(origin.parse::<Origin>().is_ok(), !origin.contains("80808"), "{origin}");
        }
        for bad in ["*", "null", "shop.example", "https://shop.example/", "https://Shop.example", "https://shop.example:443", "ftp://a.b"] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
