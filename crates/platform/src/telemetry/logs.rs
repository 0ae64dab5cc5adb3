//! Logs: what is written and how, and changing that while the process runs.

use std::io::IsTerminal;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

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
        let (filter, handle) = reload::Layer::new(EnvFilter::new(complete(&self.level)));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = if json { lines.json().flatten_event(true).with_span_list(false).boxed() } else { lines.boxed() };
        if let Err(error) = tracing_subscriber::registry().with(filter).with(lines).try_init() {
            eprintln!("logging was started already: {error}");
            return;
        }
        let _ = LEVEL.set(Level { handle, written: Mutex::new(self.level.clone()) });
    }
}

/// Adds to a level what is always left out: diesel-async runs migrations without a word, and tokio-postgres reports each
/// notice.
fn complete(level: &str) -> String {
    format!("{level},tokio_postgres=warn,amqprs=error")
}

struct Level {
    handle: reload::Handle<EnvFilter, Registry>,
    /// As it was set, which the filter itself would not tell.
    written: Mutex<String>,
}

/// What is logged is a matter of the whole process, as the subscriber of `tracing` is.
static LEVEL: OnceLock<Level> = OnceLock::new();

/// Why the level was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// The text is no level.
    #[error("«{0}» is neither a level (error, warn, info, debug, trace) nor a list of directives as info,rowlock_platform=debug: {1}")]
    Unreadable(String, String),
    /// Nobody has started the log.
    #[error("this process keeps no log")]
    NoLog,
}

/// What is logged now; `None` where nobody has started the log.
pub fn log_level() -> Option<String> {
    let level = LEVEL.get()?;
    Some(level.written.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Changes what is logged, from now until the process ends.
pub fn set_log_level(text: &str) -> Result<(), LevelError> {
    let text = text.trim();
    let unreadable = |error: &dyn std::fmt::Display| LevelError::Unreadable(shorten(text), error.to_string());
    if text.is_empty() {
        return Err(unreadable(&"it is empty"));
    }
    // A bare word that is no level would be taken for the name of a module, and turn all else off.
    let first = text.split(',').next().unwrap_or_default();
    if !first.contains('=') && first.parse::<tracing::level_filters::LevelFilter>().is_err() {
        return Err(unreadable(&"it does not begin with a level"));
    }
    EnvFilter::try_new(text).map_err(|error| unreadable(&error))?;
    let level = LEVEL.get().ok_or(LevelError::NoLog)?;
    level.handle.reload(EnvFilter::new(complete(text))).map_err(|error| unreadable(&error))?;
    text.clone_into(&mut level.written.lock().unwrap_or_else(PoisonError::into_inner));
    tracing::info!(level = text, "the log level was changed");
    Ok(())
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
