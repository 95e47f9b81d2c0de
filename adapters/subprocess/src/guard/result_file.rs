//! The file that receives the standard output of a command that succeeds.
//!
//! # Theory of operation
//!
//! The output is written to a temporary file, `.<name>.autoproc`, in the folder of the result file.
//! After a success, the temporary file is synced and renamed, so that the result file appears
//! complete and durable, or not at all. After any other ending, the temporary file is removed.
//!
//! The writer holds an exclusive flock(2) on the temporary file. So two attempts never write to the
//! same file, even if they belong to different runs. If a guard is killed, the runner removes the
//! temporary file. If the runner is killed too, the next attempt with the same result file reuses
//! the temporary file, because its name is the same.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use autoproc_domain::ports::StartFault;
use autoproc_regular_file::{self as regular_file, Links};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::guard::{fault_of, is_permanent};
use crate::process::{Ending, StdoutFile};

/// The result file of a running command.
#[derive(Debug)]
pub(crate) struct ResultFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    bytes: u64,
    first_error: Option<io::Error>,
}

impl ResultFile {
    /// Creates the temporary file, and its folder if the folder is missing. `input` is the file to
    /// process.
    ///
    /// # Errors
    /// [`Ending::NoResult`] if the result file would replace the input, the result file of another
    /// input, or something that is not a regular file; if another attempt is writing the result
    /// file; or if the temporary file cannot be created. [`Ending::CannotStart`] if that fails for
    /// want of a descriptor or of memory.
    pub(crate) fn create(wanted: &StdoutFile, input: Option<&Path>) -> Result<Self, Ending> {
        let path = PathBuf::from(&wanted.path);
        let shown = path.display();
        if let Some(owner) = &wanted.owner {
            return Err(refused(format!("{shown} gets the standard output of {owner} in this run")));
        }
        if input.is_some_and(|input| is_same_file(&path, input)) {
            return Err(refused(format!("the standard output would replace the file itself, {shown}")));
        }
        match fs::symlink_metadata(&path) {
            Ok(metadata) if !metadata.is_file() => Err(refused(format!("{shown} exists and is not a regular file"))),
            _ => Self::open(&path).map_err(|error| cannot_create(&path, &error)),
        }
    }

    fn open(path: &Path) -> io::Result<Self> {
        let temporary = temporary_path(path);
        let file = match open_locked(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                temporary.parent().map_or(Ok(()), fs::create_dir_all)?;
                open_locked(&temporary)?
            }
            opened => opened?,
        };
        let mut result = Self { path: path.to_owned(), temporary, file, bytes: 0, first_error: None };
        result.first_error = result.file.set_len(0).err();
        Ok(result)
    }

    /// Writes the next bytes. After an error, only counts the bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if self.first_error.is_none() {
            self.first_error = self.file.write_all(bytes).err();
        }
    }

    /// If the command succeeded, publishes the result file; otherwise removes the temporary file.
    /// Also returns a line for the log.
    ///
    /// # Errors
    /// [`Ending::NoResult`] if the command succeeded and the result file could not be written.
    pub(crate) fn finish(mut self, has_succeeded: bool) -> (String, Result<(), Ending>) {
        let bytes = self.bytes;
        if !has_succeeded {
            let line = format!("[autoproc: {bytes} bytes of standard output were discarded]\n");
            return (line, Ok(()));
        }
        match self.publish() {
            Ok(()) => {
                let path = self.path.to_string_lossy().replace(char::is_control, "?");
                (format!("[autoproc: {bytes} bytes of standard output went to {path}]\n"), Ok(()))
            }
            Err(error) => {
                let line = format!("[autoproc: {bytes} bytes of standard output were lost]\n");
                (line, Err(cannot_write(&self.path, &error)))
            }
        }
    }

    fn publish(&mut self) -> io::Result<()> {
        self.first_error.take().map_or(Ok(()), Err)?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        File::open(folder_of(&self.path))?.sync_all()
    }
}

/// Removes the temporary file, unless it has been renamed to the result file.
impl Drop for ResultFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Removes the temporary file that a killed guard left for the result file at `path`.
pub(crate) fn remove_abandoned(path: &Path) {
    let temporary = temporary_path(path);
    let is_abandoned = |file: File| flock(file, FlockOperation::NonBlockingLockExclusive).is_ok();
    if regular_file::open_to_read(Links::Refuse, &temporary).is_ok_and(is_abandoned) {
        // If the removal fails, the next attempt with the same result file reuses the temporary
        // file.
        let _ = fs::remove_file(temporary);
    }
}

fn temporary_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".autoproc");
    path.with_file_name(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens and locks the temporary file. If the file was renamed or removed before it was locked,
/// opens the path again. If the file system has no locks, the file stays unlocked.
fn open_locked(temporary: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = regular_file::open(&mut options, Links::Refuse, temporary)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(io::Error::other("another attempt is writing it"));
        }
        let (opened, named) = (file.metadata()?, fs::symlink_metadata(temporary));
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())) {
            return Ok(file);
        }
    }
}

fn is_same_file(path: &Path, input: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    path == input || identity(path).is_some_and(|found| Some(found) == identity(input))
}

fn refused(reason: String) -> Ending {
    Ending::NoResult { reason, permanent: true }
}

/// A shortage of descriptors or memory is not the file's fault, as for every other part of a start.
fn cannot_create(path: &Path, error: &io::Error) -> Ending {
    match fault_of(error) {
        fault @ StartFault::Shortage => Ending::CannotStart { reason: format!("{}: {error}", path.display()), fault },
        _ => cannot_write(path, error),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Ending {
    Ending::NoResult {
        reason: format!("cannot write the standard output to {}: {error}", path.display()),
        permanent: is_permanent(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn wanted(path: &Path) -> StdoutFile {
        StdoutFile { path: path.into(), ok_exits: Vec::new(), owner: None }
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    }

    fn reason(refused: Result<ResultFile, Ending>) -> (String, bool) {
        match refused {
            Err(Ending::NoResult { reason, permanent }) => (reason, permanent),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_result_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/a");
        for (has_succeeded, expected) in [(false, None), (true, Some("new")), (false, Some("new"))] {
            let mut result = ResultFile::create(&wanted(&path), None).expect("created");
            result.write(b"new");
            assert_eq!(names(path.parent().expect("a folder"))[0], ".a.autoproc");
            result.finish(has_succeeded).1.expect("written");
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), expected);
            assert_eq!(names(path.parent().expect("a folder")).len(), usize::from(expected.is_some()));
        }
    }

    #[test]
    fn two_attempts_never_write_the_same_result() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let first = ResultFile::create(&wanted(&path), None).expect("created");
        let (why, permanent) = reason(ResultFile::create(&wanted(&path), None));
        assert!(why.contains("another attempt is writing it") && !permanent, "{why}");
        remove_abandoned(&path);
        assert_eq!(names(folder.path()), [".a.autoproc"], "a file in use stays");
        drop(first);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_a_killed_guard_left_is_reused_or_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(folder.path().join(".a.autoproc"), "a long beginning").expect("written");
        let mut result = ResultFile::create(&wanted(&path), None).expect("created");
        result.write(b"new");
        result.finish(true).1.expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a result"), "new");
        fs::write(folder.path().join(".a.autoproc"), "a beginning").expect("written");
        remove_abandoned(&path);
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn only_a_regular_file_that_is_not_the_input_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("input"), "").expect("written");
        fs::hard_link(path("input"), path("hard")).expect("a link");
        symlink("input", path("soft")).expect("a link");
        symlink("missing", path("dangling")).expect("a link");
        fs::create_dir(path("folder")).expect("a folder");
        for (name, expected) in [
            ("input", "the file itself"),
            ("hard", "the file itself"),
            ("soft", "the file itself"),
            ("dangling", "not a regular file"),
            ("folder", "not a regular file"),
            ("input/x", "Not a directory"),
        ] {
            let (why, permanent) = reason(ResultFile::create(&wanted(&path(name)), Some(&path("input"))));
            assert!(why.contains(expected) && permanent, "{name}: {why}");
        }
        let owned = StdoutFile { owner: Some("/in/other".into()), ..wanted(&path("a")) };
        assert!(
            reason(ResultFile::create(&owned, None)).0.ends_with("a gets the standard output of /in/other in this run")
        );
    }
}
