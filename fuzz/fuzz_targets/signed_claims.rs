//! Bytes as what a signed access token says.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    rowlock_properties::signed_claims(payload);
});
