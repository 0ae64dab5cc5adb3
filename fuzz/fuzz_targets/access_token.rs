//! Verifies the input as an access token.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|token: &str| {
    rowlock_properties::check_access_token(token);
});
