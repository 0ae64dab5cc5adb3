//! Parses the input as a query string.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    rowlock_properties::check_query_string(query);
});
