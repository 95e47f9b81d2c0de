//! Fuzzes a snapshot with its journal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoproc_json_store::fuzzing::snapshot_and_journal(bytes));
