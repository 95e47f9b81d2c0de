use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use autoproc_domain::ItemId;
use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_subprocess::{AttemptLogs, BoundedLog, OutputLimits, Stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const FOLDER: &str = "AUTOPROC_TEST_LIMITED_FOLDER";

/// The file size limit of `ulimit -f 1`, in bytes (POSIX.1).
const LIMIT: usize = 512;

/// Runs the test in a child process whose files cannot exceed [`LIMIT`].
fn with_short_files(test: &str, work: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return work(Path::new(&folder));
    }
    let dir = tempfile::tempdir().expect("a folder");
    let shell = "trap '' XFSZ; ulimit -S -f 1; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", shell]).arg(std::env::current_exe().expect("this test")).args(["--exact", test]);
    let output = command.args(["--nocapture", "-q"]).env(FOLDER, dir.path()).output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

fn read(path: &Path) -> Vec<u8> {
    let logs = AttemptLogs::new(path.parent().expect("a folder"));
    let token = ClaimToken { item: ItemId::new(7), number: ClaimNumber::new(30) };
    let log = logs.log_of(token, AttemptNumber::new(2).expect("not 0"));
    assert_eq!(log.path, path);
    let mut bytes = Vec::new();
    log.read().expect("the log can be read").read_to_end(&mut bytes).expect("the log can be read");
    bytes
}

fn log_in(folder: &Path) -> PathBuf {
    folder.join("7.2.30.log")
}

#[test]
fn a_head_that_cannot_grow_is_followed_by_the_latest_bytes() {
    with_short_files("errors::a_head_that_cannot_grow_is_followed_by_the_latest_bytes", |folder| {
        let path = log_in(folder);
        let mut writer = BoundedLog::new(path.clone(), OutputLimits { head: 10_000, tail: 100 });
        writer.write(Stream::Stdout, &[b'a'; 400]);
        writer.write(Stream::Stdout, &[b'b'; 400]);
        writer.write(Stream::Stdout, &[b'c'; 50]);
        writer.tick(writer.next_tick().expect("something to copy"));
        let expected =
            [&[b'a'; 400][..], &[b'b'; 112], b"\n[autoproc: 238 bytes left out]\n", &[b'b'; 50], &[b'c'; 50]];
        assert_eq!(read(&path), expected.concat());
        assert!(writer.finish().is_some(), "the error is returned");
        assert_eq!(read(&path), expected.concat(), "the copy stays where there is no room for it behind the head");
        assert_eq!(fs::read(&path).expect("the head").len(), LIMIT);
    });
}

/// Simulates that disk space becomes available.
fn lift_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).expect("it may be lifted again");
}

#[test]
fn bytes_after_a_gap_are_not_part_of_the_head() {
    with_short_files("errors::bytes_after_a_gap_are_not_part_of_the_head", |folder| {
        let path = log_in(folder);
        let mut writer = BoundedLog::new(path.clone(), OutputLimits { head: 10_000, tail: 100 });
        writer.write(Stream::Stdout, &[b'a'; 700]);
        lift_limit();
        writer.write(Stream::Stdout, &[b'b'; 50]);
        assert!(writer.finish().is_some());
        let marker = b"\n[autoproc: 138 bytes left out]\n".as_slice();
        assert_eq!(read(&path), [&[b'a'; 512], marker, &[b'a'; 50], &[b'b'; 50]].concat());
    });
}

#[test]
fn a_copy_that_cannot_be_written_keeps_the_previous_one() {
    with_short_files("errors::a_copy_that_cannot_be_written_keeps_the_previous_one", |folder| {
        let path = log_in(folder);
        let mut writer = BoundedLog::new(path.clone(), OutputLimits { head: 100, tail: 10_000 });
        writer.write(Stream::Stdout, &[b'a'; 150]);
        writer.tick(writer.next_tick().expect("something to copy"));
        writer.write(Stream::Stdout, &[b'b'; 1000]);
        writer.tick(writer.next_tick().expect("something to copy"));
        assert_eq!(read(&path), [b'a'; 150]);
        assert!(!folder.join("7.2.30.log.tail.new").exists(), "the partial copy is removed");
        assert!(writer.finish().is_some());
        assert_eq!(read(&path), [b'a'; 150], "written bytes stay");
    });
}

#[test]
fn a_tail_that_does_not_fit_after_the_head_stays_in_its_copy() {
    with_short_files("errors::a_tail_that_does_not_fit_after_the_head_stays_in_its_copy", |folder| {
        let path = log_in(folder);
        let mut writer = BoundedLog::new(path.clone(), OutputLimits { head: 400, tail: 300 });
        writer.write(Stream::Stdout, &[b'a'; 650]);
        writer.tick(writer.next_tick().expect("something to copy"));
        writer.write(Stream::Stdout, &[b'b'; 50]);
        assert!(writer.finish().is_some());
        assert_eq!(read(&path), [[b'a'; 650].as_slice(), &[b'b'; 50]].concat());
        assert_eq!(fs::read(&path).expect("the head"), [b'a'; 400], "no bytes are kept twice");
    });
}

#[test]
fn without_a_copy_as_much_as_possible_is_written_at_the_end() {
    with_short_files("errors::without_a_copy_as_much_as_possible_is_written_at_the_end", |folder| {
        let path = log_in(folder);
        let mut writer = BoundedLog::new(path.clone(), OutputLimits { head: 100, tail: 10_000 });
        writer.write(Stream::Stdout, &[b'a'; 1000]);
        assert!(writer.finish().is_some());
        assert_eq!(read(&path), [b'a'; LIMIT]);
    });
}

#[test]
fn a_file_that_can_be_created_only_at_the_end_has_the_latest_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("attempts");
    fs::write(&folder, "in the way").expect("a file");
    let mut writer = BoundedLog::new(log_in(&folder), OutputLimits { head: 10, tail: 5 });
    writer.write(Stream::Stdout, b"abcdefgh");
    writer.tick(writer.next_tick().expect("something to copy"));
    fs::remove_file(&folder).expect("it is there");
    assert!(writer.finish().is_some());
    assert_eq!(read(&log_in(&folder)), b"\n[autoproc: 3 bytes left out]\ndefgh");
}
