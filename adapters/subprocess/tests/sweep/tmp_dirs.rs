use std::fs;
use std::path::{Path, PathBuf};

use autoproc_subprocess::process_table::ProcessId;

use crate::fixture::{Fixture, Record, exists};

fn left(fixture: &Fixture, number: u64, parent: &Path, name: &str) -> (PathBuf, PathBuf) {
    let folder = parent.join(name);
    fs::create_dir(&folder).and_then(|()| fs::write(folder.join("file"), "x")).expect("a folder");
    let record = Record { tmp_dir: Some(folder.clone()), ..Record::of(ProcessId { pid: 0, started: 0 }) };
    let record = record.write(fixture, number);
    (folder, record)
}

#[test]
fn the_folder_of_a_killed_guard_is_removed_and_that_of_a_living_one_is_not() {
    let (fixture, parent) = (Fixture::new(), tempfile::tempdir().expect("a folder"));
    let (folder, record) = left(&fixture, 1, parent.path(), "autoproc-0123456789abcdef");
    let (living, _) = left(&fixture, 2, parent.path(), "autoproc-fedcba9876543210");
    // This lock simulates the living guard of another run. A forged record names its folder.
    let lock = fs::File::open(&living).expect("a folder");
    lock.lock().expect("locked");
    assert_eq!(fixture.sweep(), []);
    assert!(!exists(&folder) && !exists(&record));
    assert!(exists(&living.join("file")));
}

#[test]
fn no_other_folder_is_removed() {
    let (fixture, parent) = (Fixture::new(), tempfile::tempdir().expect("a folder"));
    let others = ["documents", "autoproc-0123456789abcdeg", "autoproc-0123456789abcdef0"];
    let folders = (1..).zip(others).map(|(number, name)| left(&fixture, number, parent.path(), name).0);
    let folders: Vec<_> = folders.collect();
    let link = parent.path().join("autoproc-0123456789abcdef");
    std::os::unix::fs::symlink(&folders[0], &link).expect("a link");
    let record = Record { tmp_dir: Some(link.clone()), ..Record::of(ProcessId { pid: 0, started: 0 }) };
    record.write(&fixture, 9);
    assert_eq!(fixture.sweep(), []);
    assert!(folders.iter().all(|folder| exists(&folder.join("file"))), "{folders:?}");
    assert!(link.is_symlink());
}

#[test]
fn the_folder_of_an_unproven_run_stays() {
    let (fixture, parent) = (Fixture::new(), tempfile::tempdir().expect("a folder"));
    let (folder, _) = left(&fixture, 1, parent.path(), "autoproc-0123456789abcdef");
    let record = Record {
        tmp_dir: Some(folder.clone()),
        pid_namespace: "pid:[1]".into(),
        ..Record::of(ProcessId { pid: 5, started: 6 })
    };
    record.write(&fixture, 1);
    assert!(fixture.unproven_reason().contains("pid namespace"));
    assert!(exists(&folder.join("file")));
}

#[test]
fn a_record_without_its_own_file_names_no_folder() {
    let (fixture, parent) = (Fixture::new(), tempfile::tempdir().expect("a folder"));
    let (folder, _) = left(&fixture, 1, parent.path(), "autoproc-0123456789abcdef");
    let record = Record { tmp_dir: Some(folder.clone()), ..Record::of(ProcessId { pid: 0, started: 0 }) };
    fixture.write(1, record.text());
    assert_eq!(fixture.sweep(), []);
    assert!(exists(&folder.join("file")));
}
