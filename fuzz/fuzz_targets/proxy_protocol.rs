//! Runs [`onelane_fuzz::proxy_protocol`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onelane_fuzz::proxy_protocol(bytes));
