//! Logs and metrics.
//!
//! Logs are for people on a terminal and JSON otherwise. They hold no personal data and no token.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::settings::SettingsReader;

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be auto, text or json"),
        }
    }
}

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// A level, or directives as `info,rowlock_platform=debug`.
    pub level: String,
    /// Text or JSON.
    pub format: LogFormat,
}

impl LogSettings {
    /// Reads the section `log`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let level: Option<String> = reader.value("log.level");
        let format = reader.value("log.format");
        if let Some(error) = level.as_ref().and_then(|level| EnvFilter::try_new(level).err()) {
            reader.complain("log.level", error);
            return None;
        }
        Some(Self { level: level?, format: format? })
    }

    /// Starts logging to standard error. Once per process, from `main`.
    pub fn start(&self) {
        let json = match self.format {
            LogFormat::Auto => !std::io::stderr().is_terminal(),
            LogFormat::Text => false,
            LogFormat::Json => true,
        };
        // diesel-async runs migrations without a word; tokio-postgres reports each notice.
        let filter = EnvFilter::new(format!("{},tokio_postgres=warn,amqprs=error", self.level));
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let started = if json { builder.json().flatten_event(true).with_span_list(false).try_init() } else { builder.try_init() };
        if let Err(error) = started {
            eprintln!("logging was started already: {error}");
        }
    }
}

/// The metrics of a process.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Registry::with_prefix("rowlock"))))
    }
}

impl Metrics {
    /// Lets a part add what it counts.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All metrics in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(_) => "# EOF\n".to_owned(),
        }
    }
}
