//! Tracing with OpenTelemetry spans, exported to a collector through OTLP over HTTP. Disabled unless a collector is configured.
//!
//! Invariants:
//!
//! - Trace context is propagated: everything that a request causes carries its `traceparent`, even if this process exports no
//!   spans.
//! - The sampling decision of an incoming trace is respected. Of the traces that start here, the configured share is sampled.
//! - An unreachable collector loses spans, but never delays or fails a request.

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

/// Settings of the section `telemetry`.
#[derive(Debug, Clone, Default)]
pub struct TraceSettings {
    /// URL of the collector, such as `http://collector:4318`. `None` disables the export.
    pub otlp_endpoint: Option<Url>,
    /// Share of the traces starting here that is sampled, in percent (0 to 100).
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
            reader.add_error(
                "telemetry.otlp_endpoint",
                "must begin with http://, because traces are only sent unencrypted, to a collector in the same network",
            );
            return None;
        }
        Some(Self { otlp_endpoint: otlp_endpoint?, sample_percent: sample_percent? })
    }
}

/// Timeout of each export request, and of the final export when the process stops.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// Creates and exports spans, or does nothing if no collector is configured. Clones share the exporter.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Arc<Exporter>>);

#[derive(Debug)]
struct Exporter {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// Returns the trace context of the current task, or `None` outside [`within`].
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok().flatten()
}

/// Runs a future with `context` as the result of [`current`].
pub async fn within<F: Future>(context: Option<TraceContext>, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

impl Traces {
    /// Starts exporting spans if a collector is configured. Fails if the exporter cannot be built, but not if the collector is
    /// unreachable.
    pub fn start(settings: &TraceSettings, service: &'static str) -> Result<Self, TraceError> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(Self::default()) };
        let url = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let exporter =
            SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_endpoint(url).with_timeout(EXPORT_TIMEOUT);
        let exporter = exporter.build()?;
        let resource = Resource::builder_empty()
            .with_service_name(service)
            .with_attributes([KeyValue::new("service.namespace", "rowlock"), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))])
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_percent / 100.0)));
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_sampler(sampler).with_resource(resource).build();
        let tracer = provider.tracer("rowlock");
        Ok(Self(Some(Arc::new(Exporter { provider, tracer }))))
    }

    /// Returns whether spans are exported.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Starts a span. Without a parent it starts a new trace.
    pub fn begin(&self, kind: SpanKind, name: impl Into<Cow<'static, str>>, parent: Option<TraceContext>) -> Span {
        self.build(parent, || SpanBuilder::from_name(name).with_kind(kind))
    }

    /// Starts a span with a start time in the past.
    pub fn begin_at(&self, kind: SpanKind, name: impl Into<Cow<'static, str>>, parent: Option<TraceContext>, since: SystemTime) -> Span {
        self.build(parent, || SpanBuilder::from_name(name).with_kind(kind).with_start_time(since))
    }

    fn build(&self, parent: Option<TraceContext>, builder: impl FnOnce() -> SpanBuilder) -> Span {
        let Some(exporter) = &self.0 else { return Span { inner: None, context: parent } };
        let context = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(remote_span_context(parent)));
        let inner = builder().start_with_context(&exporter.tracer, &context);
        let started = inner.span_context();
        let context = TraceContext::new(started.trace_id().to_bytes(), started.span_id().to_bytes(), started.is_sampled());
        Span { inner: Some(inner), context }
    }

    /// Exports the remaining spans, waiting at most two seconds, and stops the export.
    pub async fn stop(self) {
        let Some(exporter) = self.0 else { return };
        let stopped = tokio::task::spawn_blocking(move || exporter.provider.shutdown_with_timeout(EXPORT_TIMEOUT)).await;
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last trace spans could not be exported and are lost"),
            Err(error) => tracing::warn!(%error, "the last trace spans could not be exported and are lost"),
        }
    }
}

fn remote_span_context(context: TraceContext) -> SpanContext {
    let flags = if context.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace_id, span_id) = (TraceId::from_bytes(context.trace_id()), SpanId::from_bytes(context.span_id()));
    SpanContext::new(trace_id, span_id, flags, true, TraceState::default())
}

/// A span of a trace. Dropping it ends it.
#[derive(Debug)]
pub struct Span {
    inner: Option<SdkSpan>,
    context: Option<TraceContext>,
}

impl Span {
    /// Returns the trace context for whatever this span causes: its own, or that of its parent if no spans are exported.
    pub const fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// Sets an attribute. Names follow OpenTelemetry's semantic conventions where there is one.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.inner {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Changes the name. `name` is called only if spans are exported.
    pub fn rename(&mut self, name: impl FnOnce() -> String) {
        if let Some(span) = &mut self.inner {
            span.update_name(name());
        }
    }

    /// Marks the span as failed.
    pub fn fail(&mut self, reason: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.inner {
            span.set_status(Status::error(reason));
        }
    }
}
