//! Fuzzes the snapshot.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoproc_json_store::fuzzing::snapshot(bytes));
