//! Logging: the format, and the level, which can be changed while the process runs.

use std::io::IsTerminal;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::settings::SettingsReader;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Human-readable text.
    Text,
    /// One JSON object per line.
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

/// Settings of the section `log`.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// A level such as `info`, or directives such as `info,rowlock_platform=debug`.
    pub level: String,
    /// The format of log lines.
    pub format: LogFormat,
}

impl LogSettings {
    /// Reads the section `log`.
    pub fn read(reader: &mut SettingsReader) -> Option<Self> {
        let level: Option<String> = reader.value("log.level");
        let format = reader.value("log.format");
        if let Some(error) = level.as_ref().and_then(|level| EnvFilter::try_new(level).err()) {
            reader.add_error("log.level", error);
            return None;
        }
        Some(Self { level: level?, format: format? })
    }

    /// Starts logging to standard error. Call it once per process, from `main`; further calls change nothing.
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
            eprintln!("cannot start logging, because it was started before: {error}");
            return;
        }
        let _ = LEVEL.set(Level { handle, text: Mutex::new(self.level.clone()) });
    }
}

/// Appends directives that mute dependencies: tokio-postgres logs every notice of the server, and amqprs warns
/// about lost links, which Rowlock reports itself.
fn complete(level: &str) -> String {
    format!("{level},tokio_postgres=warn,amqprs=error")
}

struct Level {
    handle: reload::Handle<EnvFilter, Registry>,
    /// The level as it was set, without the appended directives.
    text: Mutex<String>,
}

/// The level of this process. It is global because the `tracing` subscriber is.
static LEVEL: OnceLock<Level> = OnceLock::new();

/// The reason why the log level was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// The text is neither a level nor a list of directives. Contains the text and the reason.
    #[error(
        "\"{0}\" is neither a level (error, warn, info, debug, trace) nor a list of directives such as info,rowlock_platform=debug: {1}"
    )]
    Unreadable(String, String),
    /// This process has not started logging.
    #[error("this process does not write a log")]
    NoLog,
}

/// Returns the current log level, or `None` if this process has not started logging.
pub fn log_level() -> Option<String> {
    let level = LEVEL.get()?;
    Some(level.text.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Changes the log level until the process ends.
pub fn set_log_level(text: &str) -> Result<(), LevelError> {
    let text = text.trim();
    let unreadable = |error: &dyn std::fmt::Display| LevelError::Unreadable(shorten(text), error.to_string());
    if text.is_empty() {
        return Err(unreadable(&"it is empty"));
    }
    // `EnvFilter` would take a bare word that is not a level for a module name and mute all other modules.
    let first = text.split(',').next().unwrap_or_default();
    if !first.contains('=') && first.parse::<tracing::level_filters::LevelFilter>().is_err() {
        return Err(unreadable(&"it does not start with a level"));
    }
    EnvFilter::try_new(text).map_err(|error| unreadable(&error))?;
    let level = LEVEL.get().ok_or(LevelError::NoLog)?;
    level.handle.reload(EnvFilter::new(complete(text))).map_err(|error| unreadable(&error))?;
    text.clone_into(&mut level.text.lock().unwrap_or_else(PoisonError::into_inner));
    tracing::info!(level = text, "the log level was changed");
    Ok(())
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
