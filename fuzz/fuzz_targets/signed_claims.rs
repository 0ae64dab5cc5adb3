//! Signs the input as the claims of an access token and verifies it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    rowlock_properties::check_signed_claims(payload);
});
