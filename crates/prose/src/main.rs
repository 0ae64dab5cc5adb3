//! The `rowlock-prose` binary; see [`rowlock_prose`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rowlock_prose::{Language, check, passages, text_only};

/// Checks the prose of source files and documents.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints every place that breaks a rule, and fails if there is one.
    Check {
        /// The files. Those in other languages are skipped.
        files: Vec<PathBuf>,
    },
    /// Writes the prose of every file to FOLDER as Markdown, with the same line numbers. `/` becomes `%` in the file names.
    Extract {
        /// The output folder, which must exist.
        folder: PathBuf,
        /// The files. Those in other languages are skipped.
        files: Vec<PathBuf>,
    },
}

/// Errors of reading and writing files.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read {path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("cannot write {path}: {error}")]
    Write { path: PathBuf, error: std::io::Error },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rowlock-prose: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs a command. Returns false if there are findings.
fn run(command: &Command) -> Result<bool, Error> {
    match command {
        Command::Check { files } => {
            let mut count = 0;
            each(files, |path, language, source| {
                for finding in passages(language, source).iter().flat_map(check) {
                    count += 1;
                    println!("{}:{}: {}", path.display(), finding.line, finding.message);
                }
                Ok(())
            })?;
            Ok(count == 0)
        }
        Command::Extract { folder, files } => {
            each(files, |path, language, source| {
                let target = folder.join(format!("{}.md", path.display().to_string().replace('/', "%")));
                fs::write(&target, text_only(language, source)).map_err(|error| Error::Write { path: target, error })
            })?;
            Ok(true)
        }
    }
}

/// Reads every file in a known language and passes it on.
fn each(files: &[PathBuf], mut visit: impl FnMut(&Path, Language, &str) -> Result<(), Error>) -> Result<(), Error> {
    for path in files {
        if let Some(language) = Language::of(path) {
            let source = fs::read_to_string(path).map_err(|error| Error::Read { path: path.clone(), error })?;
            visit(path, language, &source)?;
        }
    }
    Ok(())
}
