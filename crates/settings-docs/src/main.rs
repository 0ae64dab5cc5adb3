//! Writes `docs/configuration.md`: `make configuration`.

use std::process::ExitCode;

use rowlock_settings_docs::{FILE, page};

fn main() -> ExitCode {
    match page().and_then(|text| std::fs::write(FILE, text).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rowlock-settings-docs: cannot write {FILE}: {error}");
            ExitCode::FAILURE
        }
    }
}
