//! Fuzzes journal lines with valid checksums.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoproc_json_store::fuzzing::operations(bytes));
