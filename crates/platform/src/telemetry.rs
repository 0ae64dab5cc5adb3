//! Logs, metrics and traces.
//!
//! Logs are text on a terminal and JSON otherwise. None of the three contains personal data or tokens.

mod logs;
mod metrics;
pub mod traces;

pub use logs::{LevelError, LogFormat, LogSettings, log_level, set_log_level};
pub use metrics::{Metrics, TransactionMetrics, short_times};
pub use traces::{TraceError, TraceSettings, Traces};
