//! A text as a query string, with a cursor or without.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    rowlock_properties::query_string(query);
});
