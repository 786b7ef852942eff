//! Runs [`onelane_fuzz::path`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onelane_fuzz::path(bytes));
