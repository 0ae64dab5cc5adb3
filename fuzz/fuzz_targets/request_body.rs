//! Parses the input as a request body.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    rowlock_properties::check_request_body(body);
});
