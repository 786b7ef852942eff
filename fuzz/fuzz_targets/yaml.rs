//! Runs [`onelane_fuzz::yaml`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onelane_fuzz::yaml(bytes));
