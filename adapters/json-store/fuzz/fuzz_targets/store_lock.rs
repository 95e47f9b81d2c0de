//! Fuzzes the lock file of the store.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoproc_json_store::fuzzing::store_lock(bytes));
