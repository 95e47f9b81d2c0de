//! The stop file, written and read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::replace::replace;
use crate::stop_decision::FileRequest;

/// The word that makes a request urgent.
const NOW: &str = "now";

/// How much of the file is looked at: a first line for people fits in well.
const LOOK: u64 = 1024;

/// Asks every run that watches `path` to stop: to finish what it has begun, or, with `now`, to abort it.
///
/// The file appears whole. A request that stands is made more urgent and never less.
///
/// # Errors
/// Where the file cannot be written; nothing was asked then.
pub fn write_stop_request(path: &Path, now: bool) -> io::Result<()> {
    if now {
        replace(path, b"now (requested by autoproc stop)\n")
    } else if read(path) < FileRequest::Abort {
        replace(path, b"requested by autoproc stop\n")
    } else {
        Ok(())
    }
}

/// What the file at `path` asks for. What is there and cannot be read asks to stop: whoever put it there meant something,
/// and to go on would be to decide that they did not.
pub(crate) fn read(path: &Path) -> FileRequest {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileRequest::Nothing,
        Ok(found) if found.is_file() && found.len() > 0 => match first_line(path) {
            Ok(line) if says_now(&line) => FileRequest::Abort,
            _ => FileRequest::Drain,
        },
        _ => FileRequest::Drain,
    }
}

fn first_line(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LOOK).read_to_end(&mut bytes)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn says_now(line: &str) -> bool {
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
    fn what_is_not_there_asks_for_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(read(&dir.path().join("STOP-AUTONOMOUS")), FileRequest::Nothing);
        assert_eq!(read(&dir.path().join("no/such/folder")), FileRequest::Nothing);
    }

    #[test]
    fn what_cannot_be_read_asks_to_drain() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(read(dir.path()), FileRequest::Drain);
        assert_eq!(read(Path::new("/dev/null/below a file")), FileRequest::Drain);
        let itself = dir.path().join("loop");
        std::os::unix::fs::symlink(&itself, &itself).expect("a link");
        assert_eq!(read(&itself), FileRequest::Drain);
    }

    #[test]
    fn only_the_word_on_the_first_line_makes_it_urgent() {
        for urgent in ["now", "NOW\n", "stop, now!", "please now\nor later"] {
            assert_eq!(read_back(urgent.as_bytes()), FileRequest::Abort, "{urgent}");
        }
        for calm in ["", "\nnow", "know", "nowhere", "requested by hand\nnow"] {
            assert_eq!(read_back(calm.as_bytes()), FileRequest::Drain, "{calm}");
        }
    }

    #[test]
    fn a_request_is_made_more_urgent_and_never_less() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("made/on/the/way/STOP-AUTONOMOUS");
        for (now, expected) in [(false, FileRequest::Drain), (true, FileRequest::Abort), (false, FileRequest::Abort)] {
            write_stop_request(&path, now).expect("written");
            assert_eq!(read(&path), expected);
        }
        let beside = path.parent().expect("a folder").read_dir().expect("a folder").count();
        assert_eq!(beside, 1, "nothing else is left there");
    }

    #[test]
    fn what_cannot_be_written_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("STOP-AUTONOMOUS")).expect("a folder");
        write_stop_request(&dir.path().join("STOP-AUTONOMOUS"), true).expect_err("a folder is in the way");
        assert_eq!(dir.path().read_dir().expect("a folder").count(), 1);
    }

    proptest! {
        #[test]
        fn whatever_it_holds_it_asks_to_stop(contents in vec(any::<u8>(), 0..3000)) {
            prop_assert!(read_back(&contents) > FileRequest::Nothing);
        }
    }
}
