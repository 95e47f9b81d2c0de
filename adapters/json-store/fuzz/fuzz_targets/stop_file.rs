//! Fuzzes the stop file.
#![no_main]

use std::fs;

use autoproc_system::write_stop_request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("STOP-AUTONOMOUS");
    fs::write(&path, bytes).expect("a stop file");
    write_stop_request(&path, false).expect("it asks to stop already");
    let calm = fs::read(&path).expect("it is still there");
    assert!(calm == bytes || calm.starts_with(b"requested"), "an urgent request is left alone: {calm:?}");
    write_stop_request(&path, true).expect("it can be made urgent");
    let urgent = fs::read(&path).expect("it is still there");
    assert!(urgent.starts_with(b"now"), "{urgent:?}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
});
