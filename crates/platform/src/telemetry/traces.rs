//! Traces: OpenTelemetry spans, sent to a collector by OTLP over HTTP. Off unless a collector is named.
//!
//! What it keeps true:
//!
//! - A trace that somebody else began goes on: the «traceparent» of a request is kept through everything that the request
//!   causes, also where this process sends no spans itself.
//! - Whoever began a trace has decided whether it is kept; of those that begin here a share is.
//! - A collector that is away costs nothing but the spans.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use opentelemetry::trace::SpanKind;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue, Value};
pub use opentelemetry_otlp::ExporterBuildError as TraceError;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span as SdkSpan};
use rowlock_domain::trace::TraceContext;
use url::Url;

use crate::settings::SettingsReader;

/// Where spans go.
#[derive(Debug, Clone, Default)]
pub struct TraceSettings {
    /// The collector, as `http://collector:4318`; none for no traces.
    pub otlp_endpoint: Option<Url>,
    /// Of the traces that begin here, how many in a hundred are kept.
    pub sample_percent: f64,
}

impl TraceSettings {
    /// Reads the section `telemetry`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let otlp_endpoint: Option<Option<Url>> = reader.optional("telemetry.otlp_endpoint");
        let sample_percent = reader.number("telemetry.sample_percent", 0.0..=100.0);
        if let Some(Some(url)) = &otlp_endpoint
            && url.scheme() != "http"
        {
            reader.complain("telemetry.otlp_endpoint", "must begin with http://, as a collector close by takes it");
            return None;
        }
        Some(Self { otlp_endpoint: otlp_endpoint?, sample_percent: sample_percent? })
    }
}

/// How long the last spans may take to be sent when the process stops, and how long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes spans, or does nothing. Clones share the way out.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Arc<Exporting>>);

#[derive(Debug)]
struct Exporting {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// The span that the running task works in.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok().flatten()
}

/// Runs a future as a part of a span.
pub async fn within<F: Future>(context: Option<TraceContext>, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

impl Traces {
    /// Begins to send spans, if a collector is named. A collector that is away is no error.
    pub fn start(settings: &TraceSettings, service: &'static str) -> Result<Self, TraceError> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(Self::default()) };
        let url = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_endpoint(url).with_timeout(PATIENCE);
        let exporter = exporter.build()?;
        let resource = Resource::builder_empty()
            .with_service_name(service)
            .with_attributes([KeyValue::new("service.namespace", "rowlock"), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))])
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_percent / 100.0)));
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_sampler(sampler).with_resource(resource).build();
        let tracer = provider.tracer("rowlock");
        Ok(Self(Some(Arc::new(Exporting { provider, tracer }))))
    }

    /// Whether spans are sent.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span. Without a parent it begins a trace.
    pub fn begin(&self, kind: SpanKind, name: impl Into<Cow<'static, str>>, parent: Option<TraceContext>) -> Span {
        self.build(parent, || SpanBuilder::from_name(name).with_kind(kind))
    }

    /// Begins a span that has been going on since an instant.
    pub fn begin_at(&self, kind: SpanKind, name: impl Into<Cow<'static, str>>, parent: Option<TraceContext>, since: SystemTime) -> Span {
        self.build(parent, || SpanBuilder::from_name(name).with_kind(kind).with_start_time(since))
    }

    fn build(&self, parent: Option<TraceContext>, builder: impl FnOnce() -> SpanBuilder) -> Span {
        let Some(exporting) = &self.0 else { return Span { inner: None, context: parent } };
        let context = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(remote(parent)));
        let inner = builder().start_with_context(&exporting.tracer, &context);
        let made = inner.span_context();
        let context = TraceContext::new(made.trace_id().to_bytes(), made.span_id().to_bytes(), made.is_sampled());
        Span { inner: Some(inner), context }
    }

    /// Sends what has not been sent yet, and no more after that.
    pub async fn stop(self) {
        let Some(exporting) = self.0 else { return };
        let stopped = tokio::task::spawn_blocking(move || exporting.provider.shutdown_with_timeout(PATIENCE)).await;
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not sent"),
            Err(error) => tracing::warn!(%error, "the last spans were not sent"),
        }
    }
}

fn remote(context: TraceContext) -> SpanContext {
    let flags = if context.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace_id, span_id) = (TraceId::from_bytes(context.trace_id()), SpanId::from_bytes(context.span_id()));
    SpanContext::new(trace_id, span_id, flags, true, TraceState::default())
}

/// Something that takes time, as a part of a trace. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    inner: Option<SdkSpan>,
    context: Option<TraceContext>,
}

impl Span {
    /// What this causes belongs to it; where no spans are sent, to what caused it.
    pub const fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// Says something about it. Names are those of OpenTelemetry's semantic conventions where there is one.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.inner {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Gives it another name, once more is known.
    pub fn rename(&mut self, name: impl FnOnce() -> String) {
        if let Some(span) = &mut self.inner {
            span.update_name(name());
        }
    }

    /// Marks it as gone wrong.
    pub fn fail(&mut self, reason: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.inner {
            span.set_status(Status::error(reason));
        }
    }
}
