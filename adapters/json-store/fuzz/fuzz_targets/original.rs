//! Fuzzes a snapshot of the original Python program.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoproc_json_store::fuzzing::original(bytes));
