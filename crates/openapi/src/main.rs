//! Writes `deploy/openapi.json` anew: `make openapi`.

use std::process::ExitCode;

use rowlock_openapi::{FILE, document};

fn main() -> ExitCode {
    let written =
        document().map_err(|error| error.to_string()).and_then(|text| std::fs::write(FILE, text).map_err(|error| error.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rowlock-openapi: {FILE} could not be written: {error}.");
            ExitCode::FAILURE
        }
    }
}
