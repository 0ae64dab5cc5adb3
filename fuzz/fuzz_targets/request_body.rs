//! Bytes as the body of a request.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    rowlock_properties::request_body(body);
});
