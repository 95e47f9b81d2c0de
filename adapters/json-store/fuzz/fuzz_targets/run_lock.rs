//! Fuzzes the lock file of a run.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoproc_json_store::fuzzing::run_lock(bytes));
