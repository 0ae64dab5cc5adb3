//! The error type of all tasks: each variant ends the task with a sentence for the person who started it.

use std::{fmt, path::PathBuf, process::ExitStatus};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// How many lines of a log are printed with a failure.
const LOG_LINES: usize = 15;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A complete sentence that says what is wrong and what to do.
    #[error("{0}")]
    Sentence(String),
    /// A sentence, and a log whose last lines explain it.
    #[error("{sentence}{}", Tail(log))]
    Logged { sentence: String, log: PathBuf },
    #[error("{} cannot be {action}: {source}", path.display())]
    File { path: PathBuf, action: &'static str, source: std::io::Error },
    #[error("{program} cannot be run: {source}")]
    Program { program: String, source: std::io::Error },
    /// The program has already printed why it failed.
    #[error("{program} failed ({status}). Its messages above say why.")]
    Status { program: String, status: ExitStatus },
    #[error("{what} is not the expected JSON: {source}")]
    Json { what: String, source: serde_json::Error },
    #[error("The task was interrupted.")]
    Interrupted,
}

/// Creates a [`Failure::Sentence`] from a format string.
macro_rules! sentence {
    ($($text:tt)*) => { $crate::failure::Failure::Sentence(format!($($text)*)) };
}
pub(crate) use sentence;

/// Returns early with a [`Failure::Sentence`] unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)*) => { if !$condition { return Err($crate::failure::sentence!($($text)*)); } };
}
pub(crate) use ensure;

impl Failure {
    pub(crate) fn logged(sentence: impl Into<String>, log: impl Into<PathBuf>) -> Self {
        Self::Logged { sentence: sentence.into(), log: log.into() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, action, source }
    }
}

/// The last lines of a log, after a line break; nothing if there are none.
struct Tail<'a>(&'a PathBuf);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = std::fs::read(self.0).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        if lines.is_empty() {
            return Ok(());
        }
        write!(formatter, "\nThe last lines of {}:", self.0.display())?;
        lines.iter().skip(lines.len().saturating_sub(LOG_LINES)).try_for_each(|line| write!(formatter, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_ends_with_the_last_lines_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        std::fs::write(&log, (1..=20).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n")).unwrap();
        let text = Failure::logged("It failed.", &log).to_string();
        assert!(text.starts_with("It failed.\nThe last lines of "));
        assert!(text.contains("    line 6\n") && text.ends_with("    line 20") && !text.contains("line 5\n"));
    }

    #[test]
    fn an_absent_log_is_not_mentioned() {
        assert_eq!(Failure::logged("It failed.", "/nowhere/x.log").to_string(), "It failed.");
    }
}
