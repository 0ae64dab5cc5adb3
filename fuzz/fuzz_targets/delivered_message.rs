//! Parses the input as the body of a message.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    rowlock_properties::check_delivered_message(body);
    rowlock_properties::check_account_message(body);
});
