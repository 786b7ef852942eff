//! Runs [`onelane_fuzz::session_key`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onelane_fuzz::session_key(bytes));
