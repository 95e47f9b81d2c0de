//! Writes and reads the stop file.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use autoproc_domain::Timestamp;
use autoproc_domain::ports::StopLevel;
use autoproc_regular_file::{self as regular_file, Links};

use crate::replace::replace;
use crate::stop_decision::FileRequest;

const NOW: &str = "now";

const MAX_READ_BYTES: u64 = 1024;

/// Requests a stop of every run that watches `path`: an abort if `now` is true, otherwise a drain.
///
/// The file is replaced atomically. An existing request to abort is not downgraded to a drain.
///
/// # Errors
/// If the file cannot be written. An existing request stays unchanged.
pub fn write_stop_request(path: &Path, now: bool) -> io::Result<()> {
    if now {
        replace(path, b"now (requested by autoproc stop)\n")
    } else if read(path) < FileRequest::Abort {
        replace(path, b"requested by autoproc stop\n")
    } else {
        Ok(())
    }
}

/// A stop request in the stop file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingStop {
    /// The requested level: draining or aborting.
    pub level: StopLevel,
    /// The modification time of the file; `None` if it is unknown.
    pub since: Option<Timestamp>,
}

impl StandingStop {
    /// Reads the request in the file at `path`; `None` if there is no file.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        let level = match read(path) {
            FileRequest::Nothing => return None,
            FileRequest::Drain => StopLevel::Draining,
            FileRequest::Abort => StopLevel::Aborting,
        };
        let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let since = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let since = since.and_then(|since| i64::try_from(since.as_micros()).ok()).map(Timestamp::from_micros);
        Some(Self { level, since })
    }
}

/// Reads the request in the stop file. An unreadable file requests a drain, because ignoring a stop
/// request would be worse.
pub(crate) fn read(path: &Path) -> FileRequest {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileRequest::Nothing,
        Ok(metadata) if metadata.is_file() && metadata.len() > 0 => match first_line(path) {
            Ok(line) if contains_now(&line) => FileRequest::Abort,
            _ => FileRequest::Drain,
        },
        _ => FileRequest::Drain,
    }
}

fn first_line(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    regular_file::open_to_read(Links::Refuse, path)?.take(MAX_READ_BYTES).read_to_end(&mut bytes)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn contains_now(line: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case(NOW))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn read_back(contents: &[u8]) -> FileRequest {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("STOP-AUTONOMOUS");
        std::fs::write(&path, contents).expect("a file");
        read(&path)
    }

    #[test]
    fn a_missing_file_asks_for_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(read(&dir.path().join("STOP-AUTONOMOUS")), FileRequest::Nothing);
        assert_eq!(read(&dir.path().join("no/such/folder")), FileRequest::Nothing);
    }

    #[test]
    fn an_unreadable_file_asks_for_a_drain() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(read(dir.path()), FileRequest::Drain);
        assert_eq!(read(Path::new("/dev/null/below a file")), FileRequest::Drain);
        let itself = dir.path().join("loop");
        std::os::unix::fs::symlink(&itself, &itself).expect("a link");
        assert_eq!(read(&itself), FileRequest::Drain);
    }

    #[test]
    fn only_the_word_now_on_the_first_line_asks_for_an_abort() {
        for abort in ["now", "NOW\n", "stop, now!", "please now\nor later"] {
            assert_eq!(read_back(abort.as_bytes()), FileRequest::Abort, "{abort}");
        }
        for drain in ["", "\nnow", "know", "nowhere", "requested by hand\nnow"] {
            assert_eq!(read_back(drain.as_bytes()), FileRequest::Drain, "{drain}");
        }
    }

    #[test]
    fn an_abort_is_not_downgraded_to_a_drain() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("missing/folders/STOP-AUTONOMOUS");
        for (now, expected) in [(false, FileRequest::Drain), (true, FileRequest::Abort), (false, FileRequest::Abort)] {
            write_stop_request(&path, now).expect("written");
            assert_eq!(read(&path), expected);
        }
        let entries = path.parent().expect("a folder").read_dir().expect("a folder").count();
        assert_eq!(entries, 1, "no temporary file is left");
    }

    #[test]
    fn a_failed_write_is_an_error_and_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("STOP-AUTONOMOUS")).expect("a folder");
        write_stop_request(&dir.path().join("STOP-AUTONOMOUS"), true).expect_err("a folder is in the way");
        assert_eq!(dir.path().read_dir().expect("a folder").count(), 1);
    }

    proptest! {
        #[test]
        fn every_content_asks_to_stop(contents in vec(any::<u8>(), 0..3000)) {
            prop_assert!(read_back(&contents) > FileRequest::Nothing);
        }
    }
}
