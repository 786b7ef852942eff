//! Runs [`onelane_fuzz::edge`] under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onelane_fuzz::edge(bytes));
