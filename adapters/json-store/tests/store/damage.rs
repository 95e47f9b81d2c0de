use std::fs;

use autoproc_domain::ports::StorageError;
use autoproc_json_store::Mode;

use crate::temp_store::{TempStore, add, complete_one, files, items};

fn store_with_journal(additions: usize) -> TempStore {
    let temp = TempStore::new();
    let store = temp.open(Mode::Service);
    add(&store, "/first").unwrap();
    for number in 0..additions {
        add(&store, &format!("/file-{number}")).unwrap();
    }
    complete_one(&store).unwrap();
    drop(store);
    temp
}

fn with_journal_bytes(temp: &TempStore, bytes: &[u8]) -> TempStore {
    let copy = TempStore::new();
    copy.copy_from(temp);
    fs::write(copy.journal(), bytes).unwrap();
    copy
}

#[test]
fn a_journal_cut_at_any_byte_opens_with_the_lines_that_are_whole() {
    let temp = store_with_journal(4);
    let bytes = fs::read(temp.journal()).unwrap();
    for length in 0..bytes.len() {
        let cut = with_journal_bytes(&temp, &bytes[..length]);
        let journal = cut.journal();
        let store = cut.open(Mode::Service);
        let whole_lines = bytes[..length].split(|byte| *byte == b'\n').count() - 1;
        let expected = 1 + whole_lines.min(4);
        assert_eq!(files(&store).unwrap().len(), expected, "read with {length} bytes");
        add(&store, "/after").unwrap();
        assert_eq!(files(&store).unwrap().len(), expected + 1, "written with {length} bytes");
        let is_torn = length > 0 && bytes[length - 1] != b'\n';
        assert_eq!(cut.notices().iter().any(|notice| notice.contains("half-written")), is_torn, "{length} bytes");
        let copies = cut.names().iter().filter(|name| name.contains(".torn.")).count();
        assert_eq!(copies, usize::from(is_torn), "{length} bytes");
        drop(store);
        let written = fs::read(&journal).unwrap();
        let valid = bytes[..length].iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        assert!(written.starts_with(&bytes[..valid]), "valid lines are never rewritten");
        assert_eq!(files(&cut.open(Mode::Service)).unwrap().len(), expected + 1, "reopened with {length} bytes");
    }
}

#[test]
fn a_tail_of_zeros_is_cut_off() {
    let temp = store_with_journal(3);
    let bytes = fs::read(temp.journal()).unwrap();
    for zeros in [1, 100, 5000] {
        let mut padded = bytes.clone();
        padded.resize(bytes.len() + zeros, 0);
        let torn = with_journal_bytes(&temp, &padded);
        let store = torn.open(Mode::Service);
        add(&store, "/after").unwrap();
        assert_eq!(files(&store).unwrap().len(), 5);
        assert!(torn.notices().iter().any(|notice| notice.contains("half-written")));
    }
}

#[test]
fn the_error_names_file_and_offset_of_the_damage() {
    let temp = store_with_journal(3);
    let mut bytes = fs::read(temp.journal()).unwrap();
    let second_line = 1 + bytes.iter().position(|byte| *byte == b'\n').unwrap();
    bytes[second_line + 30] ^= 1;
    let damaged = with_journal_bytes(&temp, &bytes);
    let error = items(&damaged.open(Mode::Command)).unwrap_err().to_string();
    assert!(error.contains("QUEUE-STATE.journal."), "{error}");
    assert!(error.contains(&format!("byte {second_line}")), "{error}");
}

#[test]
fn a_snapshot_changed_under_an_open_journal_is_refused() {
    let temp = store_with_journal(2);
    let snapshot = temp.path(crate::temp_store::SNAPSHOT);
    let text = fs::read_to_string(&snapshot).unwrap();
    fs::write(&snapshot, text.replace("/first", "/other")).unwrap();
    let before = temp.contents();
    assert!(matches!(add(&temp.open(Mode::Command), "/x"), Err(StorageError::Damaged { .. })));
    assert_eq!(temp.contents(), before);
}
