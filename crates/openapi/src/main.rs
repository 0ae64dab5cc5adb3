//! Regenerates `deploy/openapi.json`; run it with `make openapi`.

use std::process::ExitCode;

use rowlock_openapi::{FILE, document};

fn main() -> ExitCode {
    let result =
        document().map_err(|error| error.to_string()).and_then(|text| std::fs::write(FILE, text).map_err(|error| error.to_string()));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rowlock-openapi: cannot write {FILE}: {error}");
            ExitCode::FAILURE
        }
    }
}
