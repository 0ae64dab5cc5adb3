//! Logs, measures and traces every request. Log lines contain the route pattern and no personal data. Successful reads are logged
//! at the level `debug`, everything else at `info`.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tracing::Instrument;
use uuid::Uuid;

use crate::graceful_shutdown::GracefulShutdown;
use crate::limits;
use rowlock_platform::telemetry::Traces;
use rowlock_platform::telemetry::traces::{self, Span, SpanKind};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Labels of the request counter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// Number of requests by method, route and status, and their duration by route.
#[derive(Debug, Clone)]
pub(crate) struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        // Buckets double from 0.5 ms to 8 s.
        let buckets = || Histogram::new(prometheus_client::metrics::histogram::exponential_buckets(0.0005, 2.0, 15));
        Self { requests: Family::default(), seconds: Family::new_with_constructor(buckets) }
    }
}

impl HttpMetrics {
    /// Registers the metrics as `http_…`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "HTTP requests by method, route and status", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from receiving a request head to starting the response",
            self.seconds.clone(),
        );
    }
}

/// The id of a request, stored in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Returns the `X-Request-Id` of a request if it is valid, or a new id.
fn request_id(request: &ServiceRequest) -> String {
    let is_valid = |text: &&str| (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b));
    match request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_valid) {
        Some(text) => text.to_owned(),
        None => Uuid::new_v4().simple().to_string(),
    }
}

/// Returns the method as a metric label. Unknown methods share one label, because a client could otherwise create any number of
/// time series.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Starts the span of a request as a child of its `traceparent`. Without a collector the span only carries that context.
fn start_span(request: &ServiceRequest, method: &'static str, route: &str, id: &str) -> Span {
    let parent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let traces = request.app_data::<web::Data<Traces>>().filter(|traces| traces.is_on());
    let Some(traces) = traces else { return Traces::default().begin(SpanKind::Server, "", parent) };
    let mut span = traces.begin(SpanKind::Server, format!("{method} {route}"), parent);
    span.set("http.request.method", method);
    span.set("http.route", route.to_owned());
    span.set("rowlock.request_id", id.to_owned());
    span
}

fn end_span(span: &mut Span, status: u16) {
    span.set("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.fail(status.to_string());
    }
}

/// Middleware that logs, measures and traces requests. It must be the outermost one.
pub(crate) async fn log_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let (method, safe) = (known_method(request.method()), request.method().is_safe());
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let metrics = request.app_data::<web::Data<HttpMetrics>>().cloned();
    let shutting_down = request.app_data::<web::Data<GracefulShutdown>>().is_some_and(|shutdown| shutdown.signal.is_cancelled());
    let mut trace_span = start_span(&request, method, &route, &id);
    let span = tracing::info_span!("request", id = %id);
    request.extensions_mut().insert(RequestId(id.clone()));
    let result = traces::within(trace_span.context(), next.call(request).instrument(span)).await;
    let status = match &result {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.as_response_error().status_code().as_u16(),
    };
    end_span(&mut trace_span, status);
    let elapsed = started.elapsed();
    macro_rules! log_request {
        // Outside the span, because its fields would be formatted, parsed and formatted again for this line.
        ($level:expr) => {
            tracing::event!(target: "rowlock::request", parent: None, $level, id, method, route, status, micros = elapsed.as_micros(), "request")
        };
    }
    // When a sale opens, clients reload event pages very often, and the gateway already logs these requests.
    if safe && status < 400 {
        log_request!(tracing::Level::DEBUG);
    } else {
        log_request!(tracing::Level::INFO);
    }
    if let Some(metrics) = metrics {
        metrics.requests.get_or_create(&RequestLabels { method, route: route.clone(), status }).inc();
        metrics.seconds.get_or_create(&RouteLabels { route }).observe(elapsed.as_secs_f64());
    }
    let id = HeaderValue::from_str(&id).map_err(actix_web::error::ErrorInternalServerError)?;
    match result {
        Ok(mut response) => {
            let (request, headers) = (response.request().clone(), response.headers_mut());
            limits::add_headers(&request, headers);
            headers.insert(REQUEST_ID, id);
            if shutting_down {
                // Tells the client not to reuse the connection, which is about to be closed.
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(response)
        }
        // The request did not reach a route or exceeded its deadline.
        Err(error) => {
            let mut response = error.error_response();
            response.headers_mut().insert(REQUEST_ID, id);
            Err(InternalError::from_response(error, response).into())
        }
    }
}
